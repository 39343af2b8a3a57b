#!/usr/bin/env bats
# A real S3 server behind a proxy that breaks what it is told to: each fault has its documented end, what may pass is tried again, and when it
# has passed the stage is as if nothing had been. Knows: the proxy's faults, the programs of the pipe. Must not know: requests.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load ../e2e/staging
load ../fault/pipeline

setup_file() {
  cluster_start
  export S3=$BATS_FILE_TMPDIR/s3
  private-s3 start "$S3"
  export AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_CONFIG_FILE=/dev/null
  set -a
  # shellcheck source=/dev/null
  . "$S3/s3.env"
  set +a
  node "$BATS_TEST_DIRNAME/doubles/fault_proxy.mjs" "${AWS_ENDPOINT_URL##*:}" "$S3/ports" >"$S3/proxy.log" 2>&1 </dev/null 3>&- 8>&- &
  export PROXY_PID=$!
  wait_until 20 test -e "$S3/ports"
  read -r port control <"$S3/ports"
  export AWS_ENDPOINT_URL=http://127.0.0.1:$port CONTROL=http://127.0.0.1:$control
}
teardown_file() {
  kill -TERM "$PROXY_PID"
  private-s3 stop "$S3"
  cluster_remove
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fault none
  bucket=pgcdc-$BATS_TEST_NUMBER
  "$PGCDC_BIN/../e2e/s3-bucket" "$bucket" >/dev/null
  stream_of 12 4 3 >stream
  put_all "$PWD/folder" stream --max-bytes 700
}
teardown() { fault none; }

# in   FAULT [METHOD [PATTERN [TIMES]]]
fault() { curl -fsS -d "$*" "$CONTROL" >/dev/null; }
broken() { curl -fsS "$CONTROL"; }
broke_at_least() { (($(broken) >= $1)); }

@test "what may pass is tried again: the stage is as if nothing had been, whichever request it was" {
  local kind method
  for kind in 500 503 cut-request cut-reply lose-reply alter-request slow; do
    for method in PUT GET; do
      # A request without a body cannot be altered.
      [[ $kind != alter-request || $method == PUT ]] || continue
      fault "$kind" "$method" '*' 2
      put_all "s3://$bucket/$kind.$method" stream --max-bytes 700 2>log || { cat log; false; }
      (($(broken) == 2)) || { echo "$kind $method was not met"; false; }
      [[ ! -s log ]]
      fault none
      same_stream "$PWD/folder" "s3://$bucket/$kind.$method"
    done
  done
}

@test "a manifest that was created while its answer was lost is there once, and is acknowledged" {
  fault lose-reply PUT /log/ 1
  cdc-batch --max-bytes 700 <stream | cdc-stage-put --stage "s3://$bucket/x" --ack ack --metrics metrics
  [[ $(broken) == 1 ]]
  fault none
  same_stream "$PWD/folder" "s3://$bucket/x"
  # The last commit ends at 0xC80.
  [[ $(<ack) == 00000000/00000C80\ 0123456789abcdef0123456789abcdef ]]
  # Put again: all of it is there, and nothing is added.
  fault 500 PUT /log/
  put_all "s3://$bucket/x" stream --max-bytes 700
  [[ $(broken) == 0 ]]
}

@test "who reads is not told of what passed; what was altered on its way is refused before a line of it is written" {
  put_all "s3://$bucket/x" stream --max-bytes 700
  local kind
  for kind in 500 503 cut-reply lose-reply slow; do
    fault "$kind" GET /data/ 3
    cdc-stage-get --stage "s3://$bucket/x" >got 2>log
    [[ $(broken) == 3 && ! -s log ]]
    fault none
    cdc-stage-get --stage "$PWD/folder" | cmp - got
  done
  fault alter-reply GET /data/
  run -78 --separate-stderr cdc-stage-get --stage "s3://$bucket/x"
  [[ -z $output && $(wc -l <<<"$stderr") == 1 && $stderr == *class=refused* ]]
  [[ $stderr == *err=wrong_digest* || $stderr == *err=broken_object* ]]
  fault alter-reply GET /log/
  run -78 --separate-stderr cdc-stage-get --stage "s3://$bucket/x"
  [[ $(wc -l <<<"$stderr") == 1 && $stderr == *class=refused* ]]
}

@test "a store that lets nobody in is 77 at once, and a later run with the same input is whole" {
  fault 403 PUT /data/
  cdc-batch --max-bytes 700 --spool spool <stream >manifests
  run -77 --separate-stderr cdc-stage-put --stage "s3://$bucket/x" --ack ack <manifests
  [[ $stderr == *'err=store_denied class=denied'*'403 AccessDenied'* && $(wc -l <<<"$stderr") == 1 ]]
  # Not once more than there were connections.
  (($(broken) <= 4))
  [[ ! -e ack ]]
  fault none
  put_all "s3://$bucket/x" stream --max-bytes 700
  same_stream "$PWD/folder" "s3://$bucket/x"
}

@test "a store that stays away is 75; a pipe that is started again and again goes on by itself when it is back" {
  fault 503
  supervised() {
    local code
    while :; do
      code=0
      cdc-batch --max-bytes 700 <stream 2>/dev/null | cdc-stage-put --stage "s3://$bucket/x" --ack ack 2>>log || code=$?
      echo "$code" >>codes
      ((code == 75)) || return "$code"
    done
  }
  supervised 3>&- 8>&- &
  local loop=$!
  wait_until 90 test -s codes
  [[ $(<codes) == 75 && $(<log) == *err=store_unavailable*'503 SlowDown'* && ! -e ack ]]
  fault none
  wait "$loop"
  [[ $(tail -n 1 codes) == 0 ]]
  same_stream "$PWD/folder" "s3://$bucket/x"
}

@test "a store that is away longer than the reader's spool can hold: it closes, and nothing is lost or doubled when the store is back" {
  fresh_database faults
  export SLOT=faults DIR=$PWD/p
  sql 'CREATE TABLE t (id int PRIMARY KEY, n int, v text)' "INSERT INTO t SELECT n, 0, '' FROM generate_series(1, 2000) n" \
    'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  sed -i "s|^stage = .*|stage = s3://$bucket/some/where|; s|^spool = .*/spool-read|&\nmax-bytes = 2MiB|; s|^max-seconds.*|&\nmax-bytes = 500kB|" "$DIR/pipeline.ini"
  pipeline_begin "$DIR"
  pipeline_pass "$DIR"
  local before
  before=$(<"$DIR/ack")
  fault 503
  supervised() {
    set +e # each code is written down
    until [[ -e enough ]]; do
      pgcdc-read --config "$DIR/pipeline.ini" 2>>log | cdc-mask --config "$DIR/pipeline.ini" 2>>log |
        cdc-batch --config "$DIR/pipeline.ini" 2>>log | cdc-stage-put --config "$DIR/pipeline.ini" 2>>log
      echo "${PIPESTATUS[*]}" >>codes
    done
  }
  supervised 3>&- 8>&- &
  local loop=$! update=0
  # Two megabytes each: the pipes and the batcher hold some of them, and then the spool fills.
  until grep -qs err=spool_full log || ((update == 60)); do
    sql "UPDATE t SET n = n + 1, v = (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 30) WHERE t.id > 0)" >/dev/null
    update=$((update + 1))
  done
  wait_until 60 grep -q err=spool_full log || { cat codes && tail -n 20 log && false; }
  # The store never had a byte of it, and so nothing was acknowledged.
  [[ $(<"$DIR/ack") == "$before" ]]
  fault none
  staged() { cdc-load --config "$DIR/pipeline.ini" && [[ $(warehouse_sql "$DIR/warehouse.db" 'SELECT count(*), min(n), max(n) FROM t') == "2000|$update|$update" ]]; }
  wait_until 120 staged
  touch enough
  sql "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'faults' AND active" >/dev/null
  wait "$loop"
  pipeline_equal "$DIR" public.t
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" | grep -c '"op":"u"') == $((update * 2000)) ]]
}
