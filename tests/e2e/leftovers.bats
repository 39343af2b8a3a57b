#!/usr/bin/env bats
# What a killed program leaves on the disk the next one of its kind removes: scratch folders, spools, files in the making. Who is dead is told
# by locks, not by age alone, so that nothing is taken from who is at work.
# Knows: where programs put what is temporary. Must not know: what lies in it.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster
load staging
load ../fault/pipeline

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  mkdir tmp
  fresh_database "leftovers_$BATS_TEST_NUMBER"
  export SLOT=leftovers_$BATS_TEST_NUMBER DIR=$PWD/p TMPDIR=$PWD/tmp
  sql 'CREATE TABLE t (id int PRIMARY KEY)' 'INSERT INTO t SELECT generate_series(1, 100)' 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  mkdir "$DIR"
  pipeline_make "$DIR" 'max-seconds = 1'
}
teardown() { sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null; }

left() { find "$TMPDIR" -mindepth 1 "$@"; }
killed() {
  local status=0
  kill -KILL "$1"
  wait "$1" || status=$?
  [[ $status == 137 ]]
}
nothing_left() { [[ -z $(left) ]]; }
# The pipe of a killed runner has drained.
drained() { ! sql_says t "SELECT active FROM pg_replication_slots WHERE slot_name = '$SLOT'"; }

@test "a runner that was killed leaves its scratch folder to the next one; one that lives keeps its own" {
  cdc-run --config "$DIR/pipeline.ini" --snapshot
  nothing_left
  cdc-run --config "$DIR/pipeline.ini" 3>&- 8>&- &
  runner=$!
  wait_until 10 sql_says t "SELECT active FROM pg_replication_slots WHERE slot_name = '$SLOT'"
  mine=$(left -maxdepth 1 -name 'cdc-run.*')
  [[ -d $mine ]]
  # Another runner beside it takes nothing away.
  run -75 cdc-run --config "$DIR/pipeline.ini" --once
  [[ -d $mine && $(left -maxdepth 1 | wc -l) == 1 ]]
  killed "$runner"
  wait_until 10 drained
  [[ -d $mine ]]
  wait_until 10 cdc-run --config "$DIR/pipeline.ini" --once
  nothing_left
}

@test "a proof that was killed leaves no copy of rows behind" {
  cdc-run --config "$DIR/pipeline.ini" --once
  # It stands where it waits for the warehouse, which does not move: nobody runs the pipeline.
  sql 'INSERT INTO t VALUES (101)' >/dev/null
  cdc-verify --config "$DIR/pipeline.ini" --wait-seconds 60 3>&- 8>&- >said 2>&1 &
  proof=$!
  copied() { [[ -n $(left -name reference.db) ]]; }
  wait_until 20 copied
  killed "$proof"
  gone() { run ! pgrep -f "$TMPDIR/cdc-verify"; }
  wait_until 20 gone
  [[ -n $(left) ]]
  # The next one waits too, in vain: it leaves nothing of either.
  run -75 cdc-verify --config "$DIR/pipeline.ini" --wait-seconds 0
  nothing_left
}

@test "spools of a batcher that was killed are emptied by the next one, private and named ones" {
  stream_of 40 50 3 >stream
  local spool
  for spool in '' named; do
    mkfifo "feed$spool"
    cdc-batch ${spool:+--spool "$spool"} --max-bytes 30kB <"feed$spool" >manifests 3>&- 8>&- &
    batcher=$!
    exec {feed}>"feed$spool"
    head -n 1000 stream >&"$feed"
    files() { [[ -n $(find "${spool:-$TMPDIR}" -name '*.zst') ]]; }
    wait_until 10 files
    killed "$batcher"
    exec {feed}>&-
    [[ -z $spool ]] || mv named kept
    find "$TMPDIR" -mindepth 1 -maxdepth 1 -exec touch -d '11 minutes ago' {} +
    [[ -z $spool ]] || mv kept named
    cdc-batch ${spool:+--spool "$spool"} <stream | cdc-stage-put --stage "stage$spool"
    nothing_left
    [[ -z $spool || -z $(find named -name '*.zst') ]]
  done
}
