#!/usr/bin/env bats
# A short run of tests/fault/soak: every fault at least once, unattended. The month is `make soak`.
# Knows: the script's options and its last line. Must not know: which fault comes when; the seed is printed with a failure.

bats_require_minimum_version 1.5.0
set -o pipefail

setup() {
  REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  export PGCDC_BIN=${PGCDC_BIN:-$REPO/build/bin}
}

# What a run that went wrong has kept is not kept here: its disks would outlive the folder.
teardown() {
  local disks
  mapfile -t disks < <(sed -n "s|^[^ ]* \($BATS_TEST_TMPDIR/[^ ]*\) .*|\1|p" /proc/mounts)
  ((${#disks[@]} == 0)) || umount -l "${disks[@]}"
}

# Power is lost by whole file systems, each in a file.
has_loop_devices() { truncate -s 8M image && mkfs.ext4 -q -F image && mkdir -p disk && mount -o loop image disk && umount disk; }

@test "two pipelines that nobody looks after come through every fault: nothing lost, doubled or stale, nothing that grows" {
  local words=$BATS_TEST_TMPDIR/words
  cd "$BATS_TEST_TMPDIR"
  has_loop_devices >said 2>&1 || skip "no file system can be mounted from a file here: $(<said)"
  "$REPO/tests/fault/soak" --hour-ms 2000 --folder "$BATS_TEST_TMPDIR/run" >"$words" 2>&1 || {
    cat "$words"
    false
  }
  [[ $(tail -n 1 "$words") =~ ^hours=46\ .*\ verified=4\ equal=yes\ lost=0\ doubled=0\ stale=0\ faults=0\ seconds=[0-9]+$ ]]
}
