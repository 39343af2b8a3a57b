#!/usr/bin/env bats
# A store that knows no create-if-absent (OpenStack Swift, spoken to as S3): refused, unless somebody says that nobody else writes there;
# then the whole pipe is over it. Knows: the programs of the pipe. Must not know: requests.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load ../e2e/staging
load ../fault/pipeline

setup_file() {
  cluster_start
  export SWIFT=$BATS_FILE_TMPDIR/swift
  private-swift start "$SWIFT"
  export AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_CONFIG_FILE=/dev/null
}
teardown_file() {
  private-swift stop "$SWIFT"
  cluster_remove
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  set -a
  # shellcheck source=/dev/null
  . "$SWIFT/s3.env"
  set +a
  bucket=pgcdc-$BATS_TEST_NUMBER
  "$PGCDC_BIN/../e2e/s3-bucket" "$bucket" >/dev/null
}

@test "without --single-writer it is refused before anything is acknowledged, and with it the stream comes back whole" {
  stream_of 10 4 3 >stream
  cdc-batch --max-bytes 700 --spool spool <stream >manifests
  run -78 --separate-stderr cdc-stage-put --stage "s3://$bucket/x" --ack ack <manifests
  [[ $stderr == *'err=no_create_if_absent class=refused'* && $(wc -l <<<"$stderr") == 1 && ! -e ack ]]
  cdc-batch --max-bytes 700 <stream | cdc-stage-put --stage "s3://$bucket/x" --ack ack --single-writer
  [[ $(<ack) == 00000000/00000A80* ]]
  # The same once more, cut otherwise: nothing is added.
  cdc-batch --max-bytes 2000 <stream | cdc-stage-put --stage "s3://$bucket/x" --single-writer
  put_all "$PWD/folder" stream --max-bytes 700
  same_stream "$PWD/folder" "s3://$bucket/x"
}

@test "copy, stream and warehouse over it" {
  fresh_database swift
  export SLOT=swift DIR=$PWD/p
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 2000) n" \
    'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1' '[cdc-stage-put]' 'single-writer = true'
  sed -i "s|^stage = .*|stage = s3://$bucket/some/where|" "$DIR/pipeline.ini"
  pipeline_begin "$DIR"
  sql "UPDATE t SET v = 'changed' WHERE id % 3 = 0" 'DELETE FROM t WHERE id % 5 = 0' >/dev/null
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.t
}
