#!/usr/bin/env bats
# The models of the protocol (tests/model/protocol.pml) and of its repair after a loss (repair.pml): spin looks at every order of their steps
# and finds nothing lost or doubled; and without any one of the design's guards it finds what then goes wrong.
# With more transactions and crashes by hand: MODEL='-DN=3 -DCRASHES=2'; of the repair also -DDROPS=2, -DPIPES=2, -DCOPIES=2, -DLOADERS=2.
# Knows: spin, the guards' names in the model. Must not know: the steps, but that the code has them.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

MODELS=$BATS_TEST_DIRNAME/../model

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# What spin found.   in  option of pan, or an empty word; which model; DEFINITION...
explored() {
  local option=$1 model=$2
  shift 2
  # shellcheck disable=SC2086 # several words
  spin -a "$@" ${MODEL:-} "$MODELS/$model.pml" >spin.out && gcc -O1 -DSAFETY -o pan pan.c && ./pan -m1000000 ${option:+"$option"}
}

# It found nothing, and looked at something.   in  what it said, and the least number of states
nothing_in() {
  [[ $1 == *'errors: 0'* && $1 != *'max search depth too small'* && $1 != *'Search not completed'* ]] || { echo "$1" && return 1; }
  (($(sed -nE 's/^ *([0-9]+) states, stored.*/\1/p' <<<"$1") > $2))
}
something_in() { [[ $1 == *'assertion violated'*'errors: 1'* ]] || { echo "$1" && return 1; }; }
# How many guards a model has: none is left out.   in  model
guards_of() { grep -oE 'WITHOUT_[A-Z_]+' "$MODELS/$1.pml" | grep -v '^WITHOUT_NAME$' | sort -u | wc -l; }

@test "in every order of the steps, with a crash between any two, nothing is lost, doubled or confirmed too early" {
  run -0 explored '' protocol
  nothing_in "$output" 1000000
}

@test "a slot that is made anew behind the stage's end: what is called complete stays complete" {
  run -0 explored -E protocol -DSLOT_MADE_ANEW
  nothing_in "$output" 1000000
}

@test "without any one guard spin finds what is lost, doubled or torn" {
  local guard
  for guard in CUT DATA_FIRST ACK_AFTER CREATE_IF_ABSENT DURABLE_ACK POSITION_GUARD; do
    run -0 explored '' protocol -DWITHOUT_$guard
    something_in "$output"
  done
  run -0 explored -E protocol -DSLOT_MADE_ANEW -DWITHOUT_GAP_CHECK
  something_in "$output"
  (($(guards_of protocol) == 7))
}

@test "after a loss, in every order of the repair's steps: what is called ready equals its source, and one repair is enough" {
  run -0 explored -E repair
  nothing_in "$output" 1000000
}

@test "without any one guard of the repair spin finds a table that is called ready and is not, or a repair without an end" {
  local guard
  for guard in SLOT_FIRST NOTE_FIRST FOLLOWING_ON DOUBT COMPLETE_FROM FRESH_NOTES END_UNSEEN NEWEST_COPY; do
    run -0 explored -E repair -DWITHOUT_$guard
    something_in "$output"
  done
  # An old pipe needs more than it has put to go on beside a manifest that was written over.
  run -0 explored -E repair -DN=3 -DCRASHES=0 -DWITHOUT_ONLY_IF_ABSENT
  something_in "$output"
  (($(guards_of repair) == 9))
}

# in  FILE of tools, NAME of a function there with its class, MODEL in which a comment names it
is_named() { grep -q "[ *&]$2(" "$BATS_TEST_DIRNAME/../../tools/$1" && grep -q "$2" "$MODELS/$3.pml"; }

@test "the models' steps bear the names of the code's" {
  local step
  for step in find_end cut place; do is_named cdc-stage-put/put.cpp "Put::$step" protocol; done
  is_named lib/stage/log.cpp Log::append protocol
  is_named lib/warehouse/state.cpp State::advance protocol
  for step in find_end cut put_chunk; do is_named cdc-stage-put/put.cpp "Put::$step" repair; done
  for step in append append_lost next lost_around; do is_named lib/stage/log.cpp "Log::$step" repair; done
  for step in look_at_log go_on lost_up_to; do is_named cdc-stage-mend/mend.cpp "Mend::$step" repair; done
  for step in load_chunk load_epoch load_lost check_standing end_unseen; do is_named lib/warehouse/loader.cpp "Loader::$step" repair; done
  for step in advance doubt_all; do is_named lib/warehouse/state.cpp "State::$step" repair; done
  is_named lib/stage/losses.cpp Losses::complete_from repair
  is_named lib/stage/losses.cpp note_lost_range repair
  is_named lib/warehouse/table_writer.cpp TableWriter::mark_older repair
  for step in ensure_slot list_copied list_unknown; do
    grep -q "^$step() {" "$BATS_TEST_DIRNAME/../../scripts/cdc-run"
    grep -q "$step" "$MODELS/repair.pml"
  done
}
