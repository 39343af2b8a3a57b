# shellcheck shell=bash
# What can break on the way from a source to a warehouse, each as one function that breaks it, sees to it that it was noticed, and mends it:
# the server's, the network's, the disk's, the store's, the warehouse's part, never the pipeline's. That goes on by itself.
# Use after tests/fault/host.bash. Knows: the laboratory that tests/fault/soak makes. Must not know: when a fault comes, or what is promised.
#
# in   UNIT    whose pipeline is meant where a fault has one
# out  status 1: it could not be broken, or nobody noticed; then the last line of standard error says why
# shellcheck disable=SC2154 # folder, CLUSTER and what the laboratory has of ports are the script's

# Noticing -----------------------------------------------------------------------------------------------------------------------------

# How long the log of each unit is now; `has_told` looks behind that.
declare -A read_until=()
mark() {
  local unit
  for unit in "${UNITS[@]}" status; do read_until[$unit]=$(stat -c %s "$folder/log/$unit" 2>/dev/null || echo 0); done
}
# True when a unit has said something like this since the mark.   in  UNIT PATTERN
has_told() { tail -c +$((${read_until[$1]} + 1)) "$folder/log/$1" | grep -qE -e "$2"; }
ack_of() { cat "$folder/disk/state/$1/ack" 2>/dev/null; }
ack_is_other() { [[ $(ack_of "$1") != "$2" ]]; }
# What is committed from now on gets as far as the stage.   in  UNIT
goes_on() {
  local before
  before=$(ack_of "$1")
  wait_until 30 ack_is_other "$1" "$before"
}
has_process() { [[ -n $(processes_of "$@") ]]; }

# Asking -------------------------------------------------------------------------------------------------------------------------------

# in  CONTROL-PORT ORDER...   as tests/fault/tcp_proxy.mjs has them
network() {
  local port=$1 answer control
  shift
  exec {control}<>"/dev/tcp/127.0.0.1/$port" || return
  echo "$*" >&"$control"
  read -rt 10 answer <&"$control"
  exec {control}>&-
  [[ $answer == ok* ]]
}
# in  as tests/destinations/doubles/fault_proxy.mjs has them   out  how many requests were broken until now
store() {
  local answer control
  exec {control}<>"/dev/tcp/127.0.0.1/$STORE_CONTROL" || return
  printf 'POST / HTTP/1.1\r\nHost: it\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' "${#1}" "$1" >&"$control"
  answer=$(tail -n 1 <&"$control")
  exec {control}>&-
  echo "$answer"
}
store_broke() {
  local answer control
  exec {control}<>"/dev/tcp/127.0.0.1/$STORE_CONTROL" || return
  printf 'GET / HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n' >&"$control"
  answer=$(tail -n 1 <&"$control")
  exec {control}>&-
  ((answer >= $1))
}

# Killing ------------------------------------------------------------------------------------------------------------------------------

# in  UNIT COMM
# Until its end is told: one that is seen may be ending already, with a pipe that ends, and then nobody is killed.
kill_program() {
  local pid end=$((SECONDS + 40))
  # So that what it is killed in is not always its start.
  random_between 0 400
  if wait_until 20 has_process "$1" "$2"; then pause_ms "$REPLY"; fi
  while ((SECONDS < end)); do
    pid=$(processes_of "$1" "$2" | tail -n 1)
    if [[ -n $pid ]] && kill -KILL "$pid" 2>/dev/null && wait_until 3 has_told "$1" "program=$2 code=137"; then return 0; fi
  done
  echo "no $2 of $1 could be killed" >&2
  return 1
}
break_kill_read() { kill_program "$1" pgcdc-read; }
break_kill_mask() { kill_program "$1" cdc-mask; }
break_kill_batch() { kill_program "$1" cdc-batch; }
break_kill_put() { kill_program "$1" cdc-stage-put; }
# It lives for a moment only, so it is killed as soon as it is seen.
break_kill_load() { kill_program "$1" cdc-load; }
# A table is copied once more beside the pipeline; killed, and begun again until it went through.
break_kill_snapshot() {
  local attempt
  for ((attempt = 1; attempt <= 10; attempt++)); do
    copy_again "$1" "$attempt" && return
  done
  echo 'the copy never went through' >&2
  return 1
}
copy_again() {
  local config=$folder/disk/state/$1/$1.ini copier
  (
    TMPDIR=$folder/tmp on_host "copy-$1" bash -c "set -o pipefail
      pgcdc-snapshot --config '$config' public.account | cdc-mask --config '$config' --metrics '' |
        cdc-batch --config '$config' --metrics '' --spool '$folder/disk/batch/$1.again' | cdc-stage-put --config '$config' --metrics ''" \
      </dev/null >/dev/null 2>>"$folder/log/copy-$1"
  ) &
  copier=$!
  if (($2 == 1)); then
    wait_until 20 has_process "copy-$1" pgcdc-snapshot && kill -KILL "$(processes_of "copy-$1" pgcdc-snapshot | tail -n 1)" 2>/dev/null
  fi
  wait "$copier"
}
break_kill_run() {
  local pid
  pid=$(<"$folder/pid.$1")
  kill -KILL "$pid" && wait_until 20 is_another_run "$1" "$pid"
}
is_another_run() { [[ $(<"$folder/pid.$1") != "$2" ]] && has_process "$1" cdc-mask; }

# The server ---------------------------------------------------------------------------------------------------------------------------

server_answers() { sql 'SELECT 1'; }
walsender_of() { sql "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$1' AND active"; }
has_walsender() { [[ -n $(walsender_of "$1") ]]; }
# A reader that begins anew has none for a moment.   in  UNIT SIGNAL   out  signalled: its number
signal_walsender() {
  signalled=$(walsender_of "$1")
  [[ -n $signalled ]] && kill "-$2" "$signalled"
}
break_kill_walsender() { wait_until 30 signal_walsender "$1" KILL && wait_until 60 server_answers; }
# Its children find out, each when it looks next.
break_kill_postmaster() {
  local pid
  pid=$(private-cluster status "$CLUSTER") && kill -KILL "$pid" || return
  # One that is only dying would be taken for one that runs.
  wait_until 30 is_gone "$pid" && wait_until 60 starts_again
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
# The passwords are still those of the laboratory, not only this server's.
starts_again() { cluster_start "${SERVER[@]}" && export PGPASSFILE=$folder/passfile; }
break_restart_fast() { cluster_stop fast && starts_again; }
break_restart_immediate() { cluster_stop immediate && starts_again; }
# For longer than the server's patience and ours with it; whoever is still there then goes on.
break_stop_walsender() {
  wait_until 30 signal_walsender "$1" STOP || return
  pause_ms $((SENDER_TIMEOUT_MS + 1500))
  kill -CONT "$signalled"
}
# The server's disk keeps what was synced. Its lock files come back with the number of a process that process 1 may not have reaped yet.
break_source_power() {
  cluster_stop kill && disks_lose_power source || return
  rm -f "$CLUSTER/data/postmaster.pid" "$CLUSTER/socket/".s.PGSQL.*
  starts_again
}

# The schema ---------------------------------------------------------------------------------------------------------------------------

# in  UNIT STATEMENT   out  its warehouse's answer
ask_warehouse() {
  case $1 in
  shop) warehouse_sql "$WAREHOUSE" "$2" ;;
  *) PGOPTIONS="-c search_path=$1" private-cluster psql "$folder/till-warehouse" -d warehouse -qAt -c "$2" ;;
  esac
}
# A change of the schema, and then of a row, so that the log has it. Not before both slots have left the time of the last one: of two that come
# close together a reader that begins anew meanwhile may not be able to say which column was which, and that is for a hand.   in  STATEMENT...
migrate() {
  [[ -z $last_migration ]] || wait_until 180 has_left_behind || return
  sql "$@" 'UPDATE moving SET n = n + 1 WHERE id = (SELECT min(id) FROM moving)' && last_migration=$(sql 'SELECT pg_current_xact_id()::xid')
}
last_migration=''
has_left_behind() {
  sql CHECKPOINT
  [[ $(sql "SELECT bool_and(age(catalog_xmin) < age('$last_migration'::xid)) FROM pg_replication_slots WHERE slot_name IN ('shop', 'till')") == t ]]
}
# A name that was never there.   in  WORD   out  REPLY
migrations=0
new_name() { migrations=$((migrations + 1)) REPLY=$1_$migrations; }
# in  UNIT   out  REPLY: the oldest column that came in the meantime; one comes where there is none
oldest_column() {
  REPLY=$(sql "SELECT attname FROM pg_attribute WHERE attrelid = 'moving'::regclass AND attname LIKE 'extra%' AND NOT attisdropped ORDER BY attnum LIMIT 1")
  [[ -z $REPLY ]] || return 0
  break_column_added "$1" && REPLY=extra_$migrations
}
# The warehouse has the table with the columns that it has now and that have rules, and all its values.   in  UNIT TABLE
is_followed() {
  local columns
  columns=$(sql "SELECT attname FROM pg_attribute WHERE attrelid = '$2'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT LIKE 'secret%' ORDER BY attname COLLATE \"C\"")
  [[ $(ask_warehouse "$1" "SELECT source_name FROM _cdc_columns WHERE \"table\" = 'public.$2' AND dropped = 0" | LC_ALL=C sort) == "$columns" ]] && is_ready "$1" "$2"
}
is_ready() { [[ $(ask_warehouse "$1" "SELECT state FROM _cdc_freshness WHERE \"table\" = 'public.$2'") == ready ]]; }
# All that the source still has: one that is dropped before its copy is gone.   in  UNIT
all_are_ready() { [[ $(ask_warehouse "$1" "SELECT count(*) FROM _cdc_freshness WHERE state NOT IN ('ready', 'gone')") == 0 ]]; }
break_column_added() {
  new_name extra
  migrate "ALTER TABLE moving ADD COLUMN $REPLY integer DEFAULT 7" "UPDATE moving SET $REPLY = id WHERE id % 3 = 0" && wait_until 180 is_followed "$1" moving
}
break_column_dropped() { oldest_column "$1" && migrate "ALTER TABLE moving DROP COLUMN $REPLY" && wait_until 180 is_followed "$1" moving; }
# Another column under a name that has a rule does not leave, and one without a rule does not; all else goes on.
break_column_renamed() {
  local old
  oldest_column "$1" && old=$REPLY && new_name extra && migrate "ALTER TABLE moving RENAME COLUMN $old TO $REPLY" || return
  wait_until 60 has_told "$1" "tool=cdc-mask .*err=repinned .*$REPLY" || return
  migrate "ALTER TABLE moving DROP COLUMN $REPLY" && wait_until 180 is_followed "$1" moving
}
break_column_without_rule() {
  new_name secret
  migrate "ALTER TABLE moving ADD COLUMN $REPLY text DEFAULT 'no rule'" && wait_until 60 has_told "$1" "tool=cdc-mask .*err=withheld .*$REPLY" &&
    wait_until 180 is_followed "$1" moving && migrate "ALTER TABLE moving DROP COLUMN $REPLY"
}
# The log does not say that they are others now.
break_values_rewritten() {
  local before
  before=$(copy_of "$1") && [[ -n $before ]] && migrate 'ALTER TABLE moving ALTER n TYPE integer USING n + 1000' &&
    wait_until 180 is_another_copy "$1" "$before" && wait_until 180 is_followed "$1" moving
}
copy_of() { ask_warehouse "$1" "SELECT copied_lsn FROM _cdc_tables WHERE \"table\" = 'public.moving'"; }
is_another_copy() { [[ $(copy_of "$1") != "$2" ]]; }
# With rows from before it was published; the one before it goes.
break_table_added() {
  local last=${season:-}
  new_name season && season=$REPLY
  migrate "CREATE TABLE $season (id integer PRIMARY KEY, units integer)" "INSERT INTO $season SELECT n, n * n FROM generate_series(1, 50) AS n" \
    "ALTER PUBLICATION pgcdc ADD TABLE $season" "UPDATE $season SET id = id + 100 WHERE id % 5 = 0" && wait_until 180 is_followed "$1" "$season" || return
  [[ $(ask_warehouse "$1" "SELECT sum(id * units) FROM $season") == "$(sql "SELECT sum(id * units) FROM $season")" ]] || {
    echo "rows of $season are missing" >&2
    return 1
  }
  [[ -z $last ]] || migrate "DROP TABLE $last"
}

# The network --------------------------------------------------------------------------------------------------------------------------

# The server gives up who does not answer.
break_source_hold() {
  network "$SOURCE_CONTROL" hold || return
  pause_ms $((SENDER_TIMEOUT_MS + 2500))
  network "$SOURCE_CONTROL" pass
}
break_source_delay() {
  network "$SOURCE_CONTROL" delay 150 || return
  pause_ms 3000
  network "$SOURCE_CONTROL" pass
}
break_source_cut() {
  wait_until 30 has_walsender "$1" || return
  network "$SOURCE_CONTROL" cut && wait_until 20 has_told "$1" 'err=retry class=retry program=pgcdc-read'
}
break_source_refused() {
  network "$SOURCE_CONTROL" refuse || return
  wait_until 20 has_told "$1" 'tool=pgcdc-read .*class=retry'
  network "$SOURCE_CONTROL" pass
}
break_warehouse_hold() {
  network "$WAREHOUSE_CONTROL" hold || return
  pause_ms 3000
  network "$WAREHOUSE_CONTROL" pass
}
break_warehouse_cut() {
  # Mostly nobody is connected: held, whoever comes is there to be cut.
  network "$WAREHOUSE_CONTROL" hold || return
  wait_until 20 has_process till cdc-load
  pause_ms 200
  network "$WAREHOUSE_CONTROL" cut
  wait_until 20 has_told till 'err=retry class=retry program=cdc-load'
  network "$WAREHOUSE_CONTROL" pass
}

# Disks --------------------------------------------------------------------------------------------------------------------------------

# Full until the program says so; then there is space again.   in  DISK UNIT PATTERN [COMMAND that has something written]...
full_until_told() {
  local disk=$1 unit=$2 pattern=$3 status=1 tries
  shift 3
  for ((tries = 0; tries < 12 && status != 0; tries++)); do
    disk_fill "$disk"
    [[ $# == 0 ]] || "$@" >/dev/null 2>&1
    if wait_until 3 has_told "$unit" "$pattern" 2>/dev/null; then status=0; fi
  done
  disk_empty "$disk"
  ((status == 0)) || echo "nobody said $pattern" >&2
  return "$status"
}
# More than the reader keeps in memory, open for a while.
much() { sql 'BEGIN' "INSERT INTO whole SELECT 20000000 + n, 0, long_text(2) FROM generate_series(1, 3000) AS n" 'DELETE FROM whole WHERE id > 20000000' 'COMMIT'; }
break_full_read() { full_until_told read "$1" 'tool=pgcdc-read level=error err=disk_full' much; }
break_full_batch() { full_until_told batch "$1" 'tool=cdc-batch level=error err=disk_full'; }
break_full_stage() { full_until_told stage shop 'tool=cdc-stage-put level=error err=disk_full'; }
break_full_warehouse() { full_until_told warehouse shop 'tool=cdc-load level=error err=disk_full'; }
# Ack, pins, ledger and what the reader remembers.
break_full_state() { full_until_told state "$1" 'level=error err=disk_full class=retry'; }
break_full_metrics() { full_until_told metrics "$1" 'level=warn .*err=metrics_not_written'; }

# The host -----------------------------------------------------------------------------------------------------------------------------

break_power() {
  : >"$folder/off"
  kill_unit '*'
  # What only memory had: spools, metrics, temporary files.
  find "$folder"/disk/{read,batch,metrics} "$folder/tmp" -mindepth 1 -delete 2>/dev/null
  disks_lose_power state stage warehouse
  local status=$?
  spools_make
  rm -f "$folder/off"
  ((status == 0)) && goes_on "$1"
}
# in  UNIT, seconds that the clock is ahead
set_clock_and_back() {
  clock_set "$folder/clock" "$2"
  wait_until 30 clock_is_told "$1" "$2" && goes_on "$1" && is_loaded "$1"
  local status=$?
  clock_set "$folder/clock" 0
  ((status == 0)) && goes_on "$1"
}
# cdc-status has told that the clock is off by so much.   in  UNIT SECONDS
clock_is_told() {
  sed -n "s/^cdc_clock_ahead_seconds{.*source=\"$1\".*} //p" "$folder/disk/metrics/pgcdc.prom" | awk -v told="$2" '{ n++; off = $1 - told } END { exit !(n && off * off < 3600) }'
} 2>/dev/null
# A loader has gone on since the mark: its metrics say when.   in  UNIT
is_loaded() { wait_until 30 has_newer "$folder/disk/metrics/$1.cdc-load.prom"; }
has_newer() { [[ $1 -nt $folder/marked ]]; }
break_clock_forward() { set_clock_and_back "$1" 259200; }
break_clock_back() { set_clock_and_back "$1" -259200; }
break_clock_hours() { set_clock_and_back "$1" 7200; }

# Store and warehouse ------------------------------------------------------------------------------------------------------------------

# in  FAULT, how many requests it must have met, milliseconds
store_is() {
  store "$1" >/dev/null || return
  wait_until 30 store_broke "$2"
  local status=$?
  pause_ms "$3"
  store none >/dev/null
  return "$status"
}
break_store_403() {
  store 403 >/dev/null || return
  wait_until 30 has_told till 'err=pipeline_stopped class=denied'
  local status=$?
  pause_ms 1000
  store none >/dev/null
  return "$status"
}
break_store_500() { store_is 500 2 2000; }
break_store_503() { store_is 503 2 2000; }
# One that says nothing any more is waited for a minute, half of a simulated day: that is for tests of the store alone.
break_store_slow() { store_is slow 2 2000; }
break_store_cut_reply() { store_is cut-reply 2 1000; }
break_store_lose_reply() { store_is lose-reply 2 1000; }
break_store_cut_request() { store_is cut-request 2 1000; }

break_warehouse_stopped() {
  private-cluster stop "$folder/till-warehouse" fast || return
  wait_until 30 has_told till 'tool=cdc-load level=error .*class=retry'
  local status=$?
  private-cluster start "$folder/till-warehouse" && return "$status"
}
# Somebody else writes into the file, and does not come to an end.
break_warehouse_locked() {
  local lock status
  { sqlite3 -batch -cmd '.timeout 10000' "$WAREHOUSE" 'BEGIN IMMEDIATE' '.shell touch "'"$folder/locked"'"' ".shell read line <'$folder/unlock'" 'ROLLBACK' >/dev/null; } &
  lock=$!
  wait_until 20 test -e "$folder/locked"
  wait_until 40 has_told shop 'tool=cdc-load level=error .*class=retry'
  status=$?
  echo >"$folder/unlock"
  wait "$lock"
  rm -f "$folder/locked"
  return "$status"
}
