#!/usr/bin/env bash
# Random sources through the pipe into a warehouse, and what must be true of it afterwards: what random.bats and its links, and the
# script `loaders`, share. Use after stream.bash.
# Knows: build/e2e/random-stream (its files and their order). Must not know: what any change means, or an engine.

# shellcheck disable=SC2034 # what functions of other files read

RANDOM_STREAM=${RANDOM_STREAM:-$(dirname "$PGCDC_BIN")/e2e/random-stream}

# What a source of this seed gave is delivered file by file, loaded now and then, and in the end, by every one of the loads.
# in  SEED, TRANSACTIONS, BYTES of an epoch, LOAD... (functions without arguments)   out  FOLDER/stage, and expected.* in FOLDER
deliver_random() {
  local seed=$1 transactions=$2 bytes=$3 file number=0 load
  shift 3
  FOLDER=$BATS_TEST_TMPDIR/$seed.$bytes STAGE=$BATS_TEST_TMPDIR/$seed.$bytes/stage
  mkdir -p "$FOLDER"
  "$RANDOM_STREAM" "$seed" "$transactions" "$FOLDER" || return
  for file in "$FOLDER"/[0-9]*; do
    stage --max-bytes "$bytes" <"$file" || return
    number=$((number + 1))
    if (((seed + number) % 3 == 0)); then for load in "$@"; do "$load" || return; done; fi
  done
  for load in "$@"; do "$load" || return; done
}

# Every table's view holds the source's rows, and nothing is unknown, parked or waiting.
random_is_expected() {
  local file statement
  for file in "$FOLDER"/expected.*; do
    statement=$(head -n 1 "$file")
    rows "$statement" | LC_ALL=C sort | diff <(tail -n +2 "$file") - >"$FOLDER/differs" || {
      echo "of '$statement', left the source, right the warehouse:" >&2
      head -n 20 "$FOLDER/differs" >&2
      return 1
    }
  done
  rows_are 'SELECT state, sum(unknown_values), sum(quarantined), count(*) FROM _cdc_freshness GROUP BY state ORDER BY state' 'history|0|0|1' 'ready|0|0|2'
}

# A copied chunk without rows has no time: what it shows to be gone bears that of loading. All times of the source are on one day.
source_times() { sed -E 's/\|2026-11-22T/|@/g; s/\|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{15}Z/|of loading/g; s/\|@/|2026-11-22T/g'; }

# same_dumps NAME NAME: two dumps in FOLDER are equal.
same_dumps() {
  diff <(source_times <"$FOLDER/$1") <(source_times <"$FOLDER/$2") >"$FOLDER/differs" || {
    echo "left $1, right $2:" >&2
    head -n 30 "$FOLDER/differs" >&2
    return 1
  }
}

# Of a dump the tables with positions and marks, and their histories: what does not depend on how epochs were cut.
tables_of_dump() { sed '/^== _cdc_tables$/,$d'; }
