#!/usr/bin/env bats
# The protocol's model (tests/model/protocol.pml): spin looks at every order of its steps and finds nothing lost or doubled; and without any
# one of the design's guards it finds what then goes wrong. With more transactions and crashes by hand: MODEL='-DN=3 -DCRASHES=2'.
# Knows: spin, the guards' names in the model. Must not know: the steps, but that the code has them.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

MODEL_FILE=$BATS_TEST_DIRNAME/../model/protocol.pml

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# What spin found.   in  option of pan, or an empty word; DEFINITION...
explored() {
  local option=$1
  shift
  # shellcheck disable=SC2086 # several words
  spin -a "$@" ${MODEL:-} "$MODEL_FILE" >spin.out && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m1000000 ${option:+"$option"}
}

@test "in every order of the steps, with a crash between any two, nothing is lost, doubled or confirmed too early" {
  run -0 explored ''
  [[ $output == *'errors: 0'* && $output != *'max search depth too small'* && $output != *'Search not completed'* ]]
  # It looked at something.
  (($(sed -nE 's/^ *([0-9]+) states, stored.*/\1/p' <<<"$output") > 1000000))
}

@test "a slot that is made anew behind the stage's end: what is called complete stays complete" {
  run -0 explored -E -DSLOT_MADE_ANEW
  [[ $output == *'errors: 0'* ]]
}

@test "without any one guard spin finds what is lost, doubled or torn" {
  local guard found
  for guard in CUT DATA_FIRST ACK_AFTER CREATE_IF_ABSENT DURABLE_ACK POSITION_GUARD; do
    run -0 explored '' -DWITHOUT_$guard
    [[ $output == *'assertion violated'*'errors: 1'* ]] || { echo "$guard: $output" && return 1; }
  done
  run -0 explored -E -DSLOT_MADE_ANEW -DWITHOUT_GAP_CHECK
  [[ $output == *'assertion violated'*'errors: 1'* ]]
  # None was left out.
  found=$(grep -oE 'WITHOUT_[A-Z_]+' "$MODEL_FILE" | grep -v '^WITHOUT_NAME$' | sort -u | wc -l)
  ((found == 7))
}

@test "the model's steps bear the names of the code's" {
  local file=$BATS_TEST_DIRNAME/../../tools
  for step in find_end cut place; do grep -q "void Put::$step(" "$file/cdc-stage-put/put.cpp" && grep -q "Put::$step" "$MODEL_FILE"; done
  grep -q 'Log::append(' "$file/lib/stage/log.cpp" && grep -q 'Log::append' "$MODEL_FILE"
  grep -q 'State::advance(' "$file/lib/warehouse/state.cpp"
  run -0 grep -c 'State::advance' "$MODEL_FILE"
  ((output >= 1))
}
