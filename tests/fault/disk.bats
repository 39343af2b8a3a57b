#!/usr/bin/env bats
# The disk is full at each writer: exit 75 and one clear line, nothing acknowledged that is not there; once there is space the
# same command goes on, and the warehouse equals the source.
# Knows: small file systems in memory (tmpfs), for which it must be root; it fails, not skips, where it cannot have them.
# Must not know: in what order a program writes its files; that is found out by giving it one file more at a time.

# shellcheck disable=SC2154 # bats sets stderr and stderr_lines
bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load pipeline
load hand

setup_file() {
  cluster_start
}
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export SMALL=$BATS_TEST_TMPDIR/small DIR=$BATS_TEST_TMPDIR/p SLOT="slot_$BATS_TEST_NUMBER"
  mkdir "$SMALL" "$DIR"
}
teardown() {
  local slot
  if mountpoint -q "$SMALL"; then umount -l "$SMALL"; fi
  for slot in $(sql "SELECT slot_name FROM pg_replication_slots WHERE slot_name = '$SLOT'"); do
    wait_until 10 sql "SELECT pg_drop_replication_slot('$slot')"
  done
}

# A file system of its own at $SMALL.   in OPTIONS, say size=64k
small_disk() {
  mount -t tmpfs -o "$1" pgcdc-test "$SMALL" || {
    echo 'these tests mount small file systems: run them as root, or in a namespace that may mount'
    return 1
  }
}
larger_disk() { mount -o "remount,$1" "$SMALL"; }

# A source with ROWS rows of 4 kB copied and loaded before the disk gets full, and as many to be streamed.
source_with() {
  fresh_database "test_$BATS_TEST_NUMBER"
  sql 'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric, note text)' 'ALTER TABLE orders ALTER note SET STORAGE EXTERNAL' \
    'CREATE PUBLICATION pgcdc FOR TABLE orders' "INSERT INTO orders SELECT n, n, 'old' FROM generate_series(1, 10) AS n"
  pipeline_make "$DIR"
  pipeline_begin "$DIR"
  more_rows "$1"
}
# Text that zstd cannot make small.
more_rows() {
  sql "INSERT INTO orders SELECT n, n / 3.0, (SELECT string_agg(md5((n * 1000 + k)::text), '') FROM generate_series(1, 128) AS k)
         FROM generate_series($(sql 'SELECT max(id) + 1 FROM orders'), $(sql "SELECT max(id) + $1 FROM orders")) AS n"
}
in_config() { sed -i -E "s@^($1 = ).*@\1$2@" "$DIR/pipeline.ini"; }

# The pipe ends with these CODES, and says exactly one line, of TOOL with err=disk_full. A reader that still hopes for its last
# confirmation is not waited for.
pipe_ends_with() {
  pipe_of "$DIR" timeout_reader --until now 2>err || echo "codes: $CODES" >codes
  grep -v '^codes of the pipe' err >said || [[ ! -s said ]]
  if [[ ! $CODES =~ ^$1$ ]] || [[ $(wc -l <said) != 1 ]] || ! grep -qE " tool=$2 level=error err=disk_full class=retry " said; then
    echo "expected codes $1 and one line of $2, got $CODES:"
    cat said
    return 1
  fi
}

timeout_reader() { exec timeout -s KILL 4 pgcdc-read "$@"; }

@test "no space for the reader's spool: 75, and the same command goes on" {
  source_with 8000
  small_disk size=1m
  local before status=0
  before=$(confirmed_lsn "$SLOT")
  mkfifo late
  pgcdc-read --config "$DIR/pipeline.ini" --spool "$SMALL" --until now >late 2>err &
  exec 9<late
  wait $! || status=$?
  exec 9<&-
  ((status == 75))
  [[ $(wc -l <err) == 1 ]]
  grep -q 'level=error err=disk_full class=retry' err
  [[ $(confirmed_lsn "$SLOT") == "$before" && -z $(ls -A "$SMALL") ]]
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.orders
}

@test "no space for the batch's spool: 75, and the same command goes on" {
  source_with 1000
  small_disk size=512k
  local before
  before=$(confirmed_lsn "$SLOT")
  in_config spool "$SMALL/batch"
  pipe_ends_with '[0-9]+ [0-9]+ 75 0' cdc-batch
  [[ $(confirmed_lsn "$SLOT") == "$before" ]]
  [[ $(find "$SMALL" -type f -size +0 | wc -l) == 0 ]] || { ls -lR "$SMALL"; return 1; }
  larger_disk size=64m
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.orders
}

@test "no space in the stage: 75, nothing half published, and the same command goes on" {
  source_with 1000
  local before epochs
  before=$(confirmed_lsn "$SLOT")
  small_disk size=1m
  cp -a "$DIR/stage/." "$SMALL"
  in_config stage "file://$SMALL"
  epochs=$(find "$SMALL" -path '*/log/*' -type f | wc -l)
  pipe_ends_with '[0-9]+ [0-9]+ [0-9]+ 75' cdc-stage-put
  [[ $(confirmed_lsn "$SLOT") == "$before" ]]
  [[ $(find "$SMALL" -path '*/log/*' -type f | wc -l) == "$epochs" ]]
  # What is there can still be read.
  cdc-stage-get --config "$DIR/pipeline.ini" --copy >/dev/null
  larger_disk size=64m
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.orders
}

@test "the stage has room for one file more at a time: 75 at every step, and in the end the same stage as on a large disk" {
  local files=1 attempts=0 status
  stream | cdc-batch --max-bytes 1 --spool spool | cdc-stage-put --stage large
  small_disk nr_inodes=2
  until stream | cdc-batch --max-bytes 1 --spool spool 2>err.batch >manifests && ends_quietly cdc-stage-put --stage "$SMALL/stage" --ack ack; do
    status=$STATUS
    [[ ! -s err.batch ]]
    ((status == 75)) || { echo "ended with $status"; cat err; return 1; }
    [[ $(wc -l <err) == 1 ]]
    grep -q 'level=error err=disk_full class=retry' err
    # What is acknowledged is there, whole.
    if [[ -s ack ]]; then
      cdc-stage-get --stage "$SMALL/stage" --source shop >read_back
      grep -q "\"end\":\"$(cut -d' ' -f1 ack)\"" read_back
    fi
    files=$((files + 1)) attempts=$((attempts + 1))
    ((attempts < 60))
    larger_disk "nr_inodes=$((files + 2))"
  done
  # As many failures as there are steps: manifests, data, folders.
  ((attempts >= 10))
  diff -r large "$SMALL/stage"
  [[ $(<ack) == "00000000/010003C0 $RUN_ID" ]]
}

# Runs a command on `manifests`; true when it ends with 0, silently. Its code is in STATUS.
ends_quietly() {
  STATUS=0
  "$@" <manifests >/dev/null 2>err || STATUS=$?
  [[ $STATUS == 0 && ! -s err ]]
}

@test "no space for the ack: 75, what was published stays, and the same command acknowledges it" {
  source_with 100
  local before
  before=$(confirmed_lsn "$SLOT")
  small_disk nr_inodes=1
  in_config ack "$SMALL/ack"
  # The reader has something to remember beside the ack, and says nothing to the slot before it has.
  run -75 --separate-stderr pgcdc-read --config "$DIR/pipeline.ini" --until "$before"
  [[ $stderr == *'level=error err=disk_full class=retry'* && ${#stderr_lines[@]} == 1 && -z $output ]]
  larger_disk nr_inodes=2
  pgcdc-read --config "$DIR/pipeline.ini" --until "$before" >/dev/null
  pipe_ends_with '[0-9]+ [0-9]+ [0-9]+ 75' cdc-stage-put
  [[ $(confirmed_lsn "$SLOT") == "$before" ]]
  larger_disk nr_inodes=10
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.orders
  [[ $(confirmed_lsn "$SLOT") > "$before" ]]
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" | jq -r 'select(.op == "c") | .after.id' | sort | uniq -d | wc -l) == 0 ]]
}

@test "no space for the warehouse: 75, all of an epoch or nothing, and the same command goes on" {
  source_with 1000
  small_disk size=512k
  cp "$DIR/warehouse.db" "$SMALL"
  in_config warehouse "sqlite:$SMALL/warehouse.db"
  pipe_of "$DIR" pgcdc-read --until now
  local status=0
  cdc-load --config "$DIR/pipeline.ini" 2>err || status=$?
  cat err
  ((status == 75))
  [[ $(wc -l <err) == 1 ]]
  cat err
  grep -q 'tool=cdc-load level=error err=disk_full class=retry' err
  [[ $(warehouse_sql "$SMALL/warehouse.db" 'SELECT count(*) FROM orders') == 10 ]]
  larger_disk size=64m
  cdc-load --config "$DIR/pipeline.ini"
  same_rows "$SMALL/warehouse.db" public.orders
}

@test "no space for a new warehouse: 75, and the same command goes on" {
  source_with 10
  pipe_of "$DIR" pgcdc-read --until now
  small_disk size=16k
  in_config warehouse "sqlite:$SMALL/warehouse.db"
  local status=0
  cdc-load --config "$DIR/pipeline.ini" 2>err || status=$?
  ((status == 75))
  [[ $(wc -l <err) == 1 ]]
  cat err
  grep -q 'tool=cdc-load level=error err=disk_full class=retry' err
  larger_disk size=64m
  cdc-load --config "$DIR/pipeline.ini"
  same_rows "$SMALL/warehouse.db" public.orders
}

@test "no space for metrics: one warning, and the work is done all the same" {
  source_with 10
  small_disk nr_inodes=1
  local tool
  for tool in pgcdc-read cdc-mask cdc-batch cdc-stage-put cdc-load; do
    printf '[%s]\nmetrics = %s\n' "$tool" "$SMALL/$tool.prom" >>"$DIR/pipeline.ini"
  done
  # A section may stand only once.
  awk '/^\[/ { section = $0; next } { lines[section] = lines[section] $0 "\n" } END { for (s in lines) printf "%s\n%s", s, lines[s] }' \
    "$DIR/pipeline.ini" >merged
  mv merged "$DIR/pipeline.ini"
  pipeline_pass "$DIR" 2>err
  pipeline_equal "$DIR" public.orders
  [[ $(sed -E 's/^ts=[^ ]+ tool=([^ ]+) level=warn err=metrics_not_written .*/\1/' err | LC_ALL=C sort | tr '\n' ' ') == \
    'cdc-batch cdc-load cdc-mask cdc-stage-put pgcdc-read ' ]]
}

@test "standard output is full: 75 and one line, whatever the program writes there" {
  source_with 10
  local command
  printf 'public.orders\t%s\tany\tgreen\tkeep\t-\t-\n' id total note >policy
  stream >good
  while read -r command; do
    full_output_of "$command" <good
  done <<COMMANDS
pgcdc-read --config $DIR/pipeline.ini --until now
pgcdc-snapshot --config $DIR/pipeline.ini
pgcdc-slot show --config $DIR/pipeline.ini
cdc-mask --policy policy
cdc-batch --spool spool
cdc-stage-get --config $DIR/pipeline.ini --copy
COMMANDS
  [[ $(find spool -type f -size +0 | wc -l) == 0 ]]
  for tool in "${TOOLS[@]}"; do
    [[ $tool == cdc-run ]] || full_output_of "$tool --help" </dev/null
    [[ $tool == cdc-run ]] || full_output_of "$tool --version" </dev/null
  done
}

# in  COMMAND, with its standard output on a full device
full_output_of() {
  local status=0
  # shellcheck disable=SC2086
  timeout 20 $1 >/dev/full 2>err || status=$?
  if ((status != 75)) || [[ $(wc -l <err) != 1 ]] || ! grep -q 'level=error err=disk_full class=retry' err; then
    echo "$1: ended with $status"
    cat err
    return 1
  fi
}
