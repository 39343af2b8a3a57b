#!/usr/bin/env bats
# bats file_tags=server
# pgcdc-read against a real server: every kind of change as its line, what is confirmed and what comes again,
# back-pressure, ends and refusals. Knows: the change stream as jq sees it. Must not know: any filter behind the reader.

# shellcheck disable=SC2154 # bats sets stderr
load cluster

bats_require_minimum_version 1.5.0

setup_file() {
  set -o pipefail
  cluster_start -o wal_sender_timeout=5s -o max_prepared_transactions=5
}
teardown_file() { cluster_remove; }

setup() {
  set -o pipefail
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "d$BATS_TEST_NUMBER"
  # Slots belong to the cluster: each test has its own.
  slot=s$BATS_TEST_NUMBER
  READ=(pgcdc-read --source test --slot "$slot" --publication p --spool "$BATS_TEST_TMPDIR/spool")
  export PGDATABASE
  reader=
}
teardown() {
  if [[ -n $reader ]]; then kill -9 "$reader" 2>/dev/null || true; fi
  if [[ -n ${writer:-} ]]; then kill -9 "$writer" 2>/dev/null || true; fi
  wait
}

# A publication and a slot, after the statements given.
publish() {
  (($# == 0)) || sql "$@"
  sql 'CREATE PUBLICATION p FOR ALL TABLES'
  pgcdc-slot create --slot "$slot" --publication p >/dev/null
}

# What a read until now gives of the lines that are rows, without positions: jq FILTER over each.
rows() { "${READ[@]}" --until now | jq -c "select(.op | test(\"^[cudt]$\")) | ${1:-del(.lsn, .ts, .xid, .seq, .table)}"; }

ends() { jq -r 'select(.op == "commit").end' "$1"; }

@test "insert, update, delete and truncate are lines in the order of the log, closed by their commits" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v text)'
  sql "INSERT INTO t VALUES (1, 'a'), (2, 'b')" "UPDATE t SET v = 'c' WHERE id = 1; DELETE FROM t WHERE id = 2" 'TRUNCATE t'
  "${READ[@]}" --until now >out
  [[ $(jq -r .op out | tr '\n' ' ') == 'source schema c c commit u d commit t commit '* ]]
  [[ $(jq -c 'select(.op == "c") | [.seq, .after, .before]' out) == $'[0,{"id":1,"v":"a"},null]\n[1,{"id":2,"v":"b"},null]' ]]
  [[ $(jq -c 'select(.op == "u") | [.seq, .after, .before, .unchanged]' out) == '[0,{"id":1,"v":"c"},null,null]' ]]
  [[ $(jq -c 'select(.op == "d") | [.seq, .before, .after]' out) == '[1,{"id":2},null]' ]]
  [[ $(jq -c 'select(.op == "t") | [.seq, .table]' out) == '[0,"public.t"]' ]]
  [[ $(jq -c 'select(.op == "commit") | [.rows, .read_rows]' out | tr '\n' ' ') == '[2,2] [2,2] [1,1] ' ]]
}

@test "a row's lsn is its commit's, below the commit's end, and both go up" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'INSERT INTO t VALUES (1)' 'INSERT INTO t VALUES (2), (3)'
  "${READ[@]}" --until now >out
  jq -es 'map(select(.op == "c" or .op == "commit")) | [.[].lsn] == ([.[].lsn] | sort) and (map(select(.op == "commit")) | all(.lsn < .end))' out
  [[ $(jq -r 'select(.op == "c").lsn' out | sort -u) == "$(jq -r 'select(.op == "commit").lsn' out | sort -u)" ]]
}

@test "every identity: default, index, full, and none for inserts" {
  publish 'CREATE TABLE d (id int PRIMARY KEY, v text)' \
    'CREATE TABLE i (a int NOT NULL, b int NOT NULL, v text); CREATE UNIQUE INDEX i_key ON i (b); ALTER TABLE i REPLICA IDENTITY USING INDEX i_key' \
    'CREATE TABLE f (id int PRIMARY KEY, v text); ALTER TABLE f REPLICA IDENTITY FULL' 'CREATE TABLE n (v text)'
  sql "INSERT INTO d VALUES (1, 'x'); UPDATE d SET id = 2; DELETE FROM d" \
    "INSERT INTO i VALUES (1, 10, 'x'); UPDATE i SET b = 20; DELETE FROM i" \
    "INSERT INTO f VALUES (1, NULL); UPDATE f SET v = 'y'; DELETE FROM f" "INSERT INTO n VALUES ('only')"
  rows >out
  cat >expected <<'LINES'
{"op":"c","after":{"id":1,"v":"x"}}
{"op":"u","after":{"id":2,"v":"x"},"before":{"id":1}}
{"op":"d","before":{"id":2}}
{"op":"c","after":{"a":1,"b":10,"v":"x"}}
{"op":"u","after":{"a":1,"b":20,"v":"x"},"before":{"b":10}}
{"op":"d","before":{"b":20}}
{"op":"c","after":{"id":1,"v":null}}
{"op":"u","after":{"id":1,"v":"y"},"before":{"id":1,"v":null}}
{"op":"d","before":{"id":1,"v":"y"}}
{"op":"c","after":{"v":"only"}}
LINES
  diff expected out
  "${READ[@]}" --until now | jq -r 'select(.op == "schema") | "\(.table) \(.identity)"' >identities
  diff - identities <<<$'public.d default\npublic.i index\npublic.f full\npublic.n default'
}

@test "a toasted value that did not change is named as unchanged, never null" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v int, big text, other text)' 'ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL' \
    "INSERT INTO t VALUES (1, 1, repeat('x', 20000), repeat('y', 20000))"
  sql 'UPDATE t SET v = 2' 'UPDATE t SET id = 9' 'UPDATE t SET big = NULL'
  rows >out
  cat >expected <<'LINES'
{"op":"u","after":{"id":1,"v":2},"unchanged":["big","other"]}
{"op":"u","after":{"id":9,"v":2},"before":{"id":1},"unchanged":["big","other"]}
{"op":"u","after":{"id":9,"v":2,"big":null},"unchanged":["other"]}
LINES
  diff expected out
}

@test "under full identity a toasted value is filled from the old row" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v int, big text)' 'ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE t ALTER big SET STORAGE EXTERNAL' \
    "INSERT INTO t VALUES (1, 1, repeat('x', 20000))"
  sql 'UPDATE t SET v = 2'
  [[ $(rows '[.op, .after.v, (.after.big | length), .before.v, (.before.big | length), .unchanged]') == '["u",2,20000,1,20000,null]' ]]
}

@test "a toasted key that did not change is no change of the key, and stands in the row" {
  publish 'CREATE TABLE t (k text PRIMARY KEY, v int); ALTER TABLE t ALTER k SET STORAGE EXTERNAL' \
    "INSERT INTO t SELECT string_agg(chr(33 + (i * 7919 % 90)), '') , 1 FROM generate_series(1, 2400) i"
  sql 'UPDATE t SET v = 2'
  [[ $(rows '[.op, (.after.k | length), .after.v, .before, .unchanged]') == '["u",2400,2,null,null]' ]]
}

@test "names are quoted as PostgreSQL quotes them, in every place" {
  publish 'CREATE SCHEMA "S s"; CREATE TABLE "S s"."Odd.""Name" ("Id x" int PRIMARY KEY, "a""b" text, "\" text, "üñ" int)'
  sql "INSERT INTO \"S s\".\"Odd.\"\"Name\" VALUES (1, 'x', 'y', 2)"
  "${READ[@]}" --until now >out
  [[ $(jq -r 'select(.op == "c").table' out) == '"S s"."Odd.""Name"' ]]
  [[ $(jq -c 'select(.op == "c").after' out) == '{"Id x":1,"a\"b":"x","\\":"y","üñ":2}' ]]
}

@test "values have one text whatever the role's settings are" {
  sql 'CREATE ROLE odd LOGIN REPLICATION' "ALTER ROLE odd SET DateStyle = 'German'" "ALTER ROLE odd SET TimeZone = 'Asia/Kolkata'" \
    "ALTER ROLE odd SET IntervalStyle = 'sql_standard'" "ALTER ROLE odd SET bytea_output = 'escape'" 'ALTER ROLE odd SET extra_float_digits = -5'
  publish 'CREATE TABLE t (id int PRIMARY KEY, ts timestamptz, d date, i interval, b bytea, f float8, big int8, n numeric)'
  sql "INSERT INTO t VALUES (1, '2024-02-29 12:00:00.5+02', '2024-02-29', '1 year 2 days -3 hours', '\\x00ff', 0.1::float8 + 0.2::float8, 9007199254740993, 'NaN')"
  PGUSER=odd "${READ[@]}" --until now | jq -c 'select(.op == "c").after' >out
  diff - out <<<'{"id":1,"ts":"2024-02-29T10:00:00.500000Z","d":"2024-02-29","i":"P1Y2DT-3H","b":"AP8=","f":0.30000000000000004,"big":"9007199254740993","n":"NaN"}'
  sql 'DROP ROLE odd'
}

@test "a schema line comes again only when the shape differs, with the next version" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v text)'
  sql 'INSERT INTO t VALUES (1)' 'ANALYZE t' 'INSERT INTO t VALUES (2)' 'ALTER TABLE t ADD w int' 'INSERT INTO t VALUES (3)'
  "${READ[@]}" --until now | jq -c 'select(.op == "schema") | [.version, [.columns[].name]]' >out
  diff - out <<<$'[1,["id","v"]]\n[2,["id","v","w"]]'
}

@test "rows of partitions bear the root when the publication says so" {
  sql 'CREATE TABLE r (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)' \
    "CREATE TABLE r1 PARTITION OF r FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')" \
    'CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root)'
  pgcdc-slot create --slot "$slot" --publication p >slot.json
  sql "INSERT INTO r VALUES (1, '2024-05-05')"
  [[ $("${READ[@]}" --until now | jq -r 'select(.op == "c").table') == public.r ]]
}

@test "--until now ends also on an idle server, and passes the position down" {
  publish
  sql 'CREATE TABLE noise (x int)' 'SELECT pg_switch_wal()'
  timeout 10 "${READ[@]}" --until now >out
  # One heartbeat, or two when the server moved on meanwhile.
  [[ $(jq -r .op out | tr '\n' ' ') =~ ^source\ (heartbeat\ )+$ ]]
  [[ $(jq -r 'select(.op == "heartbeat").end' out | head -n 1) > $(jq -r 'select(.op == "source").start' out) ]]
}

@test "--until a position leaves out what was committed behind it" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'INSERT INTO t VALUES (1)'
  middle=$(current_lsn)
  sql 'INSERT INTO t VALUES (2)'
  [[ $("${READ[@]}" --until "$middle" | jq -c 'select(.op == "c").after.id') == 1 ]]
}

@test "--start skips what was committed before it, and a position before the slot's own is moved forward and told" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'INSERT INTO t VALUES (1)'
  "${READ[@]}" --until now >all
  sql 'INSERT INTO t VALUES (2)'
  [[ $("${READ[@]}" --until now --start "$(ends all | tail -n 1)" | jq -c 'select(.op == "c").after.id') == 2 ]]
  "${READ[@]}" --until now --start 0/1 >early
  [[ $(jq -r 'select(.op == "source").start' early) == $(jq -r 'select(.op == "source").start' all) ]]
  run -78 --separate-stderr "${READ[@]}" --until now --start FFFF/0
  [[ $stderr == *err=beyond_log* ]]
}

@test "without an ack file the slot never moves" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  before=$(confirmed_lsn "$slot")
  sql 'INSERT INTO t VALUES (1)'
  "${READ[@]}" --until now >first
  "${READ[@]}" --until now >second
  [[ $(confirmed_lsn "$slot") == "$before" ]]
  diff <(jq -c 'select(.op == "c")' first) <(jq -c 'select(.op == "c")' second)
}

# A far end that makes every commit and heartbeat durable: what it got is in FILE, what it acks in the file ack.
durable_end() {
  local line run=
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$1"
    case $line in
    '{"op":"source"'*) run=$(jq -r .run <<<"$line") ;;
    '{"op":"commit"'* | '{"op":"heartbeat"'*)
      jq -r --arg run "$run" '"\(.end) \($run)"' <<<"$line" >ack.new
      mv ack.new ack
      ;;
    esac
  done
}

@test "an ack of this run moves the slot, and what was acked does not come again" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'INSERT INTO t VALUES (1)'
  "${READ[@]}" --until now --ack ack | durable_end out
  [[ $(jq -c 'select(.op == "c").after.id' out) == 1 ]]
  sql 'INSERT INTO t VALUES (2)'
  "${READ[@]}" --until now --ack ack | durable_end out2
  [[ $(jq -c 'select(.op == "c").after.id' out2) == 2 ]]
  [[ $(jq -r 'select(.op == "source").start' out2) == $(jq -r 'select(.end).end' out | tail -n 1) ]]
}

@test "an ack of another run, or one that is no ack, confirms nothing" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  before=$(confirmed_lsn "$slot")
  sql 'INSERT INTO t VALUES (1)'
  for text in 'FFFFFFFF/FFFFFFFF 0123456789abcdef0123456789abcdef' 'FFFFFFFF/FFFFFFFF' 'nonsense' ''; do
    echo "$text" >ack
    "${READ[@]}" --ack ack >out &
    reader=$!
    wait_until 10 grep -q '"op":"commit"' out
    # A status update of a second later has looked at the file, and would have moved the slot.
    then=$(sql "SELECT clock_timestamp() + '1 s'")
    wait_until 10 sql_says t "SELECT reply_time > '$then' FROM pg_stat_replication JOIN pg_replication_slots ON pid = active_pid WHERE slot_name = '$slot'"
    kill -9 "$reader"
    wait "$reader" || true # lint: it was killed
    wait_until 10 sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$slot'"
    [[ $(confirmed_lsn "$slot") == "$before" ]]
  done
}

@test "an ack beyond what was sent in this run confirms only what was sent" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'INSERT INTO t VALUES (1)'
  "${READ[@]}" --ack ack >out &
  reader=$!
  wait_until 10 grep -q '"op":"commit"' out
  echo "FFFFFFFF/FFFFFFFF $(jq -r 'select(.run).run' out)" >ack.new
  mv ack.new ack
  wait_until 10 sql_says t "SELECT confirmed_flush_lsn >= '$(ends out)' FROM pg_replication_slots WHERE slot_name = '$slot'"
  kill -TERM "$reader"
  wait "$reader"
  reader=
  sql_says t "SELECT confirmed_flush_lsn <= pg_current_wal_lsn() FROM pg_replication_slots WHERE slot_name = '$slot'"
  sql 'INSERT INTO t VALUES (2)'
  [[ $("${READ[@]}" --until now | jq -c 'select(.op == "c").after.id') == 2 ]]
}

@test "a consumer that dies before reading a byte loses nothing, and the reader's parent sees a broken pipe" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'INSERT INTO t SELECT generate_series(1, 1000)'
  run -0 bash -c "${READ[*]} --ack ack | true; echo \${PIPESTATUS[0]}"
  [[ $output == 141 ]]
  [[ $(rows '1' | wc -l) == 1000 ]]
}

@test "a broken pipe is noticed also when there is nothing to write" {
  publish
  mkfifo pipe
  "${READ[@]}" >pipe &
  reader=$!
  head -n 1 <pipe >first
  [[ -s first ]]
  status=0
  wait "$reader" || status=$?
  reader=
  ((status == 141))
}

@test "after kill -9 everything unconfirmed comes again, also of a transaction that was open before" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, who text)'
  # A is open, B commits and is consumed and acked, the reader dies, then A commits.
  mkfifo hold
  psql -XqAt <hold &
  writer=$!
  exec 7>hold
  echo "BEGIN; INSERT INTO t SELECT i, 'a' FROM generate_series(1, 100) i; SELECT pg_notify('x', '');" >&7
  wait_until 10 sql_says 1 "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND granted AND pid <> pg_backend_pid()"
  sql "INSERT INTO t VALUES (1000, 'b')"
  "${READ[@]}" --ack ack > >(durable_end first) &
  reader=$!
  wait_until 10 grep -q '"who":"b"' first
  wait_until 10 sql_says t "SELECT confirmed_flush_lsn >= '$(jq -r 'select(.op == "commit").end' first | tail -n 1)' FROM pg_replication_slots WHERE slot_name = '$slot'"
  kill -9 "$reader"
  wait "$reader" || true # lint: it was killed
  reader=
  echo 'COMMIT;' >&7
  exec 7>&-
  wait "$writer"
  wait_until 10 sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$slot'"
  [[ $("${READ[@]}" --until now | jq -c 'select(.op == "c").after.who' | sort | uniq -c | tr -s ' ') == ' 100 "a"' ]]
}

@test "SIGTERM ends at a commit with exit 0, and a second reader can start at once" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  "${READ[@]}" >out &
  reader=$!
  sql 'INSERT INTO t SELECT generate_series(1, 50000)'
  wait_until 10 grep -q '"op":"c"' out
  kill -TERM "$reader"
  wait "$reader"
  reader=
  [[ $(tail -n 1 out | jq -r .op) == commit ]]
  "${READ[@]}" --until now >again
  [[ $(grep -c '"op":"c"' again) == 50000 ]]
}

@test "a stalled consumer does not cost the connection: the reader replies, and spools what does not fit" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v text)'
  sql "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i"
  mkfifo pipe
  "${READ[@]}" --until now --metrics metrics >pipe 2>log &
  reader=$!
  exec 8<pipe
  # Longer than twice the server's timeout of 5 s, in which nobody reads the pipe.
  wait_until 40 test -s metrics
  wait_until 20 sql_says t "SELECT now() - backend_start > '12 s' FROM pg_stat_replication WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot')"
  wait_until 20 grep -qE '^cdc_read_spooled_bytes.* [1-9]' metrics
  # The folder was not there.
  [[ $(stat -c %a spool) == 700 ]]
  cat <&8 >out
  exec 8<&-
  wait "$reader"
  reader=
  [[ $(grep -c '"op":"c"' out) == 100000 ]]
  [[ $(jq -c 'select(.op == "commit").rows' out) == 100000 ]]
  [[ ! -s log ]]
}

@test "at the spool's limit the reader closes the connection and says retry" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v text)'
  sql "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i"
  mkfifo pipe
  "${READ[@]}" --max-bytes 4MiB >pipe 2>log &
  reader=$!
  exec 8<pipe
  status=0
  wait "$reader" || status=$?
  reader=
  exec 8<&-
  ((status == 75))
  grep -q err=spool_full log
  wait_until 10 sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$slot'"
}

@test "a full disk behind standard output is exit 75" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'INSERT INTO t VALUES (1)'
  run -75 --separate-stderr bash -c "${READ[*]} --until now >/dev/full"
  [[ $stderr == *err=disk_full* ]]
}

@test "a busy neighbour database moves the slot of an idle one" {
  publish
  before=$(current_lsn)
  "${READ[@]}" --ack ack 2>log > >(durable_end out) &
  reader=$!
  psql -Xq -d postgres -c 'CREATE TABLE IF NOT EXISTS noise (x text)' -c "INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 5000)"
  wait_until 15 sql_says t "SELECT confirmed_flush_lsn - '$before'::pg_lsn > 4000000 FROM pg_replication_slots WHERE slot_name = '$slot'"
  [[ $(jq -r .op out | sort -u | tr '\n' ' ') == 'heartbeat source ' ]]
}

@test "a server that shuts down is let go soon, and the reader says retry" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'INSERT INTO t VALUES (1)'
  "${READ[@]}" >out 2>log &
  reader=$!
  wait_until 10 grep -q '"op":"commit"' out
  local begin=$SECONDS
  cluster_stop fast
  ((SECONDS - begin < 20))
  status=0
  wait "$reader" || status=$?
  reader=
  cluster_start -o wal_sender_timeout=5s -o max_prepared_transactions=5
  ((status == 75))
}

@test "a server that is killed is noticed, and the reader says retry" {
  publish
  "${READ[@]}" >out 2>log &
  reader=$!
  wait_until 10 test -s out
  sql 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active'
  status=0
  wait "$reader" || status=$?
  reader=
  ((status == 75))
  grep -q 'err=sqlstate_57P01 class=retry' log
}

@test "a database without an encoding is refused" {
  psql -Xq -d postgres -c "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
  run -78 --separate-stderr env PGDATABASE=ascii "${READ[@]}"
  [[ $stderr == *err=no_encoding* && -z $output ]]
}

@test "what cannot be read is refused with the command that repairs it" {
  publish
  run -78 --separate-stderr pgcdc-read --source x --slot nosuch --publication p
  [[ $stderr == *err=slot_missing*'pgcdc-slot create'* && -z $output ]]
  run -78 --separate-stderr pgcdc-read --source x --slot "$slot" --publication nosuch
  [[ $stderr == *err=publication_missing*'CREATE PUBLICATION'* && -z $output ]]
  sql "SELECT pg_create_physical_replication_slot('physical')"
  run -78 --separate-stderr pgcdc-read --source x --slot physical --publication p
  [[ $stderr == *err=slot_physical* && -z $output ]]
  sql "SELECT pg_create_logical_replication_slot('twophase', 'pgoutput', false, true)"
  run -78 --separate-stderr pgcdc-read --source x --slot twophase --publication p
  [[ $stderr == *err=slot_two_phase* && -z $output ]]
  sql "SELECT pg_create_logical_replication_slot('plugin', 'test_decoding')"
  run -78 --separate-stderr pgcdc-read --source x --slot plugin --publication p
  [[ $stderr == *err=slot_plugin* && -z $output ]]
  psql -Xq -d postgres -c 'CREATE PUBLICATION p'
  run -78 --separate-stderr env PGDATABASE=postgres pgcdc-read --source x --slot "$slot" --publication p
  [[ $stderr == *err=slot_foreign* && -z $output ]]
  psql -Xq -d postgres -c 'DROP PUBLICATION p'
  sql "SELECT pg_drop_replication_slot(s) FROM unnest('{physical,twophase,plugin}'::text[]) s"
}

@test "a slot that somebody else reads is retried" {
  publish
  "${READ[@]}" >out &
  reader=$!
  wait_until 10 test -s out
  run -75 --separate-stderr "${READ[@]}"
  [[ $stderr == *err=sqlstate_55006* && -z $output ]]
}

@test "a publication that did not exist when the rows were written is refused" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql 'DROP PUBLICATION p' 'INSERT INTO t VALUES (1)' 'CREATE PUBLICATION p FOR ALL TABLES'
  run -78 --separate-stderr "${READ[@]}" --until now
  # 18 would go on without its rows, with a warning.
  if server_at_least 180000; then
    [[ $stderr == *err=publication_skipped*class=refused*'pgcdc-slot drop'* ]]
  else
    [[ $stderr == *err=publication_missing*class=refused*'pgcdc-slot drop'* ]]
  fi
  [[ $(jq -r .op <<<"$output" | sort -u | paste -sd' ') =~ ^(heartbeat )?source$ ]]
}

@test "a lost slot is refused" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'" 'SELECT pg_reload_conf()'
  for _ in 1 2 3 4; do sql 'INSERT INTO t SELECT i FROM generate_series(1, 1000) i; DELETE FROM t' 'SELECT pg_switch_wal()' CHECKPOINT; done
  sql_says lost "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$slot'"
  run -78 --separate-stderr "${READ[@]}" --until now
  sql 'ALTER SYSTEM RESET max_slot_wal_keep_size' 'SELECT pg_reload_conf()'
  [[ $stderr == *err=slot_lost*'pgcdc-snapshot'* ]]
}

@test "a slot that the server gave up because nobody read it is refused" {
  missing_before 180000 "SHOW idle_replication_slot_timeout" && return
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  sql "ALTER SYSTEM SET idle_replication_slot_timeout = '1s'" 'SELECT pg_reload_conf()'
  is_given_up() { sql CHECKPOINT && sql_says idle_timeout "SELECT invalidation_reason FROM pg_replication_slots WHERE slot_name = '$slot'"; }
  wait_until 20 is_given_up
  run -78 --separate-stderr "${READ[@]}" --until now
  sql 'ALTER SYSTEM RESET idle_replication_slot_timeout' 'SELECT pg_reload_conf()'
  [[ $stderr == *err=slot_lost*'pgcdc-snapshot'* && -z $output ]]
}

@test "a role without REPLICATION, or with a wrong password, is denied and no password is told" {
  publish
  sql "CREATE ROLE plain LOGIN PASSWORD 'hunter2'"
  run -77 --separate-stderr env PGUSER=plain "${READ[@]}"
  [[ $stderr == *class=denied* ]]
  run -77 --separate-stderr "${READ[@]}" --dsn "host=127.0.0.1 port=$PGPORT user=plain password=hunter3 dbname=$PGDATABASE"
  [[ $stderr == *class=denied* && $stderr != *hunter* ]]
  sql 'DROP ROLE plain'
}

@test "bad options are usage and open nothing" {
  run -64 --separate-stderr pgcdc-read --source x --slot s --publication p --until soon
  [[ $stderr == *err=bad_until* ]]
  run -64 --separate-stderr pgcdc-read --source x --slot s --publication p --start x
  [[ $stderr == *err=bad_start* ]]
  run -64 --separate-stderr pgcdc-read --source x --slot s --publication p --dsn hunter2
  [[ $stderr == *err=bad_dsn* && $stderr != *hunter2* ]]
  run -64 --separate-stderr pgcdc-read --source x --publication p
  [[ $stderr == *err=missing_option* ]]
}

@test "a role with LOGIN REPLICATION and SELECT is enough" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v text)'
  sql 'CREATE ROLE reader LOGIN REPLICATION; GRANT SELECT ON t TO reader' "INSERT INTO t VALUES (1, 'a')"
  PGUSER=reader "${READ[@]}" --until now >out
  [[ $(jq -c 'select(.op == "schema") | [.columns[].bind]' out) == *'.1",'*'.2"]' ]]
  sql 'DROP OWNED BY reader; DROP ROLE reader'
}

@test "values are sent in binary where every type is known so, and a type that turns up makes it text, within a transaction too" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, n numeric, at timestamptz, tags text[])'
  sql "INSERT INTO t VALUES (1, 1.50, '2026-01-02 03:04:05+00', '{a,NULL}')" \
    "BEGIN; INSERT INTO t VALUES (2, 'NaN', 'infinity', '{}'); CREATE TABLE odd (id int PRIMARY KEY, acl aclitem, many aclitem[]);
     INSERT INTO odd VALUES (1, NULL, NULL); INSERT INTO t VALUES (3, 2, NULL, NULL); INSERT INTO odd VALUES (2, NULL, '{postgres=r/postgres}');
     INSERT INTO t VALUES (4, 3, NULL, NULL); COMMIT" "DROP TABLE odd" "INSERT INTO t VALUES (5, 4, NULL, NULL)"
  "${READ[@]}" --until now --verbose >out 2>log
  grep -q 'err=sqlstate_42883\|err=binary_unknown' log
  [[ $(grep -c 'asked for text' log) == 1 ]]
  [[ $(jq -c 'select(.op == "c") | [.table, .after.id, .seq]' out | paste -sd' ' -) == '["public.t",1,0] ["public.t",2,0] ["public.odd",1,1] ["public.t",3,2] ["public.odd",2,3] ["public.t",4,4] ["public.t",5,0]' ]]
  [[ $(jq -c 'select(.op == "commit") | .rows' out | paste -sd' ' -) == '1 5 1' ]]
  [[ $(jq -c 'select(.op == "c" and .table == "public.t").after' out | head -n 2 | paste -sd' ' -) == '{"id":1,"n":"1.50","at":"2026-01-02T03:04:05.000000Z","tags":["a",null]} {"id":2,"n":"NaN","at":"infinity","tags":[]}' ]]
  # The same slot again, and now only what is known: not a word, and the same lines.
  sql "CREATE TABLE acls (id int PRIMARY KEY, a aclitem[])"
  "${READ[@]}" --until now --verbose >text 2>log
  grep -q 'msg="values come as text' log
  diff <(jq -c 'select(.op == "c")' out) <(jq -c 'select(.op == "c")' text)
}
