#!/usr/bin/env bats
# The client of Snowflake's SQL API against the tests' double of it: transactions, requests whose answers are lost, servers without time,
# who is let in; and that the double refuses what Snowflake refuses, without which it would prove nothing.
# Knows: scripts/private-snowflake, the program snowflake-sql, the double's faults and journal. Must not know: tables of a warehouse.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster

setup_file() {
  export SF=$BATS_FILE_TMPDIR/sf STAGE=$BATS_FILE_TMPDIR/stage
  mkdir -p "$STAGE/main"
  private-snowflake start "$SF" --database CDC --database Raw --stage "CDC.Stages.main=$STAGE"
}
teardown_file() { private-snowflake stop "$SF"; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  set -a
  # shellcheck source=/dev/null
  . "$SF/snowflake.env"
  set +a
  SCHEMA=s$BATS_TEST_NUMBER
  # shellcheck disable=SC2016 # names, not variables
  printf 'CREATE SCHEMA "%s"\n' "$SCHEMA" | sf >/dev/null
}
teardown() {
  faults '[]'
  [[ ! -e $BATS_TEST_TMPDIR/sf ]] || private-snowflake stop "$BATS_TEST_TMPDIR/sf"
  [[ ! -e $BATS_TEST_TMPDIR/s3 ]] || private-s3 stop "$BATS_TEST_TMPDIR/s3"
}

# Statements of standard input, one a line, as one request; options before. Its output: a line of JSON for each.
sf() { "$PGCDC_BIN/../e2e/snowflake-sql" "$@" "snowflake://$SNOWFLAKE_ACCOUNT/CDC/$SCHEMA"; }
# The same of arguments.
ask() { printf '%s\n' "$@" | sf; }
one() { sf --one <<<"$1"; }
rows() { one "$1" | jq -c .rows; }
faults() { private-snowflake faults "$SF" "$1"; }
# What the journal has of requests whose text holds a word.
journal() { jq -c --arg word "$1" 'select((.statements // []) | join(" ") | contains($word))' "$SF/journal"; }
# The server answers a statement with CODE and STATE: the exit is STATUS, and what it says of a value is not passed on.
code() {
  faults "[{\"at\":\"before\",\"status\":422,\"code\":\"$1\",\"sqlState\":\"$2\",\"message\":\"Numeric value 'secret' is not recognized\"}]"
  run "-$3" --separate-stderr sf --one <<<'SELECT 1'
  [[ $stderr == *" $1 $2 "* && $stderr != *secret* && $(wc -l <<<"$stderr") == 1 ]]
}
# True when a request whose text holds a word was cancelled because somebody asked for it.
was_cancelled() { jq -se --arg word "$1" 'any(.cancelled != null) and any(.code == "000604" and ((.text // "") | contains($word)))' "$SF/journal"; }
# The failure of a request: its slug, code and SQL state.
fails() {
  local status=$1
  shift
  # Inside of another run nothing stops by itself.
  run "-$status" --separate-stderr sf <<<"$(printf '%s\n' "$@")" || return
  [[ -z $output ]] || return
  cut -d' ' -f1-3 <<<"$stderr"
}

@test "statements of one request are one transaction, and each says what it did" {
  ask 'CREATE TABLE IF NOT EXISTS "t" ("id" NUMBER(38,0), "v" VARCHAR)' >/dev/null
  ask 'BEGIN TRANSACTION' "INSERT INTO \"t\" VALUES (1, 'one'), (2, NULL)" "UPDATE \"t\" SET \"v\" = 'two' WHERE \"id\" = 2" \
    'DELETE FROM "t" WHERE "id" = 1' 'SELECT "id", "v" FROM "t" ORDER BY "id"' COMMIT >said
  [[ $(jq -c '[.inserted, .updated, .deleted]' said | paste -sd' ') == '[0,0,0] [2,0,0] [0,1,0] [0,0,1] [0,0,0] [0,0,0]' ]]
  [[ $(sed -n 5p said | jq -c '[.columns, .types, .rows]') == '[["id","v"],["fixed","text"],[["2","two"]]]' ]]
  [[ $(rows 'SELECT * FROM "t"') == '[["2","two"]]' ]]
}

@test "a guard that fails takes everything of its transaction back, and its code says which guard it was" {
  ask 'CREATE TABLE "p" ("at" NUMBER(38,0))' 'INSERT INTO "p" VALUES (7)' >/dev/null
  guard() { echo "SELECT CAST(CASE WHEN (SELECT count(*) FROM \"p\" WHERE \"at\" = $1) = 1 THEN '1' ELSE 'position moved' END AS NUMBER(38,0))"; }
  ask 'BEGIN TRANSACTION' 'UPDATE "p" SET "at" = 8 WHERE "at" = 7' "$(guard 8)" COMMIT >/dev/null
  [[ $(rows 'SELECT "at" FROM "p"') == '[["8"]]' ]]
  run -0 fails 78 'BEGIN TRANSACTION' 'INSERT INTO "p" VALUES (99)' "$(guard 7)" COMMIT
  [[ $output == 'snowflake_value 100038 22018' ]]
  [[ $(rows 'SELECT "at" FROM "p"') == '[["8"]]' ]]
  # What is open when the statements end goes as well.
  ask 'BEGIN TRANSACTION' 'INSERT INTO "p" VALUES (99)' >/dev/null
  [[ $(rows 'SELECT "at" FROM "p"') == '[["8"]]' ]]
}

@test "a request whose answer was lost is sent again under its id, and is done once" {
  ask 'CREATE TABLE "t" ("id" NUMBER(38,0))' >/dev/null
  faults '[{"at":"after","match":"VALUES (1)","cut":true,"times":2}]'
  ask 'BEGIN TRANSACTION' 'INSERT INTO "t" VALUES (1)' COMMIT | tail -n 2 | head -n 1 | jq -e '.inserted == 1'
  [[ $(rows 'SELECT count(*) FROM "t"') == '[["1"]]' ]]
  # Three times asked, with one id, run once.
  jq -sr --arg id "$(journal 'VALUES (1)' | jq -r .requestId)" '[.[] | select(.requestId == $id) | [.ran, .retry]] | tostring' "$SF/journal" >asked
  [[ $(<asked) == '[[true,false],[false,true],[false,true]]' ]]
  # Cut off before it ran: sent again, it runs.
  faults '[{"at":"before","match":"VALUES (2)","cut":true}]'
  one 'INSERT INTO "t" VALUES (2)' | jq -e '.inserted == 1'
  [[ $(rows 'SELECT count(*) FROM "t"') == '[["2"]]' ]]
}

@test "an answer that never comes is 75 after so many attempts, and nobody claims to know whether it ran" {
  ask 'CREATE TABLE "t" ("id" NUMBER(38,0))' >/dev/null
  faults '[{"at":"after","match":"VALUES (1)","cut":true,"times":99}]'
  run -75 --separate-stderr sf --attempts 3 --one <<<'INSERT INTO "t" VALUES (1)'
  [[ $stderr == 'snowflake_unavailable - - could not reach '*' in 3 attempts: '* ]]
  faults '[]'
  [[ $(rows 'SELECT count(*) FROM "t"') == '[["1"]]' ]]
  # A server that says nothing is not waited for longer than asked.
  faults '[{"at":"before","stall_ms":4000,"times":2}]'
  run -75 --separate-stderr sf --attempts 2 --silence 1 --one <<<'SELECT 1'
  [[ $stderr == snowflake_unavailable* ]]
}

@test "no time now (429, 503, 502, 500) is asked again, without doing it twice" {
  ask 'CREATE TABLE "t" ("id" NUMBER(38,0))' >/dev/null
  faults '[{"at":"before","match":"VALUES (1)","status":429},{"at":"before","match":"VALUES (1)","status":503,"html":true},
    {"at":"before","match":"VALUES (1)","status":502},{"at":"after","match":"VALUES (1)","status":500}]'
  one 'INSERT INTO "t" VALUES (1)' | jq -e '.inserted == 1'
  [[ $(rows 'SELECT count(*) FROM "t"') == '[["1"]]' ]]
  faults '[{"at":"before","status":429,"times":99}]'
  run -75 --separate-stderr sf --attempts 2 --one <<<'SELECT 1'
  [[ $stderr == 'snowflake_unavailable - - '*'it answered 429' ]]
}

@test "a refused token is minted anew once, and then whoever has it is not let in" {
  faults '[{"at":"before","status":401}]'
  [[ $(rows 'SELECT 1') == '[["1"]]' ]]
  faults '[{"at":"before","status":401,"times":9}]'
  run -77 --separate-stderr sf --one <<<'SELECT 1'
  [[ $stderr == snowflake_denied* ]]
  # Two requests, not more.
  [[ $(jq -c 'select(.suffered == 401)' "$SF/journal" | tail -n 3 | wc -l) == 3 ]]
  faults '[{"at":"before","status":403}]'
  run -77 --separate-stderr sf --one <<<'SELECT 1'
  [[ $stderr == snowflake_denied* ]]
}

@test "who has another key, another name or a clock of its own is not let in, or is by the server's clock" {
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null >other.p8
  chmod 600 other.p8
  SNOWFLAKE_PRIVATE_KEY_PATH=other.p8 run -77 --separate-stderr sf --one <<<'SELECT 1'
  [[ $stderr == "snowflake_denied - - Snowflake does not know CDC_LOADER by this key: "*"SHA256:$(openssl pkey -in other.p8 -pubout -outform DER | openssl dgst -sha256 -binary | openssl enc -base64)" ]]
  SNOWFLAKE_USER=somebody run -77 --separate-stderr sf --one <<<'SELECT 1'
  SNOWFLAKE_ACCOUNT=other-one run -77 --separate-stderr sf --one <<<'SELECT 1'
  chmod 640 other.p8
  SNOWFLAKE_PRIVATE_KEY_PATH=other.p8 run -77 --separate-stderr sf --one <<<'SELECT 1'
  [[ $stderr == secret_exposed* ]]
  SNOWFLAKE_PRIVATE_KEY_PATH=/nowhere run -64 --separate-stderr sf --one <<<'SELECT 1'
  # Two hours behind or ahead: the answer to the first request says what time it is.
  faults '[{"at":"clock","ahead_s":-7200,"times":9}]'
  [[ $(rows 'SELECT 1') == '[["1"]]' ]]
  faults '[{"at":"clock","ahead_s":7200,"times":9}]'
  [[ $(rows 'SELECT 1') == '[["1"]]' ]]
}

@test "an encrypted key is read with its passphrase, and not without" {
  PASS='correct horse' openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$SF/key.p8" -passout env:PASS -out encrypted.p8
  chmod 600 encrypted.p8
  export SNOWFLAKE_PRIVATE_KEY_PATH=encrypted.p8
  [[ $(PRIVATE_KEY_PASSPHRASE='correct horse' rows 'SELECT 1') == '[["1"]]' ]]
  PRIVATE_KEY_PASSPHRASE='wrong battery' run -64 --separate-stderr sf --one <<<'SELECT 1'
  [[ $stderr == bad_private_key* && $stderr != *battery* ]]
  run -64 --separate-stderr sf --one <<<'SELECT 1'
  [[ $stderr == bad_private_key* ]]
}

@test "a statement that runs on is asked after until it ends, and given up when its time is over" {
  ask 'CREATE TABLE "t" ("id" NUMBER(38,0))' >/dev/null
  faults '[{"at":"patience","ms":0,"match":"VALUES (1)"},{"at":"run","hold_ms":500,"match":"VALUES (1)"},{"at":"poll","status":503}]'
  ask 'BEGIN' 'INSERT INTO "t" VALUES (1)' COMMIT | sed -n 2p | jq -e '.inserted == 1'
  # 408: the server has cancelled it.
  faults '[{"at":"run","hold_ms":60000,"match":"VALUES (2)"}]'
  run -75 --separate-stderr sf --statement 1 --one <<<'INSERT INTO "t" VALUES (2)'
  [[ $stderr == snowflake_timed_out* ]]
  faults '[{"at":"before","status":408}]'
  run -75 --separate-stderr sf --one <<<'SELECT 1'
  # A server that forgets to: we do, and say so to it.
  faults '[{"at":"patience","ms":0},{"at":"timeout"},{"at":"run","hold_ms":60000,"match":"VALUES (3)"}]'
  run -75 --separate-stderr sf --statement 0 --grace 1 --one <<<'INSERT INTO "t" VALUES (3)'
  [[ $stderr == snowflake_timed_out* ]]
  wait_until 20 was_cancelled 'VALUES (3)'
  [[ $(rows 'SELECT "id" FROM "t"') == '[["1"]]' ]]
}

@test "a failure's code decides the exit, and the server's words are not passed on" {
  code 000625 57014 75
  code 000604 57014 75
  code 100090 42P18 70
  code 002003 02000 77
  code 000606 57P03 77
  code 003001 42501 77
  code 100038 22018 78
  code 391911 0A000 70
  faults '[{"at":"before","status":404}]'
  run -64 --separate-stderr sf --one <<<'SELECT 1'
  [[ $stderr == no_snowflake_account* ]]
  faults '[{"at":"before","status":400,"code":"391902"}]'
  run -70 --separate-stderr sf --one <<<'SELECT 1'
}

@test "a result of several pieces comes whole and in order, also when one must be asked for again" {
  ask 'CREATE TABLE "t" ("id" NUMBER(38,0), "v" VARCHAR)' >/dev/null
  one "INSERT INTO \"t\" SELECT a.c * 50 + b.c, NULLIF(REPEAT('x', CAST(b.c AS INTEGER)), '') FROM (SELECT ROW_NUMBER() OVER (ORDER BY 1) - 1 AS c FROM INFORMATION_SCHEMA.COLUMNS LIMIT 1) a, (SELECT 1 AS c) b" >/dev/null
  for _ in {1..12}; do echo 'INSERT INTO "t" SELECT "id" + (SELECT MAX("id") FROM "t"), "v" FROM "t"'; done | sf >/dev/null
  faults '[{"at":"partition","status":503},{"at":"partition","cut":true}]'
  one 'SELECT "id", "v" FROM "t" ORDER BY "id"' >said
  [[ $(jq '.rows | length' said) == 4096 ]]
  [[ $(jq -c '[.rows[][0] | tonumber] == [range(1; 4097)]' said) == true ]]
}

@test "values leave as exact texts, whatever the session would show" {
  ask 'CREATE TABLE "t" ("n" NUMBER(38,0), "d" NUMBER(20,5), "f" FLOAT, "b" BOOLEAN, "day" DATE, "ntz" TIMESTAMP_NTZ(6), "tz" TIMESTAMP_TZ(6), "bin" BINARY, "time" TIME(6), "s" VARCHAR)' >/dev/null
  one "INSERT INTO \"t\" SELECT '12345678901234567890123456789012345678', '1.10', 'NaN', TRUE, '0001-02-03'::DATE, '2026-01-02 03:04:05.000001'::TIMESTAMP_NTZ(6), '1969-12-31 23:59:59.999999+02'::TIMESTAMP_TZ(6), TO_BINARY('AAEC/w==', 'BASE64'), '01:02:03.4', 'it''s \\\\ \"x\" ü'" >/dev/null
  [[ $(rows 'SELECT * FROM "t"') == '[["12345678901234567890123456789012345678","1.10000","NaN","true","0001-02-03","2026-01-02 03:04:05.000001","1969-12-31 21:59:59.999999+00:00","AAEC/w==","01:02:03.400000","it'"'"'s \\ \"x\" ü"]]' ]]
  # What a column cannot hold fails; nothing is rounded into it.
  run -0 fails 78 "SELECT 'infinity'::TIMESTAMP_TZ(6)"
  [[ $output == 'snowflake_value 100035 22007' ]]
  run -0 fails 78 "SELECT '0044-03-15 BC'::DATE"
  run -0 fails 78 "SELECT '123456789012345678901234567890123456789'::NUMBER(38,0)"
}

@test "the double lets nobody in without a User-Agent, and counts statements" {
  exec 4<>"/dev/tcp/127.0.0.1/${SNOWFLAKE_HOST##*:}"
  printf 'POST /api/v2/statements HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}' >&4
  run -0 cat <&4
  exec 4>&-
  [[ $output == 'HTTP/1.1 400'*391903* ]]
  [[ $(journal 'CREATE SCHEMA' | tail -n 1 | jq -r .agent) == pgcdc/?*.* ]]
  # Two statements in the text of one.
  run -70 --separate-stderr sf --one <<<'SELECT 1; SELECT 2'
  [[ $stderr == 'snowflake_statement 000008 '* ]]
  # Of a transaction alone nothing would be left.
  for statement in 'BEGIN TRANSACTION' COMMIT 'ALTER SESSION SET LOCK_TIMEOUT = 5' 'USE ROLE "X"' 'CREATE TEMPORARY TABLE "x" ("a" NUMBER(38,0))' "PUT file://x @y"; do
    run -70 --separate-stderr sf --one <<<"$statement"
    [[ $stderr == 'snowflake_statement 391911 '* ]]
  done
  run -70 --separate-stderr sf --one <<<'SELECT FROM WHERE'
  [[ $stderr == 'snowflake_statement 001003 42000 '* ]]
}

@test "the double commits before DDL, keeps temporary tables for one request and tells letters apart, as Snowflake does" {
  ask 'CREATE TABLE "t" ("a" NUMBER(38,0))' 'CREATE TABLE "T" ("A" NUMBER(38,0), "a" VARCHAR)' >/dev/null
  run -0 fails 70 'BEGIN TRANSACTION' 'INSERT INTO "t" VALUES (1)' 'CREATE TABLE "u" ("a" NUMBER(38,0))' 'INSERT INTO "t" VALUES (2)' 'SELECT FROM'
  [[ $(rows 'SELECT "a" FROM "t" ORDER BY "a"') == '[["1"],["2"]]' ]]
  one "INSERT INTO T (A, \"a\") VALUES (5, 'x')" >/dev/null
  [[ $(rows 'SELECT "A", "a" FROM "T"') == '[["5","x"]]' ]]
  [[ $(rows "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = '$SCHEMA' AND TABLE_NAME = 'T' ORDER BY ORDINAL_POSITION") == '[["A"],["a"]]' ]]
  ask "CREATE OR REPLACE TEMPORARY TABLE \"CDC\".\"$SCHEMA\".\"x\" (\"a\" NUMBER(38,0))" "INSERT INTO \"CDC\".\"$SCHEMA\".\"x\" VALUES (3)" \
    'INSERT INTO "t" SELECT "a" FROM "x"' >/dev/null
  run -0 fails 77 'SELECT * FROM "x"'
  [[ $output == 'snowflake_no_object 002003 42S02' ]]
  [[ $(rows 'SELECT max("a") FROM "t"') == '[["3"]]' ]]
}

@test "of two transactions at once the second waits at the first's lock; a guard before the lock does not hold, as in Snowflake" {
  ask 'CREATE TABLE "p" ("at" NUMBER(38,0), "by" VARCHAR)' 'CREATE TABLE "log" ("by" VARCHAR)' "INSERT INTO \"p\" VALUES (7, '')" >/dev/null
  guard() { echo "SELECT CAST(CASE WHEN (SELECT count(*) FROM \"p\" WHERE $1) = 1 THEN '1' ELSE 'position moved' END AS NUMBER(38,0)) AS \"$2\""; }
  # Behind the lock: of b nothing happens.
  behind() {
    ask 'CREATE TEMPORARY TABLE "x" ("v" VARCHAR)' BEGIN "INSERT INTO \"x\" VALUES ('$1')" "UPDATE \"p\" SET \"at\" = 8, \"by\" = '$1' WHERE \"at\" = 7" \
      "$(guard "\"at\" = 8 AND \"by\" = '$1'" "$1")" 'INSERT INTO "log" SELECT "v" FROM "x"' COMMIT
  }
  faults "[{\"at\":\"behind\",\"match\":\"\\\"by\\\" = 'a' WHERE\",\"until\":\"$PWD/go\"}]"
  behind a >a.out 3>&- 8>&- &
  local a=$! b status=0
  wait_until 60 test -e go.reached
  behind b >b.out 2>b.err 3>&- 8>&- &
  b=$!
  [[ $(rows 'SELECT count(*) FROM "log"') == '[["0"]]' ]]
  touch go
  wait "$a"
  wait "$b" || status=$?
  [[ $status == 78 && $(<b.err) == 'snowflake_value 100038 22018 '* ]]
  [[ $(rows 'SELECT "by" FROM "log"') == '[["a"]]' ]]
  # Before it: both saw the old position, and both went on.
  before() {
    ask BEGIN "$(guard '"at" = 8' "$1")" "UPDATE \"p\" SET \"at\" = 9 WHERE \"at\" = 8" "INSERT INTO \"log\" VALUES ('$1')" COMMIT
  }
  rm go go.reached
  faults "[{\"at\":\"behind\",\"match\":\"\\\"c\\\"\",\"until\":\"$PWD/go\"}]"
  before c >c.out 3>&- 8>&- &
  a=$!
  wait_until 60 test -e go.reached
  before d >d.out
  touch go
  wait "$a"
  [[ $(rows 'SELECT "by" FROM "log" ORDER BY "by"') == '[["a"],["c"],["d"]]' ]]
}

@test "the double merges, and refuses two rows of one key as Snowflake does" {
  ask 'CREATE TABLE "t" ("k" NUMBER(38,0), "v" VARCHAR, "l" NUMBER(38,0))' "INSERT INTO \"t\" VALUES (1,'a',1),(2,'b',1),(3,'c',9)" >/dev/null
  merge='MERGE INTO "t" AS t USING (SELECT * FROM "s") AS s ON t."k" = s."k" AND t."k" BETWEEN 1 AND 9 WHEN MATCHED AND s."l" > t."l" AND s."v" IS NULL THEN DELETE WHEN MATCHED AND s."l" > t."l" THEN UPDATE SET t."v" = COALESCE(s."v", t."v"), "l" = s."l" WHEN NOT MATCHED AND s."v" IS NOT NULL THEN INSERT ("k","v","l") VALUES (s."k", s."v", s."l")'
  source='CREATE OR REPLACE TEMPORARY TABLE "s" ("k" NUMBER(38,0), "v" VARCHAR, "l" NUMBER(38,0))'
  ask "$source" "INSERT INTO \"s\" VALUES (1,'A',2),(2,NULL,2),(3,'C',2),(4,'D',2),(5,NULL,2)" 'BEGIN' "$merge" COMMIT | sed -n 4p | jq -e '[.inserted, .updated, .deleted] == [1, 1, 1]'
  [[ $(rows 'SELECT "k", "v" FROM "t" ORDER BY "k"') == '[["1","A"],["3","c"],["4","D"]]' ]]
  run -0 fails 70 "$source" "INSERT INTO \"s\" VALUES (1,'x',5),(1,'y',6)" 'BEGIN' "$merge" COMMIT
  [[ $output == 'snowflake_duplicate 100090 42P18' ]]
  # The second row of the key matches no clause: there is one change.
  ask "$source" "INSERT INTO \"s\" VALUES (1,'x',5),(1,'y',1)" "$merge" >/dev/null
  [[ $(rows 'SELECT "v" FROM "t" WHERE "k" = 1') == '[["x"]]' ]]
}

@test "the double loads files of the stage, exactly, once, and not without one of them" {
  ask 'CREATE TABLE "t" ("id" NUMBER(38,0), "n" NUMBER(38,5), "b" BINARY, "u" VARIANT, "file" VARCHAR, "row" NUMBER(38,0))' >/dev/null
  printf '%s\n' '{"key":{"id":"1"},"row":{"n":"123456789012345678901234567890123.10000","b":"AAE=","A b":"x"},"unchanged":["v"]}' '{"key":{"id":"2"},"row":{"n":null}}' | zstd -q >"$STAGE/main/1.ndjson.zst"
  echo '{"key":{"id":"3"},"row":{"n":"1.1"}}' | zstd -q >"$STAGE/main/2.ndjson.zst"
  copy() { echo "COPY INTO \"t\" (\"id\", \"n\", \"b\", \"u\", \"file\", \"row\") FROM (SELECT \$1:key:id::NUMBER(38,0), \$1:\"row\".\"n\"::NUMBER(38,5), TO_BINARY(\$1:row:b::VARCHAR, 'BASE64'), \$1:unchanged, METADATA\$FILENAME, METADATA\$FILE_ROW_NUMBER FROM @\"CDC\".\"Stages\".\"main\"/main/) FILES = ($1) FILE_FORMAT = (TYPE = JSON COMPRESSION = ZSTD) ON_ERROR = ABORT_STATEMENT"; }
  one "$(copy "'1.ndjson.zst', '2.ndjson.zst'")" | jq -e '.inserted == 3'
  [[ $(rows 'SELECT "id", "n", "b", "u", "file", "row" FROM "t" ORDER BY "id"') == '[["1","123456789012345678901234567890123.10000","AAE=","[\"v\"]","main/1.ndjson.zst","1"],["2",null,null,null,"main/1.ndjson.zst","2"],["3","1.10000",null,null,"main/2.ndjson.zst","1"]]' ]]
  # Loaded before: not again. In a table that is made anew: again.
  one "$(copy "'1.ndjson.zst'")" | jq -e '.inserted == 0'
  run -0 fails 78 BEGIN 'DELETE FROM "t"' "$(copy "'1.ndjson.zst', '3.ndjson.zst'")" COMMIT
  [[ $output == 'snowflake_no_file 091016 22000' ]]
  [[ $(rows 'SELECT count(*) FROM "t"') == '[["3"]]' ]]
  echo '{"key":{"id":"no number"}}' | zstd -q >"$STAGE/main/4.ndjson.zst"
  run -0 fails 78 "$(copy "'4.ndjson.zst'")"
  [[ $output == 'snowflake_value 100038 22018' ]]
  echo 'no json' | zstd -q >"$STAGE/main/5.ndjson.zst"
  run -0 fails 78 "$(copy "'5.ndjson.zst'")"
  [[ $output == 'snowflake_value 100069 22P02' ]]
  for broken in "${merge:-$(copy "'1.ndjson.zst'")} COMPRESION = ZSTD" "$(copy "'1.ndjson.zst'" | sed 's/COMPRESSION/COMPRESION/')" "$(copy "'1.ndjson.zst'" | sed 's/= ZSTD/= ZSDT/')"; do
    run -0 fails 70 "$broken"
    [[ $output == 'snowflake_statement 001003 42000' ]]
  done
}

@test "the double reads a bucket as a stage, with what the pipe wrote there" {
  private-s3 start "$BATS_TEST_TMPDIR/s3"
  set -a
  # shellcheck source=/dev/null
  . "$BATS_TEST_TMPDIR/s3/s3.env"
  set +a
  "$PGCDC_BIN/../e2e/s3-bucket" pgcdc-snowflake >/dev/null
  local input=$REPO/tests/golden/cdc-stage-put/an-epoch-becomes-objects-a-manifest-and-an-ack/in second=$BATS_TEST_TMPDIR/sf data
  cdc-batch --spool spool <"$input" | cdc-stage-put --stage s3://pgcdc-snowflake/some
  # The same in a folder, to see its name there.
  cdc-batch --spool spool <"$input" | cdc-stage-put --stage folder
  data=$(cd folder/shop && echo 0/data/*4Eame/*.ndjson.zst)
  private-snowflake start "$second" --stage CDC.PUBLIC.BUCKET=s3://pgcdc-snowflake/some/shop
  set -a
  # shellcheck source=/dev/null
  . "$second/snowflake.env"
  set +a
  SCHEMA=PUBLIC
  ask 'CREATE TABLE "t" ("op" VARCHAR, "id" NUMBER(38,0), "name" VARCHAR)' "COPY INTO \"t\" FROM (SELECT s.\$1:op::VARCHAR, s.\$1:after:id::NUMBER(38,0), s.\$1:after.name::VARCHAR FROM '@BUCKET' s) FILES = ('$data') FILE_FORMAT = (TYPE = JSON COMPRESSION = ZSTD)" >/dev/null
  [[ $(rows 'SELECT * FROM "t" ORDER BY "id"') == '[["c","9007199254740992","x"],["t",null,null]]' ]]
  AWS_SECRET_ACCESS_KEY=wrong private-snowflake again "$second"
  run -75 --separate-stderr sf --one <<<"COPY INTO \"t\" (\"op\") FROM (SELECT \$1:op::VARCHAR FROM @BUCKET) FILES = ('$data') FILE_FORMAT = (TYPE = JSON)"
  [[ $stderr == *' 091003 58030 '* ]]
}

@test "the double knows the rest of what a loader sends" {
  local all=(
    "CREATE TABLE IF NOT EXISTS \"CDC\".\"$SCHEMA\".\"t\" (\"id\" NUMBER(38,0) NOT NULL, \"v\" VARCHAR, \"j\" VARCHAR, PRIMARY KEY (\"id\"))"
    "CREATE TABLE IF NOT EXISTS \"CDC\".\"$SCHEMA\".\"t\" (\"id\" NUMBER(38,0) NOT NULL)"
    'ALTER TABLE "t" ADD COLUMN "w" NUMBER(10,2)'
    'ALTER TABLE "t" ADD COLUMN "y" VARCHAR, "z" DATE'
    'ALTER TABLE "t" RENAME COLUMN "w" TO "W"'
    'ALTER TABLE "t" DROP COLUMN "z"'
    "COMMENT ON TABLE \"t\" IS 'it''s \\\\ a table'"
    "COMMENT ON COLUMN \"t\".\"W\" IS 'a column'"
    "INSERT INTO \"t\" (\"id\", \"v\", \"j\") VALUES (1, 'a.b', '{\"a\": 1.10}'), (2, '%x_', 'no json'), (3, NULL, NULL)"
    'CREATE OR REPLACE VIEW "v" COPY GRANTS AS SELECT "id", TRY_PARSE_JSON("j") AS "j" FROM "t"'
    'UPDATE "t" SET "W" = s."w" FROM (SELECT 1 AS "k", 2.50 AS "w") AS s WHERE "t"."id" = s."k"'
    'DELETE FROM "t" USING (SELECT 3 AS "k") AS s WHERE "t"."id" = s."k"'
    "SELECT SUBSTR(\"v\", 1, 1), POSITION('.' IN \"v\"), CHARINDEX('.', \"v\"), REPLACE(\"v\", '.', '\\\\'), \"v\" || 'x', NULLIF(\"v\", 'a.b'), \"v\" LIKE '!%x!_' ESCAPE '!', COALESCE(\"W\", 0) FROM \"t\" ORDER BY \"id\""
    'SELECT "id", "j" FROM "v" ORDER BY "id" DESC'
    "SELECT TABLE_NAME, TABLE_TYPE, COMMENT FROM \"CDC\".INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = '$SCHEMA' ORDER BY TABLE_NAME"
    "SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE, IS_NULLABLE, COMMENT FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = '$SCHEMA' AND TABLE_NAME = 't' ORDER BY ORDINAL_POSITION"
    "SELECT \"id\" FROM \"t\" QUALIFY ROW_NUMBER() OVER (PARTITION BY 1 ORDER BY \"id\" DESC) = 1"
    "INSERT INTO \"t\" (\"id\") SELECT 9 WHERE NOT EXISTS (SELECT 1 FROM \"t\" WHERE \"id\" = 9)"
    'DROP VIEW IF EXISTS "v"' 'DROP TABLE "t"' 'DROP TABLE IF EXISTS "t"'
  )
  ask "${all[@]}" >said
  [[ $(sed -n 13p said | jq -c .rows) == '[["a","2","2","a\\b","a.bx",null,"false","2.50"],["%","0","0","%x_","%x_x","%x_","true","0.00"]]' ]]
  [[ $(sed -n 14p said | jq -c .rows) == '[["2",null],["1","{\"a\": 1.10}"]]' ]]
  [[ $(sed -n 15p said | jq -c .rows) == '[["t","BASE TABLE","it'"'"'s \\ a table"],["v","VIEW",null]]' ]]
  [[ $(sed -n 16p said | jq -c .rows) == '[["id","NUMBER","38","0","NO",null],["v","TEXT",null,null,"YES",null],["j","TEXT",null,null,"YES",null],["W","NUMBER","10","2","YES","a column"],["y","TEXT",null,null,"YES",null]]' ]]
  [[ $(sed -n 17p said | jq -c .rows) == '[["2"]]' ]]
  [[ $(sed -n 18p said | jq -c .inserted) == 1 ]]
}

@test "what was committed is there after the double was killed" {
  ask 'CREATE TABLE "t" ("id" NUMBER(38,0))' 'INSERT INTO "t" VALUES (1)' >/dev/null
  kill -KILL "$SNOWFLAKE_DOUBLE_PID"
  run -75 --separate-stderr sf --attempts 2 --one <<<'SELECT 1'
  private-snowflake again "$SF"
  [[ $(rows 'SELECT "id" FROM "t"') == '[["1"]]' ]]
}
