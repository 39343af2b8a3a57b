# shellcheck shell=bash
# A clock that is wrong, for a command and all that it starts. Knows: tests/e2e/preload_clock.cpp. Must not know: whose clock it is.

# Moves the clock that a file stands for; who runs by it already is told too.   in  FILE SECONDS that it is ahead
clock_set() { printf '%+015d\n' "$2" 1<>"$1"; }
# in  FILE COMMAND...   A file that clock_set wrote
by_clock() {
  local library=$PGCDC_BIN/../e2e/preload-clock.so
  # Without it the loader would only warn, and the clock be right.
  [[ -r $library ]] || return 75
  PGCDC_CLOCK=$1 LD_PRELOAD=$library "${@:2}"
}
