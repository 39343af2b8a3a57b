#!/usr/bin/env bats
# bats file_tags=server
# The whole way: a real server, every program in one pipe, a warehouse that equals the source; and the same warehouse whatever
# is put into the joints (tee, jq), with files instead of pipes, and as a cron job.
# Knows: the programs by name, the pipeline file. Must not know: what a program does between its two ends.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster
load ../fault/pipeline

TABLES=(public.customer public.orders public.order_line public.event public.note 'public."Odd.Name"')

setup_file() {
  cluster_start
  fresh_database shop
  # One source for all tests of this file: its rows are copied first, its changes wait behind the slot. A look without an ack
  # leaves them there, so each test reads the same.
  sql 'CREATE TABLE customer (id int PRIMARY KEY, email text, city text, since timestamptz, balance numeric(12,2), tags text[], prefs jsonb, vip boolean)' \
    'CREATE TABLE orders (id bigint PRIMARY KEY, customer int, placed date, total numeric, weight float8, photo bytea, peer inet)' \
    'CREATE TABLE order_line (orders bigint, line smallint, product text, units int, PRIMARY KEY (orders, line))' \
    'CREATE TABLE event (id uuid PRIMARY KEY, kind text, at timestamp, span interval, data json)' \
    'CREATE TABLE note (id int PRIMARY KEY, text text)' 'ALTER TABLE note REPLICA IDENTITY FULL, ALTER text SET STORAGE EXTERNAL' \
    'CREATE TABLE "Odd.Name" ("Key" text PRIMARY KEY, "select" int, "ä ö" text)' \
    'CREATE PUBLICATION pgcdc FOR ALL TABLES'
  sql "INSERT INTO customer SELECT n, 'user' || n || '@example.org', (ARRAY['Bern', 'Köln', NULL])[1 + n % 3], '2020-01-01Z'::timestamptz + n * interval '1 day',
         n * 1.25, ARRAY[n::text, NULL, '\"'], jsonb_build_object('n', n, 'deep', jsonb_build_array(1, null, 'x')), n % 2 = 0 FROM generate_series(1, 200) AS n" \
    "INSERT INTO orders SELECT n, 1 + n % 200, date '2026-01-01' + n % 300, n / 3.0, n / 7.0, decode(md5(n::text), 'hex'), '10.0.0.1' FROM generate_series(1, 500) AS n" \
    "INSERT INTO order_line SELECT n, l, 'product ' || l, n % 5 FROM generate_series(1, 500) AS n, generate_series(1, 2) AS l" \
    "INSERT INTO note SELECT n, repeat(md5(n::text), 200) FROM generate_series(1, 20) AS n" \
    "INSERT INTO \"Odd.Name\" VALUES ('one', 1, 'a'), ('Two', 2, 'b')"
  export ROOM=$BATS_FILE_TMPDIR/room
  mkdir "$ROOM"
  pipeline_make "$ROOM"
  pipeline_begin "$ROOM"
  changes
  # The stream as it is, once; and what the plain way makes of it.
  pgcdc-read --config "$ROOM/pipeline.ini" --until now --ack '' >"$ROOM/stream"
  variant plain cat cat cat
}
teardown_file() { cluster_remove; }

# Every kind of change, in many transactions.
changes() {
  sql "BEGIN; INSERT INTO orders SELECT n, 7, '2026-11-01', n * 1.1, 1e-7 * n, NULL, '::1' FROM generate_series(501, 600) AS n;
       INSERT INTO order_line SELECT n, 1, E'tab\\tquote\" back\\\\ line\\n', 3 FROM generate_series(501, 600) AS n; COMMIT" \
    "UPDATE customer SET balance = balance * 2 WHERE id <= 50" "DELETE FROM order_line WHERE orders BETWEEN 10 AND 20" \
    "UPDATE orders SET id = id + 10000 WHERE id BETWEEN 30 AND 40" "UPDATE note SET id = id + 100 WHERE id > 15" \
    "UPDATE note SET text = NULL WHERE id = 3" "UPDATE note SET text = repeat('ü', 9000) WHERE id = 4" \
    "BEGIN; DELETE FROM customer WHERE id = 60; INSERT INTO customer (id, email) VALUES (60, 'again@example.org'); COMMIT" \
    "BEGIN; UPDATE orders SET id = -1 WHERE id = 1; UPDATE orders SET id = 1 WHERE id = 2; UPDATE orders SET id = 2 WHERE id = -1; COMMIT" \
    "BEGIN; SAVEPOINT a; DELETE FROM customer; ROLLBACK TO a; UPDATE customer SET city = 'Zürich' WHERE id = 61; COMMIT" \
    "INSERT INTO event SELECT md5(n::text)::uuid, 'kind', '2026-02-03 04:05:06.000007', '1 year -2 days 03:04:05.6', '{\"a\" : [1e3, \"\\u00e9\"]}' FROM generate_series(1, 30) AS n" \
    "TRUNCATE event" "INSERT INTO event VALUES (md5('x')::uuid, NULL, 'infinity', NULL, NULL), (md5('y')::uuid, 'y', '0044-03-15 BC', '0', 'null')" \
    "UPDATE \"Odd.Name\" SET \"Key\" = 'Three', \"ä ö\" = '🐘' WHERE \"Key\" = 'Two'" "UPDATE customer SET tags = '{{1,2},{3,NULL}}', prefs = NULL, vip = NULL WHERE id = 5"
}

# One warehouse made of the same copy and the same stream, with a program of its own in each joint.
#
# in  NAME JOINT JOINT JOINT   reader - mask - batch - stage-put; each is a command line that passes lines on
# out ROOM/NAME.db
variant() {
  local name=$1 work=$BATS_FILE_TMPDIR/$1
  mkdir "$work"
  cp -r "$ROOM/stage" "$work/stage"
  bash -o pipefail -c "cat '$ROOM/stream' | $2 | cdc-mask --config '$ROOM/pipeline.ini' | $3 |
    cdc-batch --config '$ROOM/pipeline.ini' --spool '$work/spool' --max-bytes 20kB | $4 |
    cdc-stage-put --stage '$work/stage' --ack '$work/ack'" || return
  cdc-load --config "$ROOM/pipeline.ini" --stage "$work/stage" --warehouse "sqlite:$ROOM/$name.db"
}

# The warehouse of a variant is the plain one, byte by byte.
same_as_plain() {
  warehouse_text "$ROOM/plain.db" >plain.text
  warehouse_text "$ROOM/$1.db" >"$1.text"
  [[ $(wc -l <plain.text) -gt 2000 ]]
  diff plain.text "$1.text"
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export PGDATABASE=shop
  export DSN="host=$PGHOST port=$PGPORT user=$PGUSER dbname=shop"
}

@test "what went through the whole pipe equals the source, table by table" {
  same_rows "$ROOM/plain.db" "${TABLES[@]}"
}

@test "a look with tee at any joint changes nothing" {
  variant tee "tee '$BATS_TEST_TMPDIR/1'" "tee '$BATS_TEST_TMPDIR/2'" "tee '$BATS_TEST_TMPDIR/3'"
  same_as_plain tee
  cmp 1 "$ROOM/stream"
  [[ -s 2 && -s 3 ]]
}

@test "jq at the joint behind the reader changes nothing in the warehouse" {
  variant jq1 'jq -c .' cat cat
  same_as_plain jq1
}

@test "jq at the joint behind the mask changes nothing in the warehouse" {
  variant jq2 cat 'jq -c .' cat
  same_as_plain jq2
}

@test "jq at the joint behind the batch changes nothing in the warehouse" {
  variant jq3 cat cat 'jq -c .'
  same_as_plain jq3
}

@test "jq and tee at all joints, and cuts at every few bytes, change nothing in the warehouse" {
  variant all 'jq -c . | tee /dev/null' 'dd bs=7 status=none | jq -c .' 'jq -c . | dd bs=11 status=none'
  same_as_plain all
}

@test "rows taken out on purpose are refused, unless cdc-batch is told" {
  local drop='jq -c '\''select(.table != "public.note" or .op == "schema")'\'
  run ! variant dropped cat "$drop" cat
  [[ $output == *'err=rows_off class=data'* ]]
  run -0 bash -o pipefail -c "cdc-mask --config '$ROOM/pipeline.ini' <'$ROOM/stream' | $drop | cdc-batch --edited --spool spool | jq -r '.files[]?.table'"
  [[ $output == *public.orders* && $output != *public.note* ]]
}

@test "files between the steps instead of pipes make the same warehouse" {
  local work=$BATS_FILE_TMPDIR/files
  mkdir "$work"
  cp -r "$ROOM/stage" "$work/stage"
  cdc-mask --config "$ROOM/pipeline.ini" <"$ROOM/stream" >masked
  cdc-batch --config "$ROOM/pipeline.ini" --spool spool --max-bytes 20kB <masked >manifests
  # Hours may lie between the steps: the files of the spool wait for whoever reads the manifests.
  [[ $(find spool -name '*.zst' -o -type f -size +0 | wc -l) -gt 5 ]]
  cdc-stage-put --stage "$work/stage" <manifests
  [[ $(find spool -type f -size +0 | wc -l) == 0 ]]
  cdc-load --config "$ROOM/pipeline.ini" --stage "$work/stage" --warehouse "sqlite:$ROOM/files.db"
  same_as_plain files
}

@test "the stage read back as a stream makes the same rows in a second warehouse" {
  local work=$BATS_FILE_TMPDIR/again
  cdc-stage-get --stage "$BATS_FILE_TMPDIR/plain/stage" --copy | cdc-batch --spool spool | cdc-stage-put --stage "$work/stage"
  cdc-load --source shop --stage "$work/stage" --warehouse "sqlite:$ROOM/again.db"
  same_rows "$ROOM/again.db" "${TABLES[@]}"
}

@test "loading twice, and putting the same stream twice, changes nothing" {
  variant twice cat cat cat
  bash -o pipefail -c "cdc-mask --config '$ROOM/pipeline.ini' <'$ROOM/stream' | cdc-batch --spool spool --max-bytes 7kB |
    cdc-stage-put --stage '$BATS_FILE_TMPDIR/twice/stage'"
  cdc-load --config "$ROOM/pipeline.ini" --stage "$BATS_FILE_TMPDIR/twice/stage" --warehouse "sqlite:$ROOM/twice.db"
  cdc-load --config "$ROOM/pipeline.ini" --stage "$BATS_FILE_TMPDIR/twice/stage" --warehouse "sqlite:$ROOM/twice.db"
  same_as_plain twice
}

@test "as a cron job: each run brings what was committed since the one before, and the slot follows" {
  local run before
  fresh_database cron
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' 'CREATE PUBLICATION pgcdc FOR ALL TABLES'
  mkdir job
  SLOT=cron pipeline_make "$PWD/job"
  pgcdc-slot create --config job/pipeline.ini >/dev/null
  for run in 1 2 3 4; do
    before=$(current_lsn)
    sql "INSERT INTO t SELECT n, 'run $run' FROM generate_series($run * 100, $run * 100 + 9) AS n" "UPDATE t SET v = v || '.' WHERE id % 3 = 0" "DELETE FROM t WHERE id % 10 = $run"
    pipeline_pass "$PWD/job"
    same_rows job/warehouse.db public.t
    sql_says t "SELECT confirmed_flush_lsn >= '$before' FROM pg_replication_slots WHERE slot_name = 'cron'"
  done
  # A run with nothing to bring is one too.
  pipeline_pass "$PWD/job"
  [[ $(cdc-stage-get --config job/pipeline.ini | jq -r 'select(.op == "commit") | .lsn' | sort | uniq -d | wc -l) == 0 ]]
}

# Rows go from key to key, their long values unsent, until the file `enough` is there.
move_keys() {
  while [[ ! -e enough ]]; do
    echo 'UPDATE moved SET id = id + 1000 WHERE id = (SELECT min(id) FROM moved);'
    echo 'BEGIN; UPDATE moved SET id = -1 WHERE id = (SELECT max(id) FROM moved); UPDATE moved SET id = (SELECT max(id) + 1 FROM moved) WHERE id = -1; COMMIT;'
  done | psql -Xq >/dev/null
}

@test "copies taken while keys change know every long value, each at its own row" {
  local i writer
  fresh_database moving
  sql 'CREATE TABLE moved (id int PRIMARY KEY, name int, text text)' 'ALTER TABLE moved ALTER text SET STORAGE EXTERNAL' \
    "INSERT INTO moved SELECT n, n, repeat(md5(n::text), 100) FROM generate_series(1, 50) AS n" 'CREATE PUBLICATION pgcdc FOR ALL TABLES'
  mkdir job
  SLOT=moving pipeline_make "$PWD/job"
  pgcdc-slot create --config job/pipeline.ini >/dev/null
  move_keys 3>&- &
  writer=$!
  wait_until 20 sql_says t 'SELECT max(id) > 1050 FROM moved'
  for i in 1 2 3 4 5; do
    pgcdc-snapshot --config job/pipeline.ini | cdc-mask --config job/pipeline.ini | cdc-batch --spool spool | cdc-stage-put --stage "stage.$i"
  done
  touch enough
  wait "$writer"
  pgcdc-read --config job/pipeline.ini --until now --ack '' | cdc-mask --config job/pipeline.ini >masked
  for i in 1 2 3 4 5; do
    cdc-batch --spool spool <masked | cdc-stage-put --stage "stage.$i"
    cdc-load --source shop --stage "stage.$i" --warehouse "sqlite:$i.db"
    same_rows "$i.db" public.moved
    [[ $(warehouse_sql "$i.db" 'SELECT state || unknown_values FROM _cdc_freshness') == ready0 ]]
  done
}

@test "a question without red columns has the same answer from a masked warehouse as from the source" {
  local question expected
  POLICY=$(printf 'public.customer\t%s\n' $'id\tany\tgreen\tkeep\t-\t-' $'email\tany\torange\thash:email\t-\t-' $'city\tany\tyellow\tkeep\t-\t-' \
    $'balance\tany\tgreen\tkeep\t-\t-' $'vip\tany\tgreen\tkeep\t-\t-' $'prefs\tany\tred\tdrop\t-\t-'
  printf 'public.orders\t%s\n' $'id\tany\tgreen\tkeep\t-\t-' $'customer\tany\tgreen\tkeep\t-\t-' $'placed\tany\tgreen\tkeep\t-\t-' $'total\tany\tgreen\tkeep\t-\t-' $'peer\tany\torange\tnull\t-\t-')
  mkdir masked
  POLICY=$POLICY pipeline_make "$PWD/masked"
  sed -i 's/^clear = .*/clear = green,yellow/' masked/pipeline.ini
  pgcdc-snapshot --config masked/pipeline.ini 2>/dev/null | cdc-mask --config masked/pipeline.ini 2>said | cdc-batch --spool spool | cdc-stage-put --config masked/pipeline.ini
  cdc-mask --config masked/pipeline.ini <"$ROOM/stream" 2>>said | cdc-batch --spool spool >manifests
  sed -i 's@^ack = .*@@' masked/pipeline.ini
  cdc-stage-put --config masked/pipeline.ini <manifests
  cdc-load --config masked/pipeline.ini
  question='SELECT substr(CAST(placed AS text), 1, 7), count(*), sum(CASE WHEN vip THEN 1 ELSE 0 END), count(DISTINCT city), count(DISTINCT email)
    FROM orders LEFT JOIN customer ON customer.id = orders.customer GROUP BY 1 ORDER BY 1'
  expected=$(sql "$question")
  [[ $(wc -l <<<"$expected") -ge 10 ]]
  diff <(echo "$expected") <(warehouse_sql masked/warehouse.db "$question")
  # And no red or orange value is in any byte of the stage or the warehouse.
  find masked/stage -name '*.zst' -exec zstdcat {} + >all
  run ! grep -q 'example.org' all
  run ! grep -aq 'example.org' masked/warehouse.db
  run ! grep -q 'product 1\|deep' all
}
