# shellcheck shell=bash
# The engine Snowflake for engines.bash, which is the tests' double of it and never Snowflake: a schema for each warehouse, WAREHOUSE its
# name. The external stage that the double reads is a link to the stage of the test that loads.
# Knows: scripts/private-snowflake, build/e2e/snowflake-sql. Must not know: what a test asks.

snowflake_start() {
  export SNOWFLAKE_DOUBLE=$BATS_FILE_TMPDIR/snowflake
  mkdir -p "$SNOWFLAKE_DOUBLE/nothing" && ln -sfn "$SNOWFLAKE_DOUBLE/nothing" "$SNOWFLAKE_DOUBLE/place" || return
  private-snowflake start "$SNOWFLAKE_DOUBLE" --database CDC --warehouse LOAD --stage "CDC.STAGES.TEST=$SNOWFLAKE_DOUBLE/place" || return
  set -a
  # shellcheck source=/dev/null
  . "$SNOWFLAKE_DOUBLE/snowflake.env"
  set +a
}
snowflake_remove() { private-snowflake stop "$SNOWFLAKE_DOUBLE"; }

snowflake_fresh() {
  WAREHOUSE=t${BATS_TEST_NUMBER:-0}_$1
  printf 'CREATE SCHEMA "%s"\n' "$WAREHOUSE" | snowflake_ask >/dev/null
}
snowflake_url() {
  ln -sfn "${STAGE:-$BATS_TEST_TMPDIR/stage}" "$SNOWFLAKE_DOUBLE/place"
  printf 'snowflake://%s/CDC/%s?warehouse=LOAD&stage=CDC.STAGES.TEST' "$SNOWFLAKE_ACCOUNT" "$WAREHOUSE"
}

# Statements of standard input, one a line, as one request.
snowflake_ask() { "$(dirname "$PGCDC_BIN")/e2e/snowflake-sql" "$@" "snowflake://$SNOWFLAKE_ACCOUNT/CDC/$WAREHOUSE"; }

# Names without quotes would be capital ones there: words in small letters outside of quotes are quoted, but for functions.
snowflake_quoting() {
  tr '\n' ' ' <<<"$1" | awk '{
    while (match($0, /"[^"]*"|'"'[^']*'"'|[A-Za-z_][A-Za-z0-9_]*\(?|./)) {
      word = substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH)
      out = out (word ~ /^[a-z_][a-z0-9_]*$/ ? "\"" word "\"" : word)
    }
    print out
  }'
}

# The API's texts as engines.bash wants them: `true`, digits of a float without a point, a zone.
snowflake_rows() {
  local statement answer
  for statement in "$@"; do
    answer=$(snowflake_quoting "$statement" | snowflake_ask --one) || return
    jq -r '.types as $types | .rows[] | [range(length) as $n | .[$n] as $v | $types[$n] as $t |
        if $v == null then "NULL"
        elif $t == "boolean" then (if $v == "true" or $v == "1" then "1" else "0" end)
        elif $t == "real" and ($v | test("^-?[0-9]+$")) then $v + ".0"
        elif $t == "timestamp_tz" then ($v | sub("(\\+00:?00|Z)$"; "") | sub(" "; "T")) + "Z"
        elif $t == "timestamp_ntz" then ($v | sub(" "; "T"))
        elif $t == "binary" then "base64:" + $v + ";"
        else $v end] | join("|")' <<<"$answer" | snowflake_bytes || return
  done
}
# Bytes in hex.
snowflake_bytes() {
  local line
  while IFS= read -r line; do
    while [[ $line =~ base64:([A-Za-z0-9+/=]*)\; ]]; do
      line=${line/"${BASH_REMATCH[0]}"/$(base64 -d <<<"${BASH_REMATCH[1]}" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F)}
    done
    printf '%s\n' "$line"
  done
}
snowflake_write() { printf '%s\n' "$@" | snowflake_ask >/dev/null; }
snowflake_settle() { :; }

snowflake_type() {
  case $1 in
  bool) echo BOOLEAN ;;
  int2 | int4 | int8 | oid) echo NUMBER ;;
  float4 | float8) echo FLOAT ;;
  bytea) echo BINARY ;;
  date) echo DATE ;;
  timestamp) echo TIMESTAMP_NTZ ;;
  timestamptz) echo TIMESTAMP_TZ ;;
  *) echo TEXT ;;
  esac
}
snowflake_types() {
  snowflake_rows "SELECT \"COLUMN_NAME\", \"DATA_TYPE\" FROM \"INFORMATION_SCHEMA\".\"COLUMNS\" WHERE \"TABLE_SCHEMA\"='$WAREHOUSE' AND \"TABLE_NAME\"='${1//\'/\'\'}' ORDER BY \"ORDINAL_POSITION\""
}
