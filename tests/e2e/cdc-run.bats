#!/usr/bin/env bats
# cdc-run: a whole pipeline on a real server, once, as a copy, and until it is told to stop; and what it does about exit codes.
# Knows: the programs by name; for the table of exit codes, stand-ins with the same names whose end is ordered by variables.
# Must not know: how cdc-run waits, or what the programs do in between.

# shellcheck disable=SC2030,SC2031,SC2154 # `stderr` is set by run --separate-stderr; a test and its teardown are one process
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  RUNNER=''
}

teardown() {
  if [[ -n $RUNNER ]] && kill -0 "$RUNNER" 2>/dev/null; then
    kill -TERM "$RUNNER"
    wait "$RUNNER" || echo "cdc-run ended with $?"
  fi
}

# An empty database with one table, and its pipeline in pipeline.ini; the slot is called like the database.
given_a_pipeline() {
  fresh_database "$1"
  sql 'CREATE TABLE orders (id bigint PRIMARY KEY, state text, note text)' "CREATE PUBLICATION $1 FOR TABLE orders" \
    "INSERT INTO orders SELECT n, 'new', 'red' FROM generate_series(1, 1000) AS n"
  mkdir stage spool
  printf 'public.orders\t%s\t%s\tgreen\tkeep\t-\ttest\n' id int state text >policy
  cat >pipeline.ini <<INI
[pipeline]
source = $1
dsn = $DSN
slot = $1
publication = $1
stage = $PWD/stage
ack = $PWD/ack
[pgcdc-read]
spool = $PWD/spool
[cdc-mask]
policy = $PWD/policy
[cdc-batch]
spool = $PWD/spool
max-seconds = 1
[cdc-load]
warehouse = sqlite:$PWD/warehouse.db
INI
}

in_warehouse() { [[ $(warehouse_sql warehouse.db "SELECT count(*) FROM orders WHERE $1") == "$2" ]]; }
slot_is_free() { sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$1'"; }
slot_is_busy() { sql_says t "SELECT active FROM pg_replication_slots WHERE slot_name = '$1'"; }

# Starts cdc-run as a supervisor does; its log is in the file log.
follow() {
  cdc-run --config "$PWD/pipeline.ini" "$@" 2>log 3>&- &
  RUNNER=$!
}
# The same with a copy.
begin_copy() {
  cdc-run --config "$PWD/pipeline.ini" --snapshot 2>log 3>&- &
  RUNNER=$!
}
# The process of a program of the pipe that follow() started.
process_of() { pgrep -f "^$1 --config $PWD/pipeline.ini"; }
# True when cdc-run has noticed a signal, and let go of the lifeline of its pipe.
has_hung_up() { ! find "/proc/$RUNNER/fd" -lname '*/lifeline' | grep -q .; }
# Waits for the end of what follow() started; its exit code in STATUS.
ended() {
  STATUS=0
  wait "$RUNNER" || STATUS=$?
  RUNNER=''
}

@test "a copy, then once, brings every row to the warehouse and confirms the slot" {
  given_a_pipeline whole
  run -0 --separate-stderr cdc-run --config pipeline.ini --snapshot
  [[ $output == '' ]]
  sql "UPDATE orders SET state = 'sent' WHERE id <= 10" 'DELETE FROM orders WHERE id > 990'
  before=$(confirmed_lsn whole)
  run -0 --separate-stderr cdc-run --config pipeline.ini --once
  [[ $output == '' ]]
  same_rows warehouse.db public.orders
  in_warehouse "state = 'sent'" 10
  [[ $(confirmed_lsn whole) != "$before" ]]
}

@test "once without news is done, and changes nothing" {
  given_a_pipeline idle
  run -0 cdc-run --config pipeline.ini --snapshot
  run -0 cdc-run --config pipeline.ini --once
  run -0 cdc-run --config pipeline.ini --once
  same_rows warehouse.db public.orders
}

@test "it follows changes, and SIGTERM drains the pipe and ends with 0" {
  given_a_pipeline drains
  run -0 cdc-run --config pipeline.ini --snapshot
  follow
  wait_until 20 slot_is_busy drains
  sql "UPDATE orders SET state = 'first' WHERE id <= 5"
  wait_until 20 in_warehouse "state = 'first'" 5
  kill -TERM "$RUNNER"
  ended
  [[ $STATUS == 0 ]]
  slot_is_free drains
  run -0 cdc-run --config pipeline.ini --once
  same_rows warehouse.db public.orders
}

@test "SIGHUP has the masks read the policy anew, and what it lets through is filled; a bad one stops the pipeline" {
  given_a_pipeline run_hup
  cdc-run --config pipeline.ini --snapshot
  follow
  wait_until 30 slot_is_busy run_hup
  printf 'public.orders\tnote\ttext\tgreen\tkeep\t-\ttest\n' >>policy
  kill -HUP "$RUNNER"
  sql "INSERT INTO orders VALUES (1001, 'new', 'red')"
  wait_until 60 in_warehouse "note = 'red'" 1001
  echo 'no rule' >>policy
  kill -HUP "$RUNNER"
  local status=0
  wait "$RUNNER" || status=$?
  RUNNER=''
  ((status == 64))
  grep -q 'err=bad_policy class=usage' log
  grep -q 'err=pipeline_stopped class=usage program=cdc-mask code=64' log
}

# A load has begun that knows the ack file as it was stamped ahead of time.
has_marked_ahead() { find tmp -name loaded -newermt '1 hour' | grep -q .; }

@test "a clock that was set back keeps no load waiting" {
  given_a_pipeline set_back
  run -0 cdc-run --config pipeline.ini --snapshot
  mkdir tmp
  TMPDIR=$PWD/tmp follow
  wait_until 20 slot_is_busy set_back
  # Acknowledged and loaded while the clock was two hours ahead; what comes next is stamped two hours earlier.
  touch -d '2 hours' ack
  wait_until 20 has_marked_ahead
  sql "UPDATE orders SET state = 'back' WHERE id = 1"
  wait_until 20 in_warehouse "state = 'back'" 1
}

@test "a program that is killed is started again with the whole pipe, and no row is lost or doubled" {
  given_a_pipeline killed
  run -0 cdc-run --config pipeline.ini --snapshot
  follow
  for victim in pgcdc-read cdc-mask cdc-batch cdc-stage-put; do
    wait_until 20 slot_is_busy killed
    sql "INSERT INTO orders SELECT max(id) + 1, '$victim' FROM orders"
    pid=$(process_of "$victim")
    kill -KILL "$pid"
    wait_until 30 in_warehouse "state = '$victim'" 1
  done
  kill -TERM "$RUNNER"
  ended
  [[ $STATUS == 0 ]]
  grep -q 'err=retry class=killed program=cdc-mask code=137' log
  run -0 cdc-run --config pipeline.ini --once
  same_rows warehouse.db public.orders
}

# Chunks that the stage has, as TABLE FROM TO.
copied_chunks() { cdc-stage-get --config pipeline.ini --chunks | jq -r 'select(.op == "snapshot") | "\(.table) \(.from_key) \(.to_key)"'; }
waits_for_lock() { find "/proc/$RUNNER/fd" -lname "$ack.copy.lock" | grep -q .; }
has_chunks() { (($(copied_chunks | wc -l) >= $1)); }

@test "a copy that is killed goes on where it was; a table that was added is copied beside the pipe that follows" {
  given_a_pipeline again
  sql "INSERT INTO orders SELECT n, 'new', 'red' FROM generate_series(1001, 20000) AS n" 'ANALYZE orders'
  printf '[pgcdc-snapshot]\nchunk-bytes = 32KiB\nhold-seconds = 0\njobs = 1\n' >>pipeline.ini
  begin_copy
  wait_until 20 has_chunks 3
  kill -KILL "$(process_of pgcdc-snapshot)"
  ended
  [[ $STATUS == 137 ]]
  copied_chunks >before
  run -0 --separate-stderr cdc-run --config pipeline.ini --snapshot
  [[ $output == '' ]]
  # What was there is there, nothing twice, and it is the whole table.
  [[ $(sort before <(copied_chunks) | uniq -d | wc -l) == "$(wc -l <before)" ]]
  [[ $(copied_chunks | sort | uniq -d | wc -l) == 0 ]]
  in_warehouse true 20000
  copied_chunks >before
  follow
  wait_until 20 slot_is_busy again
  sql 'CREATE TABLE later (id bigint PRIMARY KEY, state text)' "INSERT INTO later VALUES (1, 'old')" 'ALTER PUBLICATION again ADD TABLE later' "INSERT INTO later VALUES (2, 'new')"
  sed 's/orders/later/' policy >>policy.more
  cat policy.more >>policy
  run -0 cdc-run --config pipeline.ini --snapshot
  [[ $(diff before <(copied_chunks)) == *'public.later null null' ]]
  # The pipe that follows learns of the new rules when it is begun anew.
  kill -TERM "$RUNNER"
  ended
  [[ $STATUS == 0 ]]
  run -0 cdc-run --config pipeline.ini --once
  same_rows warehouse.db public.orders public.later
}

@test "a copy waits for a moment in which somebody else has the lock of copies; told to stop meanwhile it has copied nothing, and says why" {
  given_a_pipeline locked
  local ack holder
  ack=$(sed -n 's/^ack *= *//p' pipeline.ini)
  exec {holder}>>"$ack.copy.lock"
  flock -n "$holder"
  begin_copy {holder}>&-
  wait_until 10 waits_for_lock
  kill -TERM "$RUNNER"
  ended
  [[ $STATUS == 75 ]]
  grep -q err=copies_locked log
  [[ -z $(copied_chunks) ]]
  begin_copy {holder}>&-
  wait_until 10 waits_for_lock
  exec {holder}>&-
  ended
  [[ $STATUS == 0 ]]
  in_warehouse true 1000
}

@test "values that have not arrived are read again by a pipeline that follows, and by a single run" {
  given_a_pipeline fills
  run -0 cdc-run --config pipeline.ini --snapshot
  run -0 cdc-run --config pipeline.ini --once
  lose() { sqlite3 -cmd '.timeout 10000' warehouse.db "UPDATE \"public.orders\" SET state = NULL, _cdc_unknown = '[\"state\"]' WHERE id = $1; UPDATE _cdc_tables SET unknown_values = 1, may_have_unknown = 1"; }
  lose 5
  [[ $(warehouse_sql warehouse.db 'SELECT state FROM _cdc_freshness') == copying ]]
  run -0 cdc-run --config pipeline.ini --once
  in_warehouse "id = 5 AND state = 'new'" 1
  lose 6
  follow
  wait_until 20 in_warehouse "id = 6 AND state = 'new'" 1
  kill -TERM "$RUNNER"
  ended
  [[ $STATUS == 0 ]]
  run -0 cdc-run --config pipeline.ini --once
  [[ $(warehouse_sql warehouse.db 'SELECT state FROM _cdc_freshness') == ready ]]
  same_rows warehouse.db public.orders
}

@test "a table that waits for a copy and that the source has dropped is noted to be gone, and waits no longer" {
  given_a_pipeline dropped
  run -0 cdc-run --config pipeline.ini --snapshot
  run -0 cdc-run --config pipeline.ini --once
  sql 'DROP TABLE orders'
  sqlite3 warehouse.db "UPDATE _cdc_tables SET doubted_lsn = 'FFFFFFFF/00000000'"
  is_now() { [[ $(warehouse_sql warehouse.db 'SELECT state FROM _cdc_freshness') == "$1" ]]; }
  is_now doubted
  follow
  wait_until 20 is_now gone
  kill -TERM "$RUNNER"
  ended
  [[ $STATUS == 0 ]]
  grep -q 'err=table_gone table=public.orders' log
  in_warehouse true 1000
}

@test "others may read the metrics, and nothing else that a pipeline writes" {
  given_a_pipeline read_by_others
  umask 077
  printf '[cdc-load]\nmetrics = %s/load.prom\n' "$PWD" >>pipeline.ini
  run -0 cdc-run --config pipeline.ini --metrics run.prom --snapshot
  [[ $(stat -c %a run.prom load.prom) == $'644\n644' ]]
  [[ -z $(find stage warehouse.db -type f -perm /077) ]]
}

@test "systemd's watchdog is told that it is alive, also while it copies" {
  given_a_pipeline watched
  perl -MIO::Socket::UNIX -e '$| = 1; my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die; while (defined $s->recv(my $text, 999)) { print "$text\n" }' \
    "$PWD/notify" >notified 3>&- &
  listener=$!
  wait_until 10 test -S notify
  NOTIFY_SOCKET=$PWD/notify run -0 cdc-run --config pipeline.ini --snapshot
  grep -q '^WATCHDOG=1' notified
  : >notified
  NOTIFY_SOCKET=$PWD/notify follow
  wait_until 20 grep -q '^WATCHDOG=1' notified
  kill -TERM "$RUNNER"
  ended
  kill -KILL "$listener"
  [[ $STATUS == 0 ]]
  run ! grep not_notified log
}

@test "when cdc-run itself is killed the pipe drains and lets go of the slot" {
  given_a_pipeline orphan
  run -0 cdc-run --config pipeline.ini --snapshot
  follow
  wait_until 20 slot_is_busy orphan
  kill -KILL "$RUNNER"
  ended
  [[ $STATUS == 137 ]]
  wait_until 20 slot_is_free orphan
  run -0 cdc-run --config pipeline.ini --once
  same_rows warehouse.db public.orders
}

@test "a pipeline that has nothing yet takes its first copy by itself, goes on with one that was cut, and takes no second one" {
  given_a_pipeline first
  # Killed within the copy: the slot is there, and a part of the rows.
  sql "INSERT INTO orders SELECT n, 'new', repeat('red', 100) FROM generate_series(1001, 30000) AS n"
  follow
  wait_until 20 slot_is_there first
  kill -KILL "$RUNNER"
  ended
  wait_until 20 sql_says 0 "SELECT count(*) FROM pg_stat_replication"
  follow
  wait_until 30 in_warehouse true 30000
  wait_until 20 slot_is_busy first
  sql "UPDATE orders SET state = 'moved' WHERE id = 7"
  wait_until 20 in_warehouse "state = 'moved'" 1
  kill -TERM "$RUNNER"
  ended
  same_rows warehouse.db public.orders
  copies=$(find stage/first/0/copy -name '*.json' | wc -l)
  run -0 cdc-run --config pipeline.ini --once
  [[ $(find stage/first/0/copy -name '*.json' | wc -l) == "$copies" ]]
  # A stage that is not there, say because a disk is not mounted, is no reason to begin anew.
  mv stage elsewhere
  run -78 --separate-stderr cdc-run --config pipeline.ini --once
  [[ $stderr == *err=other_stage* && ! -e stage ]]
}
slot_is_there() { sql_says 1 "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$1'"; }

@test "what was copied for a slot that is gone is copied again: nothing goes on with it" {
  given_a_pipeline slotless
  run -0 cdc-run --config pipeline.ini --snapshot
  pgcdc-slot drop --config pipeline.ini
  sql "UPDATE orders SET state = 'unseen' WHERE id = 7" 'DELETE FROM orders WHERE id = 8'
  run -0 cdc-run --config pipeline.ini --once
  sql "UPDATE orders SET state = 'seen' WHERE id = 9"
  run -0 cdc-run --config pipeline.ini --once
  same_rows warehouse.db public.orders
}

@test "a first copy that a single run could not finish is finished before the log begins: no table is forgotten" {
  given_a_pipeline halved
  sql 'CREATE TABLE quiet (id int PRIMARY KEY, v text)' "INSERT INTO quiet VALUES (1, 'never changed')" 'ALTER PUBLICATION halved ADD TABLE quiet'
  printf 'public.quiet\t%s\t%s\tgreen\tkeep\t-\ttest\n' id int v text >>policy
  pgcdc-slot create --config pipeline.ini >/dev/null
  # A transaction that writes does not end: the copy ends with 75.
  psql -XqAt -c 'BEGIN' -c 'LOCK TABLE quiet IN ACCESS EXCLUSIVE MODE' -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 3>&- &
  locker=$!
  wait_until 20 sql_says 1 "SELECT count(*) FROM pg_locks WHERE relation = 'quiet'::regclass AND mode = 'AccessExclusiveLock' AND granted"
  printf '%s\n' '[pgcdc-snapshot]' 'max-seconds = 1' >>pipeline.ini
  run -75 cdc-run --config pipeline.ini --once
  [[ ! -e stage/halved/0/start.json ]]
  sql "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'quiet'::regclass AND mode = 'AccessExclusiveLock'" >/dev/null
  wait "$locker" || echo 'the lock is gone'
  run -0 cdc-run --config pipeline.ini --once
  same_rows warehouse.db public.quiet public.orders
}

@test "a table that is published later is copied by itself, once a change of it has come" {
  given_a_pipeline later
  run -0 cdc-run --config pipeline.ini --once
  sql 'CREATE TABLE items (id int PRIMARY KEY, v text)' "INSERT INTO items SELECT i, 'x' FROM generate_series(1, 50) i" \
    'ALTER PUBLICATION later ADD TABLE items'
  printf 'public.items\t%s\t%s\tgreen\tkeep\t-\ttest\n' id int v text >>policy
  sql "INSERT INTO items VALUES (51, 'y')"
  for _ in 1 2; do run -0 cdc-run --config pipeline.ini --once; done
  [[ $(warehouse_sql warehouse.db "SELECT state FROM _cdc_freshness WHERE \"table\" = 'public.items'") == ready ]]
  same_rows warehouse.db public.items
  # One without a key: each copy of it would be further rows.
  sql 'CREATE TABLE log (line text)' 'ALTER PUBLICATION later ADD TABLE log'
  printf 'public.log\tline\ttext\tgreen\tkeep\t-\ttest\n' >>policy
  sql "INSERT INTO log VALUES ('one')"
  for _ in 1 2; do run -0 cdc-run --config pipeline.ini --once; done
  [[ $(warehouse_sql warehouse.db 'SELECT count(*) FROM "public.log__history"') == 1 ]]
}

@test "a slot that is missing stops the pipeline: 78 and one line that says who" {
  given_a_pipeline missing
  run -0 cdc-run --config pipeline.ini --once
  pgcdc-slot drop --config pipeline.ini
  run -78 --separate-stderr cdc-run --config pipeline.ini --once
  [[ $output == '' ]]
  [[ $(grep -c 'tool=cdc-run' <<<"$stderr") == 1 ]]
  [[ $stderr == *'err=pipeline_stopped class=refused program=pgcdc-read code=78'* ]]
  run -78 --separate-stderr cdc-run --config pipeline.ini
  [[ $stderr == *'err=pipeline_stopped class=refused program=pgcdc-read code=78'* ]]
}

@test "its metrics say that it runs, what it tried again and how it ended; of one that was killed, when it was last alive" {
  given_a_pipeline measured
  is() { grep -qxF "$1{program=\"cdc-run\",pipeline=\"pipeline\"$2} $3" metrics; }
  run -0 cdc-run --config pipeline.ini --snapshot --metrics metrics
  is cdc_run_running '' 0 && is cdc_run_exit_code '' 0
  follow --metrics metrics
  wait_until 20 slot_is_busy measured
  is cdc_run_running '' 1
  sql "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'measured'" >/dev/null
  wait_until 20 is cdc_run_retries_total ',of="pgcdc-read"' 1
  kill -KILL "$RUNNER"
  ended
  is cdc_run_running '' 1
  (($(sed -n 's/^cdc_run_alive_seconds{.*} //p' metrics) > $(date +%s) - 90))
  wait_until 20 slot_is_free measured
  pgcdc-slot drop --config pipeline.ini
  run -78 cdc-run --config pipeline.ini --metrics metrics
  is cdc_run_running '' 0
  is cdc_run_exit_code '' 78
}

@test "a source that does not answer is worth another attempt: 75, and what is staged is loaded all the same" {
  given_a_pipeline away
  run -0 cdc-run --config pipeline.ini --snapshot
  rm warehouse.db*
  sed -i 's/ port=[0-9]* / port=1 /' pipeline.ini
  run -75 --separate-stderr cdc-run --config pipeline.ini --once
  [[ $stderr == *'class=retry program=pgcdc-slot code=75'* ]]
  [[ -s warehouse.db ]]
  # Once the log has begun there is nothing to ask before.
  sed -i "s/ port=1 / port=$PGPORT /" pipeline.ini
  run -0 cdc-run --config pipeline.ini --once
  sed -i 's/ port=[0-9]* / port=1 /' pipeline.ini
  run -75 --separate-stderr cdc-run --config pipeline.ini --once
  [[ $stderr == *'class=retry program=pgcdc-read code=75'* ]]
}

@test "words that it does not know are refused, and nothing is started" {
  run -64 --separate-stderr cdc-run --config
  [[ $stderr == *'err=bad_option'* ]]
  run -64 --separate-stderr cdc-run --config absent.ini
  [[ $stderr == *'err=bad_config'* ]]
  run -64 --separate-stderr cdc-run
  [[ $stderr == *'err=missing_option'* ]]
  run -64 --separate-stderr cdc-run --onec
  [[ $stderr == *'err=bad_option'* ]]
}

# Stand-ins: each program exits with the code in the variable that is called like it, after it has read its input.
given_stand_ins() {
  mkdir bin
  for program in pgcdc-read cdc-mask cdc-batch cdc-stage-put cdc-load; do
    cat >"bin/$program" <<'SH'
#!/bin/bash
name=$(basename "$0")
word=${name//-/_}
echo "$name" >>"$CALLED"
case ${!word:-0} in
  early*) exit "${!word#early}" ;;
  signal) kill -KILL $$ ;;
esac
if [[ $name == pgcdc-read ]]; then
  if [[ -n ${many:-} ]]; then trap - PIPE; for ((i = 0; i < 100000; i++)); do echo line || kill -PIPE $$; done; fi
else
  cat >/dev/null
fi
exit "${!word:-0}"
SH
    chmod +x "bin/$program"
  done
  # The log has begun.
  printf '%s\n' '#!/bin/sh' 'echo {}' >bin/cdc-stage-get && chmod +x bin/cdc-stage-get
  printf '[pipeline]\nack = %s/ack\n' "$PWD" >pipeline.ini
  export CALLED=$PWD/called PATH=$PWD/bin:$PATH
}

# says CODE PROGRAM VARIABLE=VALUE...: what cdc-run --once makes of these ends.
says() {
  local code=$1 program=$2 status=0
  shift 2
  env "$@" cdc-run --config pipeline.ini --once 2>log || status=$?
  [[ $status == "$code" ]] || { echo "$*: ended with $status, not $code"; cat log; return 1; }
  if [[ $code == 0 ]]; then
    [[ ! -s log ]]
  else
    grep -q "err=pipeline_stopped .*program=$program code=$code " log || { echo "$*: the log does not name $program"; cat log; return 1; }
  fi
}

@test "of several exit codes the leftmost that says stop counts, then the leftmost that says retry" {
  given_stand_ins
  says 0 - pgcdc_read=0
  says 75 pgcdc-read pgcdc_read=75
  says 78 pgcdc-read pgcdc_read=78 cdc_mask=75 cdc_batch=75 cdc_stage_put=75
  says 65 cdc-mask pgcdc_read=75 cdc_mask=65 cdc_batch=75
  says 64 cdc-batch cdc_batch=64 cdc_stage_put=77
  says 77 cdc-stage-put pgcdc_read=75 cdc_stage_put=77
  says 75 cdc-mask cdc_mask=75 cdc_stage_put=75
  says 137 cdc-batch cdc_batch=signal
  says 70 cdc-stage-put cdc_batch=signal cdc_stage_put=70
  says 3 cdc-mask cdc_mask=3
}

@test "a program that dies because the next one has ended is not blamed" {
  given_stand_ins
  says 75 cdc-mask many=1 cdc_mask=early75
  says 65 cdc-mask many=1 cdc_mask=early65
  says 141 pgcdc-read many=1 cdc_mask=early0
}

@test "a program that is not there stops the pipeline: nobody tries that again" {
  given_stand_ins
  printf '#!/nowhere/bash\n' >bin/cdc-batch
  says 126 cdc-batch pgcdc_read=0 || says 127 cdc-batch pgcdc_read=0
}

@test "after a stop the loader is not started; after a retry it is" {
  given_stand_ins
  says 78 pgcdc-read pgcdc_read=78
  run -1 grep -x cdc-load "$CALLED"
  says 75 pgcdc-read pgcdc_read=75
  run -0 grep -x cdc-load "$CALLED"
  says 78 cdc-load pgcdc_read=75 cdc_load=78
}

@test "the warehouse's refusal stops a pipeline that follows, once the pipe has drained" {
  given_a_pipeline refused
  run -0 cdc-run --config pipeline.ini --snapshot
  sed -i "s|^warehouse = .*|warehouse = sqlite:$PWD/policy|" pipeline.ini
  status=0
  cdc-run --config pipeline.ini 2>log || status=$?
  [[ $status != 0 && $status != 75 ]]
  grep -q "err=pipeline_stopped .*program=cdc-load code=$status" log
  slot_is_free refused
}

@test "a second SIGTERM ends everything at once" {
  given_a_pipeline twice
  run -0 cdc-run --config pipeline.ini --snapshot
  follow
  wait_until 20 slot_is_busy twice
  reader=$(process_of pgcdc-read)
  # It cannot drain: only the second signal ends it.
  kill -STOP "$reader"
  kill -TERM "$RUNNER"
  wait_until 20 has_hung_up
  kill -TERM "$RUNNER"
  ended
  [[ $STATUS == 143 ]]
  wait_until 20 slot_is_free twice
}
