#!/usr/bin/env bats
# cdc-load against a stage: exactly once, on counted evidence, with others reading and writing at the same time, and killed at any moment.
# Knows: the stage's layout, the state tables. Must not know: what a change means for a row; that is semantics.bats.

# shellcheck disable=SC2030,SC2031 # a test is a subshell of its own, and its variables are meant for it alone

bats_require_minimum_version 1.5.0
load cluster
load stream

setup() { WAREHOUSE=$BATS_TEST_TMPDIR/w.db STAGE=$BATS_TEST_TMPDIR/stage; }

# in  TRANSACTIONS, ROWS in each: an epoch for every transaction
fill_stage() {
  {
    source_line && table public.t id:int8:k note:text weight:int4
    awk -v n="$1" -v rows="$2" 'BEGIN {
      for (t = 1; t <= n; t++) {
        lsn = sprintf("00000000/%08X", t * 16); ts = sprintf("2026-11-22T10:%02d:%02d.000000Z", t / 60 % 60, t % 60)
        for (r = 0; r < rows; r++)
          printf "{\"op\":\"%s\",\"table\":\"public.t\",\"lsn\":\"%s\",\"seq\":%d,\"ts\":\"%s\",\"xid\":%d,\"after\":{\"id\":%d,\"note\":\"n%d\",\"weight\":%d}}\n", \
            t == 1 ? "c" : "u", lsn, r, ts, t, r * 7919 % rows, t, t
        printf "{\"op\":\"commit\",\"lsn\":\"%s\",\"end\":\"00000000/%08X\",\"ts\":\"%s\",\"xid\":%d,\"rows\":%d,\"read_rows\":%d}\n", lsn, t * 16 + 8, ts, t, rows, rows
      }
    }'
  } | stage --max-bytes 1
}

sound() { rows_are 'PRAGMA integrity_check' ok; }
epochs_of_log() { find "$STAGE" -path '*/log/*.json' | sort; }

@test "help, version and a bad option" {
  run -0 --separate-stderr cdc-load --help
  [[ $output == *--warehouse* && -z $stderr ]]
  run -0 --separate-stderr cdc-load --version
  [[ -z $stderr ]]
  run -64 --separate-stderr cdc-load --no-such-option
  [[ -z $output ]]
}

@test "a warehouse of no known kind is a bad option" {
  local where
  for where in mysql://h/d x.db sqlite: duckdb:; do
    run -64 --separate-stderr cdc-load --stage "$STAGE" --source s --warehouse "$where"
    [[ $stderr == *err=unknown_warehouse* ]]
  done
}

@test "words that do not go together are a bad option" {
  local words
  for words in '--once --follow' '--follow --print dbt' '--print sql --erase x' '--follow --poll-seconds 0' '--unite all' '--unite all --unite-ids none'; do
    # shellcheck disable=SC2086 # several words
    run -64 --separate-stderr load_warehouse $words
    [[ $stderr == *class=usage* && ! -e $WAREHOUSE ]]
  done
}

@test "the check says no where DuckDB's library or the folder of a file is missing, and to a file that is no database" {
  fill_stage 1 5
  PGCDC_DUCKDB_LIBRARY=$BATS_TEST_TMPDIR/none run -1 --separate-stderr cdc-load --stage "$STAGE" --source s --warehouse "duckdb:$WAREHOUSE" --check
  grep -q '^no	warehouse	no_duckdb' <<<"$output"
  run -1 --separate-stderr cdc-load --stage "$STAGE" --source s --warehouse "sqlite:$BATS_TEST_TMPDIR/none/w.db" --check
  grep -q '^no	warehouse	permission' <<<"$output"
  printf '%0200d' 0 >"$WAREHOUSE"
  run -1 --separate-stderr load_warehouse --check
  grep -q '^no	warehouse	not_a_warehouse' <<<"$output"
}

@test "a follower that meets trouble ends as a run does" {
  fill_stage 1 5
  cdc-load --stage "$STAGE" --source s --warehouse "sqlite:$WAREHOUSE" --follow --poll-seconds 1 2>"$BATS_TEST_TMPDIR/err" 3>&- 8>&- &
  local follower=$! status=0
  wait_until 10 rows_are 'SELECT count(*) FROM t' 5
  rm -f "$STAGE/s/source.json"
  wait "$follower" || status=$?
  [[ $status == 78 ]]
  grep -q err=other_stage "$BATS_TEST_TMPDIR/err"
}

@test "a stage that is not there is waited for, and no warehouse is made" {
  run -75 --separate-stderr load_warehouse
  [[ $stderr == *err=no_stage* && ! -e $WAREHOUSE ]]
}

@test "a source that nobody has written yet is loaded with nothing" {
  fill_stage 1 1
  run -0 --separate-stderr cdc-load --stage "$STAGE" --source nobody --warehouse "sqlite:$WAREHOUSE"
  [[ -z $stderr && -z $output ]]
}

@test "silent on success, and the metrics say what was done" {
  fill_stage 3 10
  run -0 --separate-stderr load_warehouse --metrics "$BATS_TEST_TMPDIR/m.prom"
  [[ -z $stderr && -z $output ]]
  grep -q '^cdc_load_epochs_total{.*} 3$' "$BATS_TEST_TMPDIR/m.prom"
  grep -q '^cdc_load_rows_total{.*table="public.t".*} 30$' "$BATS_TEST_TMPDIR/m.prom"
  rows_are 'SELECT applied_to FROM _cdc_position' 00000000/00000038
}

@test "a file whose bytes changed is refused, and the warehouse stays where it was" {
  fill_stage 2 10
  local last
  last=$(find "$STAGE" -name '*.zst' -path '*public.t*' | sort | tail -n 1)
  chmod u+w "$last"
  printf x | dd of="$last" bs=1 seek=20 conv=notrunc status=none
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *err=broken_object* || $stderr == *err=wrong_digest* ]]
  [[ $(grep -c . <<<"$stderr") == 1 ]]
  rows_are 'SELECT applied_to FROM _cdc_position' 00000000/00000018
  rows_are 'SELECT DISTINCT weight FROM t' 1
}

@test "a whole file in the place of another is refused by its digest" {
  fill_stage 2 10
  local files
  mapfile -t files < <(find "$STAGE" -name '*.zst' -path '*public.t*' | sort)
  chmod u+w "${files[1]}"
  cp "${files[0]}" "${files[1]}"
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *class=refused* ]]
  rows_are 'SELECT applied_to FROM _cdc_position' 00000000/00000018
}

@test "a manifest that states another number of rows is refused" {
  fill_stage 1 10
  local manifest
  manifest=$(epochs_of_log)
  chmod u+w "$manifest"
  sed -i 's/"rows":10/"rows":11/' "$manifest"
  run -78 --separate-stderr load_warehouse
  rows_are 'SELECT count(*) FROM _cdc_epochs' 0
}

@test "a data file that is missing is refused" {
  fill_stage 1 10
  rm "$(find "$STAGE" -name '*.zst' -path '*public.t*')"
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *err=object_missing* ]]
}

@test "an epoch missing in the middle is a gap: what is before it stays loaded, nothing after it is" {
  fill_stage 4 5
  local manifests
  mapfile -t manifests < <(epochs_of_log)
  rm -f "${manifests[2]}"
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *err=gap* ]]
  rows_are 'SELECT applied_to FROM _cdc_position' 00000000/00000028
}

@test "a stage of another cluster or another source is refused" {
  fill_stage 1 5
  load_warehouse
  local before
  before=$(rows 'SELECT * FROM "public.t"')
  STAGE=$BATS_TEST_TMPDIR/other
  { source_line 1 8 && table public.t id:int8:k note:text weight:int4 && tx 16 'd public.t "before":{"id":1}'; } | stage
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *err=other_source* ]]
  STAGE=$BATS_TEST_TMPDIR/third
  { source_line 1 7 b && table public.t id:int8:k note:text weight:int4 && tx 16 'd public.t "before":{"id":1}'; } | stage
  run -78 --separate-stderr cdc-load --stage "$STAGE" --source b --warehouse "sqlite:$WAREHOUSE"
  [[ $stderr == *err=other_source* ]]
  [[ $(rows 'SELECT * FROM "public.t"') == "$before" ]]
}

@test "a stage that was begun anew under the same warehouse is refused" {
  fill_stage 2 5
  load_warehouse
  rm -r "$STAGE"
  fill_stage 1 5
  { source_line 24 && table public.t id:int8:k note:text weight:int4 && tx 64 'd public.t "before":{"id":1}'; } | stage
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *class=refused* ]]
}

@test "a warehouse of a newer format, a file with others' tables and a file that is no database are refused" {
  fill_stage 1 5
  load_warehouse
  sqlite3 "$WAREHOUSE" 'UPDATE _cdc_format SET version=version+1'
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *err=newer_warehouse* ]]
  WAREHOUSE=$BATS_TEST_TMPDIR/theirs.db
  sqlite3 "$WAREHOUSE" 'CREATE TABLE mine(x)'
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *err=not_a_warehouse* ]]
  WAREHOUSE=$BATS_TEST_TMPDIR/text
  printf 'hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello' >"$WAREHOUSE"
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *err=not_a_warehouse* ]]
}

@test "two loaders at once load everything once" {
  fill_stage 40 50
  local round
  for round in 1 2 3; do
    WAREHOUSE=$BATS_TEST_TMPDIR/w$round.db
    load_warehouse &
    local first=$!
    load_warehouse &
    local second=$!
    local a=0 b=0
    wait "$first" || a=$?
    wait "$second" || b=$?
    [[ $a == 0 || $b == 0 ]]
    [[ $a == 0 || $a == 75 ]]
    [[ $b == 0 || $b == 75 ]]
    rows_are 'SELECT count(*), sum(rows), count(DISTINCT "from") FROM _cdc_epochs' '40|2000|40'
    rows_are 'SELECT count(*), min(weight) FROM t' '50|40'
    sound
  done
}

@test "killed at any moment, the next run goes on from a whole epoch" {
  fill_stage 30 400
  # The first is killed after a few milliseconds, each later one a little later, until one comes to its end.
  local loads=0 kills=0 status after
  while ((loads < 200)); do
    loads=$((loads + 1)) status=0
    printf -v after '0.%03d' $((3 + loads * 2))
    timeout -s KILL "$after" cdc-load --stage "$STAGE" --source s --warehouse "sqlite:$WAREHOUSE" || status=$?
    [[ $status != 137 ]] || kills=$((kills + 1))
    [[ -s $WAREHOUSE ]] || continue
    # Every row bears the number of the last epoch applied: never a part of one. (Opened for writing: a dead loader's log is taken over.)
    run -0 sqlite3 -batch -cmd '.timeout 10000' "$WAREHOUSE" "SELECT count(*) FROM sqlite_schema WHERE name='t'"
    [[ $output == 0 ]] || rows_are 'SELECT count(DISTINCT weight) FROM t' 1
    ((status != 0)) || break
  done
  load_warehouse
  rows_are 'SELECT count(*), min(weight), max(weight) FROM t' '400|30|30'
  rows_are 'SELECT count(*), sum(applied_rows) FROM _cdc_epochs' '30|12000'
  sound
  ((kills > 0))
}

@test "a reader in a long transaction sees one state, blocks nobody and is not blocked" {
  fill_stage 1 50
  load_warehouse
  mkfifo "$BATS_TEST_TMPDIR/ask"
  sqlite3 -batch "$WAREHOUSE" <"$BATS_TEST_TMPDIR/ask" >"$BATS_TEST_TMPDIR/told" &
  local reader=$!
  exec 7>"$BATS_TEST_TMPDIR/ask"
  echo 'BEGIN; SELECT min(weight), max(weight) FROM t;' >&7
  wait_until 10 test -s "$BATS_TEST_TMPDIR/told"
  { source_line 24 && table public.t id:int8:k note:text weight:int4 && tx 64 'u public.t "after":{"id":1,"note":"x","weight":99}'; } | deliver
  rows_are 'SELECT max(weight) FROM t' 99
  echo 'SELECT min(weight), max(weight) FROM t; COMMIT; SELECT max(weight) FROM t;' >&7
  exec 7>&-
  wait "$reader"
  [[ $(<"$BATS_TEST_TMPDIR/told") == $'1|1\n1|1\n99' ]]
}

@test "while another process writes, the loader waits, then says retry" {
  fill_stage 1 5
  load_warehouse
  { source_line 24 && table public.t id:int8:k note:text weight:int4 && tx 64 'd public.t "before":{"id":1}'; } | stage
  mkfifo "$BATS_TEST_TMPDIR/ask"
  sqlite3 -batch "$WAREHOUSE" <"$BATS_TEST_TMPDIR/ask" >"$BATS_TEST_TMPDIR/told" &
  local writer=$!
  exec 7>"$BATS_TEST_TMPDIR/ask"
  echo 'BEGIN IMMEDIATE; SELECT 1;' >&7
  wait_until 10 test -s "$BATS_TEST_TMPDIR/told"
  run -75 --separate-stderr load_warehouse
  [[ $stderr == *err=warehouse_busy* ]]
  exec 7>&-
  wait "$writer"
  load_warehouse
  rows_are 'SELECT count(*) FROM t' 4
}

@test "an epoch larger than the memory of a fold is loaded whole, in bounded memory" {
  {
    source_line && table public.t id:int8:k note:text
    awk 'BEGIN {
      text = sprintf("%1000s", ""); gsub(" ", "x", text)
      for (r = 0; r < 200000; r++)
        printf "{\"op\":\"c\",\"table\":\"public.t\",\"lsn\":\"00000000/00000010\",\"seq\":%d,\"ts\":\"2026-11-22T10:00:00.000000Z\",\"xid\":1,\"after\":{\"id\":%d,\"note\":\"%s\"}}\n", r, r, text
      printf "{\"op\":\"commit\",\"lsn\":\"00000000/00000010\",\"end\":\"00000000/00000018\",\"ts\":\"2026-11-22T10:00:00.000000Z\",\"xid\":1,\"rows\":200000,\"read_rows\":200000}\n"
    }'
  } | stage
  (
    ulimit -v $((700 * 1024))
    load_warehouse
  )
  rows_are 'SELECT count(*), min(length(note)) FROM t' '200000|1000'
  rows_are 'SELECT count(*) FROM _cdc_epochs' 1
}

@test "the disk full is retry, and the epoch is loaded when there is room" {
  fill_stage 2 2000
  mkdir "$BATS_TEST_TMPDIR/small"
  if ! mount -t tmpfs -o size=96k tmpfs "$BATS_TEST_TMPDIR/small" 2>/dev/null; then
    # Without the right to mount: a limit on the size of files, which SQLite reports as an I/O error.
    run -75 --separate-stderr bash -c "trap '' XFSZ; ulimit -f 64; exec cdc-load --stage '$STAGE' --source s --warehouse 'sqlite:$WAREHOUSE'"
    load_warehouse
    rows_are 'SELECT count(*), min(weight) FROM t' '2000|2'
    return
  fi
  WAREHOUSE=$BATS_TEST_TMPDIR/small/w.db
  run -75 --separate-stderr load_warehouse
  [[ $stderr == *err=disk_full* || $stderr == *err=warehouse_failed* ]]
  mount -o remount,size=16m "$BATS_TEST_TMPDIR/small"
  load_warehouse
  rows_are 'SELECT count(*), min(weight) FROM t' '2000|2'
  umount "$BATS_TEST_TMPDIR/small"
}

@test "what was loaded more than a month ago is forgotten once a day: not the last epoch, nor one that a table waits for" {
  fill_stage 4 2
  load_warehouse
  # All but the last of them are old.
  warehouse_write "UPDATE _cdc_epochs SET loaded_at = '2026-01-01T00:00:00.000000Z' WHERE \"from\" < '$(lsn 40)'"
  warehouse_write "UPDATE _cdc_tables SET parked = 'test', parked_at = '$(lsn 24)'"
  fill_stage 5 2
  load_warehouse
  rows_are 'SELECT "from" FROM _cdc_epochs ORDER BY "from"' "$(lsn 24)" "$(lsn 40)" "$(lsn 56)" "$(lsn 72)"
  warehouse_write 'UPDATE _cdc_tables SET parked = NULL, parked_at = NULL'
  # Without anything new nothing is done, and a run that finds nothing old changes nothing.
  load_warehouse
  rows_are 'SELECT count(*) FROM _cdc_epochs' 4
  fill_stage 6 2
  load_warehouse
  rows_are 'SELECT "from" FROM _cdc_epochs ORDER BY "from"' "$(lsn 40)" "$(lsn 56)" "$(lsn 72)" "$(lsn 88)"
  # All of them old: the loader still knows the one on which it stands.
  warehouse_write "UPDATE _cdc_epochs SET loaded_at = '2026-01-01T00:00:00.000000Z'"
  fill_stage 7 2
  load_warehouse
  rows_are 'SELECT count(*) FROM _cdc_epochs' 1
  load_warehouse
}
