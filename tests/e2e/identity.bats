#!/usr/bin/env bats
# bats file_tags=server
# A pipeline reads one history and notices when it is given another: each case ends with 78, says which command repairs it, and neither the
# stage nor the slot has moved. Knows: the pipe's programs, servers. Must not know: how any of them compares.

# shellcheck disable=SC2030,SC2031 # a test is a subshell
load cluster

bats_require_minimum_version 1.5.0
set -o pipefail

setup_file() { cluster_start -o max_wal_size=48MB -o min_wal_size=32MB; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "d$BATS_TEST_NUMBER"
  slot=s$BATS_TEST_NUMBER other='' pipe=''
  given_a_source
  mkdir stage
  printf '%s\n' '[pipeline]' 'source = shop' "slot = $slot" 'publication = p' 'stage = stage' 'ack = ack' 'policy = policy' 'keys = keys' \
    'warehouse = sqlite:w.db' '[pgcdc-read]' 'spool = .' '[cdc-batch]' 'spool = spool' 'max-seconds = 1' >job.ini
  printf 'public.t\t%s\tany\tgreen\tkeep\t-\ttest\n' id note >policy
  cdc-policy new-key keys
  pgcdc-slot create --config job.ini >/dev/null
  sql "INSERT INTO t VALUES (1, 'first')"
  pump
  all_done
}
teardown() {
  if [[ -n $pipe ]]; then kill "$pipe" 2>/dev/null; fi
  wait
  if [[ -n $other ]]; then private-cluster remove "$other"; fi
  psql -XqAt -d postgres -c 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active' >/dev/null
}

given_a_source() { sql 'CREATE TABLE t (id int PRIMARY KEY, note text)' 'CREATE TABLE u (id int PRIMARY KEY)' 'CREATE PUBLICATION p FOR TABLE t, u'; }

# pump [OPTION OF pgcdc-read]...: from the slot into the stage; `codes` are the programs' own.
pump() {
  local options=("$@")
  ((${#options[@]})) || options=(--until now)
  codes=(0 0 0)
  pgcdc-read --config job.ini "${options[@]}" 2>read.log 3>&- | cdc-batch --config job.ini 2>batch.log 3>&- |
    cdc-stage-put --config job.ini 2>put.log 3>&- || codes=("${PIPESTATUS[@]}")
  echo "${codes[*]}" >codes
}
all_done() { [[ "${codes[*]}" == '0 0 0' ]] || { cat read.log batch.log put.log && return 1; }; }

# refused_by LOG SLUG WORDS: with a repair that holds the words.
refused_by() {
  grep -q "err=$2 class=refused .*repair: .*$3" "$1" || {
    cat read.log put.log
    return 1
  }
}

# What the stage holds: the ids of table t, in order.
staged() { cdc-stage-get --stage stage --source shop | jq -r 'select(.op == "c" and .table == "public.t") | .after.id' | paste -sd ' '; }

@test "another cluster behind the same name is refused, and its slot does not move" {
  other=$BATS_TEST_TMPDIR/other
  private-cluster start "$other"
  on_cluster "$other" psql -XqAt -d postgres -c "CREATE DATABASE $PGDATABASE"
  on_cluster "$other" given_a_source
  on_cluster "$other" pgcdc-slot create --config job.ini >/dev/null
  before=$(on_cluster "$other" confirmed_lsn "$slot")
  # Beyond where the stage ends: it is not for its positions that it is refused.
  on_cluster "$other" sql "INSERT INTO t SELECT i, 'other' FROM generate_series(10, 20000) AS i"
  on_cluster "$other" pump
  [[ $(<codes) == *' 78' ]]
  refused_by put.log wrong_cluster 'correct the dsn'
  [[ $(staged) == 1 && $(on_cluster "$other" confirmed_lsn "$slot") == "$before" ]]
  # With the right one it goes on.
  sql "INSERT INTO t VALUES (2, 'second')"
  pump
  all_done
  [[ $(staged) == '1 2' ]]
}

@test "a slot that was dropped and made anew ahead leaves a gap, and the repair that is named gives all rows" {
  pgcdc-slot drop --config job.ini
  sql "INSERT INTO t VALUES (2, 'nobody reads this')"
  pgcdc-slot create --config job.ini >/dev/null
  before=$(confirmed_lsn "$slot")
  sql "INSERT INTO t VALUES (3, 'third')"
  pump
  [[ ${codes[2]} == 78 && $(staged) == 1 && $(confirmed_lsn "$slot") == "$before" ]]
  refused_by put.log gap 'cdc-run --repair'
  cdc-run --config job.ini --repair
  sql "INSERT INTO t VALUES (4, 'fourth')" 'DELETE FROM t WHERE id = 1'
  cdc-run --config job.ini --once
  same_rows w.db public.t
}

@test "a slot that is behind the stage gives what it had again, and nothing is doubled" {
  sql "SELECT pg_copy_logical_replication_slot('$slot', 'earlier')" >/dev/null
  sql "INSERT INTO t VALUES (2, 'second')"
  pump
  all_done
  pgcdc-slot drop --config job.ini
  sql "SELECT pg_copy_logical_replication_slot('earlier', '$slot')" "INSERT INTO t VALUES (3, 'third')" >/dev/null
  pump
  all_done
  [[ $(staged) == '1 2 3' ]]
}

@test "a server whose standby was promoted has another timeline: what its new slot lacks is a gap, and the old server is refused" {
  other=$BATS_TEST_TMPDIR/other
  # The file's own slots are not on the standby, as they would not be before PostgreSQL 17.
  standby_start "$other" -o max_wal_size=48MB -o min_wal_size=32MB
  sql "INSERT INTO t VALUES (2, 'second')"
  pump
  all_done
  at=$(current_lsn)
  wait_until 20 on_cluster "$other" sql_says t "SELECT pg_last_wal_replay_lsn() >= '$at'"
  on_cluster "$other" sql 'SELECT pg_promote()' "INSERT INTO t VALUES (3, 'before the slot')" >/dev/null
  on_cluster "$other" pgcdc-slot create --config job.ini >/dev/null
  on_cluster "$other" sql "INSERT INTO t VALUES (4, 'fourth')"
  on_cluster "$other" pump
  [[ $(<codes) == *' 78' && $(staged) == '1 2' ]]
  refused_by put.log gap 'cdc-run --repair'
  # Repaired as it says; then the old server, which went on, is no more believed.
  on_cluster "$other" cdc-run --config job.ini --repair
  on_cluster "$other" same_rows w.db public.t
  sql "INSERT INTO t VALUES (5, 'split brain')"
  pump
  [[ ${codes[2]} == 78 ]]
  refused_by put.log old_timeline 'the promoted one'
}

@test "a server that was restored to an earlier moment and went on differently is refused" {
  other=$BATS_TEST_TMPDIR/other
  cluster_stop
  mkdir "$other"
  cp -a "$CLUSTER/data" "$other/data"
  private-cluster start "$CLUSTER" -o max_wal_size=48MB -o min_wal_size=32MB
  sql "INSERT INTO t VALUES (2, 'second')" "INSERT INTO t VALUES (3, 'third')"
  pump
  all_done
  # The same cluster, timeline and slot, other transactions, up to beyond the stage's end.
  private-cluster start "$other"
  on_cluster "$other" sql "INSERT INTO t SELECT i, 'other' FROM generate_series(10, 20000) AS i"
  on_cluster "$other" pump
  [[ $(<codes) == *' 78' && $(staged) == '1 2 3' ]]
  refused_by put.log diverged 'cdc-run --repair'
}

checkpoint_loses() {
  sql 'INSERT INTO u SELECT coalesce(max(id), 0) + 1 FROM u' 'SELECT pg_switch_wal()' CHECKPOINT >/dev/null
  sql_says lost "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$slot'"
}

@test "a slot that lost its log is refused, and so is what a new one leaves out, until all is copied again" {
  sql "ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'" 'SELECT pg_reload_conf()' >/dev/null
  wait_until 30 checkpoint_loses
  sql 'ALTER SYSTEM RESET max_slot_wal_keep_size' 'SELECT pg_reload_conf()' "INSERT INTO t VALUES (2, 'second')" >/dev/null
  pump
  [[ ${codes[0]} == 78 ]]
  refused_by read.log slot_lost "pgcdc-slot drop --slot $slot, then pgcdc-slot create --slot $slot, .*pgcdc-snapshot"
  pgcdc-slot drop --slot "$slot"
  pgcdc-slot create --slot "$slot" --publication p >/dev/null
  sql "INSERT INTO t VALUES (3, 'third')"
  pump
  # The stage says the rest: its log ended before.
  [[ ${codes[2]} == 78 ]]
  refused_by put.log gap 'cdc-run --repair'
  cdc-run --config job.ini --repair
  same_rows w.db public.t
}

@test "a publication that is missing is refused before anything is read" {
  sql 'DROP PUBLICATION p' "INSERT INTO t VALUES (2, 'second')"
  pump
  [[ ${codes[0]} == 78 && $(staged) == 1 ]]
  refused_by read.log publication_missing 'CREATE PUBLICATION p '
}

pipe_ended() { [[ $(cat codes 2>/dev/null) == *' '* ]]; }
following() {
  rm -f codes
  pump --until '' &
  pipe=$!
  sql "INSERT INTO t VALUES (2, 'second')"
  wait_until 20 staged_is '1 2'
}
staged_is() { [[ $(staged) == "$1" ]]; }

@test "a table that is taken out of the publication while it is read is noticed before anything later is confirmed" {
  following
  sql 'ALTER PUBLICATION p DROP TABLE t'
  out=$(current_lsn)
  sql "INSERT INTO t VALUES (3, 'not sent')" 'INSERT INTO u VALUES (1)'
  wait_until 30 pipe_ended
  [[ $(<codes) == '78 '* ]]
  refused_by read.log table_unpublished 'ALTER PUBLICATION p ADD TABLE public.t; .*pgcdc-snapshot'
  sql_says t "SELECT confirmed_flush_lsn <= '$out' FROM pg_replication_slots WHERE slot_name = '$slot'"
}

@test "a publication that sends less than before is noticed, and a table that is dropped is not" {
  following
  sql 'DROP TABLE u' "INSERT INTO t VALUES (3, 'third')"
  wait_until 20 staged_is '1 2 3'
  sql "ALTER PUBLICATION p SET (publish = 'insert')" "INSERT INTO t VALUES (4, 'fourth')"
  wait_until 30 pipe_ended
  [[ $(<codes) == '78 '* ]]
  refused_by read.log operations_missing 'ALTER PUBLICATION p SET (publish'
}

@test "a table that was out of the publication while nobody read is refused, also when it has been put back, until it is copied again" {
  sql "INSERT INTO t VALUES (2, 'second')" 'ALTER PUBLICATION p DROP TABLE t' "INSERT INTO t VALUES (3, 'not sent')"
  before=$(confirmed_lsn "$slot")
  pump
  [[ ${codes[0]} == 78 ]]
  refused_by read.log table_unpublished 'ALTER PUBLICATION p ADD TABLE public.t; .*pgcdc-snapshot, then rm ack.publication; .* only rm ack.publication'
  sql 'ALTER PUBLICATION p ADD TABLE t' "INSERT INTO t VALUES (4, 'fourth')"
  pump
  [[ ${codes[0]} == 78 && $(staged) == 1 && $(confirmed_lsn "$slot") == "$before" ]]
  refused_by read.log table_unpublished 'copy again with pgcdc-snapshot, then rm ack.publication'
  cdc-run --config job.ini --snapshot
  rm ack.publication
  cdc-run --config job.ini --once
  same_rows w.db public.t
}

@test "what is meant with a publication is no loss: a table more, a table dropped, another column list, and one that is let go" {
  # A column list from 15 on; before, the same without one.
  local list=''
  if server_at_least 150000; then list=' (id)'; fi
  sql 'DROP TABLE u' 'CREATE TABLE v (id int PRIMARY KEY)' 'ALTER PUBLICATION p ADD TABLE v' "ALTER PUBLICATION p SET TABLE t$list, v" "INSERT INTO t VALUES (2, 'second')"
  pump
  all_done
  sql 'ALTER PUBLICATION p DROP TABLE v'
  pump
  [[ ${codes[0]} == 78 ]]
  refused_by read.log table_unpublished 'ADD TABLE public.v;'
  rm ack.publication
  pump
  all_done
  [[ $(staged) == '1 2' ]]
}

@test "a publication that was made anew while nobody read, and one that sent less, are refused; so is a memory that is none" {
  sql "ALTER PUBLICATION p SET (publish = 'insert')"
  pump
  [[ ${codes[0]} == 78 ]]
  refused_by read.log operations_missing 'ALTER PUBLICATION p SET (publish'
  sql "ALTER PUBLICATION p SET (publish = 'insert, update, delete, truncate')"
  pump
  all_done
  cp ack.publication kept
  echo '{}' >ack.publication
  pump
  [[ ${codes[0]} == 78 ]]
  refused_by read.log bad_memory 'rm ack.publication'
  mv kept ack.publication
  sql 'DROP PUBLICATION p' 'CREATE PUBLICATION p FOR TABLE t, u'
  pump
  [[ ${codes[0]} == 78 ]]
  refused_by read.log publication_missing 'pgcdc-slot drop, then rm .*, then cdc-run --repair'
}
