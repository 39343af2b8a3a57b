#!/usr/bin/env bash
# What tests of the warehouse's meaning share: one table, the questions that are asked of it, and both ways of cutting a stream.
# Use in a bats file, after stream: load semantics.
# Must not know: what any single test is about.

# shellcheck disable=SC2034 # what functions of other files, and the tests, read

# both_ways FUNCTION CHECK: the stream that FUNCTION prints, once whole and once cut at every commit, each into a fresh warehouse.
both_ways() {
  local bytes
  for bytes in 1GiB 1; do
    STAGE=$BATS_TEST_TMPDIR/stage.$bytes
    warehouse_fresh "$bytes" || return
    "$1" | deliver --max-bytes "$bytes" || return
    "$2" || {
      echo "with --max-bytes $bytes" >&2
      return 1
    }
  done
}

t() { table public.t id:int8:k note:text weight:int4; }
other() { RELID=200 table public.other id:int8:k; }
all='SELECT id, note, weight FROM t ORDER BY id'
# Rows that are known to be gone.
gone='SELECT id FROM "public.t" WHERE _cdc_deleted=1 ORDER BY id'
unknown='SELECT id, _cdc_unknown FROM "public.t" WHERE _cdc_deleted=0 AND _cdc_unknown IS NOT NULL ORDER BY id'
