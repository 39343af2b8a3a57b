#!/usr/bin/env bats
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
  writer=
}
teardown() {
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

@test "a transaction that holds it up is named, and no half slot is left" {
  begin_writer
  pid=$(sql "SELECT pid FROM pg_locks WHERE locktype = 'transactionid' AND granted")
  run -75 --separate-stderr pgcdc-slot create --slot "$slot" --publication p --max-seconds 1
  [[ $stderr == *err=slot_blocked*"pid $pid;"* ]]
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
