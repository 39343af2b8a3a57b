#!/usr/bin/env bats
# bats file_tags=server
# Values in binary on a real server: their JSON is byte for byte that of their text, for every type whose binary form is read; and
# which types those are. The values are made by binary.sql, both forms are read and compared by two-formats (two_formats.cpp).
# Also: the stream goes over to text where it must, and no line shows it. Must not know: values one by one; unit tests (value) do.
# shellcheck disable=SC2154 # bats sets output and stderr
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() {
  cluster_start
  fresh_database binary
  psql -Xq -v ON_ERROR_STOP=1 -v rows=400 -f "$BATS_TEST_DIRNAME/binary.sql" >/dev/null
}

teardown_file() { cluster_remove; }

two_formats() { "$PGCDC_BIN/../e2e/two-formats" "$DSN" "$@"; }

@test "random values of every type give the same JSON from binary as from text" {
  run -0 two_formats table public.made
  [[ $output =~ ^'compared '([0-9]+)' values of '([0-9]+)' columns, '[0-9]+' nulls, 0 differ'$ ]]
  ((BASH_REMATCH[1] > 35000 && BASH_REMATCH[2] > 90))
}

@test "arrays of every type do so too, nested, with nulls, and where a lower bound makes them a text" {
  run -0 two_formats table public.arrays
  [[ $output =~ ^'compared '([0-9]+)' values of '([0-9]+)' columns, '[0-9]+' nulls, 0 differ'$ ]]
  ((BASH_REMATCH[1] > 140000 && BASH_REMATCH[2] > 350))
}

@test "so do the ends of every range, and floats where the shortest text is disputed" {
  tables=$(sql "SELECT tablename FROM pg_tables WHERE tablename LIKE 'edge_%' AND tablename <> 'edge_xml' ORDER BY 1")
  [ "$(wc -l <<<"$tables")" -ge 17 ]
  for table in $tables; do
    run -0 two_formats table "public.$table"
    [[ $output =~ ^'compared '[1-9][0-9]*' values of 1 columns, '[0-9]+' nulls, 0 differ'$ ]]
  done
  # Not every server can make XML.
  if [[ $(sql "SELECT count(*) FROM edge_xml") != 0 ]]; then run -0 two_formats table public.edge_xml; fi
}

@test "intervals are infinite from PostgreSQL 17 on, and only there" {
  if server_at_least 170000; then
    sql "CREATE TABLE edge_infinite AS SELECT v::interval AS v FROM unnest(ARRAY['infinity', '-infinity']) v"
  else
    # PostgreSQL 14 counts hours in 32 bits.
    longest=$(server_at_least 150000 && echo PT2562047788H54.775807S || echo PT2147483647H)
    sql "CREATE TABLE edge_infinite AS SELECT make_interval(months => 2147483647, days => 2147483647) + interval '$longest' AS v"
  fi
  run -0 two_formats table public.edge_infinite
  [[ $output == *", 0 differ" ]]
}

@test "of the server's own types these are left to text, and no other" {
  columns=$(sql "SELECT string_agg(format('%I %s', typname, format_type(oid, -1)), ', ' ORDER BY oid) FROM pg_type
    WHERE typtype IN ('b', 'r', 'm', 'e') AND typisdefined AND typnamespace = 'pg_catalog'::regnamespace AND typcategory NOT IN ('Z', 'P', 'A')
      AND typname NOT IN ('char', 'gtsvector', 'unknown') AND typname !~ '^pg_(node_tree|ndistinct|dependencies|mcv_list|brin)'")
  sql "CREATE TABLE catalog ($columns, \"char\" \"char\", v int2vector, o oidvector, a aclitem[], t tsquery[])"
  run -0 --separate-stderr two_formats table public.catalog
  # aclitem itself has no binary form: it comes as text among the others.
  expected=$(printf 'text only: %s\n' a aclitem o regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc \
    regprocedure regrole regtype t tsquery v)
  [ "$(grep '^text only: ' <<<"$output" | cut -d ' ' -f 1-3 | sort)" = "$(sort <<<"$expected")" ]
}

@test "a publication is known to be readable in binary, or the first column that is not is named" {
  sql "CREATE SCHEMA s" "CREATE TABLE s.good (id int PRIMARY KEY, a mood, b pair[], c bag, d aclitem)" \
    "CREATE DOMAIN search AS tsquery" "CREATE TYPE holder AS (a int, b search)" \
    "CREATE TABLE s.bad (id int PRIMARY KEY, gone tsquery, h public.holder[], q public.search) PARTITION BY RANGE (id)" \
    "CREATE TABLE s.bad_1 PARTITION OF s.bad FOR VALUES FROM (0) TO (9)" "ALTER TABLE s.bad DROP COLUMN gone" >/dev/null
  sql "CREATE PUBLICATION one FOR TABLE s.good" "CREATE PUBLICATION two FOR TABLE s.good, s.bad" "CREATE PUBLICATION leaf FOR TABLE s.bad_1" \
    "CREATE PUBLICATION everything FOR ALL TABLES" >/dev/null
  run -0 two_formats publication one
  [ "$output" = 'all columns can be read in binary' ]
  run -1 two_formats publication two
  [ "$output" = 'text only: s.bad h public.holder[]' ]
  run -1 two_formats publication leaf
  [ "$output" = 'text only: s.bad_1 h public.holder[]' ]
  run -1 two_formats publication everything
  [[ $output == 'text only: '* ]]
  sql "ALTER TABLE s.bad DROP COLUMN h"
  run -1 two_formats publication two
  [ "$output" = 'text only: s.bad q public.search' ]
  run -0 two_formats publication missing
  if server_at_least 150000; then
    sql "CREATE PUBLICATION listed FOR TABLE s.good, s.bad (id) WITH (publish_via_partition_root)" "CREATE PUBLICATION whole FOR TABLES IN SCHEMA s"
    run -0 two_formats publication listed
    run -1 two_formats publication whole
    [ "$output" = 'text only: s.bad q public.search' ]
  fi
}

@test "five thousand tables are looked at in the time of a breath" {
  sql "DO \$\$ BEGIN FOR n IN 1..5000 LOOP EXECUTE format('CREATE TABLE many_%s (id int PRIMARY KEY, a text, b jsonb, c timestamptz, d numeric)', n);
    IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END \$\$" "CREATE PUBLICATION many FOR ALL TABLES" "DROP TABLE IF EXISTS catalog, s.bad"
  run -0 timeout 2 "$PGCDC_BIN/../e2e/two-formats" "$DSN" publication many
}

# --- the stream: in binary where all columns can be, in text where not, and the same lines either way ---

given_a_stream() {
  sql "CREATE PUBLICATION p FOR TABLE $1" "SELECT pg_create_logical_replication_slot('s_$BATS_TEST_NUMBER', 'pgoutput')" >/dev/null
}
stream() { pgcdc-read --source t --dsn "$DSN" --slot "s_$BATS_TEST_NUMBER" --publication p --until now "$@"; }
afters() { sed -nE 's/^\{"op":"[cu]".*"after":(\{.*\})\}$/\1/p'; }

@test "a value whose type was dropped since comes in text, and no row of its transaction twice" {
  fresh_database dropped
  sql "CREATE TYPE odd AS ENUM ('one', 'two')" "CREATE TABLE t (id int PRIMARY KEY, v odd)"
  given_a_stream t
  sql "BEGIN; CREATE TABLE other (); INSERT INTO t VALUES (1, 'one'), (2, 'two'); COMMIT" "INSERT INTO t VALUES (3, NULL)" \
    "ALTER TABLE t DROP COLUMN v" "DROP TYPE odd" "INSERT INTO t VALUES (4)"
  run -0 --separate-stderr stream
  [ "$(afters <<<"$output")" = $'{"id":1,"v":"one"}\n{"id":2,"v":"two"}\n{"id":3,"v":null}\n{"id":4}' ]
  [[ $stderr == *err=binary_unknown* ]]
  [ "$(grep -c '"op":"schema"' <<<"$output")" = 2 ]
}

@test "a record that was altered since comes in text" {
  fresh_database altered
  sql "CREATE TYPE pair AS (a int, b text)" "CREATE TABLE t (id int PRIMARY KEY, v pair)"
  given_a_stream t
  sql "INSERT INTO t VALUES (1, (7, 'x y'))" "ALTER TYPE pair ADD ATTRIBUTE c bytea" "INSERT INTO t VALUES (2, (8, 'z', '\x01'))"
  run -0 --separate-stderr stream
  [ "$(afters <<<"$output")" = $'{"id":1,"v":"(7,\\"x y\\")"}\n{"id":2,"v":"(8,z,\\"\\\\\\\\x01\\")"}' ]
}

@test "what the server itself cannot send in binary comes in text, in the middle of a transaction too" {
  fresh_database unsendable
  sql "CREATE TABLE t (id int PRIMARY KEY)"
  given_a_stream t
  sql "BEGIN; INSERT INTO t VALUES (1); ALTER TABLE t ADD a aclitem[]; INSERT INTO t VALUES (2, '{postgres=r/postgres}'); COMMIT" \
    "ALTER TABLE t DROP a" "INSERT INTO t VALUES (3)"
  run -0 --separate-stderr stream
  [ "$(afters <<<"$output")" = $'{"id":1}\n{"id":2,"a":["postgres=r/postgres"]}\n{"id":3}' ]
  [[ $stderr == *err=sqlstate_42883* ]]
}

@test "a table that can only be read in text makes the stream one in text, and says which column" {
  fresh_database plain
  sql "CREATE TABLE t (id int PRIMARY KEY, q tsquery)"
  given_a_stream t
  sql "INSERT INTO t VALUES (1, 'fat & cat')"
  run -0 --separate-stderr stream --verbose
  [ "$(afters <<<"$output")" = "{\"id\":1,\"q\":\"'fat' & 'cat'\"}" ]
  [[ $stderr == *'table=public.t column=q type=tsquery'* ]]
}
