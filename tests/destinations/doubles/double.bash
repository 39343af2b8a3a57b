# shellcheck shell=bash
# Starting and asking the doubles of this folder: loopback servers in the place of services that cannot run here.
# Knows: node, how they are told things (/_double/). Must not know: what any of them stands for.

# in   METHOD WHAT
double_ask() {
  node -e 'const [, method, url] = process.argv;
    fetch(url, { method }).then(async (answer) => { process.stdout.write(await answer.text()); process.exitCode = answer.ok ? 0 : 1; },
                                () => { process.exitCode = 1; });' "$1" "http://127.0.0.1:$DOUBLE_PORT/_double/$2"
}
double_answers() { double_ask GET counts >/dev/null; }

# in   SCRIPT [WORD]...   WORD `PORT` stands for the port
# out  DOUBLE_PID; DOUBLE_PORT, a new one unless it is set
double_start() {
  local script=$BATS_TEST_DIRNAME/doubles/$1 word words=()
  shift
  DOUBLE_PORT=${DOUBLE_PORT:-$(free-port)}
  for word; do words+=("${word/#PORT/$DOUBLE_PORT}"); done
  node "$script" "${words[@]}" >>"$BATS_FILE_TMPDIR/double.log" 2>&1 </dev/null 3>&- 8>&- &
  DOUBLE_PID=$!
  export DOUBLE_PID DOUBLE_PORT
  wait_until 20 double_answers
}
double_stop() {
  kill -KILL "$DOUBLE_PID"
  wait "$DOUBLE_PID" 2>/dev/null || true
}

double_set() { double_ask POST "set?$1"; }
# in   the name of a count
double_count() { double_ask GET counts | jq ".$1"; }
