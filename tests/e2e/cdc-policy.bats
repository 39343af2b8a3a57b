#!/usr/bin/env bats
# cdc-policy on real files, terminals and processes: what golden cases cannot hold, above all that a key stays with its owner.
# Knows: cdc-policy.1. Must not know: how a hash is made.

# shellcheck disable=SC2154 # bats sets stderr
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "a keys file is its owner's alone, whatever the umask" {
  (umask 0000 && cdc-policy new-key open.keys)
  (umask 0777 && cdc-policy new-key closed.keys)
  [[ $(stat -c %a open.keys closed.keys | tr '\n' ' ') == '600 600 ' ]]
}

@test "of two that make the same keys file at once one wins and its key stays" {
  local round winners
  for round in 1 2 3 4 5; do
    cdc-policy new-key "keys$round" 2>/dev/null &
    local first=$!
    cdc-policy new-key "keys$round" 2>/dev/null &
    local second=$! a=0 b=0
    wait $first || a=$?
    wait $second || b=$?
    winners=$(((a == 0) + (b == 0)))
    [[ $winners == 1 && $((a + b)) == 78 ]]
    echo x | cdc-policy hash --keys "keys$round" --domain d >/dev/null
  done
}

@test "keys are read from a descriptor too" {
  cdc-policy new-key keys
  [[ $(echo x | cdc-policy hash --keys /dev/fd/9 --domain d 9<keys) == "$(echo x | cdc-policy hash --keys keys --domain d)" ]]
}

@test "a keys file for which its group has any right is refused" {
  cdc-policy new-key keys
  local mode
  for mode in 640 604 610 620; do
    chmod "$mode" keys
    run -77 cdc-policy hash --keys keys --domain d </dev/null
  done
}

@test "a process that holds keys leaves no core" {
  cdc-policy new-key keys
  mkfifo values
  (ulimit -c unlimited && exec cdc-policy hash --keys keys --domain d <values >hashes) &
  local pid=$!
  exec 8>values
  echo x >&8
  wait_until 10 test -s hashes
  [[ $(awk '/^Max core file size/ { print $5 $6 }' "/proc/$pid/limits") == 00 ]]
  exec 8>&-
  wait $pid
}

@test "a full disk is told as such" {
  run -75 --separate-stderr bash -c 'cdc-policy check --policy <(printf "public.t\tid\tint\tgreen\tkeep\t-\t-\n") >/dev/full'
  [[ $stderr == *err=disk_full* ]]
}
