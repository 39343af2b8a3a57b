#!/usr/bin/env bats
# bats file_tags=server
# What the other tests and the demo lean on: compare-tables finds every kind of difference, private-cluster keeps its word.
# Knows: the warehouse's state tables, to bend what a real pipeline has loaded. Must not know: how the comparison is done.

# shellcheck disable=SC2154 # `stderr` is set by run --separate-stderr
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() {
  cluster_start
  cd "$BATS_FILE_TMPDIR" || return
  sql 'CREATE TYPE mood AS ENUM ($$calm$$, $$wild$$)' 'CREATE DOMAIN amount AS numeric(12,4)' \
    'CREATE TABLE kinds (id bigint PRIMARY KEY, b boolean, i2 smallint, i4 integer, n numeric, a amount, f4 real, f8 double precision,
       t text, v varchar(20), c char(5), d date, ts timestamp, tz timestamptz, ti time, iv interval, u uuid, ip inet, by bytea, j json,
       jb jsonb, arr integer[], words text[], e mood, r int4range, "order" text)' \
    "INSERT INTO kinds VALUES (1, true, -1, 2147483647, 'NaN', 1.5, 1.1, 'Infinity', E'tab\\t line\\n back\\\\ \\\"q\\\"', 'v', 'c', '0001-01-01',
       '2026-01-02 03:04:05.6', '1969-12-31 23:59:59.999999Z', '23:59:59', '1 year -2 days 03:00:00.5', md5('u')::uuid, '10.0.0.1', '\\x00ff',
       '{\"a\": [1, 2]}', '{\"b\": null}', '{1,NULL}', '{\"x y\",\"\"}', 'wild', '[1,5)', '')" \
    "INSERT INTO kinds (id) SELECT n FROM generate_series(2, 50) AS n" \
    'INSERT INTO kinds (id, f4, f8, n) VALUES (-9007199254740993, -0.0, 5e-324, 123456789012345678901234567890.123456789)' \
    'CREATE TABLE pairs (day date, word text, n integer, PRIMARY KEY (day, word))' \
    "INSERT INTO pairs VALUES ('2026-01-01', 'red', 1), ('2026-01-01', 'a b', 2)" \
    'CREATE PUBLICATION kinds FOR TABLE kinds, pairs'
  mkdir stage spool
  # Every column by its own rule; the type's word does not matter.
  sql "SELECT 'public.' || c.relname || E'\\t' || a.attname || E'\\tany\\tgreen\\tkeep\\t-\\ttest' FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE c.relname IN ('kinds', 'pairs') AND a.attnum > 0" >policy
  cat >pipeline.ini <<INI
[pipeline]
source = kinds
dsn = $DSN
slot = kinds
publication = kinds
stage = $PWD/stage
ack = $PWD/ack
[pgcdc-read]
spool = $PWD/spool
[cdc-mask]
policy = $PWD/policy
[cdc-batch]
spool = $PWD/spool
[cdc-load]
warehouse = sqlite:$PWD/warehouse.db
INI
  cdc-run --config pipeline.ini --snapshot
  sql "INSERT INTO kinds SELECT id + 1000, b, i2, i4, n, a, f4, f8, t, v, c, d, ts, tz, ti, iv, u, ip, by, j, jb, arr, words, e, r FROM kinds"
  cdc-run --config pipeline.ini --once
}
teardown_file() { cluster_remove; }

# Each test bends a copy of the loaded warehouse.
setup() {
  cd "$BATS_TEST_TMPDIR" || return
  sqlite3 "$BATS_FILE_TMPDIR/warehouse.db" "VACUUM INTO '$PWD/bent.db'"
}
bend() { sqlite3 bent.db "$1"; }
compared() { compare-tables --dsn "$DSN" --warehouse bent.db "$@"; }

@test "a warehouse that a real pipeline has filled is equal, over every kind of type" {
  run -0 --separate-stderr compared
  [[ $output == *'public.kinds '*' 102 '*' 102 '*' 26 '*equal* ]]
  [[ $output == *'public.pairs '*equal* ]]
  [[ $stderr == '' ]]
}

@test "one other value in any column is found, and its row named by its key" {
  local column columns
  mapfile -t columns < <(sqlite3 bent.db "SELECT name FROM _cdc_columns WHERE \"table\" = 'public.kinds' AND name <> 'id'")
  ((${#columns[@]} == 25))
  cp bent.db whole.db
  for column in "${columns[@]}"; do
    cp whole.db bent.db
    bend "UPDATE \"public.kinds\" SET \"$column\" = CASE typeof(\"$column\") WHEN 'integer' THEN 1 - \"$column\" WHEN 'blob' THEN x'01' ELSE 'x' END WHERE id = 1"
    run -1 compared public.kinds
    [[ $output == *DIFFERENT* && $output == *'other values: 1'* ]] || { echo "$column: $output"; return 1; }
  done
}

@test "null and an empty text are different, and so are a number and its text's neighbour" {
  bend "UPDATE \"public.kinds\" SET t = '' WHERE id = 2"
  run -1 compared
  cp "$BATS_FILE_TMPDIR/warehouse.db" bent.db
  bend "UPDATE \"public.kinds\" SET f8 = 0.0 WHERE f8 = 5e-324"
  run -1 compared
}

@test "a row too few and a row too many are found on their side, without a value of theirs" {
  bend "UPDATE \"public.pairs\" SET _cdc_deleted = 1 WHERE word = 'red'"
  run -1 compared
  [[ $output == *'source only, or other values: 2026-01-01'* ]]
  [[ $output != *'source only, or other values: 2026-01-01	red	1'* ]]
  bend "UPDATE \"public.pairs\" SET _cdc_deleted = 0; DELETE FROM \"public.kinds\" WHERE id = 7; UPDATE \"public.kinds\" SET id = 777 WHERE id = 8"
  run -1 compared
  [[ $output == *'source only, or other values: 7'* && $output == *'warehouse only, or other values: 777'* ]]
}

@test "a parked table, an unknown value or a row in quarantine is not equal" {
  bend "UPDATE _cdc_tables SET unknown_values = 1 WHERE \"table\" = 'public.pairs'"
  run -1 compared
  bend "UPDATE _cdc_tables SET unknown_values = 0, quarantined = 1"
  run -1 compared
  bend "UPDATE _cdc_tables SET quarantined = 0, parked = 'test'"
  run -1 compared
  bend 'UPDATE _cdc_tables SET parked = NULL'
  run -0 compared
}

@test "comparing nothing proves nothing, and a warehouse that is not there is no answer" {
  run -1 compared public.absent
  bend 'DELETE FROM _cdc_tables'
  run -1 compared
  run -75 compare-tables --dsn "$DSN" --warehouse absent.db
  run -64 compare-tables --dsn "$DSN"
}

@test "a private cluster survives a kill, keeps its settings file, and stops in each way" {
  local dir=$BATS_TEST_TMPDIR/a-folder-with-a-name-that-is-far-too-long-for-the-path-of-a-unix-socket/and-then-some-more/pg how
  mkdir -p "$dir"
  private-cluster start "$dir" --fsync on -o wal_sender_timeout=7s
  [[ $(private-cluster psql "$dir" -Atc 'SHOW wal_sender_timeout' -c 'SHOW fsync') == $'7s\non' ]]
  private-cluster psql "$dir" -qc 'CREATE TABLE kept (id int)'
  for how in fast immediate kill; do
    private-cluster stop "$dir" "$how"
    run -1 private-cluster status "$dir"
    private-cluster start "$dir"
    [[ $(private-cluster psql "$dir" -Atc 'SELECT count(*) FROM kept') == 0 ]]
  done
  # The loopback port asks for the password that stands beside the cluster.
  [[ $(psql -XAt "$(private-cluster dsn "$dir" --tcp)" -c 'SELECT 1') == 1 ]]
  run -2 psql -XAtw "$(private-cluster dsn "$dir" --tcp | sed 's/passfile=.*/passfile=absent/')" -c 'SELECT 1'
  private-cluster remove "$dir"
  [[ ! -e $dir ]]
}
