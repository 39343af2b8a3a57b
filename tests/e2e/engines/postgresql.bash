# shellcheck shell=bash
# The engine PostgreSQL for engines.bash: a private server for each file, a database for each warehouse, WAREHOUSE its name. The role
# that loads owns its database and may do nothing else.
# Knows: psql, scripts/private-cluster by its environment file. Must not know: what a test asks.

postgresql_start() {
  export ENGINE_CLUSTER=${ENGINE_CLUSTER:-${BATS_FILE_TMPDIR:-$(mktemp -d)}/warehouse}
  private-cluster start "$ENGINE_CLUSTER" "$@" || return
  postgresql_psql postgres postgres -c 'CREATE ROLE loader LOGIN' || return
}
postgresql_remove() { private-cluster remove "$ENGINE_CLUSTER"; }

# psql as ROLE in DATABASE. The tables are in the schema named like the source.
# shellcheck disable=SC2030,SC2031 # a subshell is what keeps another server's environment away
postgresql_psql() (
  role=$1 database=$2
  shift 2
  # shellcheck source=/dev/null
  set -a && . "$ENGINE_CLUSTER/cluster.env"
  PGOPTIONS='-c search_path=s -c client_min_messages=warning' exec psql -XqAt -P null=NULL -v ON_ERROR_STOP=1 -U "$role" -d "$database" "$@"
)

postgresql_fresh() {
  # A name is taken once: the test's number keeps it from those of other tests.
  WAREHOUSE=t${BATS_TEST_NUMBER:-0}_$1
  postgresql_psql postgres postgres -c "CREATE DATABASE \"$WAREHOUSE\" OWNER loader"
}

postgresql_url() {
  # shellcheck source=/dev/null
  (. "$ENGINE_CLUSTER/cluster.env" && printf 'postgresql:///%s?host=%s&port=%s&user=loader' "$WAREHOUSE" "${PGHOST//\//%2F}" "$PGPORT")
}
postgresql_settle() { :; }

# A statement that gives texts as engines.bash wants them: the server says what its columns are.
postgresql_printing() {
  local described type columns='' number=0 list=''
  described=$(postgresql_psql loader "$WAREHOUSE" -F $'\t' <<<"$1 \\gdesc") || return
  while IFS=$'\t' read -r _ type; do
    number=$((number + 1))
    list+="${list:+, }c$number"
    columns+="${columns:+, }"
    case $type in
    boolean) columns+="c$number::int" ;;
    'double precision' | real) columns+="regexp_replace(c$number::text, '^(-?[0-9]+)\$', '\\1.0')" ;;
    bytea) columns+="upper(encode(c$number, 'hex'))" ;;
    'timestamp with time zone') columns+="CASE WHEN isfinite(c$number) THEN to_char(c$number AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') ELSE c$number::text END" ;;
    'timestamp without time zone') columns+="CASE WHEN isfinite(c$number) THEN to_char(c$number, 'YYYY-MM-DD\"T\"HH24:MI:SS.US') ELSE c$number::text END" ;;
    'time without time zone') columns+="to_char(c$number, 'HH24:MI:SS.US')" ;;
    *) columns+="c$number::text" ;;
    esac
  done <<<"$described"
  printf 'SELECT %s FROM (%s) AS q(%s)' "$columns" "$1" "$list"
}

postgresql_rows() {
  local statement text
  for statement in "$@"; do
    text=$(postgresql_printing "$statement") || return
    postgresql_psql loader "$WAREHOUSE" -c "$text" || return
  done
}

postgresql_write() {
  local statement
  for statement in "$@"; do postgresql_psql loader "$WAREHOUSE" -c "$statement" || return; done
}

postgresql_type() {
  case $1 in
  bool) echo boolean ;;
  int2 | int4 | int8 | oid) echo bigint ;;
  float4 | float8) echo 'double precision' ;;
  numeric | bytea | date | json | jsonb) echo "$1" ;;
  timestamp) echo 'timestamp without time zone' ;;
  timestamptz) echo 'timestamp with time zone' ;;
  *) echo text ;;
  esac
}
postgresql_types() {
  postgresql_rows "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid='s.$(quoted "$1")'::regclass AND attnum>0 AND NOT attisdropped ORDER BY attnum"
}
