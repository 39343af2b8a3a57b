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
  sed -i 's/^publication = .*/publication = nowhere/' fleet/3.ini
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
  sed -i 's/^publication = .*/publication = nowhere/' fleet/1.ini
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

# Three cells of a table in the server; a fourth comes, one goes.
@test "the list is a query: a database that comes is read from then on, one that goes is drained and its file removed" {
  local number
  for number in 1 2 3 4; do pipeline $number; done
  rm fleet/*.ini
  sed "s|$PWD/1|$PWD/{number}|; s/fleet_${BATS_TEST_NUMBER}_1/{slot}/; s/^source = .*/source = s{number}/" 1/pipeline.ini >template
  sed -i "s/dbname=fleet_${BATS_TEST_NUMBER}_1/dbname={name}/" template
  PGDATABASE=postgres sql "CREATE TABLE cells AS SELECT 'fleet_${BATS_TEST_NUMBER}_' || i AS name, 'fleet_${BATS_TEST_NUMBER}_' || i AS slot, i AS number FROM generate_series(1, 3) i"
  printf '%s\n' "exec psql -XA -P footer=off -F '	' -d postgres -c 'SELECT * FROM cells ORDER BY name'" >ask
  cdc-fleet --template template --list-command 'sh ./ask' --every 1 --jobs 2 --verbose --metrics metrics fleet 3>&- 8>&- 2>log &
  fleet=$!
  for number in 1 2 3; do wait_until 30 has $number two; done
  grep -qx 'cdc_fleet_list_code{program="cdc-fleet"} 0' metrics
  run ! has 4 two

  PGDATABASE=postgres sql "INSERT INTO cells VALUES ('fleet_${BATS_TEST_NUMBER}_4', 'fleet_${BATS_TEST_NUMBER}_4', 4)"
  wait_until 30 has 4 two

  # What was committed before the line went arrives.
  PGDATABASE=fleet_${BATS_TEST_NUMBER}_2 sql "UPDATE t SET v = 'three'" >/dev/null
  PGDATABASE=postgres sql 'DELETE FROM cells WHERE number = 2'
  wait_until 30 grep -q "pipeline=fleet/fleet_${BATS_TEST_NUMBER}_2.ini msg=\"a pipeline went\"" log
  has 2 three
  [[ ! -e fleet/fleet_${BATS_TEST_NUMBER}_2.ini && -e fleet/fleet_${BATS_TEST_NUMBER}_1.ini ]]
  [[ $(sql "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'fleet_${BATS_TEST_NUMBER}_2'") == 1 ]]
  run ! grep -q 'pipeline="fleet_[0-9]*_2"' metrics

  # A list that nobody has takes nothing away, and the others go on.
  PGDATABASE=postgres sql 'TRUNCATE cells'
  wait_until 30 grep -qx 'cdc_fleet_list_code{program="cdc-fleet"} 65' metrics
  PGDATABASE=postgres sql 'DROP TABLE cells'
  wait_until 30 grep -qx 'cdc_fleet_list_code{program="cdc-fleet"} 75' metrics
  PGDATABASE=fleet_${BATS_TEST_NUMBER}_4 sql "UPDATE t SET v = 'three'" >/dev/null
  wait_until 30 has 4 three
  [[ $(printf '%s\n' fleet/*.ini | wc -l) == 3 ]]
  kill "$fleet"
  wait "$fleet"
  fleet=''
}

# A list and what is made of it, without a server.
list_of() { printf '%b\n' "$@" >list; }
made() { cdc-fleet --template template --list list --make fleet; }
template_of() { printf '%s\n' '[pipeline]' 'source = {name}' 'dsn = host={host} dbname={name}' >template; }

@test "a list and a template make the files, one for each line, and follow both; files of somebody's own stay" {
  template_of
  list_of 'name\thost' 'cell_1\tdb1.example' 'cell_2\tdb2.example'
  printf '[pipeline]\nsource = own\n' >fleet/own.ini
  run -0 --separate-stderr made
  [[ $output == '' && $stderr == '' ]]
  [[ $(tail -n +2 fleet/cell_2.ini) == $'[pipeline]\nsource = cell_2\ndsn = host=db2.example dbname=cell_2' ]]
  [[ $(head -n 1 fleet/cell_2.ini) == '# Made by cdc-fleet from '* ]]
  # A value is never read as a placeholder; what did not change is not written again.
  touch -d 2020-01-01 fleet/cell_2.ini
  list_of 'name\thost' 'cell_3\t{name}' 'cell_2\tdb2.example'
  run -0 --separate-stderr made
  [[ $stderr == *err=pipeline_gone\ pipeline=fleet/cell_1.ini* && $(grep -c . <<<"$stderr") == 1 ]]
  [[ $(ls fleet) == $'cell_2.ini\ncell_3.ini\nown.ini' ]]
  grep -qx 'dsn = host={name} dbname=cell_3' fleet/cell_3.ini
  [[ $(date -r fleet/cell_2.ini +%Y) == 2020 ]]
  # Without a column `name` it is the first; the list may come from a pipe, or from a command.
  printf '[pipeline]\nsource = {cell}\n' >template
  run -0 made_from_pipe
  [[ $(ls fleet) == $'a.b.ini\nown.ini' && $(<fleet/own.ini) == *'source = own'* ]]
  run -0 cdc-fleet --template template --list-command "printf 'cell\\nx\\n'" --make fleet
  [[ $(ls fleet) == $'own.ini\nx.ini' ]]
}
made_from_pipe() { printf 'cell\na.b\n' | cdc-fleet --template template --list - --make fleet; }

# in  CODE SLUG: what is there stays as it is, byte for byte, and one line says why
refused() {
  cp -a fleet before
  run "-$1" --separate-stderr made
  [[ $stderr == *"err=$2 "* && $(grep -c . <<<"$stderr") == 1 && $stderr != *db9* ]] || return
  diff -r before fleet && rm -r before
}

@test "a list that cannot be followed whole changes nothing: it says where, never what" {
  local first='name\thost'
  template_of
  list_of "$first" 'cell_1\tdb1.example' 'cell_2\tdb2.example'
  made
  list_of "$first"
  refused 65 empty_list
  : >list
  refused 65 empty_list
  printf 'name\thost\ncell_1\tdb1.example' >list
  refused 65 cut_short
  rm list
  refused 75 list_not_read
  list_of "$first" 'cell_1\tdb9' 'cell_3'
  refused 65 bad_list
  [[ $stderr == *'line 3 of the list has 1 fields'* ]]
  list_of "$first" 'cell_1\t'
  refused 65 bad_list
  list_of "$first" 'cell_1\tdb9 # dbname=other'
  refused 65 bad_list
  [[ $stderr == *'line 2, column host of the list'* ]]
  list_of "$first" 'cell_1\tdb9\rstage = elsewhere'
  refused 65 bad_list
  printf 'name\thost\ncell_1\tdb9\0\ncell_2\tdb9\n' >list
  refused 65 bad_list
  local name
  for name in ../evil .hidden a/b -x 'a b' 'cell;1' "$(printf '%0101d' 1)"; do
    list_of "$first" "$name\\tdb9"
    refused 65 bad_name
  done
  list_of "$first" 'cell_1\tdb9' 'CELL_1\tdb9'
  refused 65 bad_name
  list_of 'name\thost\thost' 'cell_1\tdb9\tdb9'
  refused 65 bad_list
  list_of 'name\tHost' 'cell_1\tdb9'
  refused 65 bad_list
  # A name that somebody's own file bears.
  printf '[pipeline]\n' >fleet/own.ini
  list_of "$first" 'cell_1\tdb1.example' 'own\tdb9'
  refused 65 name_taken
}

@test "a template and a list that do not fit each other, and secrets in a list, are usage" {
  template_of
  list_of 'name' 'cell_1'
  refused 64 no_column
  [[ $stderr == *'{host}'* ]]
  list_of 'name\thost\tpolicy' 'cell_1\tdb9\tdb9.policy'
  refused 64 unused_column
  [[ $stderr == *'column policy'* ]]
  list_of 'name\thost\tpassword' 'cell_1\tdb9\tdb9'
  refused 64 secret_in_list
  list_of 'name\thost' 'cell_1\tdb9 password=x'
  refused 64 secret_in_list
  list_of 'name\thost' 'cell_1\tpostgresql://u:db9@h/d'
  refused 64 secret_in_list
  : >template
  refused 64 no_template
  rm template
  list_of 'name\thost' 'cell_1\tdb9'
  refused 75 no_template
  run -64 --separate-stderr cdc-fleet --template t fleet
  run -64 --separate-stderr cdc-fleet --list list fleet
  run -64 --separate-stderr cdc-fleet --make fleet
  run -64 --separate-stderr cdc-fleet --template t --list list --list-command true fleet
  run -75 --separate-stderr cdc-fleet --template template --list-command 'printf "name\\thost\\na\\tb\\n"; exit 3' --make fleet
  [[ $stderr == *'err=list_not_read'*'ended with 3'* && $(ls fleet) == '' ]]
}

@test "many that end at the same moment are all noticed" {
  local number
  for ((number = 1; number <= 40; number++)); do printf '[cdc-run]\n[pipeline]\nnonsense\n' >"fleet/$number.ini"; done
  run -64 --separate-stderr timeout -k 5 100 cdc-fleet --once --jobs 20 --metrics metrics fleet
  [[ $(grep -c 'err=pipeline_ended .*code=64' <<<"$stderr") == 40 && $(grep -c '^cdc_fleet_runs_total{.*} 1$' metrics) == 40 ]]
}
