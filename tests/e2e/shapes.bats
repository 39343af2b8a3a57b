#!/usr/bin/env bats
# What the warehouse makes of tables: names, columns that come, go, move and change, tables that cannot follow; with any engine
# (tests/destinations/shapes_ENGINE.bats are links to this file; see engines.bash).
# Knows: the stream and the tables that analysts see. Must not know: an engine, or how the loader works inside.

# shellcheck disable=SC2317,SC2154,SC2030,SC2031,SC2034 # functions that are handed to both_ways; stderr comes from run

bats_require_minimum_version 1.5.0
load ../e2e/stream
load ../e2e/semantics

setup_file() { engine_start; }
teardown_file() { engine_remove; }
setup() {
  STAGE=$BATS_TEST_TMPDIR/stage
  warehouse_fresh
}

@test "an added column is null in old rows, unknown where it had a default" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.t "after":{"id":2,"note":"a","weight":1}' 'd public.t "before":{"id":2}'
    AT=20 VERSION=2 table public.t id:int8:k note:text weight:int4 plain:text with_default:text:d
    tx 20 'c public.t "after":{"id":3,"note":"c","weight":3,"plain":"p","with_default":"d"}'
  }
  check() {
    rows_are 'SELECT id, plain, with_default FROM t ORDER BY id' '1|NULL|NULL' '3|p|d' && rows_are "$unknown" '1|["with_default"]' &&
      rows_are 'SELECT unknown_values FROM _cdc_freshness' 1
  }
  both_ways lines check
}

@test "a renamed column is the same column, and its unknown values stay told" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'u public.t "after":{"id":2,"weight":1},"unchanged":["note"]'
    AT=20 VERSION=2 table public.t id:int8:k remark:text weight:int4
    tx 20 'u public.t "after":{"id":1,"weight":3},"unchanged":["remark"]'
  }
  check() { rows_are 'SELECT id, remark, weight FROM t ORDER BY id' '1|a|3' '2|NULL|1' && rows_are "$unknown" '2|["remark"]'; }
  both_ways lines check
}

@test "a dropped column is kept and no longer filled, a new one under its name is another" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"old","weight":1}'
    AT=20 VERSION=2 table public.t id:int8:k weight:int4::3 note:text::4
    tx 20 'c public.t "after":{"id":2,"weight":2,"note":"new"}'
  }
  check() {
    rows_are 'SELECT id, note FROM t ORDER BY id' '1|NULL' '2|new' &&
      rows_are 'SELECT id, note, note__4 FROM "public.t" ORDER BY id' '1|old|NULL' '2|NULL|new'
  }
  both_ways lines check
}

@test "columns that moved without proof park the table: its rows wait and are counted, the others flow" {
  { source_line && BIND=null t && other && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.other "after":{"id":1}'; } | deliver
  {
    source_line 15 && AT=20 BIND=null table public.t id:int8:k remark:text weight:int4
    other
    tx 20 'c public.t "after":{"id":2,"remark":"b","weight":1}' 'c public.other "after":{"id":2}'
  } | stage
  run -0 --separate-stderr load_warehouse --metrics "$BATS_TEST_TMPDIR/m.prom"
  [[ $stderr == *err=table_parked* && $stderr == *table=public.t* ]]
  rows_are "$all" '1|a|1'
  rows_are 'SELECT id FROM other ORDER BY id' 1 2
  rows_are 'SELECT "table", state, complete_to_lsn FROM _cdc_freshness ORDER BY 1' 'public.other|copying|00000000/00000019' 'public.t|parked|00000000/0000000F'
  rows_are 'SELECT waiting_rows FROM _cdc_tables WHERE "table"='"'public.t'" 1
  rows_are 'SELECT rows, applied_rows, waiting_rows FROM _cdc_epochs ORDER BY "from" DESC LIMIT 1' '2|1|1'
  grep -q 'cdc_load_tables{.*state="parked"} 1' "$BATS_TEST_TMPDIR/m.prom"
}

@test "a parked table is mended by a fresh copy of it, and catches up by itself with what it missed" {
  moved() { BIND=null table public.t id:int8:k remark:text weight:int4; }
  { source_line && BIND=null t && other && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.t "after":{"id":2,"note":"b","weight":1}' 'c public.other "after":{"id":1}'; } | deliver
  # Parked at 20; what comes until the copy is in the copy, what comes later waits for it.
  {
    source_line 15 && AT=20 moved && other
    tx 20 'u public.t "after":{"id":1,"remark":"A","weight":2}' 'c public.other "after":{"id":2}'
    tx 30 'd public.t "before":{"id":2}' 'c public.t "after":{"id":3,"remark":"c","weight":3}'
    AT=50 moved
    tx 50 'u public.t "after":{"id":3,"weight":5},"unchanged":["remark"]' 'c public.other "after":{"id":5}'
  } | deliver --max-bytes 1 2>"$BATS_TEST_TMPDIR/said"
  rows_are 'SELECT "table", state, complete_to_lsn FROM _cdc_freshness ORDER BY "table"' 'public.other|copying|00000000/00000037' 'public.t|parked|00000000/0000000F'
  rows_are 'SELECT waiting_rows FROM _cdc_tables WHERE "table"='"'public.t'" 4
  rows_are "$all" '1|a|1' '2|b|1'
  # The table as of 40.
  { source_line && AT=40 moved && COPY=40 HIGH=60 copy 40 public.t '{"id":1,"remark":"A","weight":2}' '{"id":3,"remark":"c","weight":3}'; } | deliver
  rows_are 'SELECT id, remark, weight FROM t ORDER BY id' '1|A|2' '3|c|5'
  rows_are 'SELECT waiting_rows, parked FROM _cdc_tables WHERE "table"='"'public.t'" '0|NULL'
  rows_are 'SELECT "table", state, complete_to_lsn FROM _cdc_freshness ORDER BY "table"' 'public.other|copying|00000000/00000037' 'public.t|copying|00000000/00000037'
  rows_are 'SELECT id FROM other ORDER BY id' 1 2 5
  # From here on like any other table.
  { source_line 55 && AT=60 moved && tx 60 'u public.t "after":{"id":1,"remark":"Z","weight":9}' 'd public.t "before":{"id":3}'; } | deliver
  rows_are 'SELECT id, remark, weight FROM t ORDER BY id' '1|Z|9'
  rows_are 'SELECT state, unknown_values FROM _cdc_freshness WHERE "table"='"'public.t'" 'ready|0'
}

@test "a table with another key begins anew from a copy, though lines of the old key wait in the epoch in which it came" {
  rekeyed() { VERSION=2 table public.t id:int8 note:text:k weight:int4; }
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}'; } | deliver
  {
    source_line 15 && t && tx 18 'c public.t "after":{"id":2,"note":"b","weight":1}'
    AT=30 rekeyed && tx 30 'u public.t "after":{"id":2,"note":"n","weight":2},"before":{"note":"b"}'
    tx 50 'c public.t "after":{"id":3,"note":"c","weight":3}'
  } | deliver --max-bytes 1GiB 2>"$BATS_TEST_TMPDIR/said"
  rows_are 'SELECT state FROM _cdc_freshness' parked
  { source_line && AT=40 rekeyed && copy 40 public.t '{"id":1,"note":"a","weight":1}' '{"id":2,"note":"n","weight":2}'; } | deliver
  rows_are 'SELECT state FROM _cdc_freshness' ready
  rows_are 'SELECT note, id, weight FROM t ORDER BY note' 'a|1|1' 'c|3|3' 'n|2|2'
  rows_are 'SELECT sum(rows), sum(applied_rows), sum(waiting_rows) FROM _cdc_epochs' '4|4|0'
}

@test "without proof, columns that were only appended are taken as added" {
  { source_line && BIND=null t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}'; } | deliver
  { source_line 15 && AT=20 BIND=null table public.t id:int8:k note:text weight:int4 more:text && tx 20 'c public.t "after":{"id":2,"note":"b","weight":1,"more":"m"}'; } | deliver
  rows_are 'SELECT id, note, more FROM t ORDER BY id' '1|a|NULL' '2|b|m'
}

@test "a wider type is taken over, another type or key parks the table" {
  { source_line && table public.t id:int4:k v:varchar && tx 10 'c public.t "after":{"id":1,"v":"a"}'; } | deliver
  { source_line 15 && AT=20 table public.t id:int8:k v:text && tx 20 'c public.t "after":{"id":2,"v":"b"}'; } | deliver
  rows_are 'SELECT id, v FROM t ORDER BY id' '1|a' '2|b'
  { source_line 25 && AT=30 table public.t id:int8:k v:int4 && tx 30 'c public.t "after":{"id":3,"v":3}'; } | stage
  run -0 --separate-stderr load_warehouse
  rows_are 'SELECT state FROM _cdc_freshness' parked
}

@test "names that differ in case only have a table, a view and a column each" {
  {
    source_line
    RELID=100 table public.t id:int8:k duration:text Duration:text
    RELID=200 table 'public."T"' id:int8:k note:text
    tx 10 'c public.t "after":{"id":1,"duration":"small","Duration":"large"}' 'c public."T" "after":{"id":2,"note":"upper"}'
  } | deliver
  rows_are 'SELECT name, "view" FROM _cdc_tables ORDER BY relid' 'public.t|t' 'public.T__200|T__200'
  rows_are 'SELECT id, duration, "Duration__3" FROM t' '1|small|large'
  rows_are 'SELECT id, note FROM "T__200"' '2|upper'
}

@test "reserved words, quotes, dots and emoji are names like any other" {
  {
    source_line
    RELID=100 table 'public."order"' id:int8:k select:text when:text _cdc_lsn:text
    RELID=200 table '"my.schema"."a""b🐘"' id:int8:k
    tx 10 'c public."order" "after":{"id":1,"select":"s","when":"w","_cdc_lsn":"mine"}' 'c "my.schema"."a""b🐘" "after":{"id":2}'
  } | deliver
  rows_are 'SELECT id, "select", "when", x_cdc_lsn__4 FROM "order"' '1|s|w|mine'
  rows_are 'SELECT name, "view" FROM _cdc_tables WHERE relid=200' 'my.schema.a"b🐘|my.schema_a"b🐘'
  rows_are 'SELECT id FROM "my.schema_a""b🐘"' 2
}

@test "a table in no policy is nowhere in the warehouse" {
  local folder=$BATS_TEST_TMPDIR
  printf '%s\t%s\tany\tgreen\tkeep\t-\ttest\n' public.t id public.t note public.t weight >"$folder/policy"
  cdc-policy new-key "$folder/keys"
  {
    source_line && t && RELID=200 table public.secret id:int8:k word:text
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.secret "after":{"id":1,"word":"hidden"}'
    tx 20 'c public.secret "after":{"id":2,"word":"hidden"}' 't public.secret'
    tx 30 'c public.t "after":{"id":2,"note":"b","weight":2}'
  } | cdc-mask --policy "$folder/policy" --keys "$folder/keys" 2>"$folder/said" | deliver
  rows_are "$all" '1|a|1' '2|b|2'
  rows_are 'SELECT "table" FROM _cdc_tables' public.t
  rows_are 'SELECT DISTINCT "table" FROM _cdc_columns' public.t
  rows_are 'SELECT applied_to FROM _cdc_position' 00000000/00000023
  [[ $(warehouse_dump) != *hidden* ]]
}

@test "names of 63 bytes, which together are longer than a name may be, stay apart and hold their rows" {
  local schema first second column
  schema=$(printf 's%.0s' {1..63}) first=$(printf 't%.0s' {1..62})a second=$(printf 't%.0s' {1..62})b column=$(printf 'c%.0s' {1..61})
  {
    source_line
    RELID=100 table "$schema.$first" id:int8:k "${column}_1:numeric" "${column}_2:text"
    RELID=200 table "$schema.$second" id:int8:k "${column}_1:numeric" "${column}_2:text"
    tx 10 "c $schema.$first \"after\":{\"id\":1,\"${column}_1\":\"1.10\",\"${column}_2\":\"first\"}" "c $schema.$second \"after\":{\"id\":2,\"${column}_1\":\"2.20\",\"${column}_2\":\"second\"}"
    tx 20 "u $schema.$first \"after\":{\"id\":3,\"${column}_1\":\"3.30\"},\"before\":{\"id\":1},\"unchanged\":[\"${column}_2\"]" "d $schema.$second \"before\":{\"id\":2}"
  } | stage
  load_warehouse --history
  rows_are 'SELECT "table" FROM _cdc_tables ORDER BY relid' "$schema.$first" "$schema.$second"
  rows_are 'SELECT count(DISTINCT name), count(DISTINCT "view") FROM _cdc_tables' '2|2'
  local table view relid
  for relid in 100 200; do
    table=$(rows "SELECT name FROM _cdc_tables WHERE relid=$relid") view=$(rows "SELECT \"view\" FROM _cdc_tables WHERE relid=$relid")
    if [[ $relid == 100 ]]; then
      rows_are "SELECT id, ${column}_1, ${column}_2 FROM $(quoted "$view")" '3|3.30|first'
      rows_are "SELECT id, _cdc_deleted FROM $(quoted "$table") ORDER BY id" '1|1' '3|0'
    else
      rows_are "SELECT id, ${column}_1, ${column}_2 FROM $(quoted "$view")" ''
      rows_are "SELECT id, _cdc_deleted FROM $(quoted "$table")" '2|1'
    fi
  done
  # Loaded on, by a program that knows the names only from the state tables; and with the history beside it.
  { source_line 25 && RELID=200 table "$schema.$second" id:int8:k "${column}_1:numeric" "${column}_2:text" && tx 30 "c $schema.$second \"after\":{\"id\":9,\"${column}_1\":\"9\",\"${column}_2\":\"later\"}"; } | deliver
  rows_are "SELECT id, ${column}_2 FROM $(quoted "$view")" '9|later'
  [[ $(warehouse_dump | grep -c '__history$') == 2 ]]
}

@test "a column has the engine's own type that holds all values of the source's" {
  local types=(bool int2 int4 int8 oid float4 float8 numeric bytea date time timestamp timestamptz interval json jsonb uuid text _int4) type
  { source_line && table public.t id:int8:k "${types[@]/%/_}" && tx 10 'd public.t "before":{"id":1}'; } | sed -E 's/"name":"([a-z0-9_]+)_","type":""/"name":"\1_","type":"\1"/g' | deliver
  for type in "${types[@]}"; do printf '%s_|%s\n' "$type" "$(engine_type "$type")"; done >"$BATS_TEST_TMPDIR/wanted"
  engine_types public.t | grep -v '^_cdc_' | diff <(echo "id|$(engine_type int8)" && cat "$BATS_TEST_TMPDIR/wanted") -
}
