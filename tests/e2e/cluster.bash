#!/usr/bin/env bash
# What the tests with a real server share: a private cluster, SQL on both sides, waiting for a fact, comparing rows.
#
# Use in a bats file:   load ../e2e/cluster          (from tests/e2e: load cluster)
#                       setup_file() { cluster_start; }          teardown_file() { cluster_remove; }
# Knows: scripts/private-cluster (the only place that starts servers) and scripts/compare-tables (the only one that compares).
# Must not know: what any single test is about.

# REPO: the checkout. PGCDC_BIN: the programs under test (another build: PGCDC_BIN=/tmp/b/bin bats ...).
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PGCDC_BIN=${PGCDC_BIN:-$REPO/build/bin}
PATH=$PGCDC_BIN:$REPO/scripts:$PATH
export REPO PGCDC_BIN PATH

# Starts the file's cluster (again), and tells libpq about it: PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE, and DSN.
#
# in   options of `private-cluster start`, say: -o wal_sender_timeout=5s, --fsync on
# out  CLUSTER, its folder, and the variables above, exported
cluster_start() {
  export CLUSTER=${CLUSTER:-${BATS_FILE_TMPDIR:-$(mktemp -d)}/pg}
  private-cluster start "$CLUSTER" "$@" || return
  set -a
  # shellcheck source=/dev/null
  . "$CLUSTER/cluster.env"
  DSN=$(private-cluster dsn "$CLUSTER")
  set +a
}

# in  fast (default), immediate or kill (SIGKILL for all of its processes)
cluster_stop() { private-cluster stop "$CLUSTER" "$@"; }

cluster_remove() { private-cluster remove "$CLUSTER"; }

# A standby of the file's cluster in FOLDER, over the physical slot `standby`, which is made. A copy of the server at rest, since a
# build for tests comes without pg_basebackup: the server is stopped and started again.
#
# in  FOLDER, options that the server was started with, options of the standby alone behind --
standby_start() {
  local folder=$1 options=() own=()
  shift
  while (($#)); do
    if [[ $1 == -- ]]; then
      shift
      own=("$@")
      break
    fi
    options+=("$1")
    shift
  done
  sql "SELECT pg_create_physical_replication_slot('standby')" >/dev/null || return
  private-cluster stop "$CLUSTER" || return
  mkdir -p "$folder"
  cp -a "$CLUSTER/data" "$folder/data"
  # Slots are not a standby's to inherit.
  rm -rf "$folder"/data/pg_replslot/*
  (cd "$folder/data" && touch standby.signal && chown --reference PG_VERSION standby.signal) || return
  private-cluster start "$CLUSTER" "${options[@]}" || return
  private-cluster start "$folder" "${options[@]}" -o primary_slot_name=standby \
    -o "primary_conninfo=host=$PGHOST port=$PGPORT user=postgres dbname=postgres" "${own[@]}"
}

# on_cluster FOLDER COMMAND...: with another cluster as the server, and the same database.
# shellcheck disable=SC2030,SC2031 # a subshell is what it is for
on_cluster() (
  database=$PGDATABASE
  set -a
  # shellcheck source=/dev/null
  . "$1/cluster.env"
  PGDATABASE=$database
  DSN="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$database"
  set +a
  shift
  "$@"
)

# An empty database of its own, so that tests of one file do not meet: from here on PGDATABASE and DSN mean it.
# shellcheck disable=SC2031 # on_cluster's subshell has nothing to do with it
fresh_database() {
  psql -XqAt -d postgres -v ON_ERROR_STOP=1 -c "CREATE DATABASE \"$1\"" || return
  export PGDATABASE=$1
  DSN="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$1"
  export DSN
}

# SQL on the source, unaligned tuples only; each argument is one statement; with no argument it is read from stdin.
sql() {
  local arguments=() statement
  for statement in "$@"; do arguments+=(-c "$statement"); done
  psql -XqAt -v ON_ERROR_STOP=1 "${arguments[@]}"
}

# SQL on a warehouse file: warehouse_sql FILE STATEMENT. It is opened read-only: a wrong name is an error, not an empty file.
warehouse_sql() { sqlite3 -batch -readonly -cmd '.timeout 10000' "$1" "$2"; }

# Runs a command until it succeeds, at most SECONDS long; then says what did not come true, and fails.
wait_until() {
  local seconds=$1 end
  shift
  end=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= end)); then
      echo "not true after $seconds s: $*" >&2
      return 1
    fi
    sleep 0.05 # lint: the one place that waits
  done
}

# True when a statement's answer on the source is the given text: wait_until 10 sql_says 0 'SELECT count(*) ...'.
sql_says() { [[ $(sql "$2") == "$1" ]]; }

current_lsn() { sql 'SELECT pg_current_wal_lsn()'; }

# True from a version on: server_at_least 160000. A test that differs by version says what either side does: if ...; then ... else ... fi
server_at_least() { (($(sql 'SHOW server_version_num') >= $1)); }

# What a server of before VERSION does not know: true when this one is older, and proven by the STATEMENT's being refused.
# `missing_before 150000 'CREATE PUBLICATION q FOR TABLE t (id)' && return` ends a test where its subject does not exist.
missing_before() {
  if server_at_least "$1"; then return 1; fi
  if sql "$2" >/dev/null 2>&1; then
    echo "a server older than $1 takes this all the same: $2" >&2
    exit 1
  fi
}

# What the server would send again: the slot's confirmed position.
confirmed_lsn() { sql "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$1'"; }

# Source and warehouse hold the same rows; else the first differing rows are printed, and it fails.
#
# in  WAREHOUSE-FILE [OPTION OR TABLE]..., as scripts/compare-tables takes them
same_rows() {
  local warehouse=$1
  shift
  compare-tables --dsn "$DSN" --warehouse "$warehouse" "$@"
}
