# shellcheck shell=bash
# The engine SQLite for engines.bash: a warehouse is a file, WAREHOUSE its path.
# Knows: the sqlite3 shell. Must not know: what a test asks.

sqlite_start() { :; }
sqlite_remove() { :; }
sqlite_fresh() { WAREHOUSE=$BATS_TEST_TMPDIR/$1.db; }
sqlite_url() { printf 'sqlite:%s' "$WAREHOUSE"; }
# The log that a dead writer left can be taken over only by somebody who may write.
sqlite_settle() { [[ ! -e $WAREHOUSE ]] || sqlite3 -batch -cmd '.timeout 10000' "$WAREHOUSE" 'SELECT count(*) FROM sqlite_schema' >/dev/null; }

# Read-only: a wrong name is an error, not an empty file.
sqlite_rows() {
  local statement text
  for statement in "$@"; do
    text=$(sqlite_printing "$statement") || return
    sqlite3 -batch -readonly -nullvalue NULL -cmd '.timeout 10000' "$WAREHOUSE" "$text" || return
  done
}

# A statement whose blobs are printed as hex. The shell prints all else as it is meant; what is no query stays what it is.
sqlite_printing() {
  local names name columns=''
  [[ $1 == SELECT* || $1 == WITH* ]] || {
    printf '%s' "$1"
    return
  }
  names=$(sqlite3 -batch -readonly -cmd '.timeout 10000' "$WAREHOUSE" "CREATE TEMP VIEW q AS $1; SELECT name FROM pragma_table_info('q')") || return
  while IFS= read -r name; do
    name=$(quoted "$name")
    columns+="${columns:+, }CASE typeof($name) WHEN 'blob' THEN hex($name) ELSE $name END"
  done <<<"$names"
  printf 'CREATE TEMP VIEW q AS %s; SELECT %s FROM q' "$1" "$columns"
}

sqlite_write() {
  local statement
  for statement in "$@"; do sqlite3 -batch -bail -cmd '.timeout 10000' "$WAREHOUSE" "$statement" || return; done
}

sqlite_type() {
  case $1 in
  bool | int2 | int4 | int8 | oid) echo INTEGER ;;
  # Not REAL: NaN and infinities are text.
  float4 | float8) echo ANY ;;
  bytea) echo BLOB ;;
  *) echo TEXT ;;
  esac
}
sqlite_types() { sqlite_rows "SELECT name, type FROM pragma_table_info('${1//\'/\'\'}')"; }
