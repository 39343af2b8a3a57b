#!/usr/bin/env bats
# cdc-compare, with a warehouse of any engine (tests/destinations/cdc-compare_ENGINE.bats are links to this file): a copy of the source in
# SQLite against it. Every kind of value is equal to itself wherever it lies, and each way of not being equal is told.
# Knows: hand-written streams, engines.bash. Must not know: how rows are compared.

# shellcheck disable=SC2034,SC2154 # variables that functions of other files read; stderr comes from run

bats_require_minimum_version 1.5.0
load ../e2e/stream

setup_file() { engine_start; }
teardown_file() { engine_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  warehouse_fresh
}

columns=(id:int8:k note:text weight:int4 price:numeric part:float8 flag:bool raw:bytea day:date clock:time at:timestamp utc:timestamptz doc:json bin:jsonb list:_int4)
row() { # in  ID   out  its members, all but the key
  printf '"note":"n%d ä \\" \\\\ \x27","weight":%d,"price":"%d.50","part":%d.1,"flag":true,"raw":"AAH/","day":"2024-02-29","clock":"23:59:59.123400","at":"2024-02-29T23:59:59.123400","utc":"2024-02-29T23:59:59.123400Z","doc":"{ \\"a\\": %d}","bin":"{\\"a\\": %d}","list":"[%d,null]"' "$1" "$1" "$1" "$1" "$1" "$1" "$1"
}
edge='"note":"","weight":null,"price":"NaN","part":"NaN","flag":false,"raw":"","day":null,"clock":null,"at":null,"utc":null,"doc":null,"bin":"[]","list":"[]"'
# The source as of POSITION, copied: into a reference. in  POSITION ROW...
reference() {
  local at=$1
  shift
  rm -rf copied reference.db*
  { source_line "$at" && AT=$at table public.t "${columns[@]}" && HIGH=$at copy "$at" public.t "$@"; } | STAGE=$PWD/copied stage
  cdc-load --stage copied --source s --warehouse sqlite:reference.db
}
# in  options of cdc-compare
compared() { cdc-compare --reference sqlite:reference.db --source s --stage "$BATS_TEST_TMPDIR/stage" --warehouse "$(warehouse_url)" "$@"; }
# The first table's counts. in  WORD...   of equal moved missing differs unknown extra
counts() {
  local word list=''
  for word; do list+=",.$word"; done
  compared --json >json || (($? == 1)) || return
  jq -c "[${list#,}]" json
}

given() {
  {
    source_line && table public.t "${columns[@]}"
    tx 10 "c public.t \"after\":{\"id\":1,$(row 1)}" "c public.t \"after\":{\"id\":2,$(row 2)}" "c public.t \"after\":{\"id\":3,$edge}" "c public.t \"after\":{\"id\":4,$(row 4)}"
    tx 20 'd public.t "before":{"id":4}' "u public.t \"after\":{\"id\":2,$(row 22)}"
    heartbeat 40
  } | deliver
}

@test "every kind of value is equal to itself, and what was deleted on both sides is nothing" {
  given
  reference 30 "{\"id\":1,$(row 1)}" "{\"id\":2,$(row 22)}" "{\"id\":3,$edge}"
  run -0 --separate-stderr compared
  [[ -z $stderr && ${lines[1]} =~ ^public\.t\ +3\ +0\ +0\ +0\ +0\ +0\ +equal$ ]]
  [[ $(counts equal is_equal) == '[3,true]' ]]
}

@test "a value that the engine cannot hold waits in quarantine, and the row is not called equal" {
  local endless=${edge/'"at":null'/'"at":"infinity"'}
  { source_line && table public.t "${columns[@]}" && tx 10 "c public.t \"after\":{\"id\":3,$endless}" && heartbeat 40; } | deliver
  reference 30 "{\"id\":3,$endless}"
  case $ENGINE in
  snowflake) [[ $(counts equal unknown differs is_equal) == '[0,1,0,false]' ]] ;;
  *) [[ $(counts equal unknown differs is_equal) == '[1,0,0,true]' ]] ;;
  esac
}

@test "a transaction whose commit begins at the very position of the copy is newer than it: what it wrote has moved" {
  {
    source_line && table public.t "${columns[@]}"
    tx 10 "c public.t \"after\":{\"id\":1,$(row 1)}" "c public.t \"after\":{\"id\":2,$(row 2)}" "c public.t \"after\":{\"id\":3,$(row 3)}"
    tx 30 "u public.t \"after\":{\"id\":1,$(row 11)}" "c public.t \"after\":{\"id\":5,$(row 5)}" 'd public.t "before":{"id":2}'
    heartbeat 40
  } | deliver
  reference 30 "{\"id\":1,$(row 1)}" "{\"id\":2,$(row 2)}" "{\"id\":3,$(row 3)}"
  [[ $(counts equal moved missing differs extra is_equal) == '[1,2,0,0,0,true]' ]]
}

@test "of a part of the copy only rows of that part are too many, whatever the engine makes of a remainder" {
  {
    source_line && table public.t id:int8:k note:text
    tx 10 'c public.t "after":{"id":-65537,"note":"a"}' 'c public.t "after":{"id":-1,"note":"b"}' 'c public.t "after":{"id":0,"note":"c"}' \
      'c public.t "after":{"id":65535,"note":"d"}' 'c public.t "after":{"id":65536,"note":"e"}' 'c public.t "after":{"id":9223372036854775807,"note":"f"}' \
      'c public.t "after":{"id":-9223372036854775808,"note":"g"}'
    heartbeat 40
  } | deliver
  # Nothing of the source is left: each part's rows are too many, in that part alone.
  rm -rf copied reference.db*
  { source_line 30 && AT=30 table public.t id:int8:k note:text && HIGH=30 copy 30 public.t; } | STAGE=$PWD/copied stage
  cdc-load --stage copied --source s --warehouse sqlite:reference.db
  local part
  for part in 1/3 2/3 3/3; do
    compared --json --part $part >json || (($? == 1))
    jq -c '[.suspects[].key]' json
  done >found
  diff found - <<'KEYS'
["0","65535"]
["-65537","-9223372036854775808","65536","9223372036854775807"]
["-1"]
KEYS
}

@test "missing, different and too many: counted, and named by their keys" {
  given
  reference 30 "{\"id\":2,$(row 2)}" "{\"id\":3,$edge}" "{\"id\":4,$(row 4)}" "{\"id\":5,$(row 5)}"
  [[ $(counts equal differs missing extra moved is_equal) == '[1,1,2,1,0,false]' ]]
  [[ $(jq -c '[.suspects[] | [.verdict, .key]]' json) == '[["differs","2"],["missing","4"],["missing","5"],["extra","1"]]' ]]
  run -1 --separate-stderr compared
  [[ ${lines[1]} == *' DIFFERENT' && ${lines[2]} == '    differs: 2' && -z $stderr ]]
  [[ $(compared --suspects 1 --json | jq -c '[.suspects[].key]') == '["2","1"]' ]]
}

@test "a difference in any one column is one" {
  given
  local column value
  while read -r column value; do
    reference 30 "{\"id\":1,$(row 1 | jq -Rc '"{" + . + "}" | fromjson | . + {'"\"$column\": $value"'}' | sed 's/^{//; s/}$//')}" "{\"id\":2,$(row 22)}" "{\"id\":3,$edge}"
    [[ $(counts equal differs) == '[2,1]' ]] || { echo "$column" && return 1; }
  done <<'VALUES'
note "n1 ä \" \\ ' "
weight null
price "1.51"
part 1.1000000000000003
flag false
raw "AAH+"
day "2024-02-28"
clock "23:59:59.123401"
at "2024-02-29T23:59:59.123401"
utc "2024-02-29T23:59:59.123401Z"
doc "{\"a\": 1}"
bin "{\"a\": 2}"
list "[1,0]"
VALUES
}

@test "what the warehouse has of a later position proves nothing either way" {
  given
  # Seen before the second transaction: what that one did has moved on since.
  reference 15 "{\"id\":1,$(row 1)}" "{\"id\":2,$(row 2)}" "{\"id\":3,$edge}" "{\"id\":4,$(row 4)}"
  [[ $(counts equal moved missing differs extra is_equal) == '[2,2,0,0,0,true]' ]]
  # Nor is a row too many that came while the copy was made.
  reference 5
  [[ $(counts equal extra is_equal) == '[0,0,true]' ]]
}

@test "a warehouse that has not come as far as the copy is 75, a table that is not there or has other columns is a no" {
  given
  reference 60 "{\"id\":1,$(row 1)}"
  run -75 --separate-stderr compared
  [[ $stderr == *err=not_there_yet* ]]
  rm -rf copied reference.db*
  { source_line 30 && AT=30 RELID=200 table public.other id:int8:k && copy 30 public.other '{"id":1}'; } | STAGE=$PWD/copied stage
  cdc-load --stage copied --source s --warehouse sqlite:reference.db
  run -1 compared
  [[ $output == *'NOT COMPARED: it is not in the warehouse' ]]
  rm -rf copied reference.db*
  { source_line 30 && AT=30 table public.t id:int8:k note:text && copy 30 public.t '{"id":1,"note":"n"}'; } | STAGE=$PWD/copied stage
  cdc-load --stage copied --source s --warehouse sqlite:reference.db
  run -1 compared
  [[ $output == *'NOT COMPARED: column weight is in the warehouse and was not copied' ]]
}

@test "a warehouse of copies alone is proven where it is equal; what it lacks the log may bring, which is waited for" {
  { source_line 10 && AT=10 table public.t "${columns[@]}" && copy 10 public.t "{\"id\":1,$(row 1)}" "{\"id\":2,$(row 2)}"; } | deliver
  reference 20 "{\"id\":1,$(row 1)}" "{\"id\":2,$(row 2)}"
  [[ $(counts equal is_equal) == '[2,true]' ]]
  reference 20 "{\"id\":1,$(row 1)}" "{\"id\":2,$(row 22)}" "{\"id\":3,$edge}"
  run -75 --separate-stderr compared
  [[ $stderr == *err=not_there_yet* ]]
  { source_line 10 && AT=10 table public.t "${columns[@]}" && tx 12 "u public.t \"after\":{\"id\":2,$(row 22)}" "c public.t \"after\":{\"id\":3,$edge}" && heartbeat 40; } | deliver
  [[ $(counts equal is_equal) == '[3,true]' ]]
}
