#!/usr/bin/env bats
# cdc-verify (and cdc-compare, of which it consists) on a real server and warehouses: equal is said only of what is equal, while both sides
# move; each way of not being equal is found and named by its key.
# Knows: the pipe, how a warehouse in SQLite is spoilt by hand. Must not know: how rows are compared.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster
load ../fault/pipeline

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "verify_$BATS_TEST_NUMBER"
  export SLOT=verify_$BATS_TEST_NUMBER DIR=$PWD/p
  mkdir "$DIR"
}
# The copy sees the source as of now: the warehouse comes as far when the pipeline runs.
running() {
  cdc-run --config "$DIR/pipeline.ini" 3>&- 8>&- 2>run.log &
  runner=$!
}
resting() {
  [[ -z ${runner:-} ]] || { kill "$runner" && wait "$runner"; }
  runner=''
}
teardown() {
  touch enough
  resting
  drop_slots
}
drop_slots() { sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null; }

# Two tables with all that is hard to compare.
given() {
  sql 'CREATE TABLE t (id int PRIMARY KEY, n numeric, f float8, d timestamptz, b bytea, j json, k jsonb, a int[], s text)' \
    "INSERT INTO t SELECT i, i / 7.0, i / 3.0, now() + i * interval '1 second', decode(md5(i::text), 'hex'), json_build_object('i', i), jsonb_build_object('i', i), ARRAY[i, NULL], CASE WHEN i % 3 > 0 THEN 'ä ' || i END FROM generate_series(1, 500) i" \
    "INSERT INTO t VALUES (1000, 'NaN', 'Infinity', 'infinity', '', '{ \"a\":1, \"a\":2}', '[]', '{}', '')" \
    'CREATE TABLE "Odd ""T" (code text, part date, v text, PRIMARY KEY (code, part))' "INSERT INTO \"Odd \"\"T\" SELECT 'c' || i % 10, date '2026-01-01' + i, repeat('x', i) FROM generate_series(1, 50) i" \
    'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  pipeline_begin "$DIR"
  sql "UPDATE t SET s = 'changed' WHERE id % 5 = 0" 'DELETE FROM t WHERE id % 11 = 0' "UPDATE \"Odd \"\"T\" SET v = 'y' WHERE code = 'c3'" "UPDATE t SET id = 2000 WHERE id = 7" >/dev/null
  pipeline_pass "$DIR"
}
verify() { cdc-verify --config "$DIR/pipeline.ini" --wait-seconds 60 "$@"; }
spoil() { sqlite3 -batch -cmd '.timeout 10000' "$DIR/warehouse.db" "$1"; }
# in  TABLE FILTER VALUE   of cdc-verify's JSON
finds() {
  local got
  run -1 verify --json public.t
  got=$(jq -r "select(.table == \"$1\") | $2" <<<"$output")
  [[ $got == "$3" ]] || { echo "got $got, not $3: $output" && return 1; }
}

@test "a warehouse that is equal is proven equal, table by table, whatever the types" {
  given
  running
  run -0 --separate-stderr verify
  [[ -z $stderr && ${#lines[@]} == 3 ]]
  [[ ${lines[1]} =~ ^'public."Odd ""T"'\ +50\ +0\ +0\ +0\ +0\ +0\ +equal$ ]]
  [[ ${lines[2]} =~ ^public\.t\ +456\ +0\ +0\ +0\ +0\ +0\ +equal$ ]]
  # Nothing was left behind, and nothing touched.
  [[ $(sql 'SELECT count(*) FROM pg_replication_slots') == 1 ]]
  pipeline_equal "$DIR" public.t 'public."Odd ""T"'
}

@test "a lost row, a stale one, one too many and one that is only half there: each is found, and named by its key" {
  given
  running
  spoil "DELETE FROM \"public.t\" WHERE id = 10"
  finds public.t '[.missing, .differs, .extra, .equal, .suspects[0].verdict, .suspects[0].key] | @json' '[1,0,0,455,"missing","10"]'
  spoil "UPDATE \"public.t\" SET s = s || ' ' WHERE id = 20"
  finds public.t '[.missing, .differs] | @json' '[1,1]'
  spoil "UPDATE \"public.t\" SET n = '2.8571428571428572' WHERE id = 25"
  finds public.t '.differs' 2
  spoil "UPDATE \"public.t\" SET f = f + 1e-15 WHERE id = 1"
  finds public.t '.differs' 3
  spoil "UPDATE \"public.t\" SET s = NULL WHERE id = 2; UPDATE \"public.t\" SET s = '' WHERE id = 3"
  finds public.t '.differs' 5
  spoil "UPDATE \"public.t\" SET _cdc_deleted = 1 WHERE id = 30"
  finds public.t '.missing' 2
  spoil "INSERT INTO \"public.t\" SELECT * FROM \"public.t\" WHERE 0; UPDATE \"public.t\" SET id = 9999 WHERE id = 40"
  finds public.t '[.missing, .extra, (.suspects[] | select(.verdict == "extra") | .key)] | @json' '[3,1,"9999"]'
  spoil "UPDATE \"public.t\" SET s = NULL, _cdc_unknown = '[\"s\"]' WHERE id = 50"
  finds public.t '.unknown' 1
  # The other table is as it was.
  run -0 verify 'public."Odd ""T"'
}

@test "what is not equal is read again, and nothing else: lost rows come back, those that are too many go, and the proof is made once more" {
  given
  running
  spoil "DELETE FROM \"public.t\" WHERE id = 10; UPDATE \"public.t\" SET s = s || ' ' WHERE id = 20; UPDATE \"public.t\" SET _cdc_deleted = 1 WHERE id = 30;
    UPDATE \"public.t\" SET id = 9999 WHERE id = 40; DELETE FROM \"public.Odd \"\"T\" WHERE code = 'c4' AND part > '2026-01-10'"
  run -0 --separate-stderr verify --repair
  [[ $stderr == *err=repairing*rows=9* ]]
  [[ $(grep -c 'DIFFERENT$' <<<"$output") == 2 && $(grep -c ' equal$' <<<"$output") == 2 ]]
  # The rows by their keys, and of the one that the source does not have, that.
  [[ $(find "$DIR/stage/shop/0/copy" -name '*.json' -exec jq -s 'map(select(.keys != null)) | map(.keys) | add' {} + | jq -s add) == 9 ]]
  [[ $(spoil "SELECT _cdc_deleted, _cdc_op FROM \"public.t\" WHERE id = 9999") == '1|d' ]]
  resting
  pipeline_equal "$DIR" public.t 'public."Odd ""T"'
  # Where nothing is amiss nothing is done.
  running
  before=$(find "$DIR/stage/shop/0/copy" -name '*.json' | wc -l)
  run -0 verify --repair
  [[ $(find "$DIR/stage/shop/0/copy" -name '*.json' | wc -l) == "$before" ]]
}

@test "rows whose key the policy hides are repaired with their whole table, and so is a history" {
  given
  sed -i 's/^public\.t\tid\t.*/public.t\tid\tany\torange\thash:id:256\t-\ttest/' "$DIR/policy"
  rm -rf "$DIR"/stage "$DIR"/warehouse.db "$DIR"/ack*
  printf '%s\n' '[cdc-load]' 'history = true' >>"$DIR/pipeline.ini"
  pipe_of "$DIR" pgcdc-snapshot
  running
  run -0 verify public.t
  spoil 'DELETE FROM "public.t" WHERE id IN (SELECT id FROM "public.t" LIMIT 5)'
  spoil "UPDATE \"public.Odd \"\"T\" SET part = '1999-01-01' WHERE code = 'c4' AND part = '2026-01-05'"
  run -0 verify --repair
  [[ $(spoil "SELECT count(*) FROM \"public.Odd \"\"T__history\" WHERE part = '1999-01-01' AND _cdc_to_lsn IS NULL") == 0 ]]
}

@test "while the source is written to and the pipeline runs, what moves is not called wrong, and what is wrong is found" {
  given
  running
  local round
  writing() { for round in {1..400}; do sql "UPDATE t SET s = 'w$round' WHERE id % 7 = $round % 7 AND id < 100" "INSERT INTO t (id) VALUES (5000 + $round)" "DELETE FROM t WHERE id = 5000 + $round - 20" >/dev/null; [[ ! -e enough ]] || break; done; }
  writing 3>&- 8>&- &
  local writer=$!
  for round in {1..3}; do run -0 verify --json public.t; jq -e '.equal > 300 and .is_equal' <<<"$output"; done
  spoil "UPDATE \"public.t\" SET s = 'wrong', _cdc_lsn = '00000000/00000001' WHERE id = 1000"
  run -1 verify --json public.t
  [[ $(jq -r '[.differs, .suspects[0].key] | @json' <<<"$output") == '[1,"1000"]' ]]
  touch enough
  wait "$writer"
}

@test "what the policy hides is compared as hidden, and a policy that is no longer the warehouse's is told" {
  given
  running
  grep -v $'\ts\t' "$DIR/policy" >policy && printf 'public.t\ts\tany\tred\thash:user\t-\ttest\n' >>policy && cp policy "$DIR/policy"
  run -1 --separate-stderr verify public.t
  [[ $output == *'NOT COMPARED: column s'* ]]
}

@test "what the pins hold back is held back from the copy too, and they learn nothing from it" {
  given
  sed -i "s|^clear = green|&\npins = $PWD/pins|" "$DIR/pipeline.ini"
  sql "UPDATE t SET s = 'pinned'" >/dev/null
  pipeline_pass "$DIR"
  running
  cp pins before
  run -0 verify public.t
  cmp pins before
  # The name is kept, the column is another: the policy alone would let it through.
  sql 'ALTER TABLE t DROP COLUMN s' 'ALTER TABLE t ADD COLUMN s text' "UPDATE t SET s = 'another'" >/dev/null
  run -0 verify public.t
  [[ $output == *err=repinned*column=s* ]]
}

@test "a warehouse that does not come as far is 75, one without the table is a no, and nothing to compare is a no" {
  given
  sql "UPDATE t SET s = 'later'" >/dev/null
  run -75 --separate-stderr verify --wait-seconds 0 public.t
  [[ $stderr == *err=not_there_yet* ]]
  running
  run -0 verify public.t
  spoil "DELETE FROM _cdc_tables WHERE \"table\" = 'public.t'"
  run -1 verify public.t
  [[ $output == *'NOT COMPARED: it is not in the warehouse'* ]]
}

@test "in parts: each reads and stores its own rows, what it finds is in it, and together they prove all" {
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT i * 1000, 'x' FROM generate_series(-200, 300) i" \
    'CREATE TABLE w (code text PRIMARY KEY)' "INSERT INTO w VALUES ('a'), ('b')" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  pipeline_begin "$DIR"
  pipeline_pass "$DIR"
  running
  local part rows=0
  for part in 1 2 3; do
    run -0 --separate-stderr verify --json --part $part/3
    rows=$((rows + $(jq 'select(.table == "public.t").equal' <<<"$output")))
    # A table without such a key is in the first part, as a whole.
    [[ $(jq -r .table <<<"$output" | xargs) == "$([[ $part == 1 ]] && echo 'public.t public.w' || echo public.t)" ]]
  done
  ((rows == 501))
  # One row lost in each of two parts, one extra in the third: below 0, at 0 and above.
  spoil "DELETE FROM \"public.t\" WHERE id IN (-200000, 70000); INSERT INTO \"public.t\" SELECT _cdc_lsn, _cdc_seq, _cdc_op, _cdc_deleted, _cdc_unknown, _cdc_born, _cdc_committed_at, _cdc_loaded_at, 5, v FROM \"public.t\" WHERE id = 0"
  local found=''
  for part in 1 2 3; do
    run -1 --separate-stderr verify --json --part $part/3
    found+="$part $(jq -r 'select(.table == "public.t").suspects[] | "\(.verdict) \(.key)"' <<<"$output" | xargs);"
  done
  [[ $found == '1 extra 5;2 missing 70000;3 missing -200000;' ]] || { echo "$found" && false; }
  run -64 --separate-stderr verify --part 4/3
  [[ $stderr == *err=bad_value* ]]
  # In the file it would be a part of every copy, and the warehouse would take all other rows for deleted.
  resting
  sed 's/^\[pipeline\]$/&\npart = 1\/3/' "$DIR/pipeline.ini" >parts.ini
  run -64 --separate-stderr pgcdc-snapshot --config parts.ini
  [[ $output == '' && $stderr == *err=bad_config*part* ]]
}

@test "a part of a table whose key the policy treats cannot be told, and is not proven" {
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 10) i" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  POLICY=$(printf 'public.t\tid\tany\tred\thash:id\t-\ttest\npublic.t\tv\tany\tgreen\tkeep\t-\ttest') pipeline_make "$DIR" 'max-seconds = 1'
  pipeline_begin "$DIR"
  pipeline_pass "$DIR"
  running
  run -1 --separate-stderr verify --json --part 1/1
  [[ $(jq -r .trouble <<<"$output") == *'parts cannot be told' ]]
}

@test "the copy is no faster than it may be" {
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 600) i" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR"
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null
  local began=${EPOCHREALTIME/./}
  pgcdc-snapshot --config "$DIR/pipeline.ini" --max-rate 300kB >copied
  ((${EPOCHREALTIME/./} - began >= 1000000 * $(stat -c %s copied) / 400000))
  [[ $(grep -c '"op":"r"' copied) == 600 ]]
}
