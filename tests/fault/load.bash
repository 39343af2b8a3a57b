# shellcheck shell=bash
# What the scripts that break a whole pipeline share: a load on the source, looks into the warehouse while it runs, the passing of time.
# Use after tests/e2e/cluster.bash. Knows: the scripts of tests/fault/load. Must not know: what is broken, or when.
#
# in   folder  of the run; folder/stop ends what runs in the background, folder/idle lets published tables rest, folder/faults says that
#              the run is lost; WAREHOUSE, the file of SQLite that is looked into; rate, in transactions a second
# shellcheck disable=SC2154 # folder and rate are the script's

HERE=$(dirname "${BASH_SOURCE[0]}")
pids=()
mkfifo "$folder/quiet" && exec {quiet}<>"$folder/quiet"

say() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }
# The passing of time is what is tested here: kills come at random moments, nothing is waited for. Nobody writes into the fifo.
pause_ms() { read -rt "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))" -u "$quiet" _; }
# in  LEAST MOST   out REPLY
random_between() { REPLY=$(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1))); }

# in  WHAT   the run is lost; the first reason counts
fault() {
  echo "$*" >>"$folder/faults"
  say "FAULT: $*"
}

# in  SCRIPT@WEIGHT...   by three clients; the long transactions have their own, so that many short ones pass them by
keep_writing() {
  local bench file arguments=()
  bench=$(private-cluster bindir)/pgbench
  for file in "$@"; do arguments+=("--file=$HERE/load/${file%@*}.sql@${file#*@}"); done
  until [[ -e $folder/stop ]]; do
    if [[ -e $folder/idle ]]; then
      # Published tables rest; the log goes on: another table and another database write.
      sql "INSERT INTO apart (filler) SELECT repeat('x', 500) FROM generate_series(1, 200)"
      psql -XqAt -d neighbour -c "INSERT INTO filler SELECT repeat('y', 500) FROM generate_series(1, 200)"
      pause_ms 100
    else
      # It loses its connections whenever the server dies, and is then begun again; an idle phase ends it.
      "$bench" --no-vacuum --client=3 --rate="$rate" --time=3 --max-tries=10 --random-seed="$RANDOM" "${arguments[@]}"
      pause_ms 20
    fi
  done >>"$folder/writes.log" 2>&1
}

# Every look at a table that is ready must show one moment: no sum of balances but the source's.
keep_looking() {
  local sum
  until [[ -e $folder/stop ]]; do
    if [[ -e $WAREHOUSE ]]; then
      sum=$(warehouse_sql "$WAREHOUSE" "SELECT CASE WHEN (SELECT state FROM _cdc_freshness WHERE \"table\" = 'public.account') = 'ready'
        THEN sum(balance) ELSE 0 END FROM account" 2>/dev/null)
      case $sum in
      200000) echo >>"$folder/looks" ;;
      '' | 0) ;;
      *)
        fault "the warehouse shows a moment that never was: balances sum up to $sum"
        return
        ;;
      esac
    fi
    pause_ms 200
  done
}

# in  NAME COMMAND...   in the background, in a process group of its own
in_background() {
  set -m
  "$@" {quiet}<>"$folder/quiet" </dev/null 2>>"$folder/shell.log" &
  pids+=($!)
  set +m
}
