#!/usr/bin/env bats
# What only a server does to its loader: connections cut around COMMIT, sessions ended from outside, an immediate stop in the middle.
# After each: run again, nothing is lost, nothing is doubled.
# Knows: epochs.bash, doubles/cut_proxy.mjs. Must not know: what a loader does at which moment.

# shellcheck disable=SC2034 # variables that functions of other files read

bats_require_minimum_version 1.5.0
load ../e2e/cluster
load ../e2e/stream
load epochs

setup_file() {
  engine_start
  # Over TCP the server wants the password that is in the passfile.
  postgresql_psql postgres postgres -v "password=$(cut -d: -f5 "$ENGINE_CLUSTER/passfile")" <<<"ALTER ROLE loader PASSWORD :'password'"
}
teardown_file() { engine_remove; }
setup() {
  STAGE=$BATS_TEST_TMPDIR/stage
  warehouse_fresh w
}
teardown() { [[ -z ${proxy:-} ]] || kill "$proxy"; }

# The warehouse by way of a proxy that cuts every N-th COMMIT.   in answer|request N   out URL, proxy
through_proxy() {
  local port
  port=$(sed -n 's/^PGPORT=//p' "$ENGINE_CLUSTER/cluster.env")
  rm -f "$BATS_TEST_TMPDIR/proxy"
  node "$BATS_TEST_DIRNAME/doubles/cut_proxy.mjs" --target "$port" --port-file "$BATS_TEST_TMPDIR/proxy" --cut "$1" --every "$2" 3>&- 4>&- &
  proxy=$!
  wait_until 10 test -s "$BATS_TEST_TMPDIR/proxy"
  URL="postgresql://loader@127.0.0.1:$(head -n 1 "$BATS_TEST_TMPDIR/proxy")/$WAREHOUSE?sslmode=disable&gssencmode=disable"
}
load_through() { PGPASSFILE=$ENGINE_CLUSTER/passfile cdc-load --stage "$STAGE" --source s --warehouse "$URL" "$@"; }

# Loaders through the proxy until one comes to its end; after each, what is there is whole.
# in  LEAST CUTS, EPOCHS, ROWS
until_it_ends() {
  local status=75 loads
  for ((loads = 0; loads < 100 && status != 0; loads++)); do
    status=0
    load_through --history 2>"$BATS_TEST_TMPDIR/said" || status=$?
    [[ $status == 0 || $status == 75 ]] || {
      echo "a loader whose connection was cut ended with $status" >&2
      cat "$BATS_TEST_TMPDIR/said" >&2
      return 1
    }
  done
  [[ $status == 0 ]] || {
    echo "$loads loaders did not bring it to an end" >&2
    cat "$BATS_TEST_TMPDIR/said" >&2
    return 1
  }
  (($(grep -c cut "$BATS_TEST_TMPDIR/proxy") >= $1)) || {
    echo "cut only $(grep -c cut "$BATS_TEST_TMPDIR/proxy") times" >&2
    return 1
  }
  is_exactly "$2" "$3"
}

@test "an answer to COMMIT that is lost is retry, and the next loader neither loses nor doubles" {
  stage_epochs 1 12 30
  through_proxy answer 3
  until_it_ends 4 12 30
}

@test "the very first COMMIT's answer lost, and a COMMIT that never arrived, are nothing worse" {
  stage_epochs 1 6 30
  # Every second one: whatever stands first, the tables' making or an epoch, is cut at some time.
  through_proxy answer 2
  until_it_ends 3 6 30
  kill "$proxy"
  stage_epochs 7 12 30
  through_proxy request 2
  until_it_ends 3 12 30
}

# The loader's session, when there is one.
sessions() { postgresql_psql postgres postgres -c "SELECT pid FROM pg_stat_activity WHERE usename='loader' AND state<>'idle'"; }

@test "a session that the server ends in the middle is retry, and the next loader goes on" {
  local ends=0 staged=1 status last=1 now said
  stage_epochs 1 1 200
  load_warehouse
  while ((ends < 6)); do
    if ((last == staged)); then
      stage_epochs $((staged + 1)) $((staged + 10)) 200
      staged=$((staged + 10))
    fi
    load_warehouse 2>"$BATS_TEST_TMPDIR/said" 3>&- &
    local loader=$!
    random_between 0 300
    # As many looks as the dice say, each some milliseconds; then whatever session is there is ended.
    local look
    for ((look = 0; look < REPLY / 30; look++)); do sessions >/dev/null; done
    said=$(postgresql_psql postgres postgres -c "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename='loader'")
    status=0
    wait "$loader" || status=$?
    if [[ $said != 0 ]]; then
      [[ $status == 75 || $status == 0 ]] || {
        cat "$BATS_TEST_TMPDIR/said" >&2
        return 1
      }
      [[ $status == 0 ]] || ends=$((ends + 1))
    else
      [[ $status == 0 ]]
    fi
    now=$(whole_epoch 200)
    ((now >= last))
    last=$now
  done
  load_warehouse
  is_exactly "$staged" 200
}

@test "a server that stops at once in the middle of a load comes back with a whole epoch, and the next loader goes on" {
  local stops=0 tries status last=1 now server
  stage_epochs 1 1 200
  load_warehouse
  # A loader may be quicker than the stop: then there is more to load.
  for ((tries = 0; tries < 20 && stops < 2; tries++)); do
    stage_epochs $((last + 1)) $((last + 40)) 200
    server=$(private-cluster status "$ENGINE_CLUSTER")
    load_warehouse 2>"$BATS_TEST_TMPDIR/said" 3>&- &
    local loader=$!
    wait_until 20 has_session_or_ended "$loader"
    # The signal of an immediate stop, at once; then until its processes are gone.
    kill -QUIT "$server"
    private-cluster stop "$ENGINE_CLUSTER" immediate
    status=0
    wait "$loader" || status=$?
    [[ $status == 0 || $status == 75 ]] || {
      echo "ended with $status" >&2
      cat "$BATS_TEST_TMPDIR/said" >&2
      return 1
    }
    [[ $status == 0 ]] || stops=$((stops + 1))
    # Nobody there at all is retry, too.
    run -75 --separate-stderr load_warehouse
    private-cluster start "$ENGINE_CLUSTER"
    now=$(whole_epoch 200)
    ((now >= last))
    load_warehouse
    last=$((last + 40))
    is_exactly "$last" 200
  done
  ((stops == 2))
}
has_session_or_ended() { [[ -n $(sessions) ]] || ! kill -0 "$1" 2>/dev/null; }

@test "the check says which right is missing" {
  postgresql_psql postgres postgres -c 'CREATE ROLE poor LOGIN'
  { source_line && table public.t id:int8:k && tx 10 'c public.t "after":{"id":1}'; } | stage
  local url
  url=$(warehouse_url)
  run -1 --separate-stderr cdc-load --stage "$STAGE" --source s --warehouse "${url/user=loader/user=poor}" --check
  grep -q '^no	schema	permission' <<<"$output"
  load_warehouse
  warehouse_write 'GRANT USAGE ON SCHEMA s TO poor'
  run -1 --separate-stderr cdc-load --stage "$STAGE" --source s --warehouse "${url/user=loader/user=poor}" --check
  grep -q '^ok	schema	' <<<"$output"
  grep -q '^no	tables	permission' <<<"$output"
}
