#!/usr/bin/env bats
# An idle pipeline costs next to nothing: the budget of memory and processor time that is promised, measured by tests/bench/idle for less than a
# minute. Time is that of a machine that others use too, so what is held here is twice the budget; the budget itself stands in results.tsv.
# Knows: what tests/bench/idle prints. Must not know: where memory or time goes.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

@test "a pipeline that follows an idle source has 20 MiB of memory of its own, in all its processes, and hardly any time" {
  run -0 --separate-stderr "$REPO/tests/bench/idle" --seconds 30 --settle 5
  # shellcheck disable=SC2154 # stderr comes from run
  echo "$output" "$stderr"
  [[ $output =~ ^seconds=3[0-9.]+\ processes=([0-9]+)\ private_kib=([0-9]+)\ peak_kib=([0-9]+)\ cpu_percent=([0-9.]+)$ ]]
  # A shell, one that waits for the pipe, one for the lifeline, and four programs: what is measured is a pipeline that runs.
  ((BASH_REMATCH[1] >= 6 && BASH_REMATCH[2] > 2000))
  ((BASH_REMATCH[2] <= 20480))
  awk -v percent="${BASH_REMATCH[4]}" 'BEGIN { exit !(percent > 0 && percent <= 0.2) }'
}
