#!/usr/bin/env bats
# What only a warehouse in a SQLite file has: its types, and the layouts of earlier versions.
# Knows: the sqlite3 shell. Must not know: what a change means for a row; that is semantics.bats.

# shellcheck disable=SC2034,SC2154 # variables that functions of other files read, and set

bats_require_minimum_version 1.5.0
load stream
load semantics

setup() { STAGE=$BATS_TEST_TMPDIR/stage WAREHOUSE=$BATS_TEST_TMPDIR/w.db; }

@test "values have the types that SQLite calculates with, and a number's digits a number beside them" {
  {
    source_line
    table public.t id:int8:k b:bool f:float8 n:numeric bin:bytea
    tx 10 'c public.t "after":{"id":1,"b":true,"f":1.5,"n":"1.10","bin":"AAH/"}'
  } | deliver
  rows_are 'SELECT typeof(b), typeof(f), typeof(id), typeof(bin), typeof(n), typeof(n__real) FROM t' 'integer|real|integer|blob|text|real'
  rows_are 'SELECT n, n__real FROM t' '1.10|1.1'
}

@test "a warehouse made before chunks had ends of their own is read on" {
  { source_line && t && tx 5 'c public.t "after":{"id":7,"note":"b","weight":1}' && copy 20 public.t '{"id":1,"note":"a","weight":1}' && heartbeat 30; } | deliver
  rows_are 'SELECT state FROM _cdc_freshness' ready
  sqlite3 "$WAREHOUSE" 'ALTER TABLE _cdc_chunks DROP COLUMN copy; ALTER TABLE _cdc_chunks DROP COLUMN from_key; ALTER TABLE _cdc_chunks DROP COLUMN to_key; ALTER TABLE _cdc_chunks DROP COLUMN keys; UPDATE _cdc_format SET version=1'
  { source_line && t && COPY=40 copy 40 public.t '{"id":2,"note":"x","weight":1}'; } | deliver
  rows_are "$all" '2|x|1'
}
