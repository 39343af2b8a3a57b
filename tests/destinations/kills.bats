#!/usr/bin/env bats
# Loaders that are killed at any moment, and loaders that run at the same time, with a warehouse of any engine (kills_ENGINE.bats are links
# to this file). Short here; by hand KILLS=1000, or the script `loaders` with a thousand rounds.
# Knows: epochs.bash. Must not know: an engine, or what a loader does at which moment.

# shellcheck disable=SC2034 # variables that functions of other files read

bats_require_minimum_version 1.5.0
load ../e2e/cluster
load ../e2e/stream
load epochs

setup_file() { engine_start; }
teardown_file() { engine_remove; }
setup() {
  STAGE=$BATS_TEST_TMPDIR/stage
  warehouse_fresh
}

# A loader is killed some random microseconds after it began, over and over; whenever one comes to its end, there is more to load.
# in  KILLS, ROWS, option of cdc-load
killed_over_and_over() {
  local kills=0 loads=0 staged=1 status began took=100000 seed=${SEED:-$RANDOM} last=1 now
  RANDOM=$seed
  stage_epochs 1 1 "$2"
  load_warehouse "${@:3}"
  while ((kills < $1)); do
    if ((last == staged)); then
      stage_epochs $((staged + 1)) $((staged + 8)) "$2" || return
      staged=$((staged + 8))
    fi
    loads=$((loads + 1)) status=0
    random_between 1000 $((took + took / 4))
    began=${EPOCHREALTIME//[.,]/}
    timeout -s KILL "$(printf '%d.%06d' $((REPLY / 1000000)) $((REPLY % 1000000)))" \
      cdc-load --stage "$STAGE" --source s --warehouse "$(warehouse_url)" "${@:3}" 2>>"$BATS_TEST_TMPDIR/said" 3>&- || status=$?
    case $status in
    0) took=$((${EPOCHREALTIME//[.,]/} - began)) ;;
    137) kills=$((kills + 1)) ;;
    # What the killed one left is still being cleared away.
    75) ;;
    *)
      echo "seed $seed: a loader ended with $status" >&2
      cat "$BATS_TEST_TMPDIR/said" >&2
      return 1
      ;;
    esac
    warehouse_settle
    now=$(whole_epoch "$2") || {
      echo "seed $seed, load $loads, kill $kills" >&2
      return 1
    }
    ((now >= last && (status != 0 || now == staged))) || {
      echo "seed $seed: after a loader that ended with $status the warehouse went from $last to $now of $staged" >&2
      return 1
    }
    last=$now
  done
  wait_until 30 load_warehouse "${@:3}"
  is_exactly "$staged" "$2"
}

@test "a loader that is killed at any moment leaves a whole epoch, and the next one goes on from there" {
  killed_over_and_over "${KILLS:-8}" 200
}

@test "killed at any moment with history kept, no version is lost and none is there twice" {
  killed_over_and_over "${KILLS:-4}" 50 --history
}

# All of them by hand: `tests/destinations/points`.
@test "killed before some of the calls by which it loads, makes a warehouse, alters a table: whole each time, and whole afterwards" {
  local what
  for what in load first alter; do
    run -0 --separate-stderr "$BATS_TEST_DIRNAME/points" "$what" --history --engine "$ENGINE" --step 11 --folder "$BATS_TEST_TMPDIR/$what" --server "${ENGINE_CLUSTER:-}"
    [[ $output =~ ^what=$what\ engine=$ENGINE\ kills=([0-9]+) ]]
    ((BASH_REMATCH[1] >= 3))
  done
}

@test "fifteen rounds of two loaders at once, each epoch is applied once" {
  run -0 --separate-stderr "$BATS_TEST_DIRNAME/loaders" --engine "$ENGINE" --rounds 15 --folder "$BATS_TEST_TMPDIR/rounds" --server "${ENGINE_CLUSTER:-}"
  [[ $output == *'rounds=15 '*' faults=0' ]]
}
