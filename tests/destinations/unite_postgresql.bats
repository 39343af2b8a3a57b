#!/usr/bin/env bats
# Views over all sources of a database (cdc-load --unite): cells, shards, tenants of one shape, each loaded by a loader of its own.
# unite_ENGINE.bats are links to this file. SQLite has none: tests/e2e/cdc-load.bats says so.
# Knows: cdc-load's words, cdc-warehouse.5. Must not know: how a view is written, or when it is made.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # variables of a pipe, of run, and variables that functions of other files read

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/stream

setup_file() { engine_start; }
teardown_file() { engine_remove; }
setup() {
  STAGE=$BATS_TEST_TMPDIR/stage PLACE=everything
  warehouse_fresh
  # There a source is a schema that somebody has made.
  if [[ $ENGINE == snowflake ]]; then
    PLACE=${WAREHOUSE}_all
    printf 'CREATE SCHEMA "%s"\n' "$PLACE" "${WAREHOUSE}_b" "${WAREHOUSE}_c" | snowflake_ask >/dev/null
  fi
}

# in  SOURCE [OPTION]...   what is in the stage of it, into its schema
load_source() {
  local source=$1 url
  shift
  url=$(warehouse_url)
  [[ $ENGINE != snowflake || $source == s ]] || url=${url/\/$WAREHOUSE?/\/${WAREHOUSE}_$source?}
  cdc-load --stage "$STAGE" --source "$source" --warehouse "$url" --unite "$PLACE" --unite-ids "${IDS:-shared}" "$@"
}
schema_of() { if [[ $ENGINE == snowflake && $1 != s ]]; then echo "${WAREHOUSE}_$1"; elif [[ $ENGINE == snowflake ]]; then echo "$WAREHOUSE"; else echo "$1"; fi; }
# Lines of a stream of SOURCE, beginning at START, into the stage.   in  SOURCE START; the lines
begin() { { source_line "$2" 7 "$1" && cat; } | stage --max-bytes 1; }
users() { RELID=${RELID:-100} table public.users id:int8:k name:text "$@"; }
user() { printf '%s public.users "after":{"id":%s,"name":"%s"%s}' "$1" "$2" "$3" "${4:+,$4}"; }
view_is() { rows_are "SELECT $1 FROM \"$PLACE\".\"users\" ORDER BY 1, 2" "${@:2}"; }

@test "all rows of all sources, each with its source's name; a source that is new is in it after its first load" {
  { users; tx 10 "$(user c 1 Ada)" "$(user c 2 Ben)"; } | begin s 1
  { users; tx 10 "$(user c 3 Cy)"; } | begin b 1
  load_source s
  view_is '_cdc_source, id, name' 's|1|Ada' 's|2|Ben'
  load_source b
  view_is '_cdc_source, id, name' 'b|3|Cy' 's|1|Ada' 's|2|Ben'
  { users; tx 20 'd public.users "before":{"id":1}' 'u public.users "after":{"id":2,"name":"Bob"}'; } | begin s 15
  load_source s
  view_is '_cdc_source, id, name' 'b|3|Cy' 's|2|Bob'
}

@test "a row that moves to another cell under the same key is there once, whoever is loaded first; never twice" {
  { users; tx 10 "$(user c 1 Ada)" "$(user c 2 Ben)"; } | begin s 1
  { users; tx 10 "$(user c 3 Cy)"; } | begin b 1
  load_source s
  load_source b
  # Moved at 30, where it was changed on the way; the new cell is loaded first.
  { users; tx 30 'd public.users "before":{"id":1}'; } | begin s 15
  { users; tx 31 "$(user c 1 Ada-2)"; } | begin b 15
  load_source b
  view_is '_cdc_source, id, name' 'b|1|Ada-2' 'b|3|Cy' 's|2|Ben'
  load_source s
  view_is '_cdc_source, id, name' 'b|1|Ada-2' 'b|3|Cy' 's|2|Ben'
  # Back again, and now the old one is loaded first: for so long it is in none.
  { users; tx 40 'd public.users "before":{"id":1}'; } | begin b 36
  { users; tx 41 "$(user c 1 Ada-3)"; } | begin s 35
  load_source b
  view_is '_cdc_source, id, name' 'b|3|Cy' 's|2|Ben'
  load_source s
  view_is '_cdc_source, id, name' 'b|3|Cy' 's|1|Ada-3' 's|2|Ben'
}

@test "sources that number their rows by themselves keep all of them; that two say different things of it is told" {
  { users; tx 10 "$(user c 1 Ada)"; } | begin s 1
  { users; tx 10 "$(user c 1 Cy)"; } | begin b 1
  IDS=own load_source s
  IDS=own load_source b
  view_is '_cdc_source, id, name' 'b|1|Cy' 's|1|Ada'
  run -0 --separate-stderr load_source s
  [[ $stderr == *err=not_united*table=*users*--unite-ids* ]]
  run ! view_is id 1
  IDS=own load_source s
  view_is '_cdc_source, id, name' 'b|1|Cy' 's|1|Ada'
}

@test "a column that one cell has sooner is null in the others until they have it; names and types follow" {
  { users; tx 10 "$(user c 1 Ada)"; } | begin s 1
  { users; tx 10 "$(user c 2 Ben)"; } | begin b 1
  load_source s
  load_source b
  { AT=20 VERSION=2 users age:int4; tx 20 "$(user c 3 Cy '"age":30')"; } | begin s 15
  load_source s
  view_is '_cdc_source, id, age' 'b|2|NULL' 's|1|NULL' 's|3|30'
  # There as a wider one; a column in front of it here.
  { AT=20 VERSION=2 users seen:bool age:int8; tx 20 "$(user c 4 Di '"seen":true,"age":5000000000')"; } | begin b 15
  load_source b
  view_is '_cdc_source, id, age, seen' 'b|2|NULL|NULL' 'b|4|5000000000|1' 's|1|NULL|NULL' 's|3|30|NULL'
  # Renamed in one: there are two until it is renamed in the other.
  { AT=30 VERSION=3 table public.users id:int8:k full_name:text::2 age:int4::3; tx 30 'c public.users "after":{"id":5,"full_name":"Ed","age":1}'; } | begin s 25
  load_source s
  view_is '_cdc_source, id, full_name, name' 'b|2|NULL|Ben' 'b|4|NULL|Di' 's|1|Ada|NULL' 's|3|Cy|NULL' 's|5|Ed|NULL'
}

@test "a cell where a column has a type that does not fit leaves no view, and says so; without that cell there is one again" {
  { users; tx 10 "$(user c 1 Ada)"; } | begin s 1
  { table public.users id:int8:k name:bool; tx 10 'c public.users "after":{"id":2,"name":true}'; } | begin b 1
  load_source s
  run -0 --separate-stderr load_source b
  [[ $stderr == *level=warn*err=not_united*table=*users*'column name has another type in s than in b'* ]]
  run ! view_is id 1
  rows_are "SELECT \"table\", refused FROM \"$PLACE\".\"_cdc_views\"" 'public.users|column name has another type in s than in b'
  # It is told when it happens, not each time.
  run -0 --separate-stderr load_source s
  [[ $stderr == '' ]]
  # Each source's own tables were loaded all the same.
  rows_are "SELECT id, name FROM \"$(schema_of b)\".\"users\"" '2|1'
  warehouse_write "DROP SCHEMA \"$(schema_of b)\" CASCADE"
  load_source s
  view_is '_cdc_source, id, name' 's|1|Ada'
}

@test "hashes are equal across cells with one file of keys; with another one they never stand in one column" {
  (umask 077 && cdc-policy new-key "$BATS_TEST_TMPDIR/keys" && cdc-policy new-key "$BATS_TEST_TMPDIR/other")
  printf 'public.users\tid\tany\tgreen\tkeep\t-\ttest\npublic.users\tname\tany\tred\thash:name\t-\ttest\n' >"$BATS_TEST_TMPDIR/policy"
  masked() { { source_line 1 7 "$1" && users && tx 10 "$(user c "$2" Ada)"; } | cdc-mask --policy "$BATS_TEST_TMPDIR/policy" --keys "$BATS_TEST_TMPDIR/$3" --clear green | stage; }
  masked s 1 keys
  masked b 2 keys
  load_source s
  load_source b
  rows_are "SELECT count(*), count(DISTINCT name) FROM \"$PLACE\".\"users\"" '2|1'
  masked c 3 other
  run -0 --separate-stderr load_source c
  [[ $stderr == *err=not_united*'column name has another treatment by the policy in c than in b'* ]]
}

@test "loaders that change their tables at the same moment do not fail each other, and the view has what all of them have" {
  local source failed=0 pids=() pid
  { users; tx 10 "$(user c 1 Ada)"; } | begin s 1
  { users; tx 10 "$(user c 2 Ben)"; } | begin b 1
  { users; tx 10 "$(user c 3 Cy)"; } | begin c 1
  # in  EXPECTED ROWS of each
  all_at_once() {
    pids=()
    for source in s b c; do
      load_source $source 3>&- 2>>"$BATS_TEST_TMPDIR/log" &
      pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
    cat "$BATS_TEST_TMPDIR/log" >&2
    ((failed == 0)) && rows_are "SELECT _cdc_source, count(*) FROM \"$PLACE\".\"users\" GROUP BY _cdc_source ORDER BY 1" "b|$1" "c|$1" "s|$1"
  }
  all_at_once 1
  { AT=20 VERSION=2 users in_s:text; tx 20 "$(user c 11 new '"in_s":"x"')"; } | begin s 15
  { AT=20 VERSION=2 users in_b:text; tx 20 "$(user c 12 new '"in_b":"x"')"; } | begin b 15
  { AT=20 VERSION=2 users in_c:text; tx 20 "$(user c 13 new '"in_c":"x"')"; } | begin c 15
  all_at_once 2
  rows_are "SELECT count(*), count(in_s), count(in_b), count(in_c) FROM \"$PLACE\".\"users\"" '6|1|1|1'
}

@test "a table that begins anew, with another key, leaves its view and comes back into it" {
  { users; tx 10 "$(user c 1 Ada)" "$(user c 2 Ben)"; } | begin s 1
  { users; tx 10 "$(user c 3 Cy)"; } | begin b 1
  IDS=own load_source s
  IDS=own load_source b
  rekeyed() { VERSION=2 table public.users id:int8 name:text:k; }
  { AT=20 rekeyed; tx 20 'u public.users "after":{"id":2,"name":"Bob"},"before":{"name":"Ben"}'; } | begin s 15
  IDS=own load_source s 2>"$BATS_TEST_TMPDIR/said"
  { AT=20 rekeyed; copy 21 public.users '{"id":1,"name":"Ada"}' '{"id":2,"name":"Bob"}'; tx 30 'c public.users "after":{"id":4,"name":"Di"}'; } | begin s 25
  IDS=own load_source s
  view_is '_cdc_source, id, name' 'b|3|Cy' 's|1|Ada' 's|2|Bob' 's|4|Di'
}
