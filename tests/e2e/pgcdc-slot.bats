#!/usr/bin/env bats
# bats file_tags=server
# pgcdc-slot against a real server: create, show and drop, what it waits for, and that nothing is left behind when it fails.
# Knows: the server's views. Must not know: what is read from a slot.

# shellcheck disable=SC2154 # bats sets stderr
load cluster

bats_require_minimum_version 1.5.0

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  set -o pipefail
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "d$BATS_TEST_NUMBER"
  sql 'CREATE PUBLICATION p FOR ALL TABLES' 'CREATE TABLE t (id int)'
  slot=s$BATS_TEST_NUMBER
  writer='' standby=''
}
teardown() {
  if [[ -n $standby ]]; then private-cluster remove "$standby"; fi
  if [[ -n $writer ]]; then kill -9 "$writer" 2>/dev/null || true; fi
  wait
}

# A transaction that has written and stays open until end_writer.
begin_writer() {
  mkfifo hold
  psql -XqAt <hold >/dev/null &
  writer=$!
  exec 7>hold
  echo 'BEGIN; INSERT INTO t VALUES (1);' >&7
  wait_until 10 sql_says 1 "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND granted"
}
end_writer() {
  echo 'COMMIT;' >&7
  exec 7>&-
  wait "$writer"
  writer=
}

@test "a slot is created, shown and dropped" {
  run -1 --separate-stderr pgcdc-slot show --slot "$slot"
  [[ -z $output && -z $stderr ]]
  pgcdc-slot create --slot "$slot" --publication p >created
  pgcdc-slot show --slot "$slot" >shown
  jq -e --arg slot "$slot" --arg db "$PGDATABASE" '.slot == $slot and .database == $db and .plugin == "pgoutput" and .active == false and .two_phase == false and .wal_status == "reserved" and .retained_bytes >= 0 and .confirmed_flush_lsn >= .restart_lsn' created shown
  pgcdc-slot drop --slot "$slot"
  sql_says 0 "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'"
  run -1 --separate-stderr pgcdc-slot drop --slot "$slot"
}

@test "no slot is created before its publication" {
  run -78 --separate-stderr pgcdc-slot create --slot "$slot" --publication nosuch
  [[ $stderr == *err=publication_missing*'CREATE PUBLICATION'* ]]
  sql_says 0 "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'"
}

@test "a slot that exists is refused, a name that cannot be one is usage" {
  pgcdc-slot create --slot "$slot" --publication p
  run -78 --separate-stderr pgcdc-slot create --slot "$slot" --publication p
  [[ $stderr == *err=slot_exists* ]]
  run -64 --separate-stderr pgcdc-slot create --slot 'No Such' --publication p
  [[ $stderr == *class=usage* ]]
}

@test "pain 16, a slot's creation behind a long transaction: a bounded wait, the transaction is named, no half slot is left" {
  begin_writer
  pid=$(sql "SELECT pid FROM pg_locks WHERE locktype = 'transactionid' AND granted")
  run -75 --separate-stderr pgcdc-slot create --slot "$slot" --publication p --max-seconds 1
  [[ $stderr == *err=slot_blocked*"pid $pid (database $PGDATABASE, role postgres, "*' s old); none is left behind'* ]]
  sql_says 0 "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'"
  wait_until 5 sql_says 0 'SELECT count(*) FROM pg_stat_replication'
  end_writer
  pgcdc-slot create --slot "$slot" --publication p
}

@test "stopped while it waits it leaves no half slot and no walsender" {
  begin_writer
  pgcdc-slot create --slot "$slot" --publication p 2>log &
  creator=$!
  wait_until 10 sql_says 1 "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'"
  kill -TERM "$creator"
  status=0
  wait "$creator" || status=$?
  ((status == 75))
  grep -q err=interrupted log
  wait_until 5 sql_says 0 "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'"
  wait_until 5 sql_says 0 'SELECT count(*) FROM pg_stat_replication'
  end_writer
}

@test "a slot that is read is not dropped, its reader is named" {
  pgcdc-slot create --slot "$slot" --publication p
  pgcdc-read --source x --slot "$slot" --publication p >out &
  writer=$!
  wait_until 10 test -s out
  pid=$(sql "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot'")
  run -75 --separate-stderr pgcdc-slot drop --slot "$slot"
  [[ $stderr == *err=slot_active*"pid $pid "* ]]
  [[ $(pgcdc-slot show --slot "$slot" | jq .active_pid) == "$pid" ]]
}

@test "a role with REPLICATION is enough, one without is denied" {
  sql 'CREATE ROLE reader LOGIN REPLICATION' 'CREATE ROLE plain LOGIN'
  PGUSER=reader pgcdc-slot create --slot "$slot" --publication p
  PGUSER=reader pgcdc-slot drop --slot "$slot"
  run -77 --separate-stderr env PGUSER=plain pgcdc-slot create --slot "$slot" --publication p
  [[ $stderr == *class=denied* ]]
  sql 'DROP ROLE reader' 'DROP ROLE plain'
}

@test "the longest wait is for all transactions together, not for each" {
  begin_writer
  began_us=${EPOCHREALTIME//[.,]/}
  pgcdc-slot create --slot "$slot" --publication p --max-seconds 4 2>log &
  creator=$!
  wait_until 10 sql_says 1 "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'"
  # Three seconds later another one holds it up: the first has ended, but this one began before that.
  mkfifo second
  psql -XqAt <second >/dev/null 3>&- 7>&- &
  exec 8>second
  echo 'BEGIN; INSERT INTO t VALUES (2);' >&8
  wait_until 10 sql_says 2 "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND granted"
  wait_until 10 waited_for 3
  end_writer
  status=0
  wait "$creator" || status=$?
  took_us=$((${EPOCHREALTIME//[.,]/} - began_us))
  exec 8>&-
  # Not three seconds for the first and four more for the second.
  ((status == 75 && took_us < 6500000))
  grep -q err=slot_blocked log
  wait_until 5 sql_says 0 "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'"
}
# The creation has lasted for so many seconds.
waited_for() { sql_says t "SELECT clock_timestamp() - backend_start > '$1 s' FROM pg_stat_activity WHERE backend_type = 'walsender'"; }

@test "from PostgreSQL 17 on a slot survives a failover" {
  pgcdc-slot create --slot "$slot" --publication p >created
  if server_at_least 170000; then
    jq -e '.failover == true and .synced == false and .invalidation_reason == null and (.inactive_since | test("Z$"))' created
  else
    jq -e '.failover == null and .synced == null and .invalidation_reason == null and .inactive_since == null' created
  fi
}

@test "what is left before the slot is lost is shown, and why it was" {
  pgcdc-slot create --slot "$slot" --publication p | jq -e '.safe_wal_bytes == null'
  sql "ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'" 'SELECT pg_reload_conf()' >/dev/null
  wait_until 5 shows '.safe_wal_bytes > 0'
  for _ in {1..6}; do sql 'INSERT INTO t VALUES (1)' 'SELECT pg_switch_wal()' >/dev/null; done
  wait_until 10 checkpoint_shows '.wal_status == "lost"'
  if server_at_least 170000; then
    shows '.invalidation_reason == "wal_removed"'
  else
    shows '.invalidation_reason == null'
  fi
  sql 'ALTER SYSTEM RESET max_slot_wal_keep_size' 'SELECT pg_reload_conf()' >/dev/null
}
shows() { pgcdc-slot show --slot "$slot" | jq -e "$1" >/dev/null; }
checkpoint_shows() { sql 'INSERT INTO t VALUES (1)' 'SELECT pg_switch_wal()' CHECKPOINT >/dev/null && shows "$1"; }

@test "a standby has a slot from PostgreSQL 16 on, and its wait for the primary is bounded" {
  standby=$BATS_TEST_TMPDIR/standby
  standby_start "$standby" -- -o hot_standby_feedback=on
  if server_at_least 160000; then
    # An idle primary does not log which transactions run.
    run -75 --separate-stderr on_cluster "$standby" pgcdc-slot create --slot "$slot" --publication p --max-seconds 1
    [[ $stderr == *err=slot_blocked*'pg_log_standby_snapshot()'* ]]
    on_cluster "$standby" sql_says 0 'SELECT count(*) FROM pg_replication_slots'
    on_cluster "$standby" pgcdc-slot create --slot "$slot" --publication p >created &
    creator=$!
    wait_until 10 on_cluster "$standby" sql_says 1 'SELECT count(*) FROM pg_replication_slots'
    # What the message says is what helps.
    wait_until 30 logged_until_made
    wait "$creator"
    jq -e '.failover != true and .database == env.PGDATABASE' created
    sql 'INSERT INTO t VALUES (7)'
    from_primary=$(current_lsn)
    wait_until 20 on_cluster "$standby" sql_says t "SELECT pg_last_wal_replay_lsn() >= '$from_primary'"
    on_cluster "$standby" pgcdc-read --source x --slot "$slot" --publication p --until now >out
    [[ $(jq 'select(.op == "c") | .after.id' out) == 7 ]]
  else
    run -78 --separate-stderr on_cluster "$standby" pgcdc-slot create --slot "$slot" --publication p
    [[ $stderr == *err=standby* ]]
  fi
}
logged_until_made() { sql 'SELECT pg_log_standby_snapshot()' >/dev/null && [[ -s created ]]; }
