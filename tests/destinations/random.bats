#!/usr/bin/env bats
# Random sources, end to end, into a warehouse of any engine (random_ENGINE.bats are links to this file): whatever the order in which
# copies arrive and however the stream is cut, the warehouse holds the source's rows, and every engine holds what SQLite holds.
# Knows: the oracle (build/e2e/random-stream). Must not know: what a change means.

# shellcheck disable=SC2034 # variables that functions of other files read

bats_require_minimum_version 1.5.0
load ../e2e/stream
load random

setup_file() { engine_start; }
teardown_file() { engine_remove; }

load_here() { load_warehouse "${options[@]}"; }
load_sqlite() { on_engine sqlite "$FOLDER/reference.db" load_warehouse "${options[@]}"; }

# Some seeds with history, some without. Many more by hand: SEEDS='1 2 3 ...' bats tests/destinations/random.bats
for_every_seed() {
  local seed options=() sizes=(1 1500 1GiB)
  for seed in ${SEEDS:-3 8 12 20}; do
    ((seed % 2)) && options=(--history) || options=()
    "$@" "$seed" "${sizes[seed % 3]}" || {
      echo "seed $seed" >&2
      return 1
    }
    rm -rf "$FOLDER"
  done
}

against_source_and_sqlite() {
  warehouse_fresh "r$1"
  deliver_random "$1" 24 "$2" load_here load_sqlite || return
  random_is_expected || return
  warehouse_dump >"$FOLDER/$ENGINE.dump" || return
  on_engine sqlite "$FOLDER/reference.db" warehouse_dump >"$FOLDER/reference.dump" || return
  (($(wc -l <"$FOLDER/reference.dump") > 30)) || return
  same_dumps reference.dump "$ENGINE.dump"
}

@test "random sources arrive as they are, with positions, marks and history as in SQLite" {
  for_every_seed against_source_and_sqlite
}

# The same stream cut in three ways.
cut_in_three_ways() {
  local bytes first=''
  for bytes in 1 1500 1GiB; do
    warehouse_fresh "c$1.$bytes"
    deliver_random "$1" 24 "$bytes" load_here || return
    warehouse_dump | tables_of_dump >"$BATS_TEST_TMPDIR/dump.$bytes" || return
    [[ -n $first ]] || first=$bytes
    cp "$BATS_TEST_TMPDIR"/dump.* "$FOLDER" || return
    same_dumps "dump.$first" "dump.$bytes" || return
  done
}

@test "epochs of one transaction, of some and of all give the same tables and the same history" {
  export SEEDS=${SEEDS:-7 21}
  for_every_seed cut_in_three_ways
}
