#!/usr/bin/env bats
# A short run of tests/fault/kills. The long one is for hands: tests/fault/kills --kills 200.
# Knows: the script's options and its last line. Must not know: who is killed when; the seed is printed with a failure.

bats_require_minimum_version 1.5.0
set -o pipefail

setup() {
  REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  export PGCDC_BIN=${PGCDC_BIN:-$REPO/build/bin}
}

@test "programs, loaders and the server killed at random under load: nothing lost, doubled or stale" {
  local words=$BATS_TEST_TMPDIR/words
  "$REPO/tests/fault/kills" --kills 15 --folder "$BATS_TEST_TMPDIR/run" >"$words" 2>&1 || {
    cat "$words"
    false
  }
  [[ $(tail -n 1 "$words") =~ ^kills=15\ .*\ equal=yes\ lost=0\ doubled=0\ stale=0\ faults=0$ ]]
}
