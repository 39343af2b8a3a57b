#!/usr/bin/env bats
# cdc-status on real pipelines: what it says while they are well, and what it says of each thing that can be amiss.
# Knows: the pipe, the forms of cdc-status(1). Must not know: how it asks.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load clock
load cluster
load ../fault/pipeline

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "status_$BATS_TEST_NUMBER"
  export SLOT=status_$BATS_TEST_NUMBER DIR=$PWD/p
  mkdir "$DIR"
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t VALUES (1, 'one')" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
}
teardown() { sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null; }

begun() {
  pipeline_begin "$DIR" && sql "UPDATE t SET v = 'two'" >/dev/null && pipeline_pass "$DIR"
}
json() { cdc-status --json "$@" "$DIR/pipeline.ini"; }
# in  FILTER VALUE   of the JSON; whatever the exit code is
says() {
  local got
  got=$(json | jq -r "$1") || true
  [[ $got == "$2" ]] || { echo "$1 is $got, not $2" && json; return 1; }
}

@test "a pipeline that is well: each end is asked, and the answer is 0" {
  begun
  run -0 --separate-stderr cdc-status --tables "$DIR/pipeline.ini"
  [[ -z $stderr && ${#lines[@]} == 3 ]]
  [[ ${lines[1]} =~ ^shop\ +in\ +[0-9]+\ s\ +6\.0\ h\ +[0-9]+\ s\ +[0-9]+\ s\ +idle\ .*\ 1\ +-$ ]]
  [[ ${lines[2]} =~ ^\ \ public\.t:\ ready,\ age\ [0-9]+\ s$ ]]
  says '[.in, .cause, .slot.state, .applied_to == .staged_to, (.slot.retained_bytes > 0), (.slot.catalog_age >= 0)] | @json' '[true,"","idle",true,true,true]'
}

@test "a clock that is not the server's is told, since every age is told by it" {
  begun
  says '.clock_ahead_s' 0
  at() { clock_set clock "$1" && by_clock "$PWD/clock" cdc-status "${@:2}" "$DIR/pipeline.ini"; }
  ahead() { at "$1" --json | jq '.clock_ahead_s'; }
  (($(ahead 7200) >= 7199 && $(ahead 7200) <= 7201 && $(ahead -259200) <= -259199 && $(ahead -259200) >= -259201))
  run -0 at 7200 --metrics clock.prom
  grep -qE '^cdc_clock_ahead_seconds\{.*\} (7199\.9|7200)' clock.prom
}

@test "before anything was loaded it is out, and says why" {
  run -1 --separate-stderr json
  says '[.cause, .slot.state, (.tables | length)] | @json' '["slot_missing","none",0]'
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null
  says '[.cause, .slot.state] | @json' '["stage_no_stage","idle"]'
  pipe_of "$DIR" pgcdc-snapshot
  run -1 --separate-stderr json
  says '[.cause, .applied_to, .troubles] | @json' '["nothing_loaded",null,[]]'
}

@test "changes that were captured and not loaded: the stage is fresh, the warehouse is not" {
  begun
  sql "UPDATE t SET v = 'three'" >/dev/null
  pipe_of "$DIR" pgcdc-read --until now
  says '.applied_to < .staged_to' true
  # All of it is younger than the default, and older than a second's objective a second later.
  run -0 --separate-stderr json
  objective_is_missed() { ! json --objective-seconds 1 >missed; }
  wait_until 20 objective_is_missed
  [[ $(jq -r '[.in, .tables[0].in] | @json' missed) == '[false,false]' ]]
}

@test "a slot that somebody reads is active, one that was dropped is missing" {
  begun
  pgcdc-read --config "$DIR/pipeline.ini" --ack '' 3>&- 8>&- >/dev/null 2>read.log &
  local reader=$!
  active() { says .slot.state active >/dev/null; }
  wait_until 20 active
  kill "$reader"
  wait "$reader"
  pgcdc-slot drop --config "$DIR/pipeline.ini"
  says '[.in, .slot.state, .cause] | @json' '[true,"none","slot_missing"]'
}

@test "a parked table is told by its name, and is the cause" {
  begun
  sql 'ALTER TABLE t DROP CONSTRAINT t_pkey' 'ALTER TABLE t ADD COLUMN k int NOT NULL DEFAULT 7' 'ALTER TABLE t ADD PRIMARY KEY (k, id)' "UPDATE t SET v = 'four'" >/dev/null
  policy_keep_all >"$DIR/policy"
  pipeline_pass "$DIR"
  says '[.cause, .tables[0].state] | @json' '["parked","parked"]'
  run -0 --separate-stderr cdc-status "$DIR/pipeline.ini"
  [[ ${lines[2]} == '  public.t: parked, age '* ]]
}

@test "an end that cannot be asked keeps no other from being told, in a fleet of pipelines too" {
  begun
  mkdir pipelines
  sed 's|^dsn = .*|dsn = host=/nowhere|' "$DIR/pipeline.ini" >pipelines/a.ini
  sed 's|^source = .*|source = till|; s|^warehouse = .*|warehouse = sqlite:'"$PWD"'/none.db|; s|^stage = .*|stage = file://'"$PWD"'/none|' "$DIR/pipeline.ini" >pipelines/b.ini
  run -1 --separate-stderr cdc-status --json pipelines
  [[ ${#lines[@]} == 2 && -z $stderr ]]
  [[ $(jq -rs 'map([.source, .in, .cause, (.slot == null), (.applied_to == null)]) | @json' <<<"$output") == '[["shop",true,"source_connect_failed",true,false],["till",false,"stage_no_stage",false,true]]' ]]
}

@test "a line of the record that was cut short spoils no other" {
  begun
  cdc-status --record record "$DIR/pipeline.ini" >/dev/null
  printf '2026-11-27T10:00:00.000000Z\tshop\ti' >>record
  cdc-status --record record --html page.html "$DIR/pipeline.ini" >/dev/null 2>said
  [[ $(wc -l <record) == 3 && $(tail -n 1 record) == *$'Z\tshop\tin\t'* ]]
  [[ $(wc -l <said) == 1 ]]
  grep -q 'err=broken_record lines=1' said
}

@test "metrics, record and page come from the same look; the page has the past from the record" {
  begun
  cdc-status --metrics metrics --record record --html page.html "$DIR/pipeline.ini" >/dev/null
  cdc-status --record record --objective-seconds 100000 --html page.html "$DIR/pipeline.ini" >/dev/null
  [[ $(cut -f 2,3,5,6 record | sort -u) == $'shop\tin\t100000\t-\nshop\tin\t21600\t-' ]]
  grep -qx 'cdc_slo_in{program="cdc-status",source="shop"} 1' metrics
  grep -qE '^cdc_freshness_seconds\{program="cdc-status",source="shop",table="public.t"\} [0-9]+$' metrics
  diff <(cdc-status --prometheus "$DIR/pipeline.ini" | sed 's/ [-0-9].*//' | sort) <(sed 's/ [-0-9].*//' metrics | sort)
  grep -q '<polyline' page.html
  # A reader of another account may look at the page.
  [[ $(stat -c %a page.html) == 644 ]]
}
