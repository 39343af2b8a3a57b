#!/usr/bin/env bats
# A bucket as the stage, on a real S3 server (Ceph's gateway): the whole pipe, two writers, a store that stalls, dies and comes back, and
# each way of not being let in. Knows: the programs of the pipe, the environment of AWS's programs, how the server is stopped.
# Must not know: requests.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/clock
load ../e2e/cluster
load ../fault/pipeline
load store

setup_file() {
  cluster_start
  export S3=$BATS_FILE_TMPDIR/s3
  private-s3 start "$S3"
  export AWS_SHARED_CREDENTIALS_FILE=/dev/null
}
teardown_file() {
  private-s3 stop "$S3"
  cluster_remove
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  set -a
  # shellcheck source=/dev/null
  . "$S3/s3.env"
  set +a
  bucket=pgcdc-$BATS_TEST_NUMBER
  "$PGCDC_BIN/../e2e/s3-bucket" "$bucket" >/dev/null
  fresh_database "s3_$BATS_TEST_NUMBER"
  export SLOT=s3_$BATS_TEST_NUMBER DIR=$PWD/p
  mkdir "$DIR"
}
teardown() {
  kill -CONT "$S3_STORE_PID"
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null
}

# A pipeline of all tables with its stage in the bucket.
given() {
  sql "$@" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  sed -i "s|^stage = .*|stage = s3://$bucket/some/where|" "$DIR/pipeline.ini"
}
in_warehouse() { warehouse_sql "$DIR/warehouse.db" "$1"; }

@test "copy, stream and warehouse over a bucket, with names that an address has to encode; the stream comes back whole" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text)' 'CREATE TABLE "Odd + Name/ü%41" (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 5000) n" \
    "INSERT INTO \"Odd + Name/ü%41\" SELECT * FROM t"
  pipeline_begin "$DIR"
  sql "UPDATE t SET v = 'changed' WHERE id % 3 = 0" 'DELETE FROM "Odd + Name/ü%41" WHERE id % 5 = 0' "INSERT INTO t SELECT n, 'new' FROM generate_series(5001, 6000) n"
  pipeline_pass "$DIR"
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.t 'public."Odd + Name/ü%41"'
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" --copy | jq -c 'select(.op == "c" or .op == "u" or .op == "d" or .op == "r")' | wc -l) == $((10000 + 1666 + 1000 + 1000)) ]]
  # A loader on another machine: from the bucket alone.
  cdc-load --source shop --stage "s3://$bucket/some/where" --warehouse "sqlite:$PWD/other.db"
  [[ $(warehouse_sql other.db 'SELECT count(*), sum(v = '"'changed'"') FROM t') == '6000|1666' ]]
}

@test "a log of more objects than a page of the store's listing is found whole" {
  given 'CREATE TABLE t (id int PRIMARY KEY, n int)' 'INSERT INTO t SELECT n, 0 FROM generate_series(1, 10) n'
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null
  sql "DO \$\$ BEGIN FOR i IN 1..130 LOOP UPDATE t SET n = n + 1 WHERE id = 1 + i % 10; COMMIT; END LOOP; END \$\$"
  pgcdc-read --config "$DIR/pipeline.ini" --until now --ack '' | cdc-batch --max-bytes 1 | cdc-stage-put --config "$DIR/pipeline.ini"
  # A writer without an idea where the log ends finds it by the listing, and this one has a hundred names a page.
  pgcdc-read --config "$DIR/pipeline.ini" --until now --ack '' | cdc-batch | cdc-stage-put --config "$DIR/pipeline.ini"
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" | grep -c '"op":"u"') == 130 ]]
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" --from "$(current_lsn)" | wc -l) -le 2 ]]
  # A clock that is days behind: the first answer is one to HEAD, which does not say why it is refused.
  head -c 2M /dev/urandom >large
  clock_set clock -259200
  by_clock "$PWD/clock" "$PGCDC_BIN/../e2e/stage-objects" place "s3://$bucket/some/where" large large
  "$PGCDC_BIN/../e2e/stage-objects" read "s3://$bucket/some/where" large | cmp - large
  # Where a log goes on is found without all that was before: `start-after`, which the store takes as it is.
  "$PGCDC_BIN/../e2e/stage-objects" fill "s3://$bucket/some/where" 'a folder/+ü%41' 203
  [[ $("$PGCDC_BIN/../e2e/stage-objects" after "s3://$bucket/some/where" 'a folder/+ü%41' 000200) == $'000201\n000202' ]]
  [[ $("$PGCDC_BIN/../e2e/stage-objects" after "s3://$bucket/some/where" 'a folder/+ü%41' '' | wc -l) == 203 ]]
}

@test "who is not let in, and where there is no bucket: the documented code, one line, no secret in it" {
  given 'CREATE TABLE t (id int PRIMARY KEY)' 'INSERT INTO t VALUES (1)'
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null
  pgcdc-snapshot --config "$DIR/pipeline.ini" 2>/dev/null | cdc-batch --spool "$DIR/kept" >manifests
  put() { run "$@" --separate-stderr bash -c "pgcdc-snapshot --config '$DIR/pipeline.ini' 2>/dev/null | cdc-batch 2>/dev/null | cdc-stage-put --stage '$stage'"; }
  stage=s3://$bucket/x
  AWS_SECRET_ACCESS_KEY=wrong/secret put -77
  [[ $stderr == *'err=store_denied class=denied'* && $stderr != *wrong/secret* && $(wc -l <<<"$stderr") == 1 ]]
  AWS_ACCESS_KEY_ID='' put -64
  [[ $stderr == *err=no_credentials* ]]
  stage=s3://pgcdc-not-there/x put -78
  [[ $stderr == *err=no_bucket* ]]
  stage=s3://x put -64
  [[ $stderr == *err=unknown_stage* ]]
  AWS_ENDPOINT_URL=ftp://127.0.0.1 put -64
  [[ $stderr == *err=bad_url* ]]
}

@test "of two writers of one stage each epoch is one's, and nothing is doubled or lost" {
  three_pipes "s3://$bucket/some/where"
}

@test "what every warehouse has is removed, manifests stay, and pipe and loader go on" {
  pruned
}

@test "killed before some of its calls the pipe loses nothing, doubles nothing and acknowledges nothing that is not there" {
  killed_at_points "s3://$bucket/points"
}

@test "a store that stalls is waited for; one that dies is 75, and what was not put is put by the next run" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 20000) n"
  pipeline_begin "$DIR"
  sql "UPDATE t SET v = 'again ' || v"
  kill -STOP "$S3_STORE_PID"
  pipe_of "$DIR" pgcdc-read --until now 2>log &
  local pipe=$!
  wait_until 20 sql_says t "SELECT bool_or(active) FROM pg_replication_slots"
  sql "SELECT pg_sleep(3)" >/dev/null
  kill -0 "$pipe"
  kill -CONT "$S3_STORE_PID"
  wait "$pipe"
  pipeline_load "$DIR"
  pipeline_equal "$DIR" public.t

  sql "UPDATE t SET v = 'once more' WHERE id < 100"
  kill -KILL "$S3_GATEWAY_PID"
  run ! pipe_of "$DIR" pgcdc-read --until now
  [[ $output == *err=store_unavailable* && $output == *' 75' ]]
  private-s3 again "$S3"
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.t
}

@test "a data file of more than 64 MiB is sent in parts, and comes back byte for byte" {
  # shellcheck source=tests/e2e/staging.bash
  . "$BATS_TEST_DIRNAME/../e2e/staging.bash"
  # What base64 makes of noise shrinks by a quarter.
  stream_of 1 1 1 | sed 's/,"nullable":false,"category":"N"/,"nullable":false,"category":"S"/; s/"type":"int8"/"type":"text"/' >one
  {
    sed -n '1,2p' one
    head -c 75000000 /dev/urandom | base64 -w 100000 |
      awk '{ printf "{\"op\":\"c\",\"table\":\"public.t0\",\"lsn\":\"00000000/00000100\",\"seq\":%d,\"ts\":\"2026-11-22T10:53:01.123456Z\",\"xid\":701,\"after\":{\"id\":\"%s\"}}\n", NR - 1, $0 }'
    sed -n '/"op":"commit"/s/"rows":1/"rows":1000/p' one
  } >stream
  cdc-batch <stream | cdc-stage-put --stage "s3://$bucket/x"
  local object
  object=$(cdc-stage-get --stage "s3://$bucket/x" | tee got | wc -c)
  ((object > 100000000))
  cdc-batch <stream | cdc-stage-put --stage "$PWD/folder"
  cmp got <(cdc-stage-get --stage "$PWD/folder")
  local file=("$PWD"/folder/shop/0/data/public.t0/*)
  (($(stat -c %s "${file[0]}") > 67108864))
  # The tag of what was put together from parts says of how many.
  curl -fsS -o /dev/null -D - -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --aws-sigv4 aws:amz:us-east-1:s3 -u "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
    "$AWS_ENDPOINT_URL/$bucket/x/shop/0/data/public.t0/${file[0]##*/}" | grep -qiE '^etag: "[0-9a-f]{32}-5"'
}

@test "the store encrypts what is put when it is told to, and one that cannot is not written to" {
  # shellcheck source=tests/e2e/staging.bash
  . "$BATS_TEST_DIRNAME/../e2e/staging.bash"
  stream_of 3 >stream
  PGCDC_S3_SSE=aws:kms PGCDC_S3_SSE_KMS_KEY_ID=pgcdc-1 put_all "s3://$bucket/x" stream
  cdc-batch <stream | cdc-stage-put --stage "$PWD/folder"
  same_stream "$PWD/folder" "s3://$bucket/x"
  curl -fsS -o /dev/null -D - -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --aws-sigv4 aws:amz:us-east-1:s3 -u "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
    "$AWS_ENDPOINT_URL/$bucket/x/shop/source.json" | grep -qi '^x-amz-server-side-encryption: aws:kms'
  PGCDC_S3_SSE=aws:kms PGCDC_S3_SSE_KMS_KEY_ID=not-there run ! put_all "s3://$bucket/y" stream
  [[ $output == *tool=cdc-stage-put*err=store_* ]]
  PGCDC_S3_SSE=rot13 run ! put_all "s3://$bucket/y" stream
  [[ $output == *err=bad_value* ]]
}

@test "of writers that create the same name at the same moment one wins, each time" {
  run -0 "$PGCDC_BIN/../e2e/stage-race" "s3://$bucket/race" 60 3
  [[ $output == '60 rounds, one winner each:'* ]]
}
