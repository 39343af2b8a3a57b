#!/usr/bin/env bats
# cdc-stage-put as a process: killed at any moment, on a full disk, beside another writer. What must hold is always the same: the stage
# gives the stream back that an undisturbed run gives, and the ack never says more than the log holds. Streams are hand-written.
bats_require_minimum_version 1.5.0
load cluster
load staging

setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() { remove_small_disks; }

# The log's end, as a program that follows it sees it.
log_end() { cdc-stage-get --stage "$1" | jq -r 'select(.op == "commit") | .end' | tail -n 1; }

# The ack is not ahead of the log.
ack_holds() {
  [[ ! -e ack ]] || [[ ! $(cut -d' ' -f1 ack) > $(log_end stage) ]]
}

@test "killed at any moment it loses nothing, doubles nothing and never acknowledges what is not there" {
  stream_of 60 >stream
  put_all undisturbed stream
  killed=0
  for round in {1..40}; do
    # Every other run cuts its epochs elsewhere, so that every kind of overlap occurs.
    cdc-batch --spool "spool" --max-bytes $((round * 97 % 1500)) <stream >manifests
    cdc-stage-put --stage stage --ack ack <manifests 3>&- &
    put=$!
    # The later rounds live longer; a fresh stage would else never get beyond its beginning.
    awk -v n=$((RANDOM % (round * 40 + 50))) 'BEGIN { for (i = 0; i < n * 2000; i++); }'
    if kill -KILL "$put" 2>/dev/null; then killed=$((killed + 1)); fi
    wait "$put" 2>/dev/null && status=0 || status=$?
    [[ $status == 0 || $status == 137 ]]
    ack_holds
    [[ $round != 20 ]] || rm -rf stage ack
  done
  # It was killed at work, not before or after it.
  ((killed > 10))
  [[ -n $(find stage -path '*/log/*.json') ]]
  cdc-batch --spool spool <stream | cdc-stage-put --stage stage --ack ack
  same_stream stage undisturbed
  [[ $(cut -d' ' -f1 ack) == $(log_end stage) ]]
}

@test "of two writers each position has one winner, and both end well" {
  stream_of 80 >stream
  put_all undisturbed stream
  for round in {1..6}; do
    rm -rf stage
    cdc-batch --spool a --max-bytes $((round * 211)) <stream >one
    cdc-batch --spool b --max-bytes $((round * 307)) <stream >two
    cdc-stage-put --stage stage --ack ack.a <one 3>&- &
    first=$!
    cdc-stage-put --stage stage --ack ack.b <two
    wait "$first"
    same_stream stage undisturbed
    [[ $(<ack.a) == "$(<ack.b)" ]]
    # The log is one chain: as many manifests as positions on the way.
    [[ $(find stage -path '*/log/*.json' | wc -l) == $(find stage -path '*/log/*.json' -exec jq -r .to {} + | sort -u | wc -l) ]]
  done
}

@test "a full disk at the stage is 75 with nothing half published, and the same again goes through" {
  stream_of 20 3000 >stream
  put_all undisturbed stream
  small_disk stage 200
  run -75 --separate-stderr bash -c "cdc-batch --spool spool --max-bytes 500kB <stream | cdc-stage-put --stage stage --ack ack; exit \"\${PIPESTATUS[1]}\""
  # What is published is whole.
  if [[ -e stage/shop/0/start.json ]]; then run -0 cdc-stage-get --stage stage; fi
  ack_holds
  [[ -z $(find stage -name '*.tmp.*') ]]
  more_disk stage 102400
  put_all stage stream --spool spool
  same_stream stage undisturbed
}

@test "a full disk at the ack file is 75, and the next run acknowledges" {
  stream_of 20 >stream
  run -75 --separate-stderr bash -c "cdc-batch --spool spool <stream | cdc-stage-put --stage stage --ack nowhere/ack; exit \"\${PIPESTATUS[1]}\""
  cdc-batch --spool spool <stream | cdc-stage-put --stage stage --ack ack
  [[ $(<ack) == '00000000/00001480 0123456789abcdef0123456789abcdef' ]]
}

@test "a stage on another file system than the spool is filled by copying" {
  stream_of 30 >stream
  put_all undisturbed stream
  small_disk elsewhere 102400
  put_all stage stream --spool elsewhere/spool
  same_stream stage undisturbed
  [[ -z $(find elsewhere -type f) ]]
}
