#!/usr/bin/env bash
# Warehouses of every engine behind the same few functions, so that one test says the same of all of them.
#
# Use in a bats file:   load engines         (stream.bash does)
#                       setup_file() { engine_start; }   teardown_file() { engine_remove; }   setup() { warehouse_fresh; }
# The engine is a word: the end of the file's name (semantics_postgresql.bats, a link to semantics.bats), else ENGINE, else sqlite.
# Knows: which files of engines/ there are, the layout of cdc-warehouse.5, how a value is printed (below).
# Must not know: any dialect (that is engines/ENGINE.bash), or what a single test is about.
#
# One line a row, `|` between columns, NULL for null, whatever the engine's types are. A value prints as SQLite's does:
#   boolean      1, 0
#   integers     digits
#   floats       shortest digits, with a point: 1.5, 100.0; tests use values that need no exponent
#   numeric      the exact digits, as many behind the point as were written
#   bytes        hex, capitals
#   date         2024-02-29            time       23:59:59.123400
#   timestamp    2024-02-29T23:59:59.123400, with time zone in UTC and with Z; infinity, -infinity
#   text, json   as it is
# What engines/ENGINE.bash defines, for the engine's word E:
#   E_start, E_remove           what all tests of a file share: a server; nothing
#   E_fresh NAME                WAREHOUSE is from here on an empty warehouse of that name of this test
#   E_url                       WAREHOUSE as cdc-load's --warehouse takes it
#   E_rows STATEMENT...         the answers, one after the other, printed as above; a status when one of them fails
#   E_write STATEMENT...        statements that change something, in the engine's own dialect
#   E_settle                    what a killed loader left half done is undone, as the engine does when somebody opens it
#   E_type TYPE                 the engine's word for a column that holds values of the source's TYPE, as E_types prints it
#   E_types TABLE               lines `column|type` of a table

case ${BATS_TEST_FILENAME:-} in
*_postgresql.bats) ENGINE=postgresql ;;
*_duckdb.bats) ENGINE=duckdb ;;
*_snowflake.bats) ENGINE=snowflake ;;
*) ENGINE=${ENGINE:-sqlite} ;;
esac
export ENGINE
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/engines/$ENGINE.bash" || {
  echo "engines.bash: cannot tell what '$ENGINE' is" >&2
  exit 64
}

# What another engine holds is held against SQLite, which others can read while it loads, and which every machine has.
# shellcheck source=tests/e2e/engines/sqlite.bash
. "$(dirname "${BASH_SOURCE[0]}")/engines/sqlite.bash"

# on_engine ENGINE WAREHOUSE COMMAND...: with another engine and its warehouse.
on_engine() {
  local ENGINE=$1 WAREHOUSE=$2
  shift 2
  "$@"
}

engine_start() { "${ENGINE}_start"; }
engine_remove() { "${ENGINE}_remove"; }
engine_type() { "${ENGINE}_type" "$1"; }
engine_types() { "${ENGINE}_types" "$1"; }

# in  NAME (w): several warehouses in one test have names of their own
# shellcheck disable=SC2120 # tests of another file give it
warehouse_fresh() { "${ENGINE}_fresh" "${1:-w}"; }
warehouse_url() { "${ENGINE}_url"; }

# The stage into the warehouse. Environment: STAGE, WAREHOUSE. in  options of cdc-load
# shellcheck disable=SC2120 # what the tests give it is not seen here
load_warehouse() {
  [[ -n ${WAREHOUSE:-} ]] || warehouse_fresh w
  cdc-load --stage "${STAGE:=$BATS_TEST_TMPDIR/stage}" --source s --warehouse "$(warehouse_url)" "$@"
}

rows() { "${ENGINE}_rows" "$@"; }
warehouse_settle() { "${ENGINE}_settle"; }
warehouse_write() { "${ENGINE}_write" "$@"; }

# The statement's answer is exactly these lines.
# in  STATEMENT LINE...
rows_are() {
  local got want
  got=$(rows "$1") || return
  shift
  want=$(printf '%s\n' "$@")
  [[ $got == "$want" ]] || {
    printf 'expected:\n%s\ngot:\n%s\n' "$want" "$got" >&2
    return 1
  }
}

# in  NAME   out  it as an identifier
quoted() { printf '"%s"' "${1//\"/\"\"}"; }

# The warehouse as text that is equal for two warehouses that hold the same, of whatever engine: every table and every history with
# positions, marks and values, rows sorted; then the state tables. Not in it: when and by which run something was done.
warehouse_dump() {
  local name has_key history column columns=() tables=() titles=() statements=() number last=-1
  while IFS='|' read -r name has_key history column; do
    if ((last < 0)) || [[ ${tables[last]#* } != "$name" ]]; then
      last=$((last + 1))
      tables+=("$has_key$history $name") columns+=('')
    fi
    columns[last]+=", $(quoted "$column")"
  done < <(rows 'SELECT t.name, t.has_key, t.history, c.name FROM _cdc_tables t JOIN _cdc_columns c ON c."table"=t."table" ORDER BY t.name, c.position')
  for ((number = 0; number <= last; number++)); do
    name=${tables[number]#* }
    if [[ ${tables[number]} == 1* ]]; then
      titles+=("$name")
      statements+=("SELECT _cdc_lsn, _cdc_seq, _cdc_op, _cdc_deleted, _cdc_unknown, _cdc_committed_at${columns[number]} FROM $(quoted "$name")")
    fi
    if [[ ${tables[number]} == ?1* ]]; then
      titles+=("${name}__history")
      statements+=("SELECT _cdc_from_lsn, _cdc_from_seq, _cdc_valid_from, _cdc_op, _cdc_to_lsn, _cdc_to_seq, _cdc_valid_to, _cdc_to_op, _cdc_instant, _cdc_unknown${columns[number]} FROM $(quoted "${name}__history")")
    fi
  done
  titles+=(_cdc_tables _cdc_position _cdc_epochs _cdc_freshness _cdc_quarantine _cdc_chunks)
  statements+=('SELECT "table", relid, name, "view", lsn, has_key, history, parked, parked_at, waiting_rows, truncated_lsn, truncated_seq, copied_lsn, copied_high, unknown_values, quarantined FROM _cdc_tables'
    'SELECT source, system_id, era, applied_to, complete_to_time FROM _cdc_position'
    'SELECT era, "from", "to", transactions, rows, applied_rows, quarantined_rows, waiting_rows, last_ts FROM _cdc_epochs'
    'SELECT source, "table", state, complete_to_lsn, complete_to_time, unknown_values, quarantined FROM _cdc_freshness'
    'SELECT "table", "column", lsn, seq, op, "key", value FROM _cdc_quarantine'
    'SELECT "table", lsn, chunk, is_last, rows, high, copy, from_key, to_key, keys FROM _cdc_chunks')
  # One question for each title: an engine opens its file once for all of them.
  local ask=()
  for ((number = 0; number < ${#titles[@]}; number++)); do
    ask+=("SELECT '== ${titles[number]//\'/\'\'}'" "${statements[number]}")
  done
  rows "${ask[@]}" | awk '/^== / { title = sprintf("%06d", ++n); print title " 0 " $0; next } { print title " 1 " $0 }' | LC_ALL=C sort | cut -c 10-
}
