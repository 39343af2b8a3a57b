#!/usr/bin/env bats
# cdc-stage-get as a process: the way back is the way there, also in little memory, beside a writer, and into a pipe that breaks.
# Knows: its manual page. Which lines it writes is in tests/golden/cdc-stage-get. Streams are hand-written, no server.
bats_require_minimum_version 1.5.0
load cluster
load staging

setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "the lines that went into a stage come out of it, each once, however the epochs were cut" {
  stream_of 60 20 7 >stream
  tail -n +2 stream | sort >wanted
  for bytes in 1 10000 1000000; do
    put_all "stage-$bytes" stream --max-bytes "$bytes"
    cdc-stage-get --stage "stage-$bytes" >"got-$bytes"
    tail -n +2 "got-$bytes" | sort | cmp - wanted
    cmp "got-$bytes" got-1
  done
  # And once more around.
  put_all again got-1 --max-bytes 3333
  same_stream again stage-1
}

@test "any range is a stream of its own, and ranges that meet are the whole" {
  stream_of 50 >stream
  put_all stage stream --max-bytes 1000
  cdc-stage-get --stage stage | grep -E '"op":"(c|commit)"' >whole
  for middle in 0/100 0/1180 0/1200 0/1201 0/3280 0/9999; do
    cdc-stage-get --stage stage --to "$middle" >low
    cdc-stage-get --stage stage --from "$middle" >high
    cat low high | grep -E '"op":"(c|commit)"' | cmp - whole
    cdc-batch --spool spool <low >/dev/null
    cdc-batch --spool spool <high >/dev/null
  done
}

@test "three hundred tables come back in bounded memory" {
  stream_of 100 2000 300 >stream
  put_all stage stream
  run -0 bash -c 'ulimit -v 1000000; cdc-stage-get --stage stage >got'
  [[ $(wc -l <got) == $(wc -l <stream) ]]
}

@test "when its reader goes away it dies by SIGPIPE" {
  stream_of 20 5000 >stream
  put_all stage stream
  run -141 bash -c 'set -o pipefail; cdc-stage-get --stage stage | head -n 1 >/dev/null'
}

@test "read beside a writer it always gives a beginning of the whole" {
  stream_of 60 >stream
  put_all undisturbed stream --max-bytes 1
  cdc-stage-get --stage undisturbed | tail -n +2 >whole
  # The writer is in the middle at the first look, and goes on during the others.
  { head -n 100 stream && wait_until 30 test -e looked && tail -n +101 stream; } | cdc-batch --spool spool --max-bytes 1 | cdc-stage-put --stage stage 3>&- &
  writer=$!
  wait_until 20 test -e stage/shop/0/start.json
  while kill -0 "$writer" 2>/dev/null; do
    cdc-stage-get --stage stage | tail -n +2 >part
    cmp part <(head -c "$(wc -c <part)" whole)
    [[ -e looked || $(wc -c <part) -lt $(wc -c <whole) ]]
    touch looked
  done
  wait "$writer"
  [[ -e looked ]]
  same_stream stage undisturbed
}
