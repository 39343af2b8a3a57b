#!/usr/bin/env bats
# A policy's life on a real server: drafted, checked, changed while the pipe runs, tightened and widened; what it withholds is in no
# byte that any program wrote. Knows: cdc-policy.5, the programs of the pipe. Must not know: how masking or erasing works.
# shellcheck disable=SC2030,SC2031,SC2154 # bats sets stderr; a test and its teardown are one process, which shellcheck cannot see

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster
load ../fault/pipeline

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "privacy_$BATS_TEST_NUMBER"
  export SLOT=privacy_$BATS_TEST_NUMBER DIR=$PWD/p POLICY='#'
  mkdir "$DIR"
  background=()
}
teardown() {
  local slot pid
  for pid in "${background[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait
  for slot in $(sql "SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE '${SLOT}%'"); do
    wait_until 20 sql "SELECT pg_drop_replication_slot('$slot')"
  done
}

# Rules, six words each (table column type class action when), into the policy.
rules() { for ((; $# >= 6;)); do printf '%s\t%s\t%s\t%s\t%s\t%s\ttest\n' "${@:1:6}" >>"$DIR/policy" && shift 6; done; }
new_policy() { : >"$DIR/policy" && rules "$@"; }

# Slot, copy, load, by the rules that come.
given() {
  local statements=()
  while [[ $1 != -- ]]; do statements+=("$1") && shift; done
  shift
  sql "${statements[@]}" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR"
  sed -i "s|^clear = green$|clear = green,yellow\npins = $DIR/pins\nledger = $DIR/ledger|" "$DIR/pipeline.ini"
  new_policy "$@"
  pipeline_begin "$DIR"
}
pass() { pipeline_pass "$DIR"; }
in_warehouse() { warehouse_sql "$DIR/warehouse.db" "$1"; }
slot_is_free() { sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$SLOT'"; }

# Every form in which a text could hide: as it is, hex, and base64, also when it begins one or two bytes later.
forms() {
  local shift
  echo "$1"
  printf %s "$1" | od -An -v -tx1 | tr -d ' \n' && echo
  for shift in 0 1 2; do printf %s "${1:shift}" | base64 -w0 | cut -c1-12 && echo; done
}
# in  TEXT FILE...   some of them holds the text; compressed ones are looked into
holds() {
  local file text=$1
  shift
  forms "$text" | grep -v '^$' >"$BATS_TEST_TMPDIR/patterns"
  for file in "$@"; do
    # To its end: what writes into a pipe that grep -q has left is killed, and the search would have failed.
    if [[ $file == *.zst ]]; then zstdcat -q "$file"; else cat "$file"; fi | grep -aiFf "$BATS_TEST_TMPDIR/patterns" >/dev/null && return
  done
  return 1
}
# The same of every file that a program of the pipe has written.
holds_written() {
  local files
  mapfile -t files < <(find "$DIR" -type f ! -name policy ! -name 'policy.*')
  holds "$1" "${files[@]}"
}

@test "hash-compat is what PostgreSQL computes, for a thousand odd values" {
  sql "CREATE TABLE odd (id int PRIMARY KEY, v text)" \
    "INSERT INTO odd SELECT n, string_agg(chr(CASE WHEN random() < 0.3 THEN 32 + (random() * 94)::int WHEN random() < 0.5 THEN 161 + (random() * 1000)::int
       WHEN random() < 0.8 THEN 7680 + (random() * 255)::int ELSE 66560 + (random() * 39)::int END), '') || CASE n % 3 WHEN 0 THEN '  ' WHEN 1 THEN E' \\t' ELSE '' END
       FROM generate_series(1, 1000) n, generate_series(1, 12) i GROUP BY n" "INSERT INTO odd VALUES (0, ''), (1001, NULL), (1002, '  Ann.Other@Example.COM '), (1003, 'ÄÖÜ ẞ Σίσυφος Ѐ')"
  given 'SELECT 1' -- public.odd id int green keep - public.odd v text red hash:own -
  printf 'compat\tsalt\tPepper Ä \n' >>"$DIR/keys"
  new_policy public.odd id int green keep - public.odd v text red hash-compat:compat -
  pgcdc-snapshot --config "$DIR/pipeline.ini" 2>/dev/null | cdc-mask --config "$DIR/pipeline.ini" --pins '' |
    jq -r 'select(.op == "r").after | "\(.id) \(.v)"' | sort -n >ours
  sql "SELECT id || ' ' || coalesce(encode(sha256(convert_to(trim(lower(v || 'Pepper Ä ')), 'UTF8')), 'hex'), 'null') FROM odd ORDER BY id" >theirs
  [[ $(wc -l <ours) == 1004 ]]
  diff ours theirs
}

@test "another policy on SIGHUP: from the next transaction on, in an epoch of its own; a bad one lets nothing pass" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text, w text)' "INSERT INTO t VALUES (0, 'markerOld', 'markerOld')" -- public.t id int green keep - public.t v text green keep -
  mkfifo one two three
  pgcdc-read --config "$DIR/pipeline.ini" >one 2>err.read 3>&- &
  background+=($!)
  cdc-mask --config "$DIR/pipeline.ini" <one >two 2>err.mask 3>&- &
  local mask=$!
  background+=("$mask")
  cdc-batch --config "$DIR/pipeline.ini" --max-seconds 1 <two >three 2>err.batch 3>&- &
  background+=($!)
  cdc-stage-put --config "$DIR/pipeline.ini" <three 2>err.put 3>&- &
  background+=($!)
  staged() { cdc-stage-get --config "$DIR/pipeline.ini" | jq -c 'select(.op == "c" or .op == "u").after' | grep -qF "$1"; }
  sql "INSERT INTO t VALUES (1, 'markerClear', 'markerTwo')"
  wait_until 20 staged '{"id":1,"v":"markerClear"}'
  # Tightened while it runs.
  new_policy public.t id int green keep - public.t v text red null - public.t w text green keep -
  kill -HUP "$mask"
  policies() { (($(cdc-stage-get --config "$DIR/pipeline.ini" | grep -c '"op":"policy"') == $1)); }
  next() { sql "INSERT INTO t VALUES ((SELECT max(id) + 1 FROM t), 'markerHidden', 'markerThree')" && staged '"v":null'; }
  wait_until 20 next
  policies 2
  run ! holds_written markerHidden
  # Each epoch says which policy made it, and no epoch has two.
  [[ $(jq -r .policy "$DIR"/stage/shop/0/log/*.json | sort -u | wc -l) == 2 ]]
  # A bad one.
  printf 'public.t\tid\tint\tgreen\tkeeep\t-\t-\n' >>"$DIR/policy"
  kill -HUP "$mask"
  local status=0
  wait "$mask" || status=$?
  ((status == 64))
  grep -q 'err=bad_policy class=usage' err.mask
  sql "INSERT INTO t VALUES (1000, 'after', 'markerAfter')"
  wait_until 20 slot_is_free
  run ! holds_written markerAfter
  # Mended, all of it comes.
  sed -i '$d' "$DIR/policy"
  pass
  [[ $(in_warehouse "SELECT count(*), sum(v IS NULL), max(w) FROM t WHERE id > 1") == "$(sql 'SELECT count(*) FROM t WHERE id > 1')|$(sql 'SELECT count(*) FROM t WHERE id > 1')|markerThree" ]]
}

@test "a column that is released is unknown until it was read again, never null; then it is the source's" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text, w text)' "INSERT INTO t SELECT n, 'v' || n, 'w' || n FROM generate_series(1, 500) n" -- \
    public.t id int green keep - public.t v text green keep - public.t w text red null -
  sql "UPDATE t SET v = 'changed' WHERE id < 10"
  pass
  cp "$DIR/policy" "$DIR/policy.old"
  new_policy public.t id int green keep - public.t v text green keep - public.t w text red\>green keep -
  run -1 cdc-policy diff --config "$DIR/pipeline.ini" "$DIR/policy.old" "$DIR/policy"
  [[ $output == "backfill"$'\t'"public.t"$'\t'"w"$'\t'"hidden null"$'\t'"clear keep" ]]
  # The copy's first look at the table by the new policy.
  sql "UPDATE t SET v = 'again' WHERE id = 1"
  pass
  [[ $(in_warehouse "SELECT state, unknown_values FROM _cdc_freshness") == 'copying|499' ]]
  cdc-load --config "$DIR/pipeline.ini" --print unknown | pipe_of "$DIR" pgcdc-snapshot --unknown -
  pass
  [[ $(in_warehouse "SELECT state, unknown_values FROM _cdc_freshness") == 'ready|0' ]]
  pipeline_equal "$DIR" public.t
}

@test "a column that no rule let through and a rule then lets through is unknown too, not null" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text, w text)' "INSERT INTO t SELECT n, 'v' || n, 'w' || n FROM generate_series(1, 20) n" -- \
    public.t id int green keep - public.t v text green keep -
  grep -q $'^shop\tpublic.t\tw\tno_rule\t[0-9A-F/]*\t20$' "$DIR/ledger"
  rules public.t w text green keep -
  sql "UPDATE t SET v = 'x' WHERE id = 1"
  pass
  [[ $(in_warehouse "SELECT state, unknown_values FROM _cdc_freshness") == 'copying|19' ]]
  cdc-load --config "$DIR/pipeline.ini" --print unknown | pipe_of "$DIR" pgcdc-snapshot --unknown -
  pipeline_load "$DIR"
  pipeline_equal "$DIR" public.t
}

@test "a rule that is tightened: what has to go is said, and gone afterwards from table, history and quarantine, to the last byte" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text, w text)' "INSERT INTO t SELECT n, 'markerSecret' || n, 'stays' FROM generate_series(1, 300) n" -- \
    public.t id int green keep - public.t v text red\>green keep - public.t w text green keep -
  rm "$DIR"/warehouse.db*
  cdc-load --config "$DIR/pipeline.ini" --history
  sql "UPDATE t SET v = 'markerSecretAgain' WHERE id = 1"
  pass
  cp "$DIR/policy" "$DIR/policy.old"
  new_policy public.t id int green keep - public.t v text red hash:v - public.t w text green keep -
  cdc-policy diff --config "$DIR/pipeline.ini" "$DIR/policy.old" "$DIR/policy" >todo && return 1
  grep -q '^erase+backfill' todo
  holds markerSecret "$DIR"/warehouse.db*
  cdc-load --config "$DIR/pipeline.ini" --erase todo >gone
  grep -q $'^erased\tpublic.t\tv\t300\t301\t0\t-$' gone
  run ! holds markerSecret "$DIR"/warehouse.db*
  # Whatever the stage still holds is named.
  local what object
  while IFS=$'\t' read -r what object _; do
    [[ $what != stage ]] || holds stays "$DIR/stage/$object"
  done <gone
  grep -q '^stage' gone
  [[ $(in_warehouse "SELECT state, unknown_values FROM _cdc_freshness") == 'copying|300' ]]
  sql "UPDATE t SET w = 'x' WHERE id = 2"
  pass
  cdc-load --config "$DIR/pipeline.ini" --print unknown | pipe_of "$DIR" pgcdc-snapshot --unknown -
  pass
  [[ $(in_warehouse "SELECT state, (SELECT count(DISTINCT v) FROM t), (SELECT min(length(v)) FROM t) FROM _cdc_freshness") == 'ready|300|32' ]]
  run ! holds markerSecret "$DIR"/warehouse.db*
}

@test "one person is erased by the hash of the address, in table and history" {
  given 'CREATE TABLE people (id int PRIMARY KEY, email text, plan text)' "INSERT INTO people VALUES (1, 'Jane@Example.com', 'markerJane'), (2, 'ann@example.com', 'markerAnn')" -- \
    public.people id int green keep - public.people email text orange hash:email - public.people plan text yellow keep -
  rm "$DIR"/warehouse.db*
  cdc-load --config "$DIR/pipeline.ini" --history
  sql "UPDATE people SET plan = 'markerJaneLater' WHERE id = 1"
  pass
  printf 'person\tpublic.people\temail\t%s\n' "$(echo jane@example.com | cdc-policy hash --config "$DIR/pipeline.ini" --domain email)" >todo
  cdc-load --config "$DIR/pipeline.ini" --erase todo | grep -q $'^erased\tpublic.people\temail\t1\t2\t0\t-$'
  run ! holds markerJane "$DIR"/warehouse.db*
  holds markerAnn "$DIR"/warehouse.db*
  [[ $(in_warehouse "SELECT id, email, plan FROM people WHERE id = 1") == '1||' ]]
}

@test "a renamed column is withheld across restarts until it is accepted" {
  given 'CREATE TABLE t (id int PRIMARY KEY, title text, note text)' "INSERT INTO t VALUES (1, 'shown', 'markerNote')" -- \
    public.t id int green keep - public.t title text green keep - public.t note text red drop -
  sql 'ALTER TABLE t DROP COLUMN title' 'ALTER TABLE t RENAME COLUMN note TO title' "INSERT INTO t VALUES (2, 'markerNoteToo')"
  pass
  pass
  run ! holds_written markerNote
  cut -f2-4 "$DIR/ledger" | grep -q $'^public.t\ttitle\trepinned$'
  run -1 cdc-policy check --config "$DIR/pipeline.ini" --source shop
  [[ $output == *$'finding\treplaced\tpublic.t.title\t'* ]]
  [[ $(cdc-policy accept --config "$DIR/pipeline.ini" --source shop public.t.title | cut -f1) == public.t.title ]]
  # The reader proves which column that is once the slot has left the time of the change behind.
  arrives() { sql CHECKPOINT "INSERT INTO t SELECT max(id) + 1, 'accepted' FROM t" && pass && [[ $(in_warehouse 'SELECT max(title) FROM t') == accepted ]]; }
  wait_until 30 arrives
  run ! holds_written markerNote
}

@test "after a column of which nobody could say which it was, one that came later passes by itself; one that may be it does not" {
  given 'CREATE TABLE t (id int PRIMARY KEY, secret int, n int)' "INSERT INTO t VALUES (1, 987654321, 7)" -- \
    public.t id int green keep - public.t n int green keep - public.t secret int red drop - public.t later int green keep - public.t other int green keep -
  # The old n, or the new one: the reader begins when both are past.
  sql 'ALTER TABLE t DROP COLUMN n' 'ALTER TABLE t ADD COLUMN n int' "INSERT INTO t VALUES (2, 987654321, 8)"
  pass
  cut -f2-4 "$DIR/ledger" | grep -q $'^public.t\tn\trepinned$'
  grep -q $'^shop\tpublic.t\tn\t[0-9]*[.]1-4\t-$' "$DIR/pins"
  sql 'ALTER TABLE t ADD COLUMN later int' "INSERT INTO t VALUES (3, 987654321, 9, 10)"
  # The slot leaves the time of the change behind.
  later_arrives() { sql CHECKPOINT "INSERT INTO t SELECT max(id) + 1, 987654321, 8, 11 FROM t" && pass && [[ $(in_warehouse 'SELECT max(later) FROM t') == 11 ]]; }
  wait_until 30 later_arrives
  # That is in the pins, for the next run too; the old secret under a name that has a rule is known, and the new n under one may be the old.
  sql 'ALTER TABLE t DROP COLUMN later' 'ALTER TABLE t RENAME COLUMN secret TO later' "INSERT INTO t SELECT max(id) + 1, 987654321, 8 FROM t"
  pass
  sql 'ALTER TABLE t RENAME COLUMN n TO other' "INSERT INTO t SELECT max(id) + 1, 987654321, 8 FROM t"
  pass
  run ! holds_written 98765432
  [[ $(cut -f2-4 "$DIR/ledger" | grep -c $'^public.t\t\\(later\\|other\\)\trepinned$') == 2 ]]
}

@test "two masks keep one pins file and one ledger, and neither forgets what the other has seen" {
  given 'CREATE TABLE a (id int PRIMARY KEY, v text)' 'CREATE TABLE b (id int PRIMARY KEY, v text)' 'INSERT INTO a VALUES (1)' -- public.a id int green keep - public.b id int green keep -
  rm "$DIR/pins" "$DIR/ledger"
  mkfifo one two
  local stream
  stream=$(pgcdc-snapshot --config "$DIR/pipeline.ini" 2>/dev/null | grep -v '"op":"snapshot"\|"op":"r"')
  for name in one two; do
    cdc-mask --config "$DIR/pipeline.ini" <$name >out.$name 2>/dev/null 3>&- &
    background+=($!)
  done
  exec 8>one 9>two
  head -n 1 <<<"$stream" | tee /dev/fd/8 >&9
  wait_until 10 grep -q '"op":"policy"' out.one
  wait_until 10 grep -q '"op":"policy"' out.two
  grep '"public.a"' <<<"$stream" >&8
  wait_until 10 grep -q public.a "$DIR/pins"
  grep '"public.b"' <<<"$stream" >&9
  wait_until 10 grep -q public.b "$DIR/pins"
  exec 8>&- 9>&-
  wait "${background[@]}"
  [[ $(grep -v '^#' "$DIR/pins" | cut -f2,3 | tr '\t\n' '. ') == 'public.a.id public.a.v public.b.id public.b.v ' ]]
  [[ $(grep -v '^#' "$DIR/ledger" | cut -f2-4 | tr '\t\n' '. ') == 'public.a.v.no_rule public.b.v.no_rule ' ]]
}

@test "the printed publication leaves dropped columns in the server, and the application's writes go on" {
  sql 'CREATE TABLE t (id int PRIMARY KEY, shown text, secret text, parent int)' "INSERT INTO t VALUES (1, 'markerShown', 'markerSecret', NULL)" 'CREATE TABLE unlisted (id int PRIMARY KEY)'
  missing_before 150000 'CREATE PUBLICATION q FOR TABLE t (id, shown)' && return
  pipeline_make "$DIR"
  new_policy public.t id int green keep - public.t shown text green keep 'parent is null' public.t secret text red drop -
  cdc-policy publication --config "$DIR/pipeline.ini" --source shop public.t >publication.sql
  grep -q '^-- public.t: secret stay in the server' publication.sql
  grep -q '^-- public.unlisted: nothing of it leaves' publication.sql
  psql -XqAt -v ON_ERROR_STOP=1 -f publication.sql
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null
  sql "INSERT INTO t VALUES (2, 'markerShown', 'markerSecret', NULL)" "UPDATE t SET secret = 'markerSecretToo' WHERE id = 2" 'UPDATE t SET id = 3 WHERE id = 2' 'DELETE FROM t WHERE id = 3'
  # What goes over the wire, byte by byte.
  sql "SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('$SLOT', NULL, NULL, 'proto_version', '1', 'publication_names', 'pgcdc')" >wire
  holds markerShown wire
  run ! holds markerSecret wire
  pgcdc-snapshot --config "$DIR/pipeline.ini" >copy
  holds markerShown copy
  run ! holds markerSecret copy
  # Against the publication that sends all of it, the check says so.
  sql 'DROP PUBLICATION pgcdc' 'CREATE PUBLICATION pgcdc FOR ALL TABLES'
  run -1 cdc-policy check --config "$DIR/pipeline.ini" --source shop
  [[ $output == *$'finding\tsent_in_vain\tpublic.t.secret\t'* && $output == *$'finding\tunlisted\tpublic.unlisted.id\t'* && $output == *$'finding\tunlisted\tpublic.t.parent\t'* ]]
}

@test "a draft of a live catalog is a policy that loads, joins and hides what is dangerous" {
  sql 'CREATE TABLE users (id bigint PRIMARY KEY, email text, encrypted_password text, state text, created_at timestamptz, born date)' \
    'CREATE TABLE projects (path text PRIMARY KEY, owner_id bigint REFERENCES users, description text, star_count int)' \
    'CREATE TABLE stars (project_path text REFERENCES projects, user_id bigint REFERENCES users, PRIMARY KEY (project_path, user_id))' \
    "COMMENT ON COLUMN users.state IS 'active or blocked'" "INSERT INTO users VALUES (1, 'markerMail@example.com', 'markerPassword', 'active', now(), '1970-01-01')" \
    "INSERT INTO projects VALUES ('markerPath', 1, 'markerText', 7)" "INSERT INTO stars VALUES ('markerPath', 1)" 'CREATE PUBLICATION pgcdc FOR ALL TABLES'
  pipeline_make "$DIR"
  sed -i 's/^clear = green$/clear = green,yellow/' "$DIR/pipeline.ini"
  cdc-policy draft --config "$DIR/pipeline.ini" >"$DIR/policy"
  cdc-policy check --config "$DIR/pipeline.ini" --source shop >checked || { cat checked; return 1; }
  pipeline_begin "$DIR"
  for marker in markerMail markerPassword markerPath markerText; do run ! holds_written "$marker"; done
  # The KPI: stars by owner, joined through a hashed key.
  [[ $(in_warehouse 'SELECT u.id, u.state, p.star_count, u.email_domain FROM users u JOIN projects p ON p.owner_id = u.id JOIN stars s ON s.project_path = p.path') == '1|active|7|example.com' ]]
  # Only what is wanted, and the keys it joins by.
  echo 'SELECT count(*) FROM projects p JOIN users u ON u.id = p.owner_id WHERE u.state = 1' >wanted
  [[ $(cdc-policy draft --config "$DIR/pipeline.ini" --wanted wanted | grep -v '^#' | cut -f1,2 | tr '\t\n' '. ') == 'public.projects.path public.projects.owner_id public.users.id public.users.state ' ]]
}

@test "a key rotates: its hashes and the next one's stand side by side, then the next one's alone, in every row" {
  given 'CREATE TABLE people (id int PRIMARY KEY, email text, login text)' "INSERT INTO people SELECT n, 'p' || n || '@example.com', 'login' || n FROM generate_series(1, 200) n" \
    'CREATE TABLE visits (id int PRIMARY KEY, email text)' "INSERT INTO visits SELECT n, 'P' || n || '@Example.com ' FROM generate_series(1, 200) n" -- \
    public.people id int green keep - public.people email text orange hash:email - public.people login text orange hash - \
    public.visits id int green keep - public.visits email text orange hash:email -
  old_hash=$(in_warehouse 'SELECT email FROM people WHERE id = 7')
  new=$(cdc-policy rotate-key "$DIR/keys")
  run -78 cdc-policy rotate-key "$DIR/keys"
  [[ $(stat -c %a "$DIR/keys") == 600 ]]
  pipe_of "$DIR" pgcdc-snapshot
  sql "UPDATE people SET login = 'changed' WHERE id = 1" "UPDATE visits SET email = 'p200@example.com' WHERE id = 1"
  pass
  [[ $(in_warehouse "SELECT sum(unknown_values), min(state) FROM _cdc_freshness") == '0|ready' ]]
  [[ $(in_warehouse "SELECT count(*), count(DISTINCT p.email__$new), count(DISTINCT p.login__$new) FROM people p JOIN visits v ON p.email__$new = v.email__$new AND p.email = v.email") == '200|199|199' ]]
  hash_of() { echo p7@example.com | cdc-policy hash --config "$DIR/pipeline.ini" --domain email "$@"; }
  new_hash=$(hash_of --key "$new")
  [[ $(in_warehouse "SELECT email, email__$new FROM people WHERE id = 7") == "$old_hash|$new_hash" ]]
  [[ $old_hash != "$new_hash" && $(hash_of) == "$old_hash" ]]
  [[ $(cdc-policy rotate-key --finish "$DIR/keys") == "$new" ]]
  run -78 cdc-policy rotate-key --finish "$DIR/keys"
  [[ $(hash_of) == "$new_hash" && $(hash_of --key "$(grep retired "$DIR/keys" | cut -f1)") == "$old_hash" ]]
  # Nothing is copied again: what the next key made is what it is now.
  sql "UPDATE people SET login = 'changed again' WHERE id = 1" "UPDATE visits SET email = 'p199@example.com' WHERE id = 1"
  pass
  [[ $(in_warehouse 'SELECT email FROM people WHERE id = 7') == "$new_hash" ]]
  [[ $(in_warehouse "SELECT count(*), count(DISTINCT p.email), count(DISTINCT login) FROM people p JOIN visits v ON p.email = v.email") == '200|199|199' ]]
  [[ $(in_warehouse "SELECT sum(unknown_values), min(state) FROM _cdc_freshness") == '0|ready' ]]
  run ! in_warehouse "SELECT email__$new FROM people"
  # Every epoch says which keys made it.
  [[ $(jq -rs 'map(.key_ids | length) | unique | map(tostring) | join(" ")' "$DIR"/stage/shop/0/log/*.json) == '1 2' ]]
}

@test "the key of a row does not rotate: refused, told by check, and held by a line of the keys file" {
  given 'CREATE TABLE people (code text PRIMARY KEY, boss text)' "INSERT INTO people VALUES ('a', 'b'), ('b', NULL)" -- \
    public.people code text orange hash:person - public.people boss text orange hash:person -
  cdc-policy rotate-key "$DIR/keys" >/dev/null
  run -1 cdc-policy check --config "$DIR/pipeline.ini" --source shop
  [[ $output == *$'finding\tkey_rotates\tpublic.people.code\t'* ]]
  local hold
  hold=$(sed -n "s/.*line '\(person, key, k[0-9a-f]*\)'.*/\1/p" <<<"$output")
  sql "INSERT INTO people VALUES ('c', 'a')"
  run -1 pipe_of "$DIR" pgcdc-read --until now
  [[ $output == *err=key_rotates* && $output == *'codes of the pipe: '*' 78 '* ]]
  echo "${hold//, /$'\t'}" >>"$DIR/keys"
  cdc-policy check --config "$DIR/pipeline.ini" --source shop
  pass
  [[ $(in_warehouse 'SELECT count(*), count(b.code) FROM people a LEFT JOIN people b ON a.boss = b.code') == '3|2' ]]
  # Without that line another key is not taken for the same: the table waits.
  cdc-policy rotate-key --finish "$DIR/keys" >/dev/null
  sed -i '/^person/d' "$DIR/keys"
  sql "INSERT INTO people VALUES ('d', 'a')"
  pass
  [[ $(in_warehouse "SELECT parked FROM _cdc_tables") == 'the table has another key now' ]]
}

@test "hashed keys and addresses join across tables, databases and restarts, and what is counted by them is what the source counts" {
  sql 'CREATE TABLE users (id int PRIMARY KEY, email text, company text, state text)' 'CREATE TABLE merge_requests (id int PRIMARY KEY, author_id int REFERENCES users, merged_at timestamptz)' \
    'CREATE TABLE licenses (company text PRIMARY KEY, seats int)' 'CREATE PUBLICATION pgcdc FOR ALL TABLES' \
    "INSERT INTO users SELECT n, CASE n % 3 WHEN 0 THEN 'User' ELSE 'user' END || n || '@example.com', 'Company ' || n % 7, CASE n % 5 WHEN 0 THEN 'blocked' ELSE 'active' END FROM generate_series(1, 300) n" \
    "INSERT INTO merge_requests SELECT n, n * 7 % 300 + 1, '2026-09-01Z'::timestamptz + n * interval '3 hours' FROM generate_series(1, 700) n" \
    "INSERT INTO licenses SELECT 'Company ' || n, 50 + n FROM generate_series(0, 6) n"
  local app=$DSN billing
  pipeline_make "$DIR"
  sed -i 's|^clear = green$|clear = green,yellow|' "$DIR/pipeline.ini"
  new_policy public.users id int orange hash:user - public.users email text orange hash:email - public.users company text orange hash:company - public.users state text green keep - \
    public.merge_requests id int green keep - public.merge_requests author_id int orange hash:user - public.merge_requests merged_at time green keep - \
    public.licenses company text orange hash:company - public.licenses seats int yellow keep -
  cdc-policy check --config "$DIR/pipeline.ini" --source shop
  pipeline_begin "$DIR"
  # Another database of the same company, with a pipeline of its own and the same keys.
  fresh_database privacy_billing
  billing=$DSN
  sql 'CREATE TABLE accounts (id int PRIMARY KEY, mail text, user_id int, plan text)' 'CREATE PUBLICATION pgcdc FOR ALL TABLES' \
    "INSERT INTO accounts SELECT n, ' USER' || n * 2 || '@Example.com ', n * 2, 'gold' FROM generate_series(1, 200) n"
  local first=$DIR
  mkdir p2
  DIR=$PWD/p2 SLOT=${SLOT}_b pipeline_make "$PWD/p2"
  cp -p "$first/keys" p2/keys
  DIR=$PWD/p2 new_policy public.accounts id int green keep - public.accounts mail text orange hash:email - public.accounts user_id int orange hash:user - public.accounts plan text green keep -
  pipeline_begin "$PWD/p2"
  # Later, by other processes.
  sql "UPDATE accounts SET plan = 'silver', mail = 'user7@example.com' WHERE id = 1" "INSERT INTO accounts VALUES (201, 'User1@example.com', 1, 'gold')"
  pipeline_pass "$PWD/p2"
  export PGDATABASE=privacy_$BATS_TEST_NUMBER DSN=$app
  sql "INSERT INTO users VALUES (301, 'user400@example.com', 'Company 1', 'active')" "UPDATE merge_requests SET author_id = 301 WHERE id % 50 = 0" "UPDATE users SET state = 'blocked' WHERE id = 8"
  pass
  [[ -z $(in_warehouse "SELECT 1 FROM users WHERE id || email || company GLOB '*[g-zG-Z@ ]*'") ]]

  # MR rate: merged requests for each active author, by month. License utilization: active users for each seat.
  local rate="SELECT %s, count(*), count(DISTINCT u.id) FROM merge_requests m JOIN users u ON u.id = m.author_id WHERE u.state = 'active' GROUP BY 1 ORDER BY 1"
  local use="SELECT l.seats, count(*) FROM licenses l JOIN users u ON u.company = l.company WHERE u.state = 'active' GROUP BY l.company, l.seats ORDER BY 1"
  # shellcheck disable=SC2059 # a statement with a hole
  diff <(printf "$rate" "to_char(m.merged_at AT TIME ZONE 'UTC', 'YYYY-MM')" | sql) <(in_warehouse "$(printf "$rate" 'substr(m.merged_at, 1, 7)')")
  diff <(sql "$use") <(in_warehouse "$use")
  [[ $(sql "$use" | wc -l) == 7 ]]
  # Across databases, by address and by key.
  sql 'SELECT lower(trim(email)), id FROM users' | sort >users
  on_billing() { psql -XqAt -d "$billing" -c "$1" | sort; }
  across="ATTACH '$PWD/p2/warehouse.db' AS b; SELECT count(*), (SELECT count(*) FROM b.accounts a JOIN users u ON u.id = a.user_id) FROM b.accounts a JOIN users u ON u.email = a.mail"
  [[ $(in_warehouse "$across") == "$(join -t '|' -j 1 <(on_billing 'SELECT lower(trim(mail)) FROM accounts') users | wc -l)|$(join <(cut -d'|' -f2 users | sort) <(on_billing 'SELECT user_id FROM accounts') | wc -l)" ]]
  [[ $(in_warehouse "$across") == '152|151' ]]
}

@test "messages whose prefix a rule names arrive whole, in their order among the rows; others are in no byte" {
  given 'CREATE TABLE t (id int PRIMARY KEY, v text)' -- public.t id int green keep - public.t v text green keep -
  sed -i 's/^\[pgcdc-read\]$/[pgcdc-read]\nmessages = audit/' "$DIR/pipeline.ini"
  # As long as no rule names the prefix, the mask lets none through.
  sql "SELECT pg_logical_emit_message(true, 'audit', 'markerHidden')" >/dev/null
  pass
  printf 'message:audit\t-\tany\tgreen\tkeep\t-\twritten for the warehouse\n' >>"$DIR/policy"
  sql "BEGIN; INSERT INTO t VALUES (1, 'x'); SELECT pg_logical_emit_message(true, 'audit', 'markerAudit 1'); SELECT pg_logical_emit_message(true, 'and more', 'markerOther');
       SELECT pg_logical_emit_message(true, 'audit', '\x00ff'::bytea); INSERT INTO t VALUES (2, 'y'); COMMIT" "SELECT pg_logical_emit_message(true, 'audit', 'markerAudit 2')" >/dev/null
  pass
  [[ $(in_warehouse 'SELECT seq, prefix, content, base64 FROM _cdc_messages ORDER BY lsn, seq' | tr '\n' ' ') == '1|audit|markerAudit 1| 2|audit||AP8= 0|audit|markerAudit 2| ' ]]
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" | jq -r 'select(.seq != null or .op == "commit") | .op + (.seq // .rows | tostring)' | tr '\n' ' ') == 'commit0 c0 m1 m2 c3 commit4 m0 commit1 ' ]]
  run ! holds_written markerOther
  run ! holds_written markerHidden
  # Loaded again, no message is there twice.
  rm "$DIR"/warehouse.db*
  pipeline_load "$DIR"
  [[ $(in_warehouse 'SELECT count(*) FROM _cdc_messages') == 3 ]]
}
