# shellcheck shell=bash
# What the tests of whole pipelines share: one pipeline's files in a folder, its programs as one pipe, warehouses as text.
#
# Use after tests/e2e/cluster.bash (a server runs, DSN is set). pipeline_make FOLDER writes FOLDER/pipeline.ini and what it
# names: policy, keys; the stage, the ack file, the spools and the warehouse come into being beside them.
# Knows: the pipeline file and the tools' names. Must not know: any table, or what a single test breaks.

# Writes the files of one pipeline.
#
# in   FOLDER [LINE]...   LINEs are added to the pipeline file: `[cdc-batch]` `max-seconds = 1`
#      POLICY             the policy's text; empty: everything that is published is kept, as it is now
#      SLOT, PUBLICATION  default: pgcdc
pipeline_make() {
  local folder=$1
  shift
  mkdir -p "$folder/spool-read" "$folder/spool-batch"
  if [[ -n ${POLICY:-} ]]; then printf '%s\n' "$POLICY"; else policy_keep_all; fi >"$folder/policy"
  (umask 077 && cdc-policy new-key "$folder/keys") || return
  {
    cat <<INI
[pipeline]
source = shop
dsn = ${READER_DSN:-$DSN}
slot = ${SLOT:-pgcdc}
publication = ${PUBLICATION:-pgcdc}
policy = $folder/policy
keys = $folder/keys
clear = green
stage = file://$folder/stage
ack = $folder/ack
warehouse = sqlite:$folder/warehouse.db
[pgcdc-read]
spool = $folder/spool-read
[cdc-batch]
spool = $folder/spool-batch
INI
    printf '%s\n' "$@"
  } >"$folder/pipeline.ini"
}

# A policy that keeps every column of every published table, each by its name.
policy_keep_all() {
  sql "SELECT format(E'%I.%I\t%I\tany\tgreen\tkeep\t-\ttest', p.schemaname, p.tablename, a.attname)
         FROM pg_publication_tables p
         JOIN pg_attribute a ON a.attrelid = format('%I.%I', p.schemaname, p.tablename)::regclass
        WHERE p.pubname = '${PUBLICATION:-pgcdc}' AND a.attnum > 0 AND NOT a.attisdropped"
}

# One pipe, its codes in CODES ("0 0 0 0") and, as a whole, its status: the worst.   in FOLDER FIRST-PROGRAM [OPTION]...
pipe_of() {
  local config=$1/pipeline.ini first=$2
  shift 2
  "$first" --config "$config" "$@" | cdc-mask --config "$config" | cdc-batch --config "$config" | cdc-stage-put --config "$config"
  CODES="${PIPESTATUS[*]}"
  [[ $CODES == '0 0 0 0' ]] || {
    echo "codes of the pipe: $CODES" >&2
    return 1
  }
}

# Slot, copy of the rows that are there, load.
pipeline_begin() {
  pgcdc-slot create --config "$1/pipeline.ini" >/dev/null && pipe_of "$1" pgcdc-snapshot && pipeline_load "$1"
}
# What has been committed until now, up to the warehouse.
pipeline_pass() { pipe_of "$1" pgcdc-read --until now && pipeline_load "$1"; }
pipeline_load() { cdc-load --config "$1/pipeline.ini"; }

# Source and warehouse hold the same rows.   in FOLDER TABLE...   (all columns, every table has a primary key)
pipeline_equal() {
  local folder=$1
  shift
  same_rows "$folder/warehouse.db" "$@"
}

# A warehouse as text: every table and view with all its rows in a fixed order; without the columns that tell when and by
# which run something was done. Two warehouses that hold the same are equal byte by byte.
warehouse_text() {
  local file=$1 name columns
  sqlite3 -batch -readonly "$file" "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name" |
    while read -r name; do
      columns=$(sqlite3 -batch -readonly "$file" "SELECT group_concat('\"' || name || '\"') FROM pragma_table_info('${name//\'/\'\'}')
         WHERE name NOT IN ('_cdc_loaded_at', 'loaded_at', 'applied_at', 'run', 'sha256', 'manifest', 'manifest_sha256')")
      echo "== $name $columns"
      sqlite3 -batch -readonly -quote "$file" "SELECT $columns FROM \"${name//\"/\"\"}\"" | LC_ALL=C sort
    done
}
