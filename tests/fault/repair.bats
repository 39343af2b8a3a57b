#!/usr/bin/env bats
# What was lost is repaired by one command, on a real server: a slot, a failover, a restored cluster, objects of the stage, a table of the
# warehouse. Afterwards cdc-verify proves that source and warehouse are equal, deletes included, and until then the warehouse could be asked.
# Knows: the pipe, how each of these is lost. Must not know: how it is made good.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load pipeline

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export CLUSTER=$BATS_TEST_TMPDIR/pg DIR=$PWD/p SLOT=pgcdc
  mkdir "$DIR"
  cluster_start
  fresh_database shop
}
# Starts the server again, with the same database.
again() {
  cluster_start "$@"
  export PGDATABASE=shop DSN="host=$PGHOST port=$PGPORT user=$PGUSER dbname=shop"
}
teardown() {
  touch enough
  [[ -z ${runner:-} ]] || { kill "$runner" && wait "$runner"; }
  [[ ! -d standby ]] || private-cluster remove "$PWD/standby"
  cluster_remove
}

# Two tables, copied and followed for a while.
given() {
  sql 'CREATE TABLE orders (id int PRIMARY KEY, state text, note text)' 'CREATE TABLE customers (id int PRIMARY KEY, name text)' \
    "INSERT INTO orders SELECT i, 'new', repeat('long ', 600) || i FROM generate_series(1, 500) i" \
    "INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 100) i" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  pipeline_begin "$DIR"
  changes 1
  pipeline_pass "$DIR"
}
# in  N   inserts, updates of keys and values, and deletes, other ones for each N
changes() {
  sql "INSERT INTO orders SELECT 1000 * $1 + i, 'new', 'n' FROM generate_series(1, 20) i" \
    "UPDATE orders SET state = 'changed $1' WHERE id % 10 = $1" "DELETE FROM orders WHERE id % 10 = $1 + 4" \
    "UPDATE orders SET id = id + 100000 * $1 WHERE id % 50 = $1 + 1" "DELETE FROM customers WHERE id = 10 + $1" \
    "UPDATE customers SET name = name || ' $1'" >/dev/null
}
# What the nightly timer does when a week has passed.
prune() { cdc-stage-prune --config "$DIR/pipeline.ini" --keep-hours 0; }
repair() { cdc-run --config "$DIR/pipeline.ini" --repair "$@"; }
# The copy of cdc-verify sees the source as of now: the warehouse comes as far when the pipeline runs.
proven_equal() {
  cdc-run --config "$DIR/pipeline.ini" 2>run.log 3>&- 8>&- &
  runner=$!
  cdc-verify --config "$DIR/pipeline.ini" --wait-seconds 60 || {
    echo "not equal:" && cat run.log
    return 1
  }
  kill "$runner" && wait "$runner"
  runner=''
}
of_warehouse() { sqlite3 -batch -readonly -cmd '.timeout 10000' "$DIR/warehouse.db" "$1"; }
states() { of_warehouse "SELECT group_concat(state, ' ') FROM (SELECT state FROM _cdc_freshness ORDER BY \"table\")"; }
refused_with() {
  run -78 --separate-stderr cdc-run --config "$DIR/pipeline.ini" --once
  [[ $stderr == *"err=$1"* ]] || { echo "$stderr" && return 1; }
}
lost_by_name() { find "$DIR/stage" -path "*$1*" -name "$2" | sort | sed -n "${3:-1}p"; }

@test "a slot that somebody dropped: what happened since is copied, what went is gone, and the history of both is one" {
  given
  sql "SELECT pg_drop_replication_slot('pgcdc')" >/dev/null
  changes 2
  refused_with slot_missing
  repair
  [ "$(states)" = 'ready ready' ]
  [ "$(of_warehouse "SELECT count(*) FROM _cdc_epochs WHERE run = 'lost'")" -eq 1 ]
  changes 3
  proven_equal
}

@test "a slot that the server has invalidated" {
  cluster_stop
  again -o max_slot_wal_keep_size=1MB -o min_wal_size=32MB -o max_wal_size=32MB
  given
  changes 2
  for _ in 1 2 3 4; do sql 'SELECT pg_switch_wal()' 'CREATE TABLE IF NOT EXISTS noise (t text)' "INSERT INTO noise VALUES (1)" CHECKPOINT >/dev/null; done
  sql_says lost "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'pgcdc'"
  refused_with slot_lost
  sql 'DROP TABLE noise' >/dev/null
  repair
  changes 3
  proven_equal
}

@test "a slot that nothing is seen of, but that cannot be read, is made anew when that is said" {
  given
  before=$(sql "SELECT catalog_xmin FROM pg_replication_slots WHERE slot_name = 'pgcdc'")
  changes 2
  repair --new-slot
  [ "$(sql "SELECT catalog_xmin FROM pg_replication_slots WHERE slot_name = 'pgcdc'")" != "$before" ]
  [ "$(of_warehouse "SELECT count(*) FROM _cdc_epochs WHERE run = 'lost'")" -eq 1 ]
  proven_equal
  # Of a pipeline that is well, and of which nothing is said, nothing is lost.
  changes 3
  repair
  [ "$(of_warehouse "SELECT count(*) FROM _cdc_epochs WHERE run = 'lost'")" -eq 1 ]
  run -64 cdc-run --config "$DIR/pipeline.ini" --once --new-slot
}

@test "until the copies are here the tables are doubted, complete to what they were, and can be asked" {
  given
  before=$(of_warehouse 'SELECT max(complete_to_time) FROM _cdc_freshness')
  sql "SELECT pg_drop_replication_slot('pgcdc')" >/dev/null
  changes 2
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null
  pgcdc-slot show --identify --config "$DIR/pipeline.ini" >server
  run -1 cdc-stage-mend --config "$DIR/pipeline.ini" --server server --check
  [[ $output == lost$'\t'log$'\t'* ]]
  cdc-stage-mend --config "$DIR/pipeline.ini" --server server
  run -0 cdc-stage-mend --config "$DIR/pipeline.ini" --server server --check
  [ -z "$output" ]
  pipeline_pass "$DIR"
  [ "$(states)" = 'doubted doubted' ]
  [ "$(of_warehouse 'SELECT max(complete_to_time) FROM _cdc_freshness')" = "$before" ]
  [ "$(of_warehouse 'SELECT count(*) FROM customers')" -gt 90 ]
  run -0 cdc-status "$DIR/pipeline.ini"
  [[ $output == *doubted* ]]
  # What follows by itself takes the copies, too.
  proven_equal
  [ "$(states)" = 'ready ready' ]
}

# A standby of the server, and the pipeline's address of it once it was promoted.
given_a_standby() {
  standby_start "$PWD/standby" -- -o hot_standby=on
  given
}
promote() {
  cluster_stop immediate
  on_cluster "$PWD/standby" sql 'SELECT pg_promote()' >/dev/null
  set -a
  # shellcheck source=/dev/null
  . "$PWD/standby/cluster.env"
  PGDATABASE=shop DSN="host=$PGHOST port=$PGPORT user=$PGUSER dbname=shop"
  set +a
  sed -i "s|^dsn = .*|dsn = $DSN|" "$DIR/pipeline.ini"
}
replayed() { [[ $(on_cluster "$PWD/standby" sql "SELECT pg_last_wal_replay_lsn() >= '$1'") == t ]]; }

@test "a failover to a standby without the slot, which had received all that the stage has: the log goes on" {
  given_a_standby
  wait_until 20 replayed "$(sql 'SELECT pg_current_wal_lsn()')"
  promote
  changes 2
  refused_with slot_missing
  repair
  [ ! -e "$DIR/stage/shop/1" ]
  [ "$(of_warehouse 'SELECT era FROM _cdc_position')" -eq 0 ]
  changes 3
  proven_equal
}

@test "a failover that lost what the stage has: another history begins, and the tables begin anew from it" {
  retired
  given_a_standby
  sql 'DROP TABLE retired' >/dev/null
  wait_until 20 replayed "$(sql 'SELECT pg_current_wal_lsn()')"
  on_cluster "$PWD/standby" sql 'SELECT pg_wal_replay_pause()' >/dev/null
  private-cluster stop "$PWD/standby"
  # Only the old server and the stage ever had this.
  changes 2
  pipeline_pass "$DIR"
  cluster_stop immediate
  private-cluster start "$PWD/standby" -o hot_standby=on
  promote
  changes 3
  refused_with slot_missing
  repair
  [ -s "$DIR/stage/shop/1/source.json" ]
  [ "$(of_warehouse 'SELECT era FROM _cdc_position')" -eq 1 ]
  # Nor does a table that was dropped before all this wait for ever, though it begins anew as all do.
  [ "$(states)" = 'ready ready gone' ]
  proven_equal
  # The old server comes back: what it says is not of this history.
  old=$(private-cluster start "$CLUSTER" >/dev/null && private-cluster dsn "$CLUSTER")
  sed "s|^dsn = .*|dsn = ${old/dbname=postgres/dbname=shop}|" "$DIR/pipeline.ini" >old.ini
  run -78 --separate-stderr cdc-run --config "$PWD/old.ini" --once
  [[ $stderr == *err=old_timeline* || $stderr == *err=publication_* || $stderr == *err=slot_* ]] || { echo "$stderr" && false; }
}

@test "a cluster that was restored from a backup: its positions have gone back, and nothing of the other future stays" {
  given
  cluster_stop
  cp -a "$CLUSTER/data" backup
  again
  changes 2
  pipeline_pass "$DIR"
  cluster_stop immediate
  rm -rf "$CLUSTER/data"
  mv backup "$CLUSTER/data"
  again
  changes 3
  # The backup has the slot, as it was: the stage knows better.
  run -78 --separate-stderr cdc-run --config "$DIR/pipeline.ini" --once
  repair
  [ "$(of_warehouse 'SELECT era FROM _cdc_position')" -eq 1 ]
  changes 4
  proven_equal
  # Who erases is told what lies in the other era, too.
  printf 'erase\tpublic.orders\tnote\n' >erasure
  run -0 cdc-load --config "$DIR/pipeline.ini" --erase erasure
  [[ $output == *stage$'\t'shop/0/* && $output == *stage$'\t'shop/1/* ]]
  # All of the other era may go, but for the log's last epoch; younger than it is to be kept it stays.
  data_of_era() { find "$DIR/stage/shop/$1" -name '*.zst' | wc -l; }
  had=$(data_of_era 0)
  cdc-stage-prune --config "$DIR/pipeline.ini" --keep-hours 1
  [ "$(data_of_era 0)" -eq "$had" ]
  prune
  [ "$(grep -L pruned "$DIR"/stage/shop/0/log/* | wc -l)" -eq 1 ]
  [ -z "$(find "$DIR/stage/shop/0/copy" -name '*.zst')" ]
  changes 5
  pipeline_pass "$DIR"
  [ "$(states)" = 'ready ready' ]
}

@test "another cluster is taken for the source only when that is said" {
  given
  cluster_remove
  cluster_start
  fresh_database shop
  sql 'CREATE TABLE orders (id int PRIMARY KEY, state text, note text)' 'CREATE TABLE customers (id int PRIMARY KEY, name text)' \
    "INSERT INTO orders VALUES (7, 'moved', 'n')" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  sed -i "s|^dsn = .*|dsn = $DSN|" "$DIR/pipeline.ini"
  run -78 --separate-stderr repair
  [[ $stderr == *err=wrong_cluster* ]]
  [ "$(of_warehouse 'SELECT count(*) FROM orders')" -gt 400 ]
  repair --adopt
  [ "$(of_warehouse 'SELECT group_concat(id) FROM orders')" = 7 ]
  proven_equal
}

# A table, to be dropped once it is in the warehouse.
retired() { sql 'CREATE TABLE retired (id int PRIMARY KEY, name text)' "INSERT INTO retired VALUES (1, 'one'), (2, 'two')" >/dev/null; }

@test "a table that the source has dropped keeps no repair from its end, is no reason to wait or to keep the stage, and may come back" {
  retired
  given
  sql 'DROP TABLE retired' >/dev/null
  changes 2
  pipeline_pass "$DIR"
  [ "$(states)" = 'ready ready ready' ]
  sql "SELECT pg_drop_replication_slot('pgcdc')" >/dev/null
  changes 3
  run -0 --separate-stderr repair
  [[ $stderr == *err=table_gone*public.retired* ]]
  [ "$(states)" = 'ready ready gone' ]
  [ "$(of_warehouse 'SELECT group_concat(name) FROM retired')" = one,two ]
  [ -z "$(cdc-load --config "$DIR/pipeline.ini" --print unknown)" ]
  changes 4
  pipeline_pass "$DIR"
  run -0 --separate-stderr cdc-status --json "$DIR/pipeline.ini"
  [ "$(jq -c '[.in, .cause, (.tables[] | select(.state == "gone") | .table, .age_s)]' <<<"$output")" = '[true,"","public.retired",null]' ]
  prune
  [ "$(grep -L pruned "$DIR"/stage/shop/0/log/*.json | wc -l)" -eq 1 ]
  proven_equal
  # Another loss doubts it once more, and it is asked for once more.
  sql "SELECT pg_drop_replication_slot('pgcdc')" >/dev/null
  run -0 --separate-stderr repair
  [[ $stderr == *err=table_gone*public.retired* && $(states) == 'ready ready gone' ]]
  # One of its name begins anew.
  sql 'CREATE TABLE retired (id int PRIMARY KEY, name text)' "INSERT INTO retired VALUES (3, 'three')" >/dev/null
  cdc-run --config "$DIR/pipeline.ini" --once
  [ "$(states)" = 'ready ready parked' ]
  # Its copy is there; the log has to come as far.
  cdc-run --config "$DIR/pipeline.ini" --once
  [ "$(states)" = 'ready ready ready' ]
  [ "$(of_warehouse 'SELECT group_concat(name) FROM retired')" = three ]
  proven_equal
}

@test "tables without a key: after a loss they are doubted until they are copied once more, as further rows; one that was dropped is gone" {
  sql 'CREATE TABLE events (at int)' 'INSERT INTO events VALUES (1)' 'CREATE TABLE past (at int)' 'INSERT INTO past VALUES (1)' >/dev/null
  given
  sql 'DROP TABLE past' 'INSERT INTO events VALUES (2)' >/dev/null
  pipeline_pass "$DIR"
  [ "$(states)" = 'ready history ready history' ]
  sql "SELECT pg_drop_replication_slot('pgcdc')" 'INSERT INTO events VALUES (3)' >/dev/null
  run -0 --separate-stderr repair
  [[ $stderr == *err=table_gone*public.past* ]]
  [ "$(states)" = 'ready history ready gone' ]
  [ "$(of_warehouse 'SELECT group_concat(at || _cdc_op, " ") FROM (SELECT * FROM "public.events__history" ORDER BY _cdc_from_lsn, at)')" = '1r 2c 1r 2r 3r' ]
  sql 'INSERT INTO events VALUES (4)' >/dev/null
  pipeline_pass "$DIR"
  [ "$(of_warehouse "SELECT count(DISTINCT complete_to_time) FROM _cdc_freshness WHERE state <> 'gone'")" -eq 1 ]
  [ -z "$(cdc-load --config "$DIR/pipeline.ini" --print unknown)" ]
}

@test "a data file of the stage is lost before it was loaded: its table is copied again, the others are not touched" {
  given
  changes 2
  pipe_of "$DIR" pgcdc-read --until now
  rm "$(find "$DIR"/stage/shop/0/data/public.orders -type f | sort | tail -n 1)"
  refused_with object_missing
  repair
  [ "$(of_warehouse "SELECT count(*) FROM _cdc_chunks WHERE \"table\" = 'public.customers'")" -eq 1 ]
  changes 3
  proven_equal
}

@test "a data file of the stage is damaged: it is found by its digest" {
  given
  changes 2
  pipe_of "$DIR" pgcdc-read --until now
  file=$(find "$DIR"/stage/shop/0/data/public.orders -type f | sort | tail -n 1)
  printf x | dd of="$file" bs=1 seek=100 conv=notrunc status=none
  run -1 cdc-stage-mend --config "$DIR/pipeline.ini" --check --digests
  [[ $output == lost$'\t'* ]]
  cdc-stage-mend --config "$DIR/pipeline.ini" --digests
  repair
  proven_equal
}

@test "manifests of the stage are lost, one that was loaded, one in the middle, the last one" {
  given
  for n in 2 3 4; do
    changes "$n"
    pipe_of "$DIR" pgcdc-read --until now
  done
  mapfile -t manifests < <(find "$DIR/stage/shop/0/log" -name '*.json' | sort)
  rm "${manifests[-2]}"
  refused_with gap
  repair
  proven_equal
  mapfile -t manifests < <(find "$DIR/stage/shop/0/log" -name '*.json' | sort)
  changes 5
  pipe_of "$DIR" pgcdc-read --until now
  mapfile -t later < <(find "$DIR/stage/shop/0/log" -name '*.json' | sort)
  # The newest one that was loaded, and all behind it.
  for manifest in "${later[@]:${#manifests[@]}-1}"; do rm "$manifest"; done
  refused_with other_stage
  repair
  changes 6
  proven_equal
}

@test "the whole stage is lost" {
  given
  rm -rf "$DIR/stage"
  changes 2
  refused_with other_stage
  repair
  [ "$(states)" = 'ready ready' ]
  changes 3
  proven_equal
}

@test "a table that somebody dropped in the warehouse begins anew by itself; the whole warehouse is had from the stage again" {
  given
  of_warehouse_all 'DROP VIEW orders; DROP TABLE "public.orders"'
  changes 2
  pipeline_pass "$DIR"
  [ "$(states)" = 'ready parked' ]
  cdc-run --config "$DIR/pipeline.ini" --once
  cdc-run --config "$DIR/pipeline.ini" --once
  [ "$(states)" = 'ready ready' ]
  proven_equal
  rm "$DIR/warehouse.db"
  pipeline_load "$DIR"
  proven_equal
}
of_warehouse_all() { sqlite3 -batch "$DIR/warehouse.db" "$1"; }

@test "the whole warehouse is lost, and the stage was pruned: it begins with what is left, and with copies" {
  given
  # Nothing happens to it later: what is left of the log does not know it.
  sql 'CREATE TABLE quiet (id int PRIMARY KEY)' 'INSERT INTO quiet SELECT generate_series(1, 10)' 'DELETE FROM quiet WHERE id = 5' >/dev/null
  policy_keep_all >"$DIR/policy"
  pipeline_pass "$DIR"
  changes 2
  pipeline_pass "$DIR"
  run -0 prune
  [[ $output == *'epochs='[1-9]*' chunks='[1-9]* ]]
  rm "$DIR/warehouse.db"
  changes 3
  refused_with pruned
  repair
  [ "$(states)" = 'ready ready ready' ]
  proven_equal
  [ "$(of_warehouse 'SELECT count(*) FROM quiet')" -eq 9 ]
}

@test "the same, killed anywhere and begun again" {
  given
  pipeline_pass "$DIR"
  changes 2
  pipeline_pass "$DIR"
  prune >/dev/null
  rm "$DIR/warehouse.db"
  changes 3
  repair_killed
  repair
  proven_equal
}

@test "a repair that is killed anywhere is begun again" {
  given
  sql "SELECT pg_drop_replication_slot('pgcdc')" >/dev/null
  changes 2
  repair_killed
  repair
  proven_equal
}
repair_killed() {
  local ms
  for ms in 100 300 500 700 900; do
    cdc-run --config "$DIR/pipeline.ini" --repair 2>>killed.log 3>&- &
    runner=$!
    read -rt "$((ms / 1000)).$((ms % 1000 / 100))" <> <(:) || kill -KILL "$runner" || echo 'it was done already'
    wait "$runner" || echo "killed after $ms ms"
    runner=''
    wait_until 20 sql_says f "SELECT coalesce(bool_or(active), false) FROM pg_replication_slots"
  done
}
