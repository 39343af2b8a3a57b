#!/usr/bin/env bats
# A container of Azure's blob store as the stage, on a real server of its protocol (azurite): the whole pipe, writers that race, a store that
# stalls, ends and comes back, and each way of being let in or not. Tokens are given out by a double (doubles/azure-identity.mjs).
# Knows: the programs of the pipe, the environment of Azure's programs, how the server is stopped. Must not know: requests.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load ../fault/pipeline
load store
load doubles/double

setup_file() {
  cluster_start
  export AZ=$BATS_FILE_TMPDIR/az
  private-az start "$AZ"
}
teardown_file() {
  private-az stop "$AZ"
  cluster_remove
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  set -a
  # shellcheck source=/dev/null
  . "$AZ/az.env"
  set +a
  container=pgcdc-$BATS_TEST_NUMBER
  stage=az://$container/some/where
  "$BATS_TEST_DIRNAME/az-admin.mjs" container "$container"
  export SLOT=az_$BATS_TEST_NUMBER DIR=$PWD/p
  mkdir "$DIR"
}
teardown() {
  [[ -z ${DOUBLE_PID:-} ]] || double_stop
  # The server of now: a test may have ended the one that it began with.
  kill -CONT "$(sed -n 's/^AZ_STORE_PID=//p' "$AZ/az.env")" || private-az again "$AZ"
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null
}

# A pipeline of all tables with its stage in the container.
given() {
  fresh_database "az_$BATS_TEST_NUMBER"
  sql "$@" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  sed -i "s|^stage = .*|stage = $stage|" "$DIR/pipeline.ini"
}
objects() { "$PGCDC_BIN/../e2e/stage-objects" "$@"; }
# The account without its key, and what is given instead.
without_key() { env -u AZURE_STORAGE_KEY "$@"; }

@test "copy, stream and warehouse over a container, with names that an address has to encode; the stream comes back whole" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text)' 'CREATE TABLE "Odd + Name/ü%41" (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 5000) n" \
    "INSERT INTO \"Odd + Name/ü%41\" SELECT * FROM t"
  pipeline_begin "$DIR"
  sql "UPDATE t SET v = 'changed' WHERE id % 3 = 0" 'DELETE FROM "Odd + Name/ü%41" WHERE id % 5 = 0' "INSERT INTO t SELECT n, 'new' FROM generate_series(5001, 6000) n"
  pipeline_pass "$DIR"
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.t 'public."Odd + Name/ü%41"'
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" --copy | jq -c 'select(.op == "c" or .op == "u" or .op == "d" or .op == "r")' | wc -l) == $((10000 + 1666 + 1000 + 1000)) ]]
  # A loader on another machine: from the container alone.
  cdc-load --source shop --stage "$stage" --warehouse "sqlite:$PWD/other.db"
  [[ $(warehouse_sql other.db 'SELECT count(*), sum(v = '"'changed'"') FROM t') == '6000|1666' ]]
}

@test "a listing of more names than fit into a page is whole" {
  objects fill "$stage" 'a folder/+ü%41' 5203
  [[ $(objects list "$stage" 'a folder/+ü%41' | wc -l) == 5203 ]]
  [[ $(objects list "$stage" 'a folder' | sed -n '1p;$p') == $'a folder/+ü%41/000000\na folder/+ü%41/005202' ]]
  [[ $(objects after "$stage" 'a folder/+ü%41' 005200) == $'005201\n005202' ]]
  [[ -z $(objects list "$stage" 'a folde') ]]
  [[ $(objects read "$stage" 'a folder/+ü%41/000777') == 'a folder/+ü%41/000777' ]]
}

@test "of eight writers that create one name at once, one wins, each time" {
  objects race "$stage" race 25 8 >winners
  [[ $(sort winners | uniq -c | tr -s ' ') == ' 25 1' ]]
}

@test "of three pipes into one stage each epoch is one's, and nothing is doubled or lost" {
  three_pipes "$stage"
}

@test "what every warehouse has is removed, manifests stay, and pipe and loader go on" {
  pruned
}

@test "killed before some of its calls the pipe loses nothing, doubles nothing and acknowledges nothing that is not there" {
  killed_at_points "$stage"
}

@test "a file that is sent in blocks, because it is too big for one request, comes back byte for byte" {
  truncate -s 300M big
  head -c 70000 /dev/urandom | dd of=big bs=1M seek=256 conv=notrunc status=none
  head -c 70000 /dev/urandom >>big
  objects place "$stage" big some/object
  # There already, so nothing is sent.
  timeout 20 "$PGCDC_BIN/../e2e/stage-objects" place "$stage" big some/object
  [[ $(objects read "$stage" some/object | sha256sum) == "$(sha256sum <big)" ]]
  : >empty
  objects place "$stage" empty nothing
  [[ -z $(objects read "$stage" nothing) && $(objects list "$stage" '') == $'nothing\nsome/object' ]]
}

@test "who is not let in, and where there is no container: the documented code, one line, no secret in it" {
  refused() { run "$1" --separate-stderr objects fill "$2" x 1; }
  AZURE_STORAGE_KEY=$(base64 <<<'another key') refused -77 "$stage"
  [[ $stderr == *'err=store_denied'*'403 AuthorizationFailure'* || $stderr == *'err=store_denied'*'403 AuthenticationFailed'* ]]
  [[ $stderr != *"$(base64 <<<'another key')"* && $(wc -l <<<"$stderr") == 1 ]]
  AZURE_STORAGE_KEY='no base64' refused -64 "$stage"
  [[ $stderr == *err=no_credentials* && $stderr != *'no base64'$'\n'* ]]
  AZURE_STORAGE_ACCOUNT='' refused -64 "$stage"
  [[ $stderr == *err=no_credentials* ]]
  refused -78 az://pgcdc-not-there/x
  [[ $stderr == *err=no_bucket* ]]
  refused -64 az://x
  [[ $stderr == *err=unknown_stage* ]]
  AZURE_STORAGE_SERVICE_ENDPOINT=ftp://127.0.0.1/pgcdctest refused -64 "$stage"
  [[ $stderr == *err=bad_url* ]]
  # The programs say it as they say everything.
  AZURE_STORAGE_KEY=$(base64 <<<'another key') run -77 --separate-stderr cdc-stage-get --source shop --stage "$stage"
  [[ $stderr == *'err=store_denied class=denied'* && $(wc -l <<<"$stderr") == 1 ]]
}

@test "a signature handed out lets in for what it says: to create, read and list, as long as it has not expired, nothing of it in a log" {
  local sas
  sas=$("$BATS_TEST_DIRNAME/az-admin.mjs" sas "$container" rcl 10)
  export AZURE_STORAGE_SAS_TOKEN=$sas
  without_key objects="$PGCDC_BIN/../e2e/stage-objects" bash -c '$objects fill "$0" x 3 && $objects list "$0" x' "$stage" >listed
  [[ $(wc -l <listed) == 3 ]]
  # A second one of these names is told that it is there, though the rights are for creating only.
  run -1 without_key "$PGCDC_BIN/../e2e/stage-objects" fill "$stage" x 1

  AZURE_STORAGE_SAS_TOKEN=$("$BATS_TEST_DIRNAME/az-admin.mjs" sas "$container" rcl -5) run -77 --separate-stderr without_key "$PGCDC_BIN/../e2e/stage-objects" fill "$stage" x 9
  [[ $stderr == *err=store_denied* && $stderr != *sig=* ]]
  AZURE_STORAGE_SAS_TOKEN=$("$BATS_TEST_DIRNAME/az-admin.mjs" sas "$container" rl 10) run -77 --separate-stderr without_key "$PGCDC_BIN/../e2e/stage-objects" fill "$stage" y 1
  [[ $stderr == *err=store_denied* && $stderr != *sig=* ]]
}

@test "a connection string says it all, with a key or with a signature handed out" {
  local key=$AZURE_STORAGE_KEY endpoint=$AZURE_STORAGE_SERVICE_ENDPOINT sas
  sas=$("$BATS_TEST_DIRNAME/az-admin.mjs" sas "$container" rcl 10)
  unset AZURE_STORAGE_KEY AZURE_STORAGE_ACCOUNT AZURE_STORAGE_SERVICE_ENDPOINT
  AZURE_STORAGE_CONNECTION_STRING="AccountName=pgcdctest;AccountKey=$key;BlobEndpoint=$endpoint" objects fill "$stage" x 2
  AZURE_STORAGE_CONNECTION_STRING="BlobEndpoint=$endpoint/;SharedAccessSignature=$sas" objects list "$stage" x >listed
  [[ $(wc -l <listed) == 2 ]]
}

@test "an identity is let in by tokens (a double's): the machine's, a workload's file, a secret; they are renewed before they expire" {
  export TENANT=tenant-1 CLIENT=client/1 ASSERTION=header.claims.signature SECRET='se+cret&'
  double_start azure-identity.mjs PORT
  export AZURE_STORAGE_SERVICE_ENDPOINT=http://127.0.0.1:$DOUBLE_PORT/$AZURE_STORAGE_ACCOUNT
  unset AZURE_STORAGE_KEY
  export AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:$DOUBLE_PORT
  objects fill "$stage" machine 3
  AZURE_CLIENT_ID=$CLIENT objects list "$stage" machine >listed
  [[ $(wc -l <listed) == 3 && $(double_count machine) == 2 ]]
  AZURE_CLIENT_ID=another run -77 --separate-stderr objects list "$stage" machine
  [[ $stderr == *err=token_denied* ]]

  export AZURE_TENANT_ID=$TENANT AZURE_CLIENT_ID=$CLIENT AZURE_AUTHORITY_HOST=http://127.0.0.1:$DOUBLE_PORT/
  echo "$ASSERTION" >assertion
  AZURE_FEDERATED_TOKEN_FILE=$PWD/assertion objects fill "$stage" workload 3
  AZURE_CLIENT_SECRET=$SECRET objects fill "$stage" secret 3
  [[ $(double_count assertion) == 1 && $(double_count secret) == 1 && $(double_count denied) == 0 ]]
  AZURE_CLIENT_SECRET=wrong run -77 --separate-stderr objects list "$stage" x
  [[ $stderr == *err=token_denied* && $stderr != *wrong* ]]

  # Tokens of eight seconds, for more work than that; a server of tokens that is busy is asked again.
  double_set life=8
  double_set fail=1
  AZURE_FEDERATED_TOKEN_FILE=$PWD/assertion "$PGCDC_BIN/../e2e/stage-objects" fill "$stage" long 100000 &
  local filling=$!
  renewed() { (($(double_count assertion) >= 3)); }
  wait_until 30 renewed
  kill "$filling"
  wait "$filling" || [[ $? == 143 ]]
  [[ $(double_count denied) == 0 ]]
}

@test "a token that is not taken any longer is replaced, once (a double)" {
  double_start azure-identity.mjs PORT
  export AZURE_STORAGE_SERVICE_ENDPOINT=http://127.0.0.1:$DOUBLE_PORT/$AZURE_STORAGE_ACCOUNT AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:$DOUBLE_PORT
  unset AZURE_STORAGE_KEY
  objects fill "$stage" x 2000 &
  local filling=$!
  passed() { (($(double_count passed) > 20)); }
  wait_until 20 passed
  double_set expire=1
  wait "$filling"
  [[ $(double_count machine) == 2 && $(double_count denied) == 1 ]]
  [[ $(objects list "$stage" x | wc -l) == 2000 ]]
}

@test "a store that stalls is waited for; one that is away is 75, and one that comes back is found by the pipe itself" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 20000) n"
  pipeline_begin "$DIR"
  sql "UPDATE t SET v = 'again ' || v"
  kill -STOP "$AZ_STORE_PID"
  pipe_of "$DIR" pgcdc-read --until now 2>log &
  local pipe=$!
  wait_until 20 sql_says t "SELECT bool_or(active) FROM pg_replication_slots"
  sql "SELECT pg_sleep(3)" >/dev/null
  kill -0 "$pipe"
  kill -CONT "$AZ_STORE_PID"
  wait "$pipe"
  pipeline_load "$DIR"
  pipeline_equal "$DIR" public.t

  # Away while a pipe runs, and back: the pipe goes on by itself.
  sql "UPDATE t SET v = 'once more' WHERE id < 100"
  private-az kill "$AZ"
  pipe_of "$DIR" pgcdc-read --until now 2>log &
  pipe=$!
  wait_until 20 sql_says t "SELECT bool_or(active) FROM pg_replication_slots"
  sql "SELECT pg_sleep(1)" >/dev/null
  kill -0 "$pipe"
  private-az again "$AZ"
  wait "$pipe"
  pipeline_load "$DIR"
  pipeline_equal "$DIR" public.t

  # Away for longer than it is waited for: 75, and the next run puts what was not put.
  sql "UPDATE t SET v = 'at last' WHERE id < 50"
  private-az kill "$AZ"
  run ! pipe_of "$DIR" pgcdc-read --until now
  [[ $output == *err=store_unavailable* && $output == *' 75' ]]
  private-az again "$AZ"
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.t
}
