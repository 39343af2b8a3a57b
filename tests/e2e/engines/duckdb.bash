# shellcheck shell=bash
# The engine DuckDB for engines.bash: a warehouse is a file, WAREHOUSE its path. Only one process may have it open: every question
# opens it late and closes it at once.
# Knows: tests/destinations/duckdb_query.mjs. Must not know: what a test asks.

duckdb_start() {
  DUCKDB_MODULES=$(install-destinations) || return
  export DUCKDB_MODULES
  export PGCDC_DUCKDB_LIBRARY=${PGCDC_DUCKDB_LIBRARY:-$DUCKDB_MODULES/@duckdb/node-bindings-linux-x64/libduckdb.so}
}
duckdb_remove() { :; }
duckdb_fresh() { WAREHOUSE=$BATS_TEST_TMPDIR/$1.duckdb; }
duckdb_url() { printf 'duckdb:%s' "$WAREHOUSE"; }
duckdb_settle() { :; }

duckdb_rows() { node "$REPO/tests/destinations/duckdb_query.mjs" --schema s "$WAREHOUSE" "$@"; }
duckdb_write() { node "$REPO/tests/destinations/duckdb_query.mjs" --schema s --write "$WAREHOUSE" "$@"; }

duckdb_type() {
  case $1 in
  bool) echo BOOLEAN ;;
  int2 | int4 | int8 | oid) echo BIGINT ;;
  float4 | float8) echo DOUBLE ;;
  json | jsonb) echo JSON ;;
  bytea) echo BLOB ;;
  date) echo DATE ;;
  timestamp) echo TIMESTAMP ;;
  timestamptz) echo 'TIMESTAMP WITH TIME ZONE' ;;
  *) echo VARCHAR ;;
  esac
}
duckdb_types() { duckdb_rows "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name='s' AND table_name='${1//\'/\'\'}' ORDER BY column_index"; }
