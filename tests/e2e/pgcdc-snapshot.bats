#!/usr/bin/env bats
# bats file_tags=server
# The copy of a table and its hand-off to the stream, on a real server: nothing lost, nothing from another moment, nothing
# silently left out. Values are in values.bats. Knows: cdc-stream.5, the exit codes of pgcdc-snapshot.1.
# shellcheck disable=SC2119  # `copy` without arguments means just that
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() {
  # fsync on: between a commit's record in the log and its being seen lies a write to the disk, as in real life.
  cluster_start --fsync on -o max_prepared_transactions=4
  sql "CREATE ROLE capture LOGIN REPLICATION"
}

teardown_file() { cluster_remove; }

setup() {
  background=() # processes of the test, ended with it
  standby_folder=''
  fresh_database "snapshot_$BATS_TEST_NUMBER"
  export SLOT=s_$BATS_TEST_NUMBER CAPTURE="$DSN user=capture"
}

teardown() {
  touch "$BATS_TEST_TMPDIR/enough"
  if ((${#background[@]} > 0)); then
    kill "${background[@]}" 2>/dev/null || true
    wait "${background[@]}" 2>/dev/null || true
  fi
  if [[ -n $standby_folder ]]; then
    private-cluster remove "$standby_folder"
    sql "SELECT pg_drop_replication_slot('standby')" >/dev/null
  fi
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$SLOT'" >/dev/null
}

make_slot() { sql "SELECT pg_create_logical_replication_slot('$SLOT', 'pgoutput')" >/dev/null; }

# shellcheck disable=SC2120  # its arguments are more options
# One worker: then tables and chunks come in their order.
copy() { pgcdc-snapshot --source t --dsn "$DSN" --slot "$SLOT" --publication p --jobs 1 "$@"; }
copy_as_capture() { pgcdc-snapshot --source t --dsn "$CAPTURE" --slot "$SLOT" --publication p --jobs 1 "$@"; }

# What the lines of a copy are, in short: op, table, rows.
shape() { jq -r 'if .op == "snapshot" then "\(.op) \(.state) \(.table) \(.rows)" elif .op == "source" then .op else "\(.op) \(.table)" end'; }

@test "a copy is a source line, then for each table its schema and one chunk, also when it is empty" {
  sql "CREATE TABLE a (id int PRIMARY KEY)" "INSERT INTO a VALUES (1), (2)" "CREATE TABLE b (id int)" "CREATE PUBLICATION p FOR TABLE a, b" >/dev/null
  make_slot
  run -0 --separate-stderr copy
  [ -z "$stderr" ]
  [ "$(shape <<<"$output")" = "source
schema public.a
snapshot begin public.a 0
r public.a
r public.a
snapshot end public.a 2
schema public.b
snapshot begin public.b 0
snapshot end public.b 0" ]
  # One position for all lines, not before the slot's; `high` not before it; each chunk is number 0 and open at both ends.
  [[ $(jq -s '[.[] | .lsn // .start] | unique | length' <<<"$output") == 1 ]]
  [[ $(jq -s --arg slot "$(confirmed_lsn "$SLOT")" '.[0].slot' <<<"$output") == "\"$SLOT\"" ]]
  [[ $(jq -s '[.[] | select(.state == "end")] | all(.[]; .high >= .lsn and .chunk == 0 and .from_key == null and .to_key == null)' <<<"$output") == true ]]
  [[ $(jq -s '[.[] | select(.op == "source") | has("run") and .format == 1 and .era == 0 and .timeline == 1 and .database == "'"$PGDATABASE"'"] | .[0]' <<<"$output") == true ]]
  [ "$(jq -r 'select(.op == "source") | .system_id' <<<"$output")" = "$(sql 'SELECT system_identifier FROM pg_control_system()')" ]
}

@test "names that need quotes are quoted, keys and reserved words are what the catalog says" {
  sql 'CREATE SCHEMA "Sch.ema"' 'CREATE TABLE "Sch.ema"."Odd ""Name"" 😀" ("Id" int, "select" text, "a.b" int, PRIMARY KEY ("a.b", "Id"))' \
    'INSERT INTO "Sch.ema"."Odd ""Name"" 😀" VALUES (1, $$x$$, 2)' 'CREATE PUBLICATION p FOR ALL TABLES' >/dev/null
  make_slot
  run -0 copy
  [ "$(jq -r 'select(.op == "r") | .table' <<<"$output")" = '"Sch.ema"."Odd ""Name"" 😀"' ]
  [ "$(jq -c 'select(.op == "r") | .after' <<<"$output")" = '{"Id":1,"select":"x","a.b":2}' ]
  [ "$(jq -c 'select(.op == "schema") | [.columns[] | [.name, .pk, .identity, .nullable]]' <<<"$output")" = \
    '[["Id",true,true,false],["select",false,false,true],["a.b",true,true,false]]' ]
  # The same name as a word.
  run -0 copy '"Sch.ema"."Odd ""Name"" 😀"'
  [[ $(grep -c '^{"op":"r"' <<<"$output") == 1 ]]
}

@test "replica identities are told: default, index, full, nothing" {
  sql "CREATE TABLE a (id int PRIMARY KEY, x int)" "CREATE TABLE b (id int PRIMARY KEY, x int NOT NULL UNIQUE)" \
    "ALTER TABLE b REPLICA IDENTITY USING INDEX b_x_key" "CREATE TABLE c (id int PRIMARY KEY, x int)" "ALTER TABLE c REPLICA IDENTITY FULL" \
    "CREATE TABLE d (id int PRIMARY KEY, x int)" "ALTER TABLE d REPLICA IDENTITY NOTHING" "CREATE PUBLICATION p FOR ALL TABLES" >/dev/null
  make_slot
  run -0 copy
  [ "$(jq -r 'select(.op == "schema") | "\(.table) \(.identity) \([.columns[] | select(.identity) | .name] | join(",")) \([.columns[] | select(.pk) | .name] | join(","))"' <<<"$output")" = \
    "public.a default id id
public.b index x id
public.c full id,x id
public.d nothing  id" ]
}

@test "the publication's column lists and row filters hold for the copy, generated and dropped columns are left out" {
  sql "CREATE TABLE a (id int PRIMARY KEY, gone int, x text, secret text, g int GENERATED ALWAYS AS (id * 2) STORED)" "ALTER TABLE a DROP COLUMN gone" \
    "INSERT INTO a (id, x, secret) SELECT i, 'x' || i, 's' || i FROM generate_series(1, 10) i" \
    "CREATE TABLE b (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, y int)" "INSERT INTO b (id, y) VALUES (1, 5)"
  if missing_before 150000 'CREATE PUBLICATION p FOR TABLE a (id, x)'; then
    sql 'CREATE PUBLICATION p FOR TABLE a, b'
    make_slot
    run -0 copy
    [ "$(jq -c 'select(.op == "r") | .after' <<<"$output" | tail -n 2)" = '{"id":10,"x":"x10","secret":"s10"}
{"id":1,"y":5}' ]
    return
  fi
  sql "CREATE PUBLICATION p FOR TABLE a (id, x) WHERE (id > 8), b"
  make_slot
  run -0 copy
  [ "$(jq -c 'select(.op == "r") | .after' <<<"$output")" = '{"id":9,"x":"x9"}
{"id":10,"x":"x10"}
{"id":1,"y":5}' ]
  relid=$(sql "SELECT 'a'::regclass::oid")
  [ "$(jq -c 'select(.op == "schema" and .table == "public.a") | [.columns[] | [.name, .attnum, .bind]]' <<<"$output")" = \
    "[[\"id\",1,\"$relid.1\"],[\"x\",3,\"$relid.3\"]]" ]
}

@test "a partitioned table is copied once: by its root, or by its leaves" {
  sql "CREATE TABLE r (id int, d date, v text, PRIMARY KEY (id, d)) PARTITION BY RANGE (d)" \
    "CREATE TABLE r_1 PARTITION OF r FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (id)" \
    "CREATE TABLE r_1_1 PARTITION OF r_1 FOR VALUES IN (1, 2)" "CREATE TABLE r_1_d PARTITION OF r_1 DEFAULT" \
    "CREATE TABLE odd (v text, d date NOT NULL, gone int, id int NOT NULL)" "ALTER TABLE odd DROP COLUMN gone" \
    "ALTER TABLE r ATTACH PARTITION odd FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')" \
    "INSERT INTO r VALUES (1, '2024-02-01', 'a'), (3, '2024-02-01', 'b'), (4, '2025-02-01', 'c')" \
    "CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root)" "CREATE PUBLICATION leaves FOR ALL TABLES" >/dev/null
  make_slot
  run -0 copy
  [ "$(jq -r 'select(.op == "schema" or .op == "r") | "\(.op) \(.table) \(.root)"' <<<"$output")" = "schema public.r null
r public.r null
r public.r null
r public.r null" ]
  [ "$(jq -c 'select(.op == "r") | .after' <<<"$output" | sort)" = '{"id":1,"d":"2024-02-01","v":"a"}
{"id":3,"d":"2024-02-01","v":"b"}
{"id":4,"d":"2025-02-01","v":"c"}' ]
  run -0 pgcdc-snapshot --source t --dsn "$DSN" --slot "$SLOT" --publication leaves --jobs 1
  [ "$(jq -c 'select(.op == "schema" or .op == "r") | [.table, .root, .after]' <<<"$output")" = '["public.odd","public.r",null]
["public.odd",null,{"v":"c","d":"2025-02-01","id":4}]
["public.r_1_1","public.r",null]
["public.r_1_1",null,{"id":1,"d":"2024-02-01","v":"a"}]
["public.r_1_d","public.r",null]
["public.r_1_d",null,{"id":3,"d":"2024-02-01","v":"b"}]' ]
}

@test "children by inheritance are copied as themselves, not with their parent again" {
  sql "CREATE TABLE parent (id int)" "CREATE TABLE child (x int) INHERITS (parent)" "INSERT INTO parent VALUES (1)" "INSERT INTO child VALUES (2, 3)" \
    "CREATE PUBLICATION p FOR ALL TABLES" >/dev/null
  make_slot
  run -0 copy
  [ "$(jq -c 'select(.op == "r") | [.table, .after]' <<<"$output")" = '["public.child",{"id":2,"x":3}]
["public.parent",{"id":1}]' ]
}

@test "a table without columns has rows too" {
  sql "CREATE TABLE nothing ()" "INSERT INTO nothing DEFAULT VALUES" "INSERT INTO nothing DEFAULT VALUES" "CREATE PUBLICATION p FOR TABLE nothing" >/dev/null
  make_slot
  run -0 copy
  [ "$(jq -c 'select(.op == "r") | .after' <<<"$output")" = '{}
{}' ]
}

@test "named tables only; a name that the publication does not have is refused with the statement that adds it" {
  sql "CREATE TABLE a (id int)" "CREATE TABLE b (id int)" "CREATE TABLE c (id int)" "CREATE PUBLICATION p FOR TABLE a, b" >/dev/null
  make_slot
  run -0 copy public.b
  [ "$(jq -r 'select(.op == "schema") | .table' <<<"$output")" = public.b ]
  run -78 --separate-stderr copy public.b public.c
  [ -z "$output" ]
  [[ $stderr == *"err=not_published class=refused table=public.c"*"ALTER PUBLICATION p ADD TABLE public.c"* ]]
  run -64 --separate-stderr copy b
  [ -z "$output" ]
  [[ $stderr == *"err=bad_table"* ]]
}

@test "LOGIN REPLICATION and SELECT are enough; without SELECT it is 77, and the table is named" {
  sql "CREATE TABLE a (id int)" "CREATE TABLE b (id int)" "INSERT INTO a VALUES (1)" "CREATE PUBLICATION p FOR TABLE a, b" "GRANT SELECT ON a TO capture" >/dev/null
  make_slot
  run -77 --separate-stderr copy_as_capture
  [ -z "$output" ]
  [[ $stderr == *"err=no_select class=denied table=public.b"*"GRANT SELECT ON public.b"* ]]
  sql "GRANT SELECT ON b TO capture"
  run -0 copy_as_capture
  [[ $(grep -c '^{"op":"r"' <<<"$output") == 1 ]]
}

@test "a table with row-level security is refused, not silently empty" {
  sql "CREATE TABLE a (id int)" "INSERT INTO a VALUES (1)" "ALTER TABLE a ENABLE ROW LEVEL SECURITY" "GRANT SELECT ON a TO capture" "CREATE PUBLICATION p FOR TABLE a" >/dev/null
  make_slot
  run -77 --separate-stderr copy_as_capture
  [ -z "$output" ]
  [[ $stderr == *"err=row_security class=denied table=public.a"* ]]
}

@test "without its slot or publication a copy is refused, with the command that repairs it" {
  sql "CREATE TABLE a (id int)" "CREATE PUBLICATION p FOR TABLE a"
  run -78 --separate-stderr copy
  [ -z "$output" ]
  [[ $stderr == *"err=slot_missing class=refused"*"pgcdc-slot create --slot $SLOT"* ]]
  make_slot
  sql "DROP PUBLICATION p"
  run -78 --separate-stderr copy
  [ -z "$output" ]
  [[ $stderr == *"err=no_publication class=refused"* ]]
}

# Starts the stopped cluster as it was, without going back to its first database.
again() { private-cluster start "$CLUSTER" --fsync on -o max_prepared_transactions=4; }

@test "a slot that begins after the server's log, as on a restored volume, is refused" {
  sql "CREATE TABLE a (id int)" "CREATE PUBLICATION p FOR TABLE a"
  make_slot
  cluster_stop
  cp -a "$CLUSTER/data" "$CLUSTER/older"
  again
  sql "INSERT INTO a SELECT generate_series(1, 100000)" "SELECT pg_replication_slot_advance('$SLOT', pg_current_wal_lsn())" "CHECKPOINT" >/dev/null
  cluster_stop
  # The volume of an hour ago comes back, the slot of now stands on it.
  rm -r "$CLUSTER/older/pg_replslot/$SLOT"
  cp -a "$CLUSTER/data/pg_replslot/$SLOT" "$CLUSTER/older/pg_replslot/"
  mv "$CLUSTER/data" "$CLUSTER/newer"
  mv "$CLUSTER/older" "$CLUSTER/data"
  again
  run -78 --separate-stderr copy
  [ -z "$output" ]
  [[ $stderr == *"err=slot_ahead class=refused"*"pgcdc-slot drop --slot $SLOT"* ]]
}

# A session that keeps a transaction open until it is killed: in_transaction STATEMENT...; it ends with descriptor 7.
in_transaction() {
  local statement
  mkfifo "$BATS_TEST_TMPDIR/session"
  psql -XqAt -v ON_ERROR_STOP=1 <"$BATS_TEST_TMPDIR/session" >"$BATS_TEST_TMPDIR/session.out" 3>&- &
  background=($!)
  exec 7>"$BATS_TEST_TMPDIR/session"
  { echo 'BEGIN;'; for statement in "$@"; do echo "$statement;"; done; echo 'SELECT pg_backend_pid();'; } >&7
  wait_until 10 grep -q '^[0-9]' "$BATS_TEST_TMPDIR/session.out"
  backend=$(grep -m1 '^[0-9]' "$BATS_TEST_TMPDIR/session.out")
}

@test "a slot that stands at the very end of the log, just behind a page's header, is not ahead of it" {
  sql "CREATE TABLE t (id serial PRIMARY KEY, x text)" "CREATE PUBLICATION p FOR TABLE t" >/dev/null
  make_slot
  # A record that crosses a page ends at its 32nd or 40th byte at the earliest: commits of changing lengths until one does.
  end=$(sql "SET synchronous_commit = off" "DO \$\$ BEGIN
               FOR i IN 1 .. 100000 LOOP
                 INSERT INTO t (x) VALUES (repeat('x', i % 97)); COMMIT;
                 EXIT WHEN (pg_current_wal_insert_lsn() - '0/0') % 8192 IN (32, 40);
               END LOOP; END \$\$" "SELECT pg_current_wal_insert_lsn()" | tail -n 1)
  [[ $(sql "SELECT ('$end'::pg_lsn - '0/0') % 8192") =~ ^(32|40)$ ]]
  wait_until 10 sql_says t "SELECT pg_current_wal_flush_lsn() >= '$end'"
  sql "SELECT pg_replication_slot_advance('$SLOT', '$end')"
  [[ $(confirmed_lsn "$SLOT") == "$end" ]]
  copy >/dev/null
}

@test "a transaction that is still writing is waited for, and named when it takes too long" {
  sql "CREATE TABLE a (id int)" "CREATE PUBLICATION p FOR TABLE a"
  make_slot
  in_transaction "INSERT INTO a VALUES (1)"
  run -75 --separate-stderr copy --max-seconds 1
  [ -z "$output" ]
  [[ $stderr == *"err=blocked class=retry"*"process $backend "*"database $PGDATABASE"* ]]
  # It ends while the copy waits: its row is in it.
  copy >"$BATS_TEST_TMPDIR/out" 3>&- 7>&- &
  local pid=$!
  wait_until 10 sql_says 1 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgcdc-snapshot' AND query LIKE '%pg_snapshot_xmin%'"
  echo 'COMMIT;' >&7
  exec 7>&-
  wait $pid
  [ "$(jq -c 'select(.op == "r") | .after' "$BATS_TEST_TMPDIR/out")" = '{"id":1}' ]
}

@test "a prepared transaction is waited for, and named" {
  sql "CREATE TABLE a (id int)" "CREATE PUBLICATION p FOR TABLE a"
  make_slot
  sql "BEGIN" "INSERT INTO a VALUES (1)" "PREPARE TRANSACTION 'two phases'"
  run -75 --separate-stderr copy --max-seconds 1
  [[ $stderr == *"err=blocked"*"prepared as 'two phases'"* ]]
  sql "ROLLBACK PREPARED 'two phases'"
}

@test "transactions that only read are not waited for" {
  sql "CREATE TABLE a (id int)" "CREATE PUBLICATION p FOR TABLE a"
  make_slot
  in_transaction "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE" "SELECT count(*) FROM a"
  run -0 copy --max-seconds 1
  exec 7>&-
}

@test "a table that somebody is altering is waited for like any writer" {
  sql "CREATE TABLE a (id int)" "CREATE PUBLICATION p FOR TABLE a"
  make_slot
  in_transaction "ALTER TABLE a ADD COLUMN x int"
  run -75 --separate-stderr copy --max-seconds 1
  [ -z "$output" ]
  [[ $stderr == *"err=blocked class=retry"*"process $backend "* ]]
  exec 7>&-
}

# The writers of the hand-off test: transactions of all kinds on one small table.
write_until_told() {
  while [[ ! -e $BATS_TEST_TMPDIR/enough ]]; do
    echo "INSERT INTO h (id, v) SELECT 1 + (random() * 400)::int, md5(random()::text) ON CONFLICT (id) DO UPDATE SET v = excluded.v;"
    echo "DELETE FROM h WHERE id = 1 + (random() * 400)::int;"
    echo "BEGIN; UPDATE h SET v = v || 'x' WHERE id % 13 = (random() * 12)::int AND length(v) < 100; INSERT INTO h SELECT 500 + (random() * 1000000)::int, 'new' ON CONFLICT DO NOTHING; COMMIT;"
    echo "UPDATE h SET id = id + 2000000 WHERE id = (SELECT min(id) FROM h WHERE id > 500 AND id < 1000000);"
    echo "BEGIN; INSERT INTO h VALUES (-1, 'never'); ROLLBACK;"
  done | psql -Xq >/dev/null 2>&1
}

# Copies of table h while four sessions write, and then the stream: for each copy its rows, replaced by the last change from its position
# on, are the source. Changes before it must not be needed.   in  COPIES COMMAND...
hand_off_holds() {
  local copies=$1 at i
  shift
  sql "CREATE TABLE h (id int PRIMARY KEY, v text)" "INSERT INTO h SELECT i, 'old' FROM generate_series(1, 400) i" "CREATE PUBLICATION p FOR TABLE h" >/dev/null
  make_slot
  for _ in 1 2 3 4; do
    write_until_told 3>&- &
    background+=($!)
  done
  wait_until 10 sql_says t "SELECT count(*) > 50 FROM h WHERE id > 500"
  for ((i = 1; i <= copies; i++)); do "$@" >"$BATS_TEST_TMPDIR/copy.$i" || return; done
  touch "$BATS_TEST_TMPDIR/enough"
  wait "${background[@]}"
  background=()
  pgcdc-read --source t --dsn "$DSN" --slot "$SLOT" --publication p --until now >"$BATS_TEST_TMPDIR/stream"

  jq -r 'select(.op == "c" or .op == "u" or .op == "d") | (.lsn + "." + ("000000\(.seq)" | .[-6:])) as $at
    | (if .before != null then [$at + "a", .lsn, .before.id, "-", ""] else empty end),
      (if .after != null then [$at + "b", .lsn, .after.id, "+", .after.v] else empty end) | @tsv' "$BATS_TEST_TMPDIR/stream" >"$BATS_TEST_TMPDIR/changes.tsv"
  sql "COPY (SELECT id, v FROM h) TO STDOUT" >"$BATS_TEST_TMPDIR/source.tsv"
  (($(wc -l <"$BATS_TEST_TMPDIR/changes.tsv") > 500)) || return
  for ((i = 1; i <= copies; i++)); do
    at=$(jq -r 'select(.op == "source") | .start' "$BATS_TEST_TMPDIR/copy.$i")
    jq -r 'select(.op == "r") | [.after.id, .after.v] | @tsv' "$BATS_TEST_TMPDIR/copy.$i" >"$BATS_TEST_TMPDIR/copied.tsv"
    sqlite3 -batch :memory: >"$BATS_TEST_TMPDIR/difference" <<SQL
.mode tabs
CREATE TABLE changes (pos TEXT, lsn TEXT, id INTEGER, kind TEXT, v TEXT);
CREATE TABLE copied (id INTEGER, v TEXT);
CREATE TABLE source (id INTEGER, v TEXT);
.import $BATS_TEST_TMPDIR/changes.tsv changes
.import $BATS_TEST_TMPDIR/copied.tsv copied
.import $BATS_TEST_TMPDIR/source.tsv source
CREATE TABLE replayed AS
  WITH last AS (SELECT id, kind, v, max(pos) FROM changes WHERE lsn >= '$at' GROUP BY id)
  SELECT id, v FROM last WHERE kind = '+'
  UNION ALL SELECT id, v FROM copied WHERE id NOT IN (SELECT id FROM last);
SELECT 'lost', * FROM (SELECT * FROM source EXCEPT SELECT * FROM replayed)
UNION ALL SELECT 'too many', * FROM (SELECT * FROM replayed EXCEPT SELECT * FROM source)
UNION ALL SELECT 'doubled', id, count(*) FROM replayed GROUP BY id HAVING count(*) > 1;
SQL
    [ -s "$BATS_TEST_TMPDIR/copied.tsv" ] || return
    if [ -s "$BATS_TEST_TMPDIR/difference" ]; then
      echo "copy $i at $at:"
      head "$BATS_TEST_TMPDIR/difference"
      return 1
    fi
  done
}

@test "copy and stream together are the source, whatever is written meanwhile" {
  hand_off_holds 15 copy
}

# A standby of the file's cluster: STANDBY, its connection string.
given_a_standby() {
  standby_folder=$BATS_TEST_TMPDIR/standby
  standby_start "$standby_folder" --fsync on -o max_prepared_transactions=4 -- -o hot_standby_feedback=on
  STANDBY=$(on_cluster "$standby_folder" bash -c 'echo "$DSN"')
}
on_standby() { psql -XqAt -v ON_ERROR_STOP=1 -d "$STANDBY" -c "$1"; }
# The primary logs which transactions run, which an idle one does not; the standby stops and goes on.
lag_until_told() {
  while [[ ! -e $BATS_TEST_TMPDIR/enough ]]; do
    sql 'SELECT pg_log_standby_snapshot()' >/dev/null
    on_standby 'SELECT pg_wal_replay_pause(); SELECT pg_sleep(0.2); SELECT pg_wal_replay_resume(); SELECT pg_sleep(0.05)' >/dev/null
  done
}

@test "copied from a standby that lags behind, copy and stream together are the source, too" {
  given_a_standby
  if server_at_least 160000; then
    sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$SLOT'"
    lag_until_told 3>&- &
    background+=($!)
    hand_off_holds 5 copy --standby "$STANDBY"
    # One that has not got there yet.
    on_standby 'SELECT pg_wal_replay_pause()'
    sql "INSERT INTO h VALUES (-1, 'late')"
    run -75 --separate-stderr copy --standby "$STANDBY" --max-seconds 1
    [[ $stderr == *err=standby_behind* && -z $output ]]
    on_standby 'SELECT pg_wal_replay_resume()'
    # An idle primary has to be asked; one that has just written may log by itself which transactions run.
    local code=0
    copy --standby "$STANDBY" --max-seconds 1 >"$BATS_TEST_TMPDIR/idle" 2>"$BATS_TEST_TMPDIR/words" || code=$?
    [[ $code == 0 || ($code == 75 && $(<"$BATS_TEST_TMPDIR/words") == *err=blocked*'pg_log_standby_snapshot()'* && ! -s $BATS_TEST_TMPDIR/idle) ]]
    [[ $(on_standby 'SELECT count(*) FROM pg_replication_slots') == 0 ]]
    run -78 --separate-stderr copy --standby "$DSN"
    [[ $stderr == *'err=standby class=refused'* ]]
  else
    sql 'CREATE TABLE h (id int PRIMARY KEY)' 'CREATE PUBLICATION p FOR TABLE h'
    make_slot
    local made
    made=$(current_lsn)
    replayed() { [[ $(on_standby "SELECT pg_last_wal_replay_lsn() >= '$made'") == t ]]; }
    wait_until 20 replayed
    run -78 --separate-stderr copy --standby "$STANDBY"
    [[ $stderr == *'err=standby class=refused'*'name the primary in the dsn'* && -z $output ]]
  fi
}

# Two columns change their names with each other, over and over.
swap_until_told() {
  while [[ ! -e $BATS_TEST_TMPDIR/enough ]]; do
    echo "BEGIN; ALTER TABLE w RENAME a TO x; ALTER TABLE w RENAME b TO a; ALTER TABLE w RENAME x TO b; COMMIT; SELECT pg_sleep(0.001);"
  done | psql -Xq >/dev/null 2>&1
}

# in  a copy of w, whose values say their column's attribute number
each_value_under_its_name() {
  local copied=$1 n name
  for n in 2 3; do
    name=$(jq -r --argjson n $n 'select(.op == "schema") | .columns[] | select(.attnum == $n) | .name' <<<"$copied")
    [ "$(jq -r --arg name "$name" 'select(.op == "r") | .after[$name]' <<<"$copied")" = "attribute $n" ] || return 1
  done
}

@test "columns that change their names meanwhile never hold each other's values" {
  sql "CREATE TABLE w (id int PRIMARY KEY, a text, b text)" "INSERT INTO w VALUES (1, 'attribute 2', 'attribute 3')" "CREATE PUBLICATION p FOR TABLE w" >/dev/null
  make_slot
  swap_until_told 3>&- &
  background=($!)
  for _ in {1..12}; do
    run --separate-stderr copy # lint: 0 or a retry, looked at in the next line
    echo "$status $stderr"
    [[ $status == 0 || $stderr == *"class=retry"* ]]
    [ "$status" = 0 ] || continue
    each_value_under_its_name "$output"
  done
  touch "$BATS_TEST_TMPDIR/enough"
  wait "${background[@]}"
  background=()
  # Under swaps without a pause every one of them may have been told to retry; in the quiet it must come.
  run -0 --separate-stderr copy
  each_value_under_its_name "$output"
}

@test "asked to stop, it finishes the table that it is at, and ends with 75" {
  sql "CREATE TABLE a AS SELECT i AS id, repeat('x', 200) AS v FROM generate_series(1, 50000) i" "CREATE TABLE b (id int)" "CREATE PUBLICATION p FOR TABLE a, b" >/dev/null
  make_slot
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  exec 8<>"$BATS_TEST_TMPDIR/pipe"
  pgcdc-snapshot --source t --dsn "$DSN" --slot "$SLOT" --publication p --jobs 1 >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/err" 3>&- 8>&- &
  local copier=$!
  background=("$copier")
  # Nobody reads: it is in the middle of table a.
  wait_until 10 sql_says 1 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgcdc-snapshot' AND wait_event = 'ClientWrite'"
  kill -TERM $copier
  cat <"$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/out" 3>&- 8>&- &
  local reader=$! status=0
  wait $copier || status=$?
  background=()
  exec 8>&-
  wait $reader
  [ "$status" = 75 ]
  [[ $(<"$BATS_TEST_TMPDIR/err") == *"err=interrupted"* ]]
  [ "$(shape <"$BATS_TEST_TMPDIR/out" | sort | uniq -c | sed 's/^ *//')" = "50000 r public.a
1 schema public.a
1 snapshot begin public.a 0
1 snapshot end public.a 50000
1 source" ]
}

@test "nobody reads the output: 141; the disk is full: 75" {
  sql "CREATE TABLE a AS SELECT i AS id, repeat('x', 200) AS v FROM generate_series(1, 20000) i" "CREATE PUBLICATION p FOR TABLE a" >/dev/null
  make_slot
  local status
  copy 2>"$BATS_TEST_TMPDIR/err" | true || status=("${PIPESTATUS[@]}")
  [ "${status[0]}" = 141 ]
  [ ! -s "$BATS_TEST_TMPDIR/err" ]
  run -75 --separate-stderr bash -c 'pgcdc-snapshot --source t --dsn "$DSN" --slot "$SLOT" --publication p >/dev/full'
  [[ $stderr == *"err=disk_full class=retry"* ]]
}

@test "an error of a row names the table and no value" {
  sql "CREATE TABLE a (id int PRIMARY KEY, v text)" "INSERT INTO a VALUES (1, 'very secret')"
  missing_before 150000 "CREATE PUBLICATION p FOR TABLE a WHERE (id > 0)" && return
  sql "CREATE PUBLICATION p FOR TABLE a WHERE (numnode(to_tsquery('simple', v)) > 0)" >/dev/null
  make_slot
  run ! --separate-stderr copy
  [[ $stderr == *"table=public.a"* ]]
  [[ $stderr != *secret* ]]
  # The server's own message has it.
  run ! sql "SELECT FROM a WHERE numnode(to_tsquery('simple', v)) > 0"
  [[ $output == *secret* ]]
}

@test "metrics count rows by table" {
  sql "CREATE TABLE a (id int)" "INSERT INTO a VALUES (1), (2)" "CREATE TABLE b (id int)" "CREATE PUBLICATION p FOR TABLE a, b" >/dev/null
  make_slot
  run -0 copy --metrics "$BATS_TEST_TMPDIR/metrics"
  grep -qF 'cdc_snapshot_rows_total{program="pgcdc-snapshot",table="public.a"} 2' "$BATS_TEST_TMPDIR/metrics"
  grep -qF 'cdc_snapshot_rows_total{program="pgcdc-snapshot",table="public.b"} 0' "$BATS_TEST_TMPDIR/metrics"
  grep -qF 'cdc_snapshot_tables_done{program="pgcdc-snapshot"} 2' "$BATS_TEST_TMPDIR/metrics"
}

@test "what is asked for and not published any more is told in a file, and nothing else is" {
  cd "$BATS_TEST_TMPDIR" || return
  sql 'CREATE TABLE a (id int PRIMARY KEY)' 'INSERT INTO a VALUES (1)' 'CREATE TABLE "q ""x" (id int PRIMARY KEY)' 'CREATE PUBLICATION p FOR TABLE a' >/dev/null
  make_slot
  printf '%s\n' '{"table":"public.a","key":null}' '{"table":"public.dropped","key":{"id":"1"}}' '{"table":"public.\"q \"\"x\"","key":null}' >asked
  run -0 --separate-stderr copy --unknown asked --gone gone
  [[ $(shape <<<"$output") == *'snapshot end public.a 1' ]]
  [[ $(<gone) == '{"table":"public.\"q \"\"x\"","key":null}
{"table":"public.dropped","key":null}' ]]
  # When all is there, so is the file, and empty.
  head -n 1 asked | copy --unknown - --gone gone >/dev/null
  [[ -e gone && ! -s gone ]]
  run -64 copy --gone gone
  run -64 copy --unknown asked --gone gone public.a
}

@test "what a standby has not heard of yet is not gone" {
  cd "$BATS_TEST_TMPDIR" || return
  sql 'CREATE TABLE a (id int PRIMARY KEY)' 'CREATE PUBLICATION p FOR TABLE a' >/dev/null
  make_slot
  given_a_standby
  on_standby 'SELECT pg_wal_replay_pause()'
  sql 'CREATE TABLE late (id int PRIMARY KEY)' 'ALTER PUBLICATION p ADD TABLE late' >/dev/null
  printf '%s\n' '{"table":"public.late","key":null}' '{"table":"public.dropped","key":null}' >asked
  copy --standby "$STANDBY" --unknown asked --gone gone >/dev/null
  [[ $(<gone) == '{"table":"public.dropped","key":null}' ]]
  on_standby 'SELECT pg_wal_replay_resume()'
}
