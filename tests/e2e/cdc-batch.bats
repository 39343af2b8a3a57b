#!/usr/bin/env bats
# cdc-batch as a process: time, memory, signals, a full disk and a stage that does not read. No server: streams are hand-written.
# Knows: its manual page. What it writes for which line is in tests/unit/cdc-batch and tests/golden/cdc-batch.
bats_require_minimum_version 1.5.0
load cluster
load staging

setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() { remove_small_disks; }

@test "an epoch leaves when its time is over, also when nothing more comes" {
  mkfifo pipe
  cdc-batch --spool spool --max-seconds 1 <pipe >out 3>&- &
  exec 4>pipe
  stream_of 2 >&4
  wait_until 10 grep -q '"op":"epoch"' out
  exec 4>&-
  wait $!
  [[ $(grep -c '"op":"epoch"' out) == 1 ]]
}

@test "a request to stop delivers what is complete and ends with 0" {
  mkfifo pipe
  cdc-batch --spool spool --verbose <pipe >out 3>&- &
  batch=$!
  exec 4>pipe
  stream_of 5 >&4
  wait_until 10 grep -q '"op":"source"' out
  kill -TERM "$batch"
  wait "$batch"
  exec 4>&-
  [[ $(jq -c 'select(.op == "epoch") | [.transactions, .rows]' out) == '[5,15]' ]]
}

@test "a transaction larger than the memory it may have passes whole" {
  stream_of 1 400000 >big
  (($(wc -c <big) > 60000000))
  # Address space, not resident memory: libraries, buffers and all.
  run -0 bash -c 'ulimit -v 120000; cdc-batch --spool spool <big >out'
  [[ $(jq -c 'select(.op == "epoch") | [.transactions, .rows]' out) == '[1,400000]' ]]
  [[ $(jq -r 'select(.op == "epoch") | .files[].path' out | xargs zstdcat | wc -l) == 400000 ]]
}

@test "many tables share one bounded memory" {
  stream_of 200 1000 400 >wide
  run -0 bash -c 'ulimit -v 160000; cdc-batch --spool spool <wide >out'
  [[ $(jq -c 'select(.op == "epoch") | [.rows, (.files | length)]' out) == '[200000,400]' ]]
}

# How many spool files there are, when it has not changed for a while.
spool_rests() {
  local now
  now=$(find spool -type f | wc -l)
  [[ $now -gt 0 && $now == "$before" ]] && return
  before=$now
  return 1
}

@test "with a stage that does not read the spool stops growing, and nothing is lost when it does" {
  stream_of 600 >stream
  mkfifo pipe
  cdc-batch --spool spool --max-bytes 1 <stream >pipe 3>&- &
  batch=$!
  exec 4<pipe
  before=-1
  wait_until 20 spool_rests
  # Three files an epoch; 600 epochs are waiting.
  (($(find spool -type f | wc -l) < 300))
  cdc-stage-put --stage stage <&4
  exec 4<&-
  wait "$batch"
  [[ $(cdc-stage-get --stage stage | grep -c '"op":"c"') == 1800 ]]
  [[ -z $(find spool -type f) ]]
}

@test "a full disk at the spool is 75, and the same again goes through when there is room" {
  stream_of 20 3000 >stream
  small_disk spool 64
  run -75 --separate-stderr bash -c "cdc-batch --spool spool --max-bytes 4MB <stream | cdc-stage-put --stage stage; exit \"\${PIPESTATUS[0]}\""
  [[ -z $(find spool -type f) ]]
  more_disk spool 102400
  put_all stage stream --spool spool
  put_all undisturbed stream
  same_stream stage undisturbed
}

@test "when nobody reads the manifests it dies by SIGPIPE and leaves no file" {
  stream_of 200 >stream
  run -141 bash -c 'set -o pipefail; cdc-batch --spool spool --max-bytes 1 <stream | head -n 1 >/dev/null'
  [[ -z $(find spool -type f -newer stream -size 0) ]]
}

@test "a private spool goes with its last file" {
  stream_of 20 >stream
  mkdir private
  TMPDIR=$PWD/private put_all stage stream --max-bytes 1
  [[ -z $(ls private) ]]
}
