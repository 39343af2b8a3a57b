#!/usr/bin/env bats
# cdc-fleet: many databases on one server, a file each. All are drained, a bounded number at a time; a broken one is told and keeps no other
# waiting; files that come and go are pipelines that come and go. By hand: FLEET=200 bats -f 'every pipeline' tests/e2e/cdc-fleet.bats
# Knows: cdc-fleet's options, the pipeline file. Must not know: how it chooses.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster
load ../fault/pipeline

setup_file() { cluster_start -o max_replication_slots=400 -o max_wal_senders=60 -o max_connections=200; }
teardown_file() { cluster_remove; }

setup() { cd "$BATS_TEST_TMPDIR" && mkdir fleet; }
teardown() {
  [[ -z ${fleet:-} ]] || { kill "$fleet" && wait "$fleet"; }
  # A slot is dropped in its own database.
  local slot database
  sql "SELECT slot_name, database FROM pg_replication_slots WHERE NOT active" | while IFS='|' read -r slot database; do
    PGDATABASE=$database sql "SELECT pg_drop_replication_slot('$slot')" >/dev/null
  done
}

# A database with a table, its pipeline begun.   in  NUMBER
pipeline() {
  fresh_database "fleet_${BATS_TEST_NUMBER}_$1"
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT i, 'one' FROM generate_series(1, 20) i" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  mkdir "$1"
  SLOT=fleet_${BATS_TEST_NUMBER}_$1 pipeline_make "$PWD/$1" 'max-seconds = 1' || return
  sed -i "s/^source = .*/source = s$1/" "$1/pipeline.ini"
  pipeline_begin "$PWD/$1" || return
  sql "UPDATE t SET v = 'two'" >/dev/null
  cp "$1/pipeline.ini" "fleet/$1.ini"
}
has() { [[ $(warehouse_sql "$1/warehouse.db" "SELECT count(*) FROM t WHERE v = '$2'") == 20 ]]; }

@test "every pipeline is drained, no more than some at a time, and a broken one keeps none waiting" {
  local number many=${FLEET:-12} began seconds
  for ((number = 1; number <= many; number++)); do pipeline "$number"; done
  sed -i 's/^slot = .*/slot = nowhere/' fleet/3.ini
  began=$SECONDS
  run -78 --separate-stderr cdc-fleet --once --jobs 3 --metrics metrics fleet
  seconds=$((SECONDS - began))
  [[ $(grep -c err=pipeline_ended <<<"$stderr") == 1 && $stderr == *pipeline=fleet/3.ini*code=78* ]]
  for ((number = 1; number <= many; number++)); do if ((number != 3)); then has "$number" two; else ! has 3 two; fi; done
  [[ $(grep -c '^cdc_fleet_exit_code{.*} 0$' metrics) == $((many - 1)) ]]
  grep -qx 'cdc_fleet_exit_code{program="cdc-fleet",pipeline="3"} 78' metrics
  # What one can see of all of them at once.
  run -1 --separate-stderr cdc-status --json fleet
  [[ $(jq -s 'map(select(.in)) | length' <<<"$output") == "$many" || $(jq -s 'map(select(.cause == "")) | length' <<<"$output") == $((many - 1)) ]]
  echo "# $many databases in $seconds s, the slowest $(sed -n 's/^cdc_fleet_duration_seconds.* //p' metrics | sort -n | tail -n 1) s" >&3
}

@test "a file that comes is a pipeline that comes, one that goes is one that goes; each is run again and again" {
  pipeline 1
  pipeline 2
  mv fleet/2.ini waiting.ini
  cdc-fleet --every 1 --jobs 2 --verbose --metrics metrics fleet 3>&- 8>&- 2>log &
  fleet=$!
  wait_until 30 has 1 two
  mv waiting.ini fleet/2.ini
  wait_until 30 has 2 two
  sql "UPDATE t SET v = 'three'" >/dev/null
  wait_until 30 has 2 three
  ran_again() { (($(sed -n 's/^cdc_fleet_runs_total{.*pipeline="1"} //p' metrics) >= 3)); }
  wait_until 30 ran_again
  rm fleet/1.ini
  wait_until 30 grep -q 'pipeline=fleet/1.ini msg="a pipeline went"' log
  # Asked to stop it lets drain what runs, and ends well.
  kill "$fleet"
  wait "$fleet"
  fleet=''
}

@test "one that cannot go on waits longer and longer, one that waits for a hand the longest" {
  pipeline 1
  pipeline 2
  sed -i 's/^slot = .*/slot = nowhere/' fleet/1.ini
  sed -i 's|^dsn = .*|dsn = host=/nowhere|' fleet/2.ini
  cdc-fleet --every 1 --jobs 2 --metrics metrics fleet 3>&- 8>&- 2>log &
  fleet=$!
  both_ended() { (($(grep -c err=pipeline_ended log) >= 2)); }
  wait_until 120 both_ended
  local stopped retried
  stopped=$(sed -n 's/.*pipeline=fleet\/1.ini code=78 failures=1 pause_ms=\([0-9]*\) .*/\1/p' log)
  retried=$(sed -n 's/.*pipeline=fleet\/2.ini code=75 failures=1 pause_ms=\([0-9]*\) .*/\1/p' log)
  ((stopped >= 1800000 && retried >= 5000 && retried <= 10000))
}

@test "a folder without a pipeline, and words that it does not know, are usage" {
  run -64 --separate-stderr cdc-fleet --once fleet
  [[ $stderr == *err=no_pipeline* ]]
  run -64 cdc-fleet --jobs 0 fleet
  run -64 cdc-fleet --nonsense
  run -64 cdc-fleet
  run -0 cdc-fleet --version
  [[ $output == "cdc-fleet (pgcdc) "* ]]
}
