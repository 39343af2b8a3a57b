# shellcheck shell=bash
# Starting and asking the doubles of this folder: loopback servers in the place of services that cannot run here.
# Knows: node, how they are told things (/_double/). Must not know: what any of them stands for.

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 20000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port" && return; fi
  done
}

double_answers() { curl -fsS "http://127.0.0.1:$1/_double/counts" >/dev/null 2>&1; }

# in   SCRIPT [WORD]...   WORD `PORT` stands for the port
# out  DOUBLE_PID; DOUBLE_PORT, a new one unless it is set
double_start() {
  local script=$BATS_TEST_DIRNAME/doubles/$1 word words=()
  shift
  DOUBLE_PORT=${DOUBLE_PORT:-$(free_port)}
  for word; do words+=("${word/#PORT/$DOUBLE_PORT}"); done
  node "$script" "${words[@]}" >>"$BATS_FILE_TMPDIR/double.log" 2>&1 </dev/null 3>&- 8>&- &
  DOUBLE_PID=$!
  export DOUBLE_PID DOUBLE_PORT
  wait_until 20 double_answers "$DOUBLE_PORT"
}
double_stop() {
  kill -KILL "$DOUBLE_PID"
  wait "$DOUBLE_PID" 2>/dev/null || true
}

double_set() { curl -fsS -X POST "http://127.0.0.1:$DOUBLE_PORT/_double/set?$1" >/dev/null; }
# in   the name of a count
double_count() { curl -fsS "http://127.0.0.1:$DOUBLE_PORT/_double/counts" | jq ".$1"; }
