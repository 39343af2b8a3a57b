#!/usr/bin/env bats
# bats file_tags=server
# Transactions that the server streams before they have ended (logical_decoding_work_mem is as small as it goes): they come
# out as if they had been sent whole at their commit. What a slot's copy read by SQL in protocol 1 says is what counts.
# Knows: the change stream as jq sees it. Must not know: any filter behind the reader.

# shellcheck disable=SC2154 # bats sets stderr
load cluster

bats_require_minimum_version 1.5.0

setup_file() {
  set -o pipefail
  cluster_start -o logical_decoding_work_mem=64kB -o max_prepared_transactions=5 -o wal_sender_timeout=5s
}
teardown_file() { cluster_remove; }

setup() {
  set -o pipefail
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "d$BATS_TEST_NUMBER"
  slot=s$BATS_TEST_NUMBER
  READ=(pgcdc-read --source test --slot "$slot" --publication p --spool "$BATS_TEST_TMPDIR" --verbose)
  sql 'CREATE TABLE t (id bigint PRIMARY KEY, who text, v text)' 'CREATE TABLE other (id int PRIMARY KEY)' \
    'CREATE PUBLICATION p FOR ALL TABLES'
  pgcdc-slot create --slot "$slot" --publication p >/dev/null
  mkfifo hold
}
teardown() {
  if [[ -n ${reader:-} ]]; then kill -9 "$reader" 2>/dev/null || true; fi
  wait
}

# How often the server streamed: a test that meets no streamed transaction would show nothing.
# 18 sees that a transaction was rolled back before it is read, and streams nothing of it.
rolled_back_too() { if server_at_least 180000; then echo 0; else echo 1; fi; }
streamed() { sql "SELECT stream_txns FROM pg_stat_replication_slots WHERE slot_name = '$slot'"; }

# rows INTO: id, who, seq and xid of each row line, and each transaction's count.
read_rows() { "${READ[@]}" --until now "${@:2}" >"$1.ndjson" 2>"$1.log" && jq -c 'select(.seq != null) | [.op, .lsn, .seq, .xid, .after // .before]' "$1.ndjson" >"$1"; }

# What the commits say against the rows that stand before them, for every transaction.
well_formed() {
  jq -nr 'reduce inputs as $l ({n: 0, bad: 0};
    if $l.seq != null then (if $l.seq != .n then .bad += 1 else . end) | .n += 1
    elif $l.op == "commit" then (if $l.rows != .n or $l.read_rows != .n then .bad += 1 else . end) | .n = 0
    else . end) | "\(.bad) \(.n)"' "$1.ndjson"
}

@test "a large transaction that was streamed is the same as one that was sent whole" {
  sql "INSERT INTO t SELECT i, 'a', repeat('x', 400) FROM generate_series(1, 60000) i" \
    'BEGIN; UPDATE t SET v = v || id WHERE id % 3 = 0; DELETE FROM t WHERE id % 5 = 0; INSERT INTO other VALUES (1); COMMIT'
  read_rows streamed
  wait_until 10 sql_says t "SELECT stream_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = '$slot'"
  # A spool without room for it: the server is asked for whole transactions, within the same run.
  read_rows whole --max-bytes 16MiB
  grep -q err=spool_full whole.log
  [[ $(wc -l <streamed) -gt 60000 ]]
  cmp streamed whole
  [[ $(well_formed streamed) == '0 0' && $(well_formed whole) == '0 0' ]]
}

@test "parts that were rolled back are not there, and a whole one that was rolled back is not" {
  sql "BEGIN;
       INSERT INTO t SELECT i, 'a', repeat('x', 300) FROM generate_series(1, 3000) i;
       SAVEPOINT one; INSERT INTO t SELECT i, 'gone', repeat('x', 300) FROM generate_series(3001, 6000) i; ROLLBACK TO one;
       SAVEPOINT two; INSERT INTO t SELECT i, 'b', repeat('x', 300) FROM generate_series(6001, 9000) i; RELEASE two;
       SAVEPOINT three; INSERT INTO t SELECT i, 'c', repeat('x', 300) FROM generate_series(9001, 12000) i;
         SAVEPOINT four; DELETE FROM t WHERE who = 'a'; ROLLBACK TO four; RELEASE three;
       COMMIT" \
    "BEGIN; INSERT INTO t SELECT i, 'never', repeat('x', 300) FROM generate_series(20001, 30000) i; ROLLBACK" \
    "INSERT INTO t VALUES (99999, 'last', '')"
  read_rows rows || { cat rows.log; false; }
  [[ $(jq -r '.[4].who' rows | sort | uniq -c | tr -s ' ' | paste -sd, -) == ' 3000 a, 3000 b, 3000 c, 1 last' ]]
  [[ $(well_formed rows) == '0 0' ]]
  [[ $(streamed) -ge $((1 + $(rolled_back_too))) ]]
}

@test "thousands of subtransactions, every second one rolled back" {
  sql "DO \$\$ BEGIN FOR i IN 1..10000 LOOP BEGIN
         INSERT INTO t VALUES (i, 'x', repeat('y', 100)); IF i % 2 = 0 THEN RAISE EXCEPTION 'no'; END IF;
         EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END \$\$"
  read_rows rows || { cat rows.log; false; }
  [[ $(wc -l <rows) == 5000 && $(well_formed rows) == '0 0' ]]
  [[ $(jq -r '.[4].id' rows | sort -n | cksum) == $(seq 1 2 9999 | cksum) ]]
  [[ $(streamed) -ge 1 ]]
}

# Each session waits for the other between its parts, so that their blocks interleave.
interleave() {
  local i name
  mkfifo in.a in.b in.c
  for name in a b c; do psql -XqAt -v ON_ERROR_STOP=1 <"in.$name" >/dev/null & done
  exec {a}>in.a {b}>in.b {c}>in.c
  local fd_of=([0]="$a" [1]="$b" [2]="$c")
  for i in 0 1 2; do echo "BEGIN;" >&"${fd_of[i]}"; done
  local part
  for part in 1 2 3 4; do
    for i in 0 1 2; do
      name=$(cut -c$((i + 1)) <<<abc)
      echo "INSERT INTO t SELECT $i * 100000 + $part * 10000 + j, '$name', repeat('z', 200) FROM generate_series(1, 1500) j;" >&"${fd_of[i]}"
      echo "SELECT pg_notify('done', '$name$part');" >&"${fd_of[i]}"
      wait_until 10 sql_says "$part" "SELECT count(DISTINCT query) * 0 + $part FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%''$name$part''%' HAVING count(*) = 1"
    done
    sql "INSERT INTO other VALUES ($part)"
  done
  echo 'COMMIT;' >&"$b"
  exec {b}>&-
  wait_until 10 sql_says 2 "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"
  echo 'ROLLBACK;' >&"$c"
  echo 'COMMIT;' >&"$a"
  exec {a}>&- {c}>&-
  wait
}

@test "several at a time: each comes whole, at its commit, between them the short ones" {
  interleave
  read_rows rows || { cat rows.log; false; }
  [[ $(jq -r '.[4].who // "short"' rows | uniq -c | tr -s ' ' | paste -sd, -) == ' 4 short, 6000 b, 6000 a' ]]
  [[ $(well_formed rows) == '0 0' && $(streamed) -ge $((2 + $(rolled_back_too))) ]]
}

@test "a table that changes inside of a streamed transaction, and in one that passes it by" {
  sql "BEGIN; INSERT INTO t SELECT i, 'a', repeat('x', 300) FROM generate_series(1, 2000) i;
       SAVEPOINT s; ALTER TABLE t ADD COLUMN no int; INSERT INTO t SELECT i, 'gone', repeat('x', 300), 1 FROM generate_series(2001, 4000) i; ROLLBACK TO s;
       INSERT INTO t SELECT i, 'b', repeat('x', 300) FROM generate_series(4001, 6000) i;
       ALTER TABLE t ADD COLUMN yes int; INSERT INTO t SELECT i, 'c', repeat('x', 300), 7 FROM generate_series(6001, 8000) i; COMMIT" \
    "INSERT INTO t VALUES (9001, 'd', '', 8)"
  read_rows rows || { cat rows.log; false; }
  [[ $(jq -c '[.[4].who, (.[4] | keys_unsorted | length), .[4].yes]' rows | uniq -c | tr -s ' ' | paste -sd' ' -) == ' 2000 ["a",3,null]  2000 ["b",3,null]  2000 ["c",4,7]  1 ["d",4,8]' ]]
  [[ $(jq -r 'select(.op == "schema") | [.columns[].name] | join(",")' rows.ndjson | paste -sd' ' -) == 'id,who,v id,who,v,yes' ]]
  [[ $(streamed) -ge 1 ]]
}

@test "a description that an older streamed transaction brings back does not describe newer rows" {
  # With a column list: altering the publication takes no lock on the table, so it can pass an open transaction by.
  sql 'DROP PUBLICATION p'
  missing_before 150000 'CREATE PUBLICATION p FOR TABLE t (id, who), other' && return
  sql 'CREATE PUBLICATION p FOR TABLE t (id, who), other'
  pgcdc-slot drop --slot "$slot" && pgcdc-slot create --slot "$slot" --publication p >/dev/null
  psql -XqAt -v ON_ERROR_STOP=1 <hold >/dev/null &
  exec {session}>hold
  echo "BEGIN; INSERT INTO t SELECT i, 'old', repeat('x', 300) FROM generate_series(1, 3000) i; SELECT 'inserted';" >&"$session"
  wait_until 10 sql_says 1 "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%inserted%'"
  sql 'ALTER PUBLICATION p SET TABLE t (id, who, v), other' "INSERT INTO t VALUES (5001, 'new', 'v')"
  echo 'COMMIT;' >&"$session"
  exec {session}>&-
  wait
  sql "INSERT INTO t VALUES (5002, 'newest', 'w')"
  read_rows rows || { cat rows.log; false; }
  # What the server had not streamed before the list changed comes with the new one; each row has what its description says.
  [[ $(jq -r '.[4].who' rows | uniq -c | tr -s ' ' | paste -sd, -) == ' 1 new, 3000 old, 1 newest' ]]
  [[ $(jq -c 'select(.[4].who == "old") | .[4] | has("v") and (.v | length) != 300' rows | sort -u) == false ]]
  [[ $(jq -c 'select(.[4].who != "old") | .[4].v' rows | paste -sd, -) == '"v","w"' ]]
  [[ $(jq -c 'select(.[4].who == "old") | .[4] | has("v")' rows | sort | uniq -c | wc -l) -ge 1 ]]
  [[ $(streamed) -ge 1 ]]
}

@test "a prepared transaction comes at COMMIT PREPARED, and what was read before it is confirmed without losing it" {
  sql "BEGIN; INSERT INTO t SELECT i, 'p', repeat('x', 300) FROM generate_series(1, 3000) i; PREPARE TRANSACTION 'two'" \
    "INSERT INTO t VALUES (9001, 'q', '')"
  read_rows first
  [[ $(jq -r '.[4].who' first) == q ]]
  sql "COMMIT PREPARED 'two'"
  read_rows second
  [[ $(jq -r '.[4].who' second | uniq -c | tr -s ' ' | paste -sd, -) == ' 1 q, 3000 p' && $(well_formed second) == '0 0' ]]
}

@test "a transaction without a published row leaves no line, however it came, and the position passes it" {
  sql 'DROP PUBLICATION p' 'CREATE PUBLICATION p FOR TABLE other'
  pgcdc-slot drop --slot "$slot" && pgcdc-slot create --slot "$slot" --publication p >/dev/null
  sql 'INSERT INTO other VALUES (1)' "INSERT INTO t SELECT i, 'apart', repeat('x', 400) FROM generate_series(1, 5000) i" \
    'BEGIN; SAVEPOINT s; INSERT INTO other SELECT generate_series(2, 9000); ROLLBACK TO s; INSERT INTO t VALUES (0); COMMIT'
  local end
  end=$(current_lsn)
  read_rows rows
  [[ $(wc -l <rows) == 1 && $(jq -r 'select(.op == "commit") | .rows' rows.ndjson) == 1 ]]
  [[ $(jq -r 'select(.op == "heartbeat").end' rows.ndjson | tail -n 1) > $(jq -r 'select(.op == "commit").end' rows.ndjson) ]]
  [[ $(sql "SELECT '$(jq -r 'select(.op == "heartbeat").end' rows.ndjson | tail -n 1)'::pg_lsn >= '$end'::pg_lsn") == t ]]
  [[ $(streamed) -ge 1 ]]
}

@test "while a large one is written out the connection is read, and what comes meanwhile follows it in order" {
  sql "INSERT INTO t SELECT i, 'big', repeat('x', 400) FROM generate_series(1, 60000) i"
  mkfifo pipe
  "${READ[@]}" --metrics metrics >pipe 2>log &
  reader=$!
  exec {out}<pipe
  # The consumer sleeps for longer than the server's patience; meanwhile others commit.
  wait_until 20 grep -qE '^cdc_read_spooled_bytes.* [1-9][0-9]{6}' metrics
  local before
  before=$(sql "SELECT backend_start FROM pg_stat_replication")
  for i in 1 2 3; do sql "INSERT INTO other VALUES ($i)" && sql "SELECT pg_sleep(2.5)" >/dev/null; done
  [[ $(sql "SELECT backend_start FROM pg_stat_replication") == "$before" ]]
  jq --unbuffered -c 'select(.seq != null) | [.op, .after.who // .after.id]' <&"$out" >rows &
  exec {out}<&-
  wait_until 60 grep -q '"c",3' rows
  kill -TERM "$reader" && wait "$reader"
  reader=
  [[ $(uniq -c rows | tr -s ' ' | paste -sd, -) == ' 60000 ["c","big"], 1 ["c",1], 1 ["c",2], 1 ["c",3]' ]]
}

holds_bytes() { (($(stat -c %s "$1") >= $2)); }

@test "SIGKILL in the middle of a streamed transaction, and in the middle of writing it out, loses and doubles nothing" {
  sql "INSERT INTO t SELECT i, 'big', repeat('x', 400) FROM generate_series(1, 30000) i" "INSERT INTO other VALUES (1)"
  # Cut twice where it is taken from the server, twice where it is written out: never at its end.
  for bytes in 1000 3000000 6000000 9000000; do
    "${READ[@]}" 2>log >cut.ndjson &
    reader=$!
    wait_until 20 holds_bytes cut.ndjson "$bytes"
    kill -9 "$reader"
    wait "$reader" || true # lint: it was killed
    reader=
    wait_until 10 sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$slot'"
  done
  read_rows rows || { cat rows.log; false; }
  [[ $(jq -r '.[4].who // "other"' rows | uniq -c | tr -s ' ' | paste -sd, -) == ' 30000 big, 1 other' && $(well_formed rows) == '0 0' ]]
}

@test "logical messages of a transaction stand between its rows, and those of others do not" {
  # not part of a transaction, of another prefix, rolled back, not UTF-8, alone in their transaction
  sql "BEGIN;
       INSERT INTO t SELECT i, 'a', repeat('x', 300) FROM generate_series(1, 3000) i;
       SELECT pg_logical_emit_message(true, 'mine', 'first \"quoted\"');
       SELECT pg_logical_emit_message(true, 'mine too', 'another prefix');
       SELECT pg_logical_emit_message(false, 'mine', 'of no transaction');
       SAVEPOINT one; SELECT pg_logical_emit_message(true, 'mine', 'gone');
       INSERT INTO t SELECT i, 'gone', repeat('x', 300) FROM generate_series(3001, 6000) i; ROLLBACK TO one;
       SELECT pg_logical_emit_message(true, 'mine', '\\xff00'::bytea);
       INSERT INTO t SELECT i, 'a', repeat('x', 300) FROM generate_series(6001, 9000) i; COMMIT" \
    "BEGIN; SELECT pg_logical_emit_message(true, 'mine', 'alone'); COMMIT" \
    "BEGIN; SELECT pg_logical_emit_message(true, 'yours', 'alone'); COMMIT" >/dev/null
  read_rows with --messages mine
  jq -c 'select(.op == "m") | [.seq, .prefix, .content, .base64]' with.ndjson >messages
  diff messages - <<'END'
[3000,"mine","first \"quoted\"",null]
[3001,"mine",null,"/wA="]
[0,"mine","alone",null]
END
  [[ $(well_formed with) == '0 0' && $(streamed) == 0 ]]
  read_rows without
  [[ $(grep -c '"op":"m"' without.ndjson) == 0 && $(grep -c '"op":"commit"' without.ndjson) == 1 ]]
  # Read once more by a consumer that goes away behind the second message: the same again.
  set +o pipefail
  "${READ[@]}" --until now --messages mine 2>/dev/null | grep '"seq"' | head -n 3002 >short
  set -o pipefail
  [[ $(grep -c '"op":"m"' short) == 2 ]]
  cmp short <(sed -n '/"seq"/p' with.ndjson | sed -n 1,3002p)
}
