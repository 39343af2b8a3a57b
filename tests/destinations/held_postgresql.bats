#!/usr/bin/env bats
# A table of the warehouse that somebody keeps locked for six hours of the source's time: it waits alone, and catches up by itself.
# Knows: the stream, the tables that analysts see, how a lock is held. Must not know: how the loader waits.
# shellcheck disable=SC2034,SC2154 # functions of other files read STAGE; stderr comes from run

bats_require_minimum_version 1.5.0
load ../e2e/cluster
load ../e2e/stream

setup_file() { engine_start; }
teardown_file() { engine_remove; }
setup() {
  STAGE=$BATS_TEST_TMPDIR/stage
  warehouse_fresh
}

# Positions are seconds.
time_of() { printf '2026-11-22T%02d:%02d:%02d.000000Z' $((10 + $1 / 3600)) $(($1 / 60 % 60)) $(($1 % 60)); }
tables() { table public.held id:int8:k n:int4 && RELID=200 table public.free id:int8:k n:int4; }

# hold TABLE, then let_go: a session that has the table for itself.
hold() {
  mkfifo "$BATS_TEST_TMPDIR/holder"
  postgresql_psql loader "$WAREHOUSE" <"$BATS_TEST_TMPDIR/holder" >"$BATS_TEST_TMPDIR/held" 3>&- &
  holder=$!
  exec 9>"$BATS_TEST_TMPDIR/holder"
  printf 'BEGIN; LOCK TABLE "%s" IN ACCESS EXCLUSIVE MODE; SELECT 1;\n' "$1" >&9
  wait_until 20 test -s "$BATS_TEST_TMPDIR/held"
}
let_go() {
  exec 9>&-
  wait "$holder"
}

@test "a table held for six hours keeps nobody waiting, and has everything once it is let go" {
  { source_line && tables && tx 10 'c public.held "after":{"id":1,"n":0}' 'c public.free "after":{"id":1,"n":0}'; } | deliver
  hold public.held
  local hour minute at since
  for hour in 0 1 2 3 4 5; do
    {
      source_line $((hour == 0 ? 15 : hour * 3600 + 5)) && tables
      for minute in 5 10 15 20 25 30 35 40 45 50 55 60; do
        at=$((hour * 3600 + minute * 60))
        tx "$at" "u public.held \"after\":{\"id\":1,\"n\":$at}" "c public.held \"after\":{\"id\":$((at + 1)),\"n\":1}" "u public.free \"after\":{\"id\":1,\"n\":$at}"
      done
    } | stage --max-bytes 1
    load_warehouse 2>>"$BATS_TEST_TMPDIR/said"
    since=$(rows 'SELECT parked_since FROM _cdc_tables WHERE parked IS NOT NULL')
    # The others are as fresh as the stage.
    rows_are 'SELECT n FROM free' $(((hour + 1) * 3600))
    rows_are 'SELECT "table", state, complete_to_time FROM _cdc_freshness ORDER BY 1' "public.free|copying|$(time_of $(((hour + 1) * 3600)))" "public.held|parked|$since"
    rows_are 'SELECT waiting_rows FROM _cdc_tables WHERE waiting_rows > 0' $(((hour + 1) * 24))
  done
  [[ $(grep -c 'err=table_held' "$BATS_TEST_TMPDIR/said") == 1 ]]
  let_go
  load_warehouse
  rows_are 'SELECT count(*), max(n) FROM held' '73|21600'
  rows_are 'SELECT n FROM held WHERE id=1' 21600
  rows_are 'SELECT "table", state, complete_to_lsn FROM _cdc_freshness ORDER BY 1' "public.free|copying|$(lsn 21605)" "public.held|copying|$(lsn 21605)"
  rows_are 'SELECT sum(waiting_rows) FROM _cdc_tables' 0
  rows_are 'SELECT sum(rows), sum(applied_rows), sum(waiting_rows), count(*) FROM _cdc_epochs' '218|218|0|73'
}

@test "a copy of a table that is held waits with it, and keeps no other table waiting" {
  { source_line && tables && tx 10 'c public.held "after":{"id":1,"n":0}' 'c public.free "after":{"id":1,"n":0}'; } | deliver
  hold public.held
  {
    source_line 15 && tables
    tx 20 'u public.held "after":{"id":1,"n":20}' 'u public.free "after":{"id":1,"n":20}'
    CHUNK=0 TO='["5"]' HIGH=25 copy 25 public.held '{"id":2,"n":2}' '{"id":1,"n":20}'
    COPY=25 CHUNK=1 FROM='["5"]' HIGH=25 copy 25 public.held '{"id":7,"n":7}'
  } | stage
  load_warehouse 2>"$BATS_TEST_TMPDIR/said"
  rows_are 'SELECT n FROM free' 20
  load_warehouse 2>>"$BATS_TEST_TMPDIR/said"
  let_go
  load_warehouse
  rows_are 'SELECT id, n FROM held ORDER BY 1' '1|20' '2|2' '7|7'
  rows_are 'SELECT count(*) FROM _cdc_chunks' 2
  rows_are 'SELECT sum(waiting_rows) FROM _cdc_tables' 0
}
