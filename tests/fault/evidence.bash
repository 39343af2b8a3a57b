# shellcheck shell=bash
# Evidence that a pipeline's warehouse equals its source, counted three times over: the log's chain, transactions by xid, rows over all
# columns. For the scripts that break a whole pipeline under load (tests/fault/load), after its pipe has drained.
# Knows: the tables of tests/fault/load, the form of a manifest. Must not know: what was broken, or how.
#
# in   folder    where it writes what it compared; CONFIG its pipeline file; STAGE_FOLDER and WAREHOUSE its stage and its file of SQLite
#      fault     a function: the run is lost, for the reason that it is told
# shellcheck disable=SC2034,SC2154 # lost, doubled, stale and rows are for the script; folder is the script's

manifests() { find "$STAGE_FOLDER" -path '*/log/*.json' 2>/dev/null | LC_ALL=C sort; }
epochs() { manifests | wc -l; }

# The log: each manifest begins where the one before it ended, names its bytes, and the rows of its files add up; of one that house-keeping
# has emptied, what it says of the bytes that it had.
check_chain() {
  local to='' sha='' file line from next prev had
  while read -r file; do
    line=$(jq -r '[.from, .to, .prev // "-", .pruned or .rows == ([.files[]?.rows] | add // 0), .pruned or .transactions == (.commits.rows // 0),
      if .pruned then .sha256 else "-" end] | @tsv' "$file") || fault "no manifest: $file"
    IFS=$'\t' read -r from next prev rows_add_up commits_add_up had <<<"$line"
    if [[ -n $to ]]; then
      [[ $from == "$to" ]] || fault "a gap in the log: $to, then $from"
      [[ $prev == "$sha" || $had != - ]] || fault "$file does not name the bytes of the one before it"
    fi
    [[ $rows_add_up == true && $commits_add_up == true ]] || fault "$file: its counts do not add up"
    to=$next sha=$had
    if [[ $had == - ]]; then sha=$(sha256sum <"$file") sha=${sha%% *}; fi
  done < <(manifests)
}

# What the stage holds, on to what was noted of it before, since house-keeping may take it away: the transactions of its rows of `done`, its
# commits, its counts.   in  options of cdc-stage-get   out  REPLY: the end of its last commit
note_staged() {
  cdc-stage-get --config "$CONFIG" "$@" >"$folder/stream" 2>>"$folder/err.cdc-stage-get" || fault "cdc-stage-get ended with $?"
  # A row of `done` in the stream, inserted by the transaction it names: as often as it was staged. A stream is large, so it is read once.
  REPLY=$(jq -r 'if .op == "commit" then "commit \(.lsn) \(.end) \(.read_rows) \(.rows)"
      elif .op == "c" and .table == "public.done" then "done \(if .xid == .after.xid then .xid else "another" end)"
      elif .op | IN("c", "u", "d", "t") then "row" else empty end' "$folder/stream" | awk -v folder="$folder" '
    $1 == "commit" { print $2 >>(folder "/staged.commits"); end = $3; read += $4; rows += $5; next }
    { lines++ }
    $1 == "done" { print $2 >>(folder "/staged.xids") }
    END { printf "{\"read\":%d,\"rows\":%d,\"lines\":%d}\n", read, rows, lines >>(folder "/staged.counts"); print end }')
  rm -f "$folder/stream"
}

# Transactions, by their numbers: on the source, in the stage as noted, and in the warehouse (xids_of_warehouse, of whoever uses this).
# out  lost, doubled
check_transactions() {
  sql 'SELECT xid FROM done ORDER BY xid::text COLLATE "C"' >"$folder/xids.source"
  LC_ALL=C sort "$folder/staged.xids" >"$folder/xids.stage"
  # What was copied instead of streamed is not lost.
  xids_of_warehouse | LC_ALL=C sort >"$folder/xids.warehouse"
  lost=$(LC_ALL=C comm -23 "$folder/xids.source" "$folder/xids.warehouse" | wc -l)
  doubled=$(($(LC_ALL=C uniq -d "$folder/xids.stage" | wc -l) + $(LC_ALL=C uniq -d "$folder/xids.warehouse" | wc -l)))
  doubled=$((doubled + $(LC_ALL=C comm -13 "$folder/xids.source" "$folder/xids.warehouse" | wc -l)))
  if grep -q another "$folder/xids.stage"; then fault 'a row stands in another transaction than its own'; fi
  # Commits: each once, in order; what the reader counted is what stands there.
  LC_ALL=C sort -cu "$folder/staged.commits" 2>/dev/null || fault 'a commit stands twice in the stage, or out of order'
  jq -nc 'reduce inputs as $l ({read: 0, rows: 0, lines: 0}; .read += $l.read | .rows += $l.rows | .lines += $l.lines)' "$folder/staged.counts" >"$folder/counts"
  jq -e '.read == .rows and .rows == .lines' "$folder/counts" >/dev/null || fault "counts of rows differ: $(<"$folder/counts")"
}
xids_of_warehouse() { warehouse_sql "$WAREHOUSE" 'SELECT xid FROM done'; }

# All rows over all columns, each side in one text form.   out stale: rows that differ or are on one side only; rows
check_rows() {
  local table
  stale=0 rows=0
  for table in account item whole small "done"; do
    rows_of_source "$table" | LC_ALL=C sort >"$folder/rows.source.$table"
    rows_of_warehouse "$table" | LC_ALL=C sort >"$folder/rows.warehouse.$table"
    rows=$((rows + $(wc -l <"$folder/rows.source.$table")))
    LC_ALL=C comm -3 "$folder/rows.source.$table" "$folder/rows.warehouse.$table" >"$folder/rows.differ.$table"
    if [[ -s $folder/rows.differ.$table ]]; then
      stale=$((stale + $(wc -l <"$folder/rows.differ.$table")))
      say "$table differs, $(wc -l <"$folder/rows.differ.$table") lines in $folder/rows.differ.$table; first: $(head -c 200 "$folder/rows.differ.$table" | head -n 1)"
    fi
  done
}

# A column's text in the warehouse's form.   in TABLE   out one line a row, fields in hex
rows_of_source() {
  local columns
  columns=$(sql "SELECT string_agg(format('coalesce(upper(encode(' || CASE
      WHEN format_type(atttypid, NULL) = 'bytea' THEN '%1\$I'
      WHEN format_type(atttypid, NULL) = 'boolean' THEN 'convert_to(%1\$I::integer::text, ''UTF8'')'
      WHEN format_type(atttypid, NULL) LIKE '%%[]' THEN 'convert_to(array_to_json(%1\$I)::text, ''UTF8'')'
      WHEN format_type(atttypid, NULL) = 'timestamp with time zone'
        THEN 'convert_to(to_char(%1\$I AT TIME ZONE ''UTC'', ''YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"''), ''UTF8'')'
      WHEN format_type(atttypid, NULL) = 'double precision' THEN 'convert_to(to_char(%1\$I, ''9.999999999999EEEE''), ''UTF8'')'
      ELSE 'convert_to(%1\$I::text, ''UTF8'')' END || ', ''hex'')), ''null'')', attname), ' || '' '' || ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = '$1'::regclass AND attnum > 0 AND NOT attisdropped")
  sql "SELECT $columns FROM \"$1\""
}
rows_of_warehouse() {
  local columns
  columns=$(sql "SELECT string_agg(format(CASE
      WHEN format_type(atttypid, NULL) = 'double precision' THEN 'CASE WHEN %1\$I IS NULL THEN ''null'' ELSE hex(printf(''%% .12e'', %1\$I)) END'
      ELSE 'CASE WHEN %1\$I IS NULL THEN ''null'' ELSE hex(CAST(%1\$I AS BLOB)) END' END, attname), ' || '' '' || ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = '$1'::regclass AND attnum > 0 AND NOT attisdropped")
  warehouse_sql "$WAREHOUSE" "SELECT $columns FROM \"$1\""
}
