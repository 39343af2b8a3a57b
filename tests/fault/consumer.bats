#!/usr/bin/env bats
# bats file_tags=server
# The consumer's side of the pipe fails: it dies before it has read a byte, stalls for longer than the server's patience, or is
# slow; the server stops meanwhile. Nothing is lost, the connection is not dropped, the server is not held up.
# Knows: a real server with wal_sender_timeout=3s. Must not know: how the reader buffers.

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load pipeline
load hand

setup_file() {
  cluster_start -o wal_sender_timeout=3s -o log_replication_commands=on
}
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export SLOT="slot_$BATS_TEST_NUMBER"
  export DIR=$BATS_TEST_TMPDIR/p
  mkdir "$DIR"
  start_again
  fresh_database "test_$BATS_TEST_NUMBER"
  sql 'CREATE TABLE orders (id bigint PRIMARY KEY, note text)' 'CREATE PUBLICATION pgcdc FOR TABLE orders' \
    "INSERT INTO orders SELECT n, 'old' FROM generate_series(1, 10) AS n"
  pipeline_make "$DIR"
  pipeline_begin "$DIR"
}
teardown() {
  # A slot left behind would keep the server's log.
  start_again
  if [[ -n ${READER:-} ]] && kill -0 "$READER" 2>/dev/null; then kill -KILL "$READER"; fi
  wait
  wait_until 10 sql "SELECT pg_drop_replication_slot('$SLOT')"
}

# The server, if it does not run; which database is meant stays as it is.
start_again() { private-cluster start "$CLUSTER"; }
# ROWS rows of about KILOBYTES each, in transactions of their own when asked.
insert() {
  sql "INSERT INTO orders SELECT n, repeat(md5(n::text), $2 * 32) FROM generate_series($(sql 'SELECT max(id) + 1 FROM orders'), $(sql "SELECT max(id) + $1 FROM orders")) AS n"
}
# Not a function around it: its shell would hold the pipe open after the reader has closed it.
walsender() { sql "SELECT pid FROM pg_replication_slots, LATERAL (SELECT active_pid AS pid) AS a WHERE slot_name = '$SLOT'"; }
is_streaming() { [[ -n $(walsender) ]]; }
has_ended() { ! kill -0 "$READER" 2>/dev/null; }
# True when SECONDS have passed on the server since the moment that was noted.
has_passed() { sql_says t "SELECT clock_timestamp() > '$1'::timestamptz + '$2 seconds'"; }
no_timeout_in_log() {
  if grep -n 'terminating walsender process due to replication timeout' "$CLUSTER/server.log"; then return 1; fi
}

@test "a consumer that dies before it has read a byte loses nothing, whatever it is" {
  local before consumer
  insert 500 4
  before=$(confirmed_lsn "$SLOT")
  for consumer in true 'head -c 0' 'head -c 100' 'head -n 3' 'cdc-mask --config absent.ini' "cdc-mask --config $DIR/pipeline.ini | true" \
    "cdc-mask --config $DIR/pipeline.ini | cdc-batch --config $DIR/pipeline.ini | head -c 0"; do
    run bash -c "timeout 30 pgcdc-read --config '$DIR/pipeline.ini' 2>err.read | $consumer >/dev/null 2>err; echo \${PIPESTATUS[0]}" # lint: its last word is checked below
    [[ $output == 141 ]] || { echo "$consumer: the reader ended with $output"; cat err.read; return 1; }
    [[ ! -s err.read ]]
    [[ $(confirmed_lsn "$SLOT") == "$before" ]]
  done
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.orders
  [[ $(warehouse_sql "$DIR/warehouse.db" 'SELECT count(*) FROM orders') == 510 ]]
}

# True when the server has been told that this much has left the reader.
has_heard_of() { sql_says t "SELECT write_lsn >= '$1' FROM pg_stat_replication WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$SLOT')"; }

@test "a consumer that takes everything and keeps nothing moves nothing" {
  local before
  insert 500 4
  before=$(confirmed_lsn "$SLOT")
  # The reader says what has left it, and confirms none of it: its ack file is the one that nobody writes.
  pgcdc-read --config "$DIR/pipeline.ini" --ack nobody 2>err > >(cdc-mask --config "$DIR/pipeline.ini" | cdc-batch --spool other >/dev/null) &
  READER=$!
  wait_until 20 has_heard_of "$(current_lsn)"
  [[ $(confirmed_lsn "$SLOT") == "$before" ]]
  kill -KILL "$READER"
  wait_until 10 has_ended
  [[ ! -s err ]]
  wait_until 10 sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$SLOT'"
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.orders
}

@test "a filter notices that its consumer is gone also when it has nothing to write" {
  local tool
  mkfifo lines
  printf '%s\t%s\tany\tgreen\tkeep\t-\t-\n' public.orders id public.orders total public.orders note >policy
  for tool in 'cdc-mask --policy policy' 'cdc-batch --spool spool'; do
    exec 7<>lines
    stream >&7
    # shellcheck disable=SC2086
    { timeout 10 $tool <lines 7<&- && echo 0 >status || echo $? >status; } | head -n 1 >/dev/null
    exec 7<&-
    [[ $(<status) == 141 ]] || { echo "$tool: ended with $(<status)"; return 1; }
  done
}

@test "pain 5, a slow sink: a consumer that stalls for four times the server's patience is not dropped, and then gets everything" {
  local since sender
  insert 2000 16
  mkfifo late
  # The consumer opens its end at once and reads nothing: what it waits for is a condition.
  pgcdc-read --config "$DIR/pipeline.ini" --until now --verbose >late 2>err &
  READER=$!
  exec 9<late
  wait_until 10 is_streaming
  sender=$(walsender)
  since=$(sql 'SELECT clock_timestamp()')
  wait_until 30 has_passed "$since" 12
  [[ $(walsender) == "$sender" ]]
  cdc-mask --config "$DIR/pipeline.ini" <&9 | cdc-batch --config "$DIR/pipeline.ini" | cdc-stage-put --config "$DIR/pipeline.ini"
  exec 9<&-
  wait "$READER"
  if grep -v level=info err; then return 1; fi
  no_timeout_in_log
  pipeline_load "$DIR"
  pipeline_equal "$DIR" public.orders
  [[ $(warehouse_sql "$DIR/warehouse.db" 'SELECT count(*) FROM orders') == 2010 ]]
}

@test "a consumer side that is slow all the time is not dropped, and gets everything in order" {
  insert 300 64
  # 19 MB through a shell that reads a line at a time and takes a moment for each: slower than the server's patience.
  mkfifo quiet
  exec 8<>quiet
  pgcdc-read --config "$DIR/pipeline.ini" --until now 2>err | while IFS= read -r line; do
    printf '%s\n' "$line"
    read -rt 0.02 -u 8 || continue
  done | cdc-mask --config "$DIR/pipeline.ini" | cdc-batch --config "$DIR/pipeline.ini" | cdc-stage-put --config "$DIR/pipeline.ini"
  exec 8<&-
  [[ ! -s err ]]
  no_timeout_in_log
  pipeline_load "$DIR"
  pipeline_equal "$DIR" public.orders
}

@test "a fast shutdown of the server is not held up by a stalled consumer, and nothing is lost" {
  local began status=0
  insert 2000 16
  mkfifo late
  pgcdc-read --config "$DIR/pipeline.ini" >late 2>err &
  READER=$!
  exec 9<late
  wait_until 10 is_streaming
  began=$SECONDS
  cluster_stop fast
  ((SECONDS - began <= 10)) || { echo "the server needed $((SECONDS - began)) s to stop"; return 1; }
  if grep 'SIGQUIT\|immediate shutdown' "$CLUSTER/server.log"; then return 1; fi
  wait_until 10 has_ended
  wait "$READER" || status=$?
  exec 9<&-
  ((status == 75))
  [[ $(grep -c 'level=error' err) == 1 ]]
  start_again
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.orders
}

@test "at the spool's limit the server is let go, and the same command goes on afterwards" {
  local status=0
  insert 2000 16
  mkfifo late
  pgcdc-read --config "$DIR/pipeline.ini" --max-bytes 1MiB >late 2>err &
  READER=$!
  exec 9<late
  wait_until 20 has_ended
  wait "$READER" || status=$?
  exec 9<&-
  ((status == 75))
  [[ $(wc -l <err) == 1 ]]
  grep -q 'err=spool_full class=retry' err
  wait_until 10 sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$SLOT'"
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.orders
}
