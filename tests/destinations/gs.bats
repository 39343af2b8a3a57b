#!/usr/bin/env bats
# A bucket of Google Cloud Storage as the stage, on a double of it (doubles/gcs.mjs): there is no server of Google's to run. The double checks
# signatures, conditions and digests as Google documents them; nothing here was tried on the real service.
# Knows: the programs of the pipe, the environment of Google's programs, what the double can be told to do. Must not know: requests.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load ../fault/pipeline
load store
load doubles/double

setup_file() {
  cluster_start
  # A service account with its key, as Google hands it out: JSON over many lines.
  export GS=$BATS_FILE_TMPDIR/gs
  mkdir -m 700 "$GS"
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$GS/key" 2>/dev/null
  (umask 077 && jq -n --rawfile key "$GS/key" '{type: "service_account", project_id: "p", private_key_id: "kid-1", private_key: $key,
    client_email: "pgcdc@p.iam.example", token_uri: "https://oauth2.googleapis.com/token"}' >"$GS/account.json")
  openssl pkey -in "$GS/key" -pubout -out "$GS/public"
}
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  bucket=pgcdc-$BATS_TEST_NUMBER
  stage=gs://$bucket/some/where
  jq -n --rawfile key "$GS/public" --arg bucket "$bucket" '{bucket: $bucket, email: "pgcdc@p.iam.example", kid: "kid-1", public_key: $key,
    hmac: {id: "GOOG1TEST", secret: "hmac/secret+"}}' >double.json
  double_start gcs.mjs "$PWD" PORT
  export STORAGE_EMULATOR_HOST=http://127.0.0.1:$DOUBLE_PORT GOOGLE_APPLICATION_CREDENTIALS=$GS/account.json
  export SLOT=gs_$BATS_TEST_NUMBER DIR=$PWD/p
  mkdir "$DIR"
}
teardown() {
  double_stop
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null
}

# A pipeline of all tables with its stage in the bucket.
given() {
  fresh_database "gs_$BATS_TEST_NUMBER"
  sql "$@" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  sed -i "s|^stage = .*|stage = $stage|" "$DIR/pipeline.ini"
}
objects() { "$PGCDC_BIN/../e2e/stage-objects" "$@"; }

@test "copy, stream and warehouse over a bucket (a double's), with names that an address has to encode; the stream comes back whole" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text)' 'CREATE TABLE "Odd + Name/ü%41" (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 5000) n" \
    "INSERT INTO \"Odd + Name/ü%41\" SELECT * FROM t"
  pipeline_begin "$DIR"
  sql "UPDATE t SET v = 'changed' WHERE id % 3 = 0" 'DELETE FROM "Odd + Name/ü%41" WHERE id % 5 = 0' "INSERT INTO t SELECT n, 'new' FROM generate_series(5001, 6000) n"
  pipeline_pass "$DIR"
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.t 'public."Odd + Name/ü%41"'
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" --copy | jq -c 'select(.op == "c" or .op == "u" or .op == "d" or .op == "r")' | wc -l) == $((10000 + 1666 + 1000 + 1000)) ]]
  # A loader on another machine: from the bucket alone, let in by a key for HMAC.
  unset GOOGLE_APPLICATION_CREDENTIALS
  GS_HMAC_ACCESS_KEY_ID=GOOG1TEST GS_HMAC_SECRET=hmac/secret+ cdc-load --source shop --stage "$stage" --warehouse "sqlite:$PWD/other.db"
  [[ $(warehouse_sql other.db 'SELECT count(*), sum(v = '"'changed'"') FROM t') == '6000|1666' ]]
  # Programs that begin within the same second have the same token.
  (($(double_count denied) == 0 && $(double_count jwts) > 0 && $(double_count hmacs) > 0))
}

@test "a listing of more names than fit into a page is whole (a double)" {
  objects fill "$stage" 'a folder/+ü%41' 503
  [[ $(objects list "$stage" 'a folder/+ü%41' | wc -l) == 503 && $(double_count pages) == 6 ]]
  [[ $(objects list "$stage" 'a folder' | sed -n '1p;$p') == $'a folder/+ü%41/000000\na folder/+ü%41/000502' ]]
  [[ -z $(objects list "$stage" 'a folde') ]]
  # Where a log goes on is found without all that was before.
  pages=$(double_count pages)
  [[ $(objects after "$stage" 'a folder/+ü%41' 000499) == $'000500\n000501\n000502' && $(double_count pages) == $((pages + 1)) ]]
  [[ $(objects after "$stage" 'a folder/+ü%41' '' | wc -l) == 503 ]]
  [[ $(objects read "$stage" 'a folder/+ü%41/000333') == 'a folder/+ü%41/000333' ]]
}

@test "of eight writers that create one name at once, one wins, each time (a double), however they are let in" {
  objects race "$stage" race 25 8 >winners
  GS_HMAC_ACCESS_KEY_ID=GOOG1TEST GS_HMAC_SECRET=hmac/secret+ objects race "$stage" other 25 8 >>winners
  [[ $(sort winners | uniq -c | tr -s ' ') == ' 50 1' ]]
}

@test "of three pipes into one stage each epoch is one's, and nothing is doubled or lost (a double)" {
  three_pipes "$stage"
}

@test "what every warehouse has is removed, manifests stay, and pipe and loader go on (a double)" {
  pruned
}

@test "an account that may only create does not prune: 77, and nothing is missing (a double)" {
  given 'CREATE TABLE t (id int PRIMARY KEY)'
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null
  sql 'INSERT INTO t VALUES (1)' 'INSERT INTO t VALUES (2)' >/dev/null
  pgcdc-read --config "$DIR/pipeline.ini" --until now --ack '' | cdc-batch --max-bytes 1 | cdc-stage-put --config "$DIR/pipeline.ini"
  cdc-load --config "$DIR/pipeline.ini"
  cdc-stage-get --config "$DIR/pipeline.ini" >before
  double_set creator=1
  run -77 --separate-stderr cdc-stage-prune --config "$DIR/pipeline.ini" --keep-hours 0
  [[ $stderr == *err=store_denied* && -z $output ]]
  cdc-stage-get --config "$DIR/pipeline.ini" | cmp before -
}

@test "killed before some of its calls the pipe loses nothing, doubles nothing and acknowledges nothing that is not there (a double)" {
  killed_at_points "$stage"
}

@test "a file of many pieces comes back byte for byte, and one that was damaged on its way is sent again (a double)" {
  head -c 20000000 /dev/urandom >big
  double_set damage=1
  objects place "$stage" big some/object
  [[ $(objects read "$stage" some/object | sha256sum) == "$(sha256sum <big)" ]]
  # By HMAC what is sent is signed too.
  double_set damage=1
  GS_HMAC_ACCESS_KEY_ID=GOOG1TEST GS_HMAC_SECRET=hmac/secret+ objects place "$stage" big another/object
  [[ $(objects read "$stage" another/object | sha256sum) == "$(sha256sum <big)" ]]
  : >empty
  objects place "$stage" empty nothing
  [[ -z $(objects read "$stage" nothing) && $(double_count created) == 3 ]]
}

@test "who is not let in, and where there is no bucket: the documented code, one line, no secret in it (a double)" {
  refused() { run "$1" --separate-stderr objects fill "$2" x 1; }
  # A key that the account does not have.
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other 2>/dev/null
  (umask 077 && jq --rawfile key other '.private_key = $key' "$GS/account.json" >other.json)
  GOOGLE_APPLICATION_CREDENTIALS=other.json refused -77 "$stage"
  [[ $stderr == *'err=store_denied'*InvalidSignature* && $(wc -l <<<"$stderr") == 1 ]]
  GS_HMAC_ACCESS_KEY_ID=GOOG1TEST GS_HMAC_SECRET=wrong/secret refused -77 "$stage"
  [[ $stderr == *'err=store_denied'* && $stderr != *wrong/secret* && $(wc -l <<<"$stderr") == 1 ]]
  refused -78 gs://pgcdc-not-there/x
  [[ $stderr == *err=no_bucket* ]]
  refused -64 gs://x
  [[ $stderr == *err=unknown_stage* ]]
  # Files that cannot be used, and why.
  (umask 077 && echo '{"type": "authorized_user", "client_id": "c", "refresh_token": "a-secret"}' >person.json)
  GOOGLE_APPLICATION_CREDENTIALS=person.json refused -64 "$stage"
  [[ $stderr == *'err=no_credentials'*authorized_user*'service account'* && $stderr != *a-secret* ]]
  cp "$GS/account.json" exposed.json
  chmod 644 exposed.json
  GOOGLE_APPLICATION_CREDENTIALS=exposed.json refused -77 "$stage"
  [[ $stderr == *err=secret_exposed* ]]
  GOOGLE_APPLICATION_CREDENTIALS=absent.json refused -64 "$stage"
  [[ $stderr == *err=no_file* ]]
  GS_HMAC_ACCESS_KEY_ID=GOOG1TEST refused -64 "$stage"
  [[ $stderr == *err=no_credentials* ]]
  # The programs say it as they say everything.
  GOOGLE_APPLICATION_CREDENTIALS=other.json run -77 --separate-stderr cdc-stage-get --source shop --stage "$stage"
  [[ $stderr == *'err=store_denied class=denied'* && $(wc -l <<<"$stderr") == 1 ]]
}

@test "without a file the machine's metadata server gives tokens, which are renewed before they expire and once when they are not taken (a double)" {
  unset GOOGLE_APPLICATION_CREDENTIALS
  export GCE_METADATA_HOST=127.0.0.1:$DOUBLE_PORT
  # Tokens of eight seconds, for more work than that.
  double_set life=8
  "$PGCDC_BIN/../e2e/stage-objects" fill "$stage" x 100000 &
  local filling=$!
  renewed() { (($(double_count tokens) >= 2)); }
  wait_until 30 renewed
  kill "$filling"
  wait "$filling" || [[ $? == 143 ]]
  (($(double_count denied) == 0 && $(double_count jwts) == 0))

  double_set life=3600
  local before_objects before
  before_objects=$(double_count created)
  "$PGCDC_BIN/../e2e/stage-objects" fill "$stage" y 100000 &
  filling=$!
  created() { (($(double_count created) > before_objects + 20)); }
  wait_until 30 created
  before=$(double_count tokens)
  double_set expire=1
  renewed_once() { (($(double_count denied) == 1 && $(double_count tokens) == before + 1)); }
  wait_until 30 renewed_once
  before_objects=$(double_count created)
  wait_until 30 created
  kill "$filling"
  wait "$filling" || [[ $? == 143 ]]
  renewed_once
  (($(objects list "$stage" y | wc -l) > 40))
  # One that gives none says so at once.
  double_set fail=403
  double_set count=1
  run -77 --separate-stderr objects list "$stage" y
  [[ $stderr == *err=token_denied* ]]
}

@test "what may pass is asked for again, an answer that was lost makes nobody doubt, and rights to create are enough (a double)" {
  local status
  for status in 503 429 408 500; do
    double_set fail=$status
    double_set count=2
    objects fill "$stage" "after-$status" 1
  done
  # A token that is refused once is made anew.
  double_set fail=401
  double_set count=1
  objects fill "$stage" after-401 1
  # Created, and the answer lost: there already, when it is asked for again.
  double_set lose=1
  run -1 objects fill "$stage" lost 1
  [[ $(objects read "$stage" lost/000000) == lost/000000 ]]
  # Who may not write over is told that it is denied, instead of that it is there.
  double_set creator=1
  objects fill "$stage" creator 2
  run -1 --separate-stderr objects fill "$stage" creator 1
  [[ -z $stderr ]]
}

@test "a store that is away is 75, and one that comes back is found by the pipe itself (a double)" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 20000) n"
  pipeline_begin "$DIR"
  sql "UPDATE t SET v = 'again ' || v"
  kill -STOP "$DOUBLE_PID"
  pipe_of "$DIR" pgcdc-read --until now 2>log &
  local pipe=$!
  wait_until 20 sql_says t "SELECT bool_or(active) FROM pg_replication_slots"
  sql "SELECT pg_sleep(2)" >/dev/null
  kill -0 "$pipe"
  # Killed while it had requests, and back with all that it answered for.
  double_stop
  double_start gcs.mjs "$PWD" PORT
  wait "$pipe"
  pipeline_load "$DIR"
  pipeline_equal "$DIR" public.t

  sql "UPDATE t SET v = 'at last' WHERE id < 50"
  double_stop
  run ! pipe_of "$DIR" pgcdc-read --until now
  [[ $output == *err=store_unavailable* && $output == *' 75' ]]
  double_start gcs.mjs "$PWD" PORT
  pipeline_pass "$DIR"
  pipeline_equal "$DIR" public.t
}
