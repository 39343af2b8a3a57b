#!/usr/bin/env bats
# What cdc-load does beside one run, on any engine (tests/destinations/beside_ENGINE.bats are links to this file; see engines.bash):
# following, comments, a sources file, statements as text, the check.
# Knows: the stream, cdc-load's options. Must not know: what a change means for a row.

# shellcheck disable=SC2030,SC2031,SC2034 # a test is a subshell of its own, and its variables are meant for it alone

bats_require_minimum_version 1.5.0
load ../e2e/cluster
load ../e2e/stream

setup_file() { engine_start; }
teardown_file() { engine_remove; }
setup() {
  STAGE=$BATS_TEST_TMPDIR/stage
  warehouse_fresh
}

# A table whose columns bear what a policy says.
classified() {
  printf '{"op":"schema","table":"public.u","relid":200,"root":null,"lsn":"%s","version":1,"identity":"default","columns":[%s,%s]}\n' "$(lsn "${AT:-1}")" \
    '{"name":"id","type":"int8","typmod":-1,"attnum":1,"bind":"200.1","identity":true,"pk":true,"nullable":false,"category":"N","default":false,"action":"keep","class":"green"}' \
    "{\"name\":\"it's\",\"type\":\"text\",\"typmod\":-1,\"attnum\":2,\"bind\":\"200.2\",\"identity\":false,\"pk\":false,\"nullable\":true,\"category\":\"S\",\"default\":false,\"action\":\"${1:-keep}\",\"class\":\"${2:-orange}\"}"
}

two_rows() {
  source_line && table public.t id:int8:k note:text && classified
  tx 10 'c public.t "after":{"id":1,"note":"a"}' 'c public.u "after":{"id":1,"it'"'"'s":"b"}'
}

more() { { source_line 15 && table public.t id:int8:k note:text && tx 30 "u public.t \"after\":{\"id\":1,\"note\":\"$1\"}"; } | stage; }

@test "a follower loads what comes later; others read between two looks; it ends with 0 when it is asked to" {
  two_rows | stage
  cdc-load --stage "$STAGE" --source s --warehouse "$(warehouse_url)" --follow --poll-seconds 1 --metrics "$BATS_TEST_TMPDIR/m.prom" 2>"$BATS_TEST_TMPDIR/err" 3>&- 8>&- &
  local follower=$! status=0
  wait_until 30 rows_are 'SELECT note FROM t' a
  more b
  wait_until 30 rows_are 'SELECT note FROM t' b
  wait_until 30 grep -q '^cdc_load_epochs_total{.*} 2$' "$BATS_TEST_TMPDIR/m.prom"
  kill -TERM "$follower"
  wait "$follower" || status=$?
  [[ $status == 0 && ! -s $BATS_TEST_TMPDIR/err ]]
}

# Comments of the columns of view u, in order, and of the view.
comments() {
  case $ENGINE in
  postgresql) rows "SELECT col_description('s.u'::regclass, attnum) FROM pg_attribute WHERE attrelid='s.u'::regclass ORDER BY attnum" "SELECT obj_description('s.u'::regclass)" ;;
  duckdb) rows "SELECT comment FROM duckdb_columns() WHERE schema_name='s' AND table_name='u' ORDER BY column_index" "SELECT comment FROM duckdb_views() WHERE schema_name='s' AND view_name='u'" ;;
  snowflake) rows "SELECT \"COMMENT\" FROM \"INFORMATION_SCHEMA\".\"COLUMNS\" WHERE \"TABLE_SCHEMA\"='$WAREHOUSE' AND \"TABLE_NAME\"='u' ORDER BY \"ORDINAL_POSITION\"" \
    "SELECT \"COMMENT\" FROM \"INFORMATION_SCHEMA\".\"TABLES\" WHERE \"TABLE_SCHEMA\"='$WAREHOUSE' AND \"TABLE_NAME\"='u'" ;;
  # SQLite has no comments: they stand in the state.
  sqlite) rows "SELECT 'class='||class||' action='||action||' type='||type FROM _cdc_columns WHERE \"table\"='public.u' ORDER BY position" "SELECT 'source='||\"table\" FROM _cdc_tables WHERE view='u'" ;;
  esac
}

@test "class and action of a column stand beside it, and change with the policy" {
  two_rows | deliver
  diff <(comments) <(printf '%s\n' 'class=green action=keep type=int8' 'class=orange action=keep type=text' source=public.u)
  { source_line 15 && AT=20 classified null red && tx 30 'c public.u "after":{"id":2,"it'"'"'s":null}'; } | deliver
  diff <(comments) <(printf '%s\n' 'class=green action=keep type=int8' 'class=red action=null type=text' source=public.u)
}

@test "the sources file names each view with its columns; without a warehouse there is none" {
  run -0 --separate-stderr load_warehouse --print dbt
  [[ -z $output && -z $stderr ]]
  two_rows | deliver
  run -0 --separate-stderr load_warehouse --print dbt
  [[ -z $stderr ]]
  grep -qF '      - name: "u"' <<<"$output"
  grep -qF "meta: {class: \"orange\", action: \"keep\", source_column: \"it's\", source_type: \"text\"}" <<<"$output"
  # What dbt will ask for freshness is a statement that the engine answers, with a moment.
  local ask
  ask=$(sed -nE "s/^ +loaded_at_query: \"(.*public\.u'?.*)\"$/\1/p" <<<"$output" | sed 's/\\"/"/g')
  [[ -n $ask ]]
  run -0 rows "SELECT CAST(m AS VARCHAR) FROM (${ask/ FROM / AS m FROM }) AS q"
  [[ $output == 2026-11-22*10:00:10* ]]
}

@test "statements are printed without a warehouse, and none is made" {
  two_rows | stage
  run -0 --separate-stderr load_warehouse --print sql
  [[ -z $stderr ]]
  grep -q '^CREATE .*"public.t"' <<<"$output"
  grep -qE '^(MERGE INTO|INSERT INTO) "public.u"' <<<"$output"
  run -0 --separate-stderr load_warehouse --print dbt
  [[ -z $output && -z $stderr ]]
}

@test "the check finds that loading would work, before the first load and after it, and leaves nothing behind" {
  two_rows | stage
  run -0 --separate-stderr load_warehouse --check
  [[ -z $stderr ]]
  run ! grep -v '^ok	' <<<"$output"
  run -0 --separate-stderr load_warehouse --print dbt
  [[ -z $output ]]
  load_warehouse
  local before
  before=$(warehouse_dump)
  run -0 --separate-stderr load_warehouse --check
  grep -q '^ok	merge	' <<<"$output"
  diff <(echo "$before") <(warehouse_dump)
  more b
  load_warehouse
  rows_are 'SELECT note FROM t' b
}

@test "the check says no to a stage that is not there, and to a source that nobody has written" {
  run -1 --separate-stderr load_warehouse --check
  grep -q '^no	staged	no_stage' <<<"$output"
  two_rows | stage
  run -1 --separate-stderr cdc-load --stage "$STAGE" --source nobody --warehouse "$(warehouse_url)" --check
  grep -q '^no	source	no_source' <<<"$output"
}
