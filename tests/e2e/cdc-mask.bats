#!/usr/bin/env bats
# cdc-mask behind the real reader and the real copy: what a policy does not name is in no byte that leaves, whatever happens
# to the tables meanwhile. Knows: cdc-policy.5, the change stream as jq sees it. Must not know: how masking works.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "mask_$BATS_TEST_NUMBER"
  slot=mask_$BATS_TEST_NUMBER
  cdc-policy new-key keys
  : >policy
}
teardown() {
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$slot' AND NOT active" >/dev/null
}

publish() {
  sql "$@" 'CREATE PUBLICATION p FOR ALL TABLES' >/dev/null
  pgcdc-slot create --slot "$slot" --publication p >/dev/null
}

# Rules, five words each (table column type class action), into the policy.
rules() { for ((; $# >= 5;)); do printf '%s\t%s\t%s\t%s\t%s\t-\t-\n' "${@:1:5}" >>policy && shift 5; done; }

# Everything since the slot was made, masked; warnings in the file log. It may be read again: nothing is confirmed.
masked() {
  pgcdc-read --source test --slot "$slot" --publication p --spool . --until now |
    cdc-mask --policy policy --keys keys --metrics metrics --verbose 2>log
}

# Every form in which a value could hide: as it is, base64 and hex, each also beginning one and two bytes later.
forms() {
  local shift
  echo "$1"
  printf %s "$1" | od -An -v -tx1 | tr -d ' \n' && echo
  for shift in 0 1 2; do printf %s "${1:shift}" | base64 -w0 | cut -c1-12 && echo; done
}

# Fails when a marker is in one of the files.
nowhere() {
  local marker=$1
  shift
  forms "$marker" | grep -v '^$' >patterns
  if grep -ilFf patterns "$@"; then
    echo "$marker is in a file above" >&2
    return 1
  fi
}

@test "a column of each type leaves only by its rule, from the copy and from the stream" {
  local types=(text varchar 'char(40)' name citext json jsonb bytea xml 'text[]' 'jsonb[]' hstore mood inet tsvector pair) columns='' values='' i
  sql "CREATE EXTENSION hstore" "CREATE EXTENSION citext" "CREATE TYPE mood AS ENUM ('markerEnumSecret', 'other')" "CREATE TYPE pair AS (a int, b text)" >/dev/null
  for i in "${!types[@]}"; do
    columns+=", c$i ${types[i]}"
    case ${types[i]} in
      json | jsonb) values+=", '{\"markerOf${i}k\": [\"markerOf${i}v\"]}'" ;;
      bytea) values+=", 'markerOf${i}v'::bytea" ;;
      xml) values+=", '<a>markerOf${i}v</a>'" ;;
      'text[]') values+=", ARRAY['markerOf${i}v', NULL]" ;;
      'jsonb[]') values+=", ARRAY['\"markerOf${i}v\"'::jsonb]" ;;
      hstore) values+=", 'k => markerOf${i}v'" ;;
      mood) values+=", 'markerEnumSecret'" ;;
      inet) values+=", '203.0.113.77'" ;;
      tsvector) values+=", 'markerOf${i}v'" ;;
      pair) values+=", (1, 'markerOf${i}v')" ;;
      *) values+=", 'markerOf${i}v'" ;;
    esac
  done
  publish "CREATE TABLE secrets (id int PRIMARY KEY, shown text$columns)" "ALTER TABLE secrets REPLICA IDENTITY FULL" \
    "CREATE TABLE unlisted (id int PRIMARY KEY, v text)" "INSERT INTO unlisted VALUES (1, 'markerUnlisted')" "INSERT INTO secrets VALUES (1, 'markerShown'$values)"
  # Patterns that would keep everything if they could; by turns the columns have no rule, are hashed, dropped or nulled.
  rules 'public.secrets' id int green keep 'public.secrets' shown text green keep 'public.secrets' 'c*' any yellow keep
  rules 'public.secrets' c0 any red hash:x 'public.secrets' c1 any red drop 'public.secrets' c2 any red null 'public.secrets' c3 any red const:x 'public.secrets' c12 any red drop
  sql "INSERT INTO secrets VALUES (2, 'markerShown'$values)" "UPDATE secrets SET shown = 'again'" "UPDATE secrets SET id = id + 10" "DELETE FROM secrets" \
    "INSERT INTO unlisted VALUES (2, 'markerUnlisted')" "SELECT pg_logical_emit_message(true, 'p', 'markerMessage')" >/dev/null
  masked >stream
  sql "INSERT INTO secrets VALUES (3, 'markerShown'$values)"
  pgcdc-snapshot --source test --slot "$slot" --publication p | cdc-mask --policy policy --keys keys --verbose 2>>log >copy
  # The search sees what it should see.
  grep -q markerShown stream
  grep -q markerShown copy
  [[ $(jq -c 'select(.op == "d").before | keys' stream | sort -u) == '["c0","c2","c3","id","shown"]' ]]
  for i in "${!types[@]}"; do nowhere "markerOf${i}" stream copy log metrics; done
  for i in markerEnumSecret markerUnlisted markerMessage 203.0.113.77; do nowhere "$i" stream copy log metrics; done
  [[ $(grep -c unlisted stream copy metrics | cut -d: -f2 | tr '\n' ' ') == '0 0 1 ' ]]
}

@test "a column added meanwhile is withheld until a rule names it" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v text)'
  rules public.t id int green keep public.t v text green keep
  sql "INSERT INTO t VALUES (1, 'one')" 'ALTER TABLE t ADD COLUMN secret text' "INSERT INTO t VALUES (2, 'two', 'markerNew')" >/dev/null
  masked >stream
  [[ $(jq -c 'select(.op == "c").after' stream | tr '\n' ' ') == '{"id":1,"v":"one"} {"id":2,"v":"two"} ' ]]
  nowhere markerNew stream log metrics
  grep -q 'err=withheld table=public.t column=secret ' log
  grep -q 'cdc_mask_withheld_total{program="cdc-mask",table="public.t",column="secret"} 1' metrics
  rules public.t secret text green keep
  masked | jq -c 'select(.op == "c").after' | tail -n 1 >last
  [[ $(<last) == '{"id":2,"v":"two","secret":"markerNew"}' ]]
}

@test "a column renamed to an allowed name is withheld" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, title text, note text)'
  rules public.t id int green keep public.t title text green keep public.t note text red drop
  sql "INSERT INTO t VALUES (1, 'shown', 'markerNote')" 'ALTER TABLE t DROP COLUMN title' 'ALTER TABLE t RENAME COLUMN note TO title' \
    "INSERT INTO t VALUES (2, 'markerNote')" >/dev/null
  masked >stream
  [[ $(jq -c 'select(.op == "c").after' stream | tr '\n' ' ') == '{"id":1,"title":"shown"} {"id":2} ' ]]
  nowhere markerNote stream log metrics
  grep -q 'err=repinned table=public.t column=title ' log
}

@test "a table swapped under an allowed name is withheld whole" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v text)' 'CREATE TABLE other (id int PRIMARY KEY, v text)'
  rules public.t id int green keep public.t v text green keep
  sql "INSERT INTO t VALUES (1, 'shown')" 'ALTER TABLE t RENAME TO old; ALTER TABLE other RENAME TO t' "INSERT INTO t VALUES (2, 'markerSwapped')" >/dev/null
  masked >stream
  nowhere markerSwapped stream log metrics
  [[ $(jq -c 'select(.op == "commit") | [.rows, .read_rows]' stream | tail -n 1) == '[0,1]' ]]
}

@test "hashes join across tables and are what a look-up gives" {
  publish 'CREATE TABLE people (id int PRIMARY KEY, email text)' 'CREATE TABLE orders (email text PRIMARY KEY, contact text)'
  rules public.people id int green keep public.people email text orange hash:email public.orders email text orange hash:email public.orders contact text orange hash:email
  sql "INSERT INTO people VALUES (1, ' Jane@Example.com')" "INSERT INTO orders VALUES ('Jane@Example.com', 'JANE@EXAMPLE.COM')" >/dev/null
  masked >stream
  local person order
  person=$(jq -r 'select(.table == "public.people" and .op == "c").after.email' stream)
  order=$(jq -r 'select(.table == "public.orders" and .op == "c").after.contact' stream)
  [[ $person =~ ^[0-9a-f]{32}$ && $person == "$order" ]]
  [[ $(echo jane@example.com | cdc-policy hash --keys keys --domain email) == "$person" ]]
  # A key is hashed as it stands.
  [[ $(echo Jane@Example.com | cdc-policy hash --keys keys --domain email --exact) == "$(jq -r 'select(.table == "public.orders" and .op == "c").after.email' stream)" ]]
}

@test "an unchanged value is named only when its column leaves" {
  publish 'CREATE TABLE t (id int PRIMARY KEY, v int, a text, b text)' 'ALTER TABLE t ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL'
  rules public.t id int green keep public.t v int green keep public.t a text red hash:a public.t b text red drop
  sql "INSERT INTO t VALUES (1, 1, repeat('a', 20000), repeat('b', 20000))" 'UPDATE t SET v = 2' >/dev/null
  masked >stream
  [[ $(jq -c 'select(.op == "u") | [.after, .unchanged]' stream) == '[{"id":1,"v":2},["a"]]' ]]
}

@test "a policy with a mistake lets nothing pass" {
  publish 'CREATE TABLE t (id int PRIMARY KEY)'
  rules public.t id int green keeep
  sql 'INSERT INTO t VALUES (1)'
  pgcdc-read --source test --slot "$slot" --publication p --spool . --until now >stream
  run -64 --separate-stderr cdc-mask --policy policy --keys keys <stream
  [[ -z $output ]]
}
