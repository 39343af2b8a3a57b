#!/usr/bin/env bats
# bats file_tags=server
# Which column a column is, when the catalog is ahead of the stream: proven, or not said, never wrong. A policy that lets a column
# through in clear relies on it. The pure part, with random histories, is unit-tested (pg, align).
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  fresh_database "binding_$BATS_TEST_NUMBER"
  export SLOT=s_$BATS_TEST_NUMBER
  background=() # processes of the test, ended with it
}

teardown() {
  if ((${#background[@]} > 0)); then
    kill "${background[@]}" 2>/dev/null || true
    wait "${background[@]}" 2>/dev/null || true
  fi
  # A slot left behind would hold back what the next one may know of the catalog's past.
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$SLOT'" >/dev/null
}

make_slot() { sql "SELECT pg_create_logical_replication_slot('$SLOT', 'pgoutput')" >/dev/null; }
stream() { pgcdc-read --source t --dsn "$DSN" --slot "$SLOT" --publication p --until now; }

# The stream's schema lines, one a line: name and attribute number of each column, a dash where it is not proven.
# What is bound has the number of its attribute, and the other way round; what is not, the greatest number that it may have.
binds() {
  jq -r --arg relid "$(sql "SELECT '$1'::regclass::oid")" 'select(.op == "schema")
    | [.columns[] | if (.bind == null) != (.attnum == null) or (.bind != null and .bind != "\($relid).\(.attnum)") or has("greatest_attnum") != (.bind == null) then "BROKEN" else "\(.name)=\(.attnum // "-")" end] | join(" ")'
}

@test "columns dropped before the slot was made do not matter" {
  sql "CREATE TABLE t (id int PRIMARY KEY, gone int, a int, gone_too int, b int)" "ALTER TABLE t DROP COLUMN gone" "ALTER TABLE t DROP COLUMN gone_too" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "INSERT INTO t VALUES (1, 2, 3)"
  [ "$(stream | binds t)" = "id=1 a=3 b=5" ]
}

@test "renamed since: proven; added since: does not matter; dropped since: told by counting" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int)" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "INSERT INTO t VALUES (1)" "ALTER TABLE t RENAME b TO z" "ALTER TABLE t ADD COLUMN d int" "ALTER TABLE t DROP COLUMN a"
  got=$(stream | binds t)
  echo "$got"
  [ "$got" = "id=1 a=2 b=3 c=4" ]
}

@test "drop note, rename secret to note: before and after are told apart, and nothing is taken for the old note" {
  sql "CREATE TABLE t (id int PRIMARY KEY, note text, secret text)" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "INSERT INTO t VALUES (1, 'n', 's')" "ALTER TABLE t DROP COLUMN note" "ALTER TABLE t RENAME secret TO note" "INSERT INTO t VALUES (2, 's')"
  [ "$(stream | binds t)" = "id=1 note=2 secret=3
id=1 note=3" ]
}

@test "drop and add under the same name, both before the first row: not the old column" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int)" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "ALTER TABLE t DROP COLUMN a" "ALTER TABLE t ADD COLUMN a int" "INSERT INTO t VALUES (1, 2)"
  # It may be attribute 2, which lived when the slot began, or 3; what comes later is neither.
  [ "$(stream | binds t)" = "id=1 a=-" ]
  [ "$(stream | jq 'select(.op == "schema") | .columns[1].greatest_attnum')" = 3 ]
}

@test "drop and add under the same name between two rows: two columns" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int)" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "INSERT INTO t VALUES (1, 1)" "ALTER TABLE t DROP COLUMN a" "ALTER TABLE t ADD COLUMN a int" "INSERT INTO t VALUES (2, 2)"
  got=$(stream | binds t)
  # Never attribute 3 for the first, never 2 for the second.
  [[ $(head -n 1 <<<"$got") =~ ^"id=1 a="(2|-)$ ]]
  [[ $(tail -n +2 <<<"$got") =~ ^("id=1 a="(3|-))?$ ]]
}

@test "all in one transaction, rows before and after" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int, b int)" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "BEGIN" "INSERT INTO t VALUES (1, 2, 3)" "ALTER TABLE t DROP COLUMN a" "INSERT INTO t VALUES (2, 3)" "ALTER TABLE t ADD COLUMN a int" \
    "INSERT INTO t VALUES (3, 3, 4)" "ALTER TABLE t RENAME b TO c" "INSERT INTO t VALUES (4, 3, 4)" "COMMIT"
  got=$(stream | binds t)
  echo "$got"
  [ "$(sed -n 1p <<<"$got")" = "id=1 a=- b=-" ] || [ "$(sed -n 1p <<<"$got")" = "id=1 a=2 b=3" ]
  [[ $got != *"a=3"* && $got != *"c=2"* && $got != *"c=4"* ]]
  [[ $(tail -n 1 <<<"$got") =~ ^"id=1 c="(3|-)" a="(4|-)$ ]]
}

@test "while the reader runs, a dropped column does not unsettle those behind it" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int, b int)" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  pgcdc-read --source t --dsn "$DSN" --slot "$SLOT" --publication p >"$BATS_TEST_TMPDIR/out" 3>&- &
  background=($!)
  sql "INSERT INTO t VALUES (1, 2, 3)"
  wait_until 20 grep -q '^{"op":"c"' "$BATS_TEST_TMPDIR/out"
  sql "ALTER TABLE t DROP COLUMN a" "INSERT INTO t VALUES (2, 3)"
  wait_until 20 grep -q '"id":2' "$BATS_TEST_TMPDIR/out"
  sql "ALTER TABLE t RENAME b TO a" "ALTER TABLE t ADD COLUMN b int" "INSERT INTO t VALUES (3, 3, 4)"
  wait_until 20 grep -q '"id":3' "$BATS_TEST_TMPDIR/out"
  # What the catalog says between two transactions (a line with `file`) may come too, when the machine is slow: it says nothing new.
  [ "$(binds t <"$BATS_TEST_TMPDIR/out" | uniq)" = "id=1 a=2 b=3
id=1 b=3
id=1 a=3 b=4" ]
}

@test "while the reader runs, what the slot has left behind is known to be gone" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int, b int)" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  # When the reader begins, b may or may not be in what is still to come.
  sql "ALTER TABLE t DROP COLUMN b" "INSERT INTO t VALUES (1, 2)"
  xid=$(sql 'SELECT pg_current_xact_id()::xid')
  cd "$BATS_TEST_TMPDIR"
  pgcdc-read --source t --dsn "$DSN" --slot "$SLOT" --publication p --ack ack >out 3>&- &
  background=($!)
  wait_until 20 grep -q '"id":1' out
  id=1
  leaves_it_behind() {
    id=$((id + 1))
    sql CHECKPOINT "INSERT INTO t VALUES ($id, 2)"
    jq -rs '(map(select(.op == "commit")) | last.end) + " " + (map(select(.op == "source")) | first.run)' <(grep '^{"op":"\(commit\|source\)".*}$' out) >ack.new && mv ack.new ack
    sql_says t "SELECT age(catalog_xmin) < age('$xid'::xid) FROM pg_replication_slots WHERE slot_name = '$SLOT'"
  }
  wait_until 40 leaves_it_behind
  sql "ALTER TABLE t ADD COLUMN c int" "INSERT INTO t VALUES (0, 3, 4)"
  wait_until 20 grep -q '"id":0' out
  [ "$(binds t <out | tail -n 1)" = "id=1 a=2 c=4" ]
}

@test "with a column list the numbers are the list's" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int)"
  missing_before 150000 "CREATE PUBLICATION p FOR TABLE t (id, b)" && return
  sql "CREATE PUBLICATION p FOR TABLE t (id, b)"
  make_slot
  sql "INSERT INTO t VALUES (1, 2, 3)" "ALTER TABLE t DROP COLUMN a" "ALTER TABLE t RENAME b TO z"
  [ "$(stream | binds t)" = "id=1 b=3" ]
}

@test "a column list that was changed since proves nothing" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int)"
  missing_before 150000 "CREATE PUBLICATION p FOR TABLE t (id, b)" && return
  sql "CREATE PUBLICATION p FOR TABLE t (id, b)"
  make_slot
  sql "INSERT INTO t VALUES (1, 2, 3)" "ALTER PUBLICATION p SET TABLE t (id, a)"
  [ "$(stream | binds t)" = "id=- b=-" ]
}

@test "a column list that was taken away since: only what still has its name" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a int, b int)"
  missing_before 150000 "CREATE PUBLICATION p FOR TABLE t (id, b)" && return
  sql "CREATE PUBLICATION p FOR TABLE t (id, b)"
  make_slot
  sql "INSERT INTO t VALUES (1, 2, 3)" "ALTER PUBLICATION p SET TABLE t"
  # Laid over the catalog, b would be attribute 2, which is a.
  [ "$(stream | binds t)" = "id=- b=-" ]
}

@test "generated columns are not sent, and not counted" {
  sql "CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, a int)" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "INSERT INTO t (id, a) VALUES (1, 2)"
  [ "$(stream | binds t)" = "id=1 a=3" ]
}

@test "a table that is gone binds nothing, its rows still come" {
  sql "CREATE TABLE t (id int PRIMARY KEY, a timestamptz)" "CREATE PUBLICATION p FOR ALL TABLES"
  make_slot
  sql "INSERT INTO t VALUES (1, '2024-01-01 00:00:00+00')" "DROP TABLE t"
  run -0 stream
  [ "$(jq -c 'select(.op == "schema") | [.columns[] | [.name, .type, .attnum, .bind, .pk]]' <<<"$output")" = \
    '[["id","int4",null,null,true],["a","timestamptz",null,null,false]]' ]
  [ "$(jq -c 'select(.op == "c") | .after' <<<"$output")" = '{"id":1,"a":"2024-01-01T00:00:00.000000Z"}' ]
}

@test "a type that is gone is unknown, and its values are their text" {
  sql "CREATE TYPE mood AS ENUM ('sad')" "CREATE TABLE t (id int PRIMARY KEY, a mood)" "CREATE PUBLICATION p FOR ALL TABLES"
  make_slot
  sql "INSERT INTO t VALUES (1, 'sad')" "DROP TABLE t" "DROP TYPE mood"
  run -0 --separate-stderr stream
  # shellcheck disable=SC2154 # bats sets stderr
  [[ $stderr == *err=binary_unknown* ]]
  [ "$(jq -c 'select(.op == "c") | .after' <<<"$output")" = '{"id":1,"a":"sad"}' ]
  [ "$(jq -c 'select(.op == "schema") | .columns[1] | [.type, .category]' <<<"$output")" = '["unknown","X"]' ]
}

@test "under identity full the key comes from the catalog, whole or not at all" {
  sql "CREATE TABLE t (a int, x int, b int, PRIMARY KEY (b, a))" "ALTER TABLE t REPLICA IDENTITY FULL" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "INSERT INTO t VALUES (1, 2, 3)"
  [ "$(stream | jq -c 'select(.op == "schema") | [.columns[] | [.name, .identity, .pk]]')" = '[["a",true,true],["x",true,false],["b",true,true]]' ]
}

@test "default is true when older rows can hold something else than null, null when that is not known" {
  sql "CREATE TABLE t (id int PRIMARY KEY)" "INSERT INTO t VALUES (1)" "ALTER TABLE t ADD COLUMN a int" "ALTER TABLE t ADD COLUMN b int DEFAULT 7" \
    "ALTER TABLE t ADD COLUMN c int DEFAULT 8" "ALTER TABLE t ALTER c DROP DEFAULT" "ALTER TABLE t ADD COLUMN d int GENERATED BY DEFAULT AS IDENTITY" "CREATE PUBLICATION p FOR TABLE t"
  make_slot
  sql "INSERT INTO t (id) VALUES (2)"
  # The identity column rewrote the table: whatever has no default now, c say, may have had one that filled the rows.
  [ "$(stream | jq -c 'select(.op == "schema" and .file == null) | [.columns[] | .default]')" = '[null,null,true,null,true]' ]
  sql "CREATE TABLE u (id int PRIMARY KEY)" "ALTER TABLE u ADD COLUMN a int" "ALTER PUBLICATION p ADD TABLE u" "INSERT INTO u VALUES (1)"
  [ "$(stream | jq -c 'select(.op == "schema" and .table == "public.u") | [.columns[] | .default]')" = '[false,false]' ]
}
