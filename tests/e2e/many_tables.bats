#!/usr/bin/env bats
# bats file_tags=server
# pgcdc-read over thousands of tables: it begins soon, and what it reads of the catalog ahead of need is as true as what it reads alone.
# Knows: schema lines (cdc-stream.5). Must not know: how tables are read.

load cluster

bats_require_minimum_version 1.5.0
set -o pipefail

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "d$BATS_TEST_NUMBER"
  slot=s$BATS_TEST_NUMBER
  reader=
}
teardown() {
  if [[ -n $reader ]]; then kill "$reader" 2>/dev/null; fi
  wait
}

# given_tables N COLUMNS: tables t1 ... tN, their publication, a slot.
given_tables() {
  sql "DO \$\$ BEGIN FOR i IN 1..$1 LOOP EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, $2)', i); IF i % 1000 = 0 THEN COMMIT; END IF; END LOOP; END \$\$" \
    'CREATE PUBLICATION p FOR ALL TABLES'
  pgcdc-slot create --slot "$slot" --publication p >/dev/null
}
# for_tables FROM TO STATEMENT: the statement, with %1$s for the number, for each table in a transaction of its own.
for_tables() { sql "DO \$\$ BEGIN FOR i IN $1..$2 LOOP EXECUTE format(\$f\$$3\$f\$, i); COMMIT; END LOOP; END \$\$"; }

read_slot() { pgcdc-read --source x --slot "$slot" --publication p "$@"; }

# What each schema line says of its columns, and how many say so.
forms() { jq -c 'select(.op == "schema") | [.version, (.columns | map([.name, .attnum, .bind != null, .nullable]))]' "$1" | sort | uniq -c | awk '{ print $1 }'; }

@test "5,000 tables with rows are read in less than five seconds, in whatever order and however many transactions" {
  given_tables 5000 'a text, b text, c timestamptz, d jsonb, e int, f numeric, g text, h text, i text, j text'
  sql "DO \$\$ BEGIN FOR i IN 1..5000 LOOP EXECUTE format('INSERT INTO t%s VALUES (1)', i); END LOOP; END \$\$"
  sql "DO \$\$ DECLARE i int; BEGIN FOR i IN SELECT n FROM generate_series(1, 5000) AS n ORDER BY md5(n::text) LOOP EXECUTE format('INSERT INTO t%s VALUES (2)', i); COMMIT; END LOOP; END \$\$"
  began_us=${EPOCHREALTIME//[.,]/}
  read_slot --until now >out
  took_ms=$(((${EPOCHREALTIME//[.,]/} - began_us) / 1000))
  # Once more, in another order: from behind the first transaction.
  from=$(jq -nr 'first(inputs | select(.op == "commit") | .end)' out)
  began_us=${EPOCHREALTIME//[.,]/}
  read_slot --start "$from" --until now >shuffled
  shuffled_ms=$(((${EPOCHREALTIME//[.,]/} - began_us) / 1000))
  echo "# 5,000 tables in $took_ms ms, one after the other in $shuffled_ms ms" >&3
  ((took_ms < 5000 && shuffled_ms < 5000))
  [[ $(jq -r 'select(.op == "c") | "\(.table) \(.after.id)"' out | sort -u | wc -l) == 10000 ]]
  [[ $(jq -r 'select(.op == "c") | .table' shuffled | sort -u | wc -l) == 5000 ]]
  [[ $(forms out) == 5000 && $(forms shuffled) == 5000 ]]
  # Nothing is left unproven, and each bind is of its own table.
  [[ $(jq 'select(.op == "schema") | .relid as $relid | all(.columns[]; .bind == "\($relid).\(.attnum)")' out | sort -u) == true ]]
}

@test "of a history that is read later, each table says the same, read alone or ahead" {
  given_tables 200 'a text, b int NOT NULL DEFAULT 0, note text'
  for_tables 1 200 'INSERT INTO t%1$s VALUES (1)'
  for_tables 1 200 'ALTER TABLE t%1$s DROP COLUMN note'
  for_tables 1 200 'ALTER TABLE t%1$s ADD COLUMN note text'
  for_tables 1 200 'INSERT INTO t%1$s VALUES (2)'
  for_tables 1 200 'ALTER TABLE t%1$s RENAME COLUMN a TO z'
  for_tables 1 200 'INSERT INTO t%1$s VALUES (3)'
  read_slot --until now >out
  # Forms of three versions, each said by all tables.
  [[ $(forms out | sort -u) == 200 && $(forms out | wc -l) -ge 2 ]]
}

# schema_of TABLE VERSION in `out`, as it is so far.
schema_of() { [[ -n $(grep -a '^{"op":"schema"' out | jq -c --arg table "$1" --argjson version "$2" 'select(.table == $table and .version == $version)') ]]; }

@test "a table that changes after it was read ahead is read again" {
  given_tables 200 'a text, b text'
  read_slot >out 2>log &
  reader=$!
  for_tables 1 40 'INSERT INTO t%1$s VALUES (1)'
  wait_until 20 schema_of public.t40 1
  # Not one of these has been seen, all may have been read.
  for_tables 41 200 'ALTER TABLE t%1$s ADD COLUMN c text'
  for_tables 41 200 'INSERT INTO t%1$s VALUES (2)'
  wait_until 20 schema_of public.t200 1
  jq -c 'select(.op == "schema" and (.table | ltrimstr("public.t") | tonumber) > 40) | .columns | map([.name, .attnum])' out | sort -u >later
  [[ $(<later) == '[["id",1],["a",2],["b",3],["c",4]]' ]]
}
