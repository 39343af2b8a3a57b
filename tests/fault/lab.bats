#!/usr/bin/env bats
# Each fault that lasts raises its alerts and no other: it is made for real on a running pipeline, and the metric files that programs and
# cdc-status wrote meanwhile are held before the rules for hours (replay.bash). What fires after 2, 5 and 8 hours is said in full.
# Knows: one pipeline with all its metrics, how things are broken. Must not know: a rule's expression.
# shellcheck disable=SC2030,SC2031 # a test and its functions are one process

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load pipeline
load replay

RULES=$BATS_TEST_DIRNAME/../../scripts/prometheus/pgcdc.rules.yml

setup_file() { cluster_start -o wal_sender_timeout=3s; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  runner='' writer='' other=''
  export SLOT=lab_$BATS_TEST_NUMBER DIR=$PWD/p
  mkdir "$DIR" metrics
  fresh_database "$SLOT"
  sql 'CREATE TABLE t (id int PRIMARY KEY, a text, b int, d varchar(20))' "INSERT INTO t SELECT n, 'a', 10 * n, 'd' FROM generate_series(1, 100) n" \
    'CREATE TABLE still (id int PRIMARY KEY)' 'CREATE TABLE apart (x text)' 'CREATE PUBLICATION pgcdc FOR TABLE t, still' \
    "CREATE ROLE $SLOT LOGIN REPLICATION" "GRANT SELECT ON ALL TABLES IN SCHEMA public TO $SLOT" >/dev/null
  READER_DSN="host=$PGHOST port=$PGPORT user=$SLOT dbname=$PGDATABASE" pipeline_make "$DIR" 'max-seconds = 1' "metrics = $PWD/metrics/batch.prom" \
    '[cdc-mask]' "metrics = $PWD/metrics/mask.prom" '[cdc-stage-put]' "metrics = $PWD/metrics/put.prom" '[cdc-load]' "metrics = $PWD/metrics/load.prom"
  sed -i "s|^\[pgcdc-read\]|&\nmetrics = $PWD/metrics/read.prom|" "$DIR/pipeline.ini"
}
teardown() {
  touch enough
  local pid
  for pid in $runner $other; do
    if kill -KILL "$pid" 2>/dev/null; then wait "$pid" || echo "ended with $?"; fi
  done
  [[ -z $writer ]] || wait "$writer"
  private-cluster stop "$BATS_TEST_TMPDIR/warehouse" immediate
  private-cluster start "$CLUSTER" -o wal_sender_timeout=3s
  if mountpoint -q small; then umount -l small; fi
  wait_until 30 drop_slots
}
drop_slots() { [[ $(sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" "SELECT count(*) FROM pg_replication_slots" | tail -n 1) == 0 ]]; }

# The pipeline runs, something is written all the time, and all is well.   in  [COMMAND that stands for cdc-run]...
given_a_pipeline() {
  pipeline_begin "$DIR"
  writing() {
    set +e # the server may be away
    until [[ -e enough ]]; do
      sql "UPDATE t SET a = a || '.' WHERE id = 1" >/dev/null
      read -rt 0.2 <>"$BATS_TEST_TMPDIR/quiet"
    done
  }
  mkfifo quiet
  writing 3>&- 4>&- 2>writing.log &
  writer=$!
  follow
  wait_until 40 is_well
  sample before metrics
}
follow() {
  cdc-run --config "$DIR/pipeline.ini" --metrics "$PWD/metrics/run.prom" --longest-pause 1 3>&- 4>&- 2>>run.log &
  runner=$!
}
# cdc-status looks, as its timer would; its answer may be no.
look() {
  local status=0
  cdc-status --metrics metrics/pgcdc.prom "$DIR/pipeline.ini" >/dev/null 2>look.err || status=$?
  ((status <= 1))
}
look_in_vain() {
  local status=0
  cdc-status --metrics metrics/pgcdc.prom "$DIR/pipeline.ini" >/dev/null 2>look.err || status=$?
  ((status == 75)) || { echo "cdc-status ended with $status:" && cat look.err && return 1; }
}
# Every program has counted something, and everything is in time.
is_well() {
  look
  (($(find metrics/ -name '*.prom' | wc -l) == 7)) && grep -q '^cdc_slo_in{.*} 1$' metrics/pgcdc.prom && grep -q '^cdc_slot_state{.*state="active"} 1$' metrics/pgcdc.prom &&
    (($(grep -c '^cdc_table_state{.*state="ready"} 1$' metrics/pgcdc.prom) == 2)) && warehouse_has_news
}
# shellcheck disable=SC2317 # is_well calls it
warehouse_has_news() { (($(warehouse_sql "$DIR/warehouse.db" 'SELECT length(a) FROM t WHERE id = 1') > 1)); }
# Between two attempts nobody reads; of which a look finds one or the other.
look_while_read() { wait_until 30 look_says '^cdc_slot_state{.*state="active"} 1$'; }
# What is broken stays so: two looks, some seconds apart.   in  [COMMAND]   cdc-status does not look: `true`
lasts() {
  local command=${1:-look} since=$SECONDS
  "$command"
  sample first metrics
  wait_until 30 has_lasted $((since + 6))
  "$command"
  sample last metrics
  replay "$RULES"
}
has_lasted() { ((SECONDS >= $1)); }
fires() { promtool test rules rules_test.yml; }

# The pipeline has ended with a code, and nobody begins it again.
ended_with() {
  local status=0
  wait "$runner" || status=$?
  runner=''
  [[ $status == "$1" ]] || { echo "cdc-run ended with $status:" && tail -n 5 run.log && return 1; }
}
stop_pipeline() {
  kill -TERM "$runner"
  ended_with 0
}
let_go() { [[ -z $(sql "SELECT 1 FROM pg_replication_slots WHERE slot_name = '$SLOT' AND active") ]]; }
says() { grep -qE -e "$1" metrics/pgcdc.prom; }
look_says() { look && says "$1"; }
told() { grep -qE -e "$1" run.log; }
small_disk() { mkdir -p small && mount -t tmpfs -o "$1" pgcdc-test "$PWD/small"; }
fill() { head -c 16M /dev/zero >>small/ballast 2>full || [[ -s full ]]; }
in_config() { sed -i -E "s|^($1 = ).*|\1$2|" "$DIR/pipeline.ini"; }

@test "nothing is broken: nothing fires, for as long as it is so" {
  given_a_pipeline
  lasts
  expect 2
  expect 5
  expect 8
  fires
}

@test "the pipeline was killed, its machine is gone" {
  given_a_pipeline
  kill -KILL "$runner"
  wait_until 20 let_go
  lasts
  expect 2 CdcPipelineGone CdcSlotUnread
  expect 5 CdcHalfOfObjective CdcPipelineGone CdcSlotUnread
  expect 8 CdcOutOfObjective CdcPipelineGone CdcSlotUnread
  fires
}

@test "a program hangs, and says nothing" {
  given_a_pipeline
  local hung
  hung=$(pgrep -f "^cdc-stage-put --config $DIR/pipeline.ini")
  kill -STOP "$hung"
  # cdc-run says once a minute that it is alive.
  look && sample first metrics
  cp metrics/run.prom run.prom
  wait_until 90 is_alive_again
  look && sample last metrics
  replay "$RULES"
  kill -KILL "$hung"
  expect 2
  expect 5 CdcHalfOfObjective
  expect 8 CdcOutOfObjective
  fires
}
is_alive_again() { ! cmp -s metrics/run.prom run.prom; }

@test "the source is away" {
  given_a_pipeline
  cluster_stop fast
  wait_until 20 told 'program=pgcdc-read code=75'
  lasts
  expect 2 CdcEndSilent CdcRetriesGoOn
  expect 5 CdcEndSilent CdcHalfOfObjective CdcRetriesGoOn
  expect 8 CdcEndSilent CdcOutOfObjective CdcRetriesGoOn
  fires
}

@test "the source lets the role in no longer" {
  given_a_pipeline
  sql "ALTER ROLE $SLOT NOLOGIN" "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active" >/dev/null
  ended_with 77
  lasts
  expect 2 CdcEndSilent CdcPipelineStopped
  expect 5 CdcEndSilent CdcHalfOfObjective CdcPipelineStopped
  expect 8 CdcEndSilent CdcOutOfObjective CdcPipelineStopped
  fires
}

@test "the slot was dropped" {
  given_a_pipeline
  stop_pipeline
  sql "SELECT pg_drop_replication_slot('$SLOT')" >/dev/null
  follow
  ended_with 78
  lasts
  expect 2 CdcPipelineStopped CdcSlotMissing
  expect 5 CdcHalfOfObjective CdcPipelineStopped CdcSlotMissing
  expect 8 CdcOutOfObjective CdcPipelineStopped CdcSlotMissing
  fires
}

@test "the server has thrown the log away" {
  given_a_pipeline
  stop_pipeline
  sql "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'" 'SELECT pg_reload_conf()' >/dev/null
  wait_until 60 is_lost
  sql 'ALTER SYSTEM RESET max_slot_wal_keep_size' 'SELECT pg_reload_conf()' >/dev/null
  follow
  ended_with 78
  lasts
  expect 2 CdcPipelineStopped CdcSlotLost
  expect 5 CdcHalfOfObjective CdcPipelineStopped CdcSlotLost
  expect 8 CdcOutOfObjective CdcPipelineStopped CdcSlotLost
  fires
}
is_lost() {
  sql "INSERT INTO apart SELECT repeat('x', 1000) FROM generate_series(1, 20000)" 'SELECT pg_switch_wal()' CHECKPOINT >/dev/null
  [[ $(sql "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$SLOT'") == lost ]]
}

@test "there is a gap in the stage" {
  given_a_pipeline
  stop_pipeline
  local before
  before=$(find "$DIR/stage" -path '*/log/*' | wc -l)
  pipe_of "$DIR" pgcdc-read --until now
  wait_until 30 one_more_epoch "$before"
  rm "$(find "$DIR/stage" -path '*/log/*' | LC_ALL=C sort | tail -n +$((before + 1)) | head -n 1)"
  follow
  ended_with 78
  lasts
  expect 2 CdcLoaderStopped CdcPipelineStopped CdcSlotUnread
  expect 5 CdcHalfOfObjective CdcLoaderStopped CdcPipelineStopped CdcSlotUnread
  expect 8 CdcLoaderStopped CdcOutOfObjective CdcPipelineStopped CdcSlotUnread
  fires
}
one_more_epoch() { pipe_of "$DIR" pgcdc-read --until now && (($(find "$DIR/stage" -path '*/log/*' | wc -l) >= $1 + 3)); }

@test "the policy is none" {
  given_a_pipeline
  echo 'no rule' >>"$DIR/policy"
  kill -HUP "$runner"
  ended_with 64
  lasts
  expect 2 CdcPipelineStopped CdcSlotUnread
  expect 5 CdcHalfOfObjective CdcPipelineStopped CdcSlotUnread
  expect 8 CdcOutOfObjective CdcPipelineStopped CdcSlotUnread
  fires
}

@test "the stage has no space" {
  small_disk size=8m
  in_config stage "file://$PWD/small"
  given_a_pipeline
  fill
  wait_until 20 told 'program=cdc-stage-put code=75'
  lasts look_while_read
  expect 2 CdcRetriesGoOn
  expect 5 CdcHalfOfObjective CdcRetriesGoOn
  expect 8 CdcOutOfObjective CdcRetriesGoOn
  fires
}

@test "the disk of the metrics has no space" {
  small_disk size=1m
  rmdir metrics
  ln -s small metrics
  given_a_pipeline
  fill
  wait_until 60 told 'tool=cdc-run .*err=metrics_not_written'
  # A file that was being replaced has left its space.
  fill
  lasts look_in_vain
  expect 2 CdcNotLookedAt CdcPipelineGone
  expect 8 CdcNotLookedAt CdcPipelineGone
  fires
}

@test "nobody looks any longer" {
  given_a_pipeline
  lasts true
  expect 2 CdcNotLookedAt
  expect 8 CdcNotLookedAt
  fires
}

@test "the warehouse is away" {
  private-cluster start "$PWD/warehouse"
  private-cluster psql "$PWD/warehouse" -q -c 'CREATE DATABASE warehouse'
  local port
  port=$(sed -n 's/^PGPORT=//p' warehouse/cluster.env)
  export PGPASSFILE=$PWD/warehouse/passfile
  in_config warehouse "postgresql://postgres@127.0.0.1:$port/warehouse"
  warehouse_has_news() { (($(private-cluster psql "$PWD/warehouse" -d warehouse -qAt -c 'SELECT length(a) FROM shop.t WHERE id = 1') > 1)); }
  given_a_pipeline
  private-cluster stop "$PWD/warehouse" fast
  wait_until 90 told 'program=cdc-load code=75'
  lasts
  # Nothing proves that it is in time.
  expect 2 CdcEndSilent CdcOutOfObjective CdcRetriesGoOn
  expect 8 CdcEndSilent CdcOutOfObjective CdcRetriesGoOn
  fires
}

@test "somebody holds the warehouse's file" {
  given_a_pipeline
  mkfifo unlock
  sqlite3 -batch -cmd '.timeout 10000' "$DIR/warehouse.db" 'BEGIN IMMEDIATE' '.shell touch locked' ".shell read line <unlock" 3>&- 4>&- &
  other=$!
  wait_until 40 told 'tool=cdc-load level=error err=warehouse_busy'
  # A loader waits for ten seconds each time.
  since=$SECONDS
  look && sample first metrics
  wait_until 60 has_lasted $((since + 24))
  look && sample last metrics
  replay "$RULES"
  echo >unlock
  expect 2 CdcRetriesGoOn
  expect 5 CdcHalfOfObjective CdcRetriesGoOn
  expect 8 CdcOutOfObjective CdcRetriesGoOn
  fires
}

@test "a column has no rule" {
  given_a_pipeline
  sql "ALTER TABLE t ADD note text DEFAULT 'secret'" "UPDATE t SET note = 'secret' WHERE id = 2" >/dev/null
  wait_until 60 grep -q '^cdc_mask_withheld_total' metrics/mask.prom
  lasts
  expect 2 CdcColumnWithheld
  expect 8 CdcColumnWithheld
  fires
}

@test "a table changes so that it does not fit" {
  given_a_pipeline
  # Its copy is not possible either: else it would begin anew by itself.
  sql "REVOKE SELECT ON t FROM $SLOT" 'ALTER TABLE t ALTER d TYPE varchar(2)' "INSERT INTO t (id, d) VALUES (1000, 'xy')" >/dev/null
  wait_until 60 look_says '^cdc_table_state{.*state="parked"} 1$'
  lasts
  expect 2 CdcTableParked
  expect 5 CdcHalfOfObjective CdcTableParked
  expect 8 CdcOutOfObjective CdcTableParked
  fires
}

@test "values changed without a word in the log" {
  given_a_pipeline
  sql "REVOKE SELECT ON t FROM $SLOT" 'ALTER TABLE t ALTER b TYPE int USING b * 2' 'INSERT INTO t (id, b) VALUES (1000, 1)' >/dev/null
  wait_until 60 look_says '^cdc_table_state{.*state="doubted"} 1$'
  lasts
  expect 2 CdcTableDoubted
  expect 5 CdcHalfOfObjective CdcTableDoubted
  expect 8 CdcOutOfObjective CdcTableDoubted
  fires
}

@test "values do not arrive, and nobody asks for them" {
  # Passes by hand, where nothing is filled.
  follow() {
    passing() {
      set +e
      until [[ -e enough ]]; do pipeline_pass "$DIR" 2>>run.log; done
    }
    passing 3>&- 4>&- &
    other=$!
    printf '%s\n' 'cdc_run_running{pipeline="pipeline"} 1' 'cdc_run_exit_code{pipeline="pipeline"} 0' >metrics/run.prom
  }
  given_a_pipeline
  sql 'ALTER TABLE t ADD x int NOT NULL DEFAULT 7' "UPDATE t SET a = 'x' WHERE id = 2" >/dev/null
  printf 'public.t\tx\tany\tgreen\tkeep\t-\ttest\n' >>"$DIR/policy"
  wait_until 60 look_says '^cdc_table_unknown_values{.*} [1-9]'
  lasts look_while_read
  expect 2
  expect 8 CdcValuesMissing
  fires
}

@test "values do not fit the warehouse" {
  given_a_pipeline
  stop_pipeline
  sql 'UPDATE t SET b = 4711 WHERE id = 5' >/dev/null
  pgcdc-read --config "$DIR/pipeline.ini" --until now | sed 's/"b":4711/"b":"heavy"/' | cdc-mask --config "$DIR/pipeline.ini" |
    cdc-batch --config "$DIR/pipeline.ini" | cdc-stage-put --config "$DIR/pipeline.ini"
  follow
  wait_until 60 look_says '^cdc_table_quarantined_values{.*} [1-9]'
  wait_until 60 look_says '^cdc_slot_state{.*state="active"} 1$'
  lasts
  expect 2 CdcQuarantine
  expect 8 CdcQuarantine
  fires
}

@test "nobody reads while much is written, and many transactions end" {
  given_a_pipeline
  kill -KILL "$runner"
  wait_until 20 let_go
  filling() {
    set +e
    until [[ -e enough ]]; do
      sql "INSERT INTO apart SELECT repeat('x', 1000) FROM generate_series(1, 20000)" \
        'DO $$ BEGIN FOR i IN 1..20000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$' 'TRUNCATE apart' >/dev/null
    done
  }
  filling 3>&- 4>&- 2>filling.log &
  other=$!
  lasts
  expect 8 CdcCatalogHeld CdcOutOfObjective CdcPipelineGone CdcSlotKeepsMuch CdcSlotUnread
  fires
}
