#!/usr/bin/env bats
# cdc-stage-mend with what a real server and a real warehouse say: of a pipeline that is well nothing is found, whatever it is at; a log that
# begins or ends elsewhere than slot and warehouse is told. How what was lost is got again: tests/fault/repair.bats.
# Knows: the programs of the pipe. Must not know: how a stage is looked through.
# shellcheck disable=SC2154 # stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster
load ../fault/pipeline

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }
setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "mend_$BATS_TEST_NUMBER"
  export SLOT=mend_$BATS_TEST_NUMBER DIR=$PWD/p
  mkdir "$DIR"
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT i, 'v' FROM generate_series(1, 100) i" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  pipeline_begin "$DIR"
  sql "UPDATE t SET v = 'w' WHERE id < 10"
  pipeline_pass "$DIR"
}
teardown() { sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null; }

mend() {
  pgcdc-slot show --identify --config "$DIR/pipeline.ini" >server
  cdc-load --config "$DIR/pipeline.ini" --print position >reached
  cdc-stage-mend --config "$DIR/pipeline.ini" --server server --reached reached "$@"
}

@test "of a pipeline that is well nothing is found, also while the slot, the stage and the warehouse are at different positions" {
  run -0 mend --check --digests
  [ -z "$output" ]
  sql "UPDATE t SET v = 'x'"
  run -0 mend --check
  [ -z "$output" ]
  # Staged and not acknowledged: the slot is behind the log.
  pgcdc-read --config "$DIR/pipeline.ini" --ack '' --until now | cdc-mask --config "$DIR/pipeline.ini" | cdc-batch --config "$DIR/pipeline.ini" |
    cdc-stage-put --config "$DIR/pipeline.ini" --ack elsewhere
  run -0 mend --check
  [ -z "$output" ]
  pipeline_pass "$DIR"
  run -0 mend --check
  [ -z "$output" ]
}

@test "what the server says of itself is the cluster, its timeline, and how far its log has come" {
  pgcdc-slot show --identify --config "$DIR/pipeline.ini" >server
  [ "$(jq -r .system_id server)" = "$(sql 'SELECT system_identifier FROM pg_control_system()')" ]
  [ "$(jq -c '[.timeline, .branches]' server)" = '[1,[]]' ]
  [ "$(jq '.log_end >= .confirmed_flush_lsn' server)" = true ]
  [ "$(jq -r .database server)" = "$PGDATABASE" ]
}

@test "a log that begins behind a warehouse, and one that ends before it, are told, and the warehouse goes on" {
  echo '{"source":"shop","system_id":"1","era":0,"position":"00000000/00000010"}' >reached
  pgcdc-slot show --identify --config "$DIR/pipeline.ini" >server
  run -1 cdc-stage-mend --config "$DIR/pipeline.ini" --server server --reached reached --check
  [[ $output == lost$'\t'log$'\t'00000000/00000000$'\t'* ]]
  rm "$(find "$DIR/stage/shop/0/log" -name '*.json' | sort | tail -n 1)"
  run -1 mend --check
  [[ $output == lost$'\t'log$'\t'* && ${#lines[@]} -eq 1 ]]
  mend
  pipeline_pass "$DIR"
  [ "$(sqlite3 -readonly "$DIR/warehouse.db" 'SELECT state FROM _cdc_freshness')" = ready ]
}

@test "in a stage in which another program writes, what comes meanwhile is no loss" {
  for n in 1 2 3; do
    sql "UPDATE t SET v = 'y$n'"
    pipe_of "$DIR" pgcdc-read --until now &
    mend --check >found || [ ! -s found ]
    wait
  done
  run -0 mend --check
  [ -z "$output" ]
}

@test "two that mend at once write the same" {
  rm "$(find "$DIR/stage/shop/0/data" -name '*.zst' | sort | head -n 1)"
  pgcdc-slot show --identify --config "$DIR/pipeline.ini" >server
  for n in 1 2 3 4; do cdc-stage-mend --config "$DIR/pipeline.ini" --server server >"out.$n" & done
  wait
  run -0 cdc-stage-mend --config "$DIR/pipeline.ini" --server server --check
  [ -z "$output" ]
}
