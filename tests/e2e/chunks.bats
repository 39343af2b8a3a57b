#!/usr/bin/env bats
# Copies in chunks, on a real server: cut by keys of every kind, at several positions, by several workers, killed and gone on with,
# while the rows change under it; at the end the warehouse equals the source. Knows: the programs of the pipe and their pages.
# Must not know: how a range is found.
# shellcheck disable=SC2154 # `stderr` is set by run --separate-stderr
# shellcheck disable=SC2030,SC2031,SC2119,SC2120 # each test is a process of its own; options that no test gives
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster
load ../fault/pipeline

setup_file() { cluster_start -o wal_level=logical -o autovacuum=off; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  background=() # processes of the test, ended with it
  fresh_database "chunks_$BATS_TEST_NUMBER"
  export SLOT=chunks_$BATS_TEST_NUMBER
}

teardown() {
  touch enough
  if ((${#background[@]} > 0)); then
    kill "${background[@]}" 2>/dev/null || true
    wait "${background[@]}" 2>/dev/null || true
  fi
}

# The pipeline's files in job/, the publication of all tables, the slot.
given_a_pipeline() {
  sql 'CREATE PUBLICATION pgcdc FOR ALL TABLES WITH (publish_via_partition_root)'
  mkdir job
  pipeline_make "$PWD/job" "$@"
  pgcdc-slot create --config job/pipeline.ini >/dev/null
}

# Pieces of 64 kB, and a new snapshot for nearly each of them.
small() { pgcdc-snapshot --config job/pipeline.ini --chunk-bytes 64KiB --hold-seconds 0 "$@"; }
# What the stage has of copies; nothing when there is no stage yet.
chunks() { if [[ -e job/stage ]]; then cdc-stage-get --config job/pipeline.ini --chunks; fi; }
# One attempt to bring the copy to its end. in  options of pgcdc-snapshot
copy_on() {
  chunks >done.lines
  small --done done.lines "$@" | cdc-mask --config job/pipeline.ini | cdc-batch --config job/pipeline.ini |
    cdc-stage-put --config job/pipeline.ini
}
# From here to a warehouse with everything that has been committed.
bring_up() { pipeline_pass "$PWD/job"; }
state_of() { warehouse_sql job/warehouse.db "SELECT state || ' ' || unknown_values FROM _cdc_freshness WHERE \"table\" = '$1'"; }

# Chunks of a table, as `from to`, in the order in which they follow each other; an open end is a dash.
chain_of() {
  jq -rn --arg table "$1" '[inputs | select(.op == "snapshot" and .state == "end" and .table == $table)
      | {from: (.from_key // "-" | tostring), to: (.to_key // "-" | tostring)}] as $all
    | def follow($at): ($all | map(select(.from == $at)) | first) as $one
        | if $one == null then empty else "\($one.from) \($one.to)", (if $one.to == "-" then empty else follow($one.to) end) end;
      follow("-")'
}

@test "tables are cut by keys of every kind, in the index's own order, and the chunks together are the table" {
  local table jobs
  sql 'CREATE TABLE number (id bigint PRIMARY KEY, v text)' \
    'CREATE TABLE pair (a text, "b ""b" int, v text, PRIMARY KEY ("b ""b", a))' \
    "CREATE COLLATION odd (provider = icu, locale = 'en-u-kf-upper-kn')" \
    "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)" \
    'CREATE TABLE word (w text COLLATE odd PRIMARY KEY, v text)' 'CREATE TABLE folded (w text COLLATE blind PRIMARY KEY, v text)' \
    'CREATE TABLE moment (at timestamptz, u uuid, n numeric, v text, PRIMARY KEY (n, at, u))' 'CREATE TABLE raw (k bytea PRIMARY KEY, v text)' \
    "CREATE TYPE color AS ENUM ('red', 'a blue')" 'CREATE DOMAIN code AS varchar(9)' 'CREATE TABLE typed (c color, d code, f float8, v text, PRIMARY KEY (c, d, f))' \
    'CREATE TABLE ident (id int NOT NULL, v text)' 'CREATE UNIQUE INDEX ident_key ON ident (id)' 'ALTER TABLE ident REPLICA IDENTITY USING INDEX ident_key' \
    'CREATE TABLE backwards (id int NOT NULL, v text)' 'CREATE UNIQUE INDEX backwards_key ON backwards (id DESC)' 'ALTER TABLE backwards REPLICA IDENTITY USING INDEX backwards_key' \
    'CREATE TABLE keyless (id int, v text)' 'ALTER TABLE keyless REPLICA IDENTITY FULL' 'CREATE TABLE empty (id int PRIMARY KEY, v text)' \
    'CREATE TABLE parted (id int, d date, v text, PRIMARY KEY (d, id)) PARTITION BY RANGE (d)' \
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')" 'CREATE TABLE parted_2 PARTITION OF parted DEFAULT'
  sql "INSERT INTO number SELECT n * 7 - 5000, repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO pair SELECT chr(65 + n % 50) || n, n / 100, repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO word SELECT (ARRAY['a', 'A', 'ä', 'Z', 'z', '10', '9', '''\"\\'])[1 + n % 8] || n || E'\\t\\n', repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO folded SELECT (ARRAY['ab', 'Ac', 'AD'])[1 + n % 3] || n, repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO moment SELECT '0044-03-15 BC'::timestamptz + n * interval '1 year 1 second', md5(n::text)::uuid, (n % 7) / 3.0, repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO moment VALUES ('infinity', md5('x')::uuid, 'NaN', 'x'), ('-infinity', md5('x')::uuid, 'NaN', 'y')" \
    "INSERT INTO raw SELECT decode(md5(n::text), 'hex'), repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO typed SELECT (ARRAY['red', 'a blue'])[1 + n % 2]::color, 'c' || n % 10, n / 7.0, repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO typed VALUES ('red', 'c', 'NaN', ''), ('red', 'c', '-Infinity', ''), ('red', 'c', '-0', '')" \
    "INSERT INTO ident SELECT n, repeat('x', 100) FROM generate_series(1, 3000) n" "INSERT INTO backwards SELECT n, repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO keyless SELECT n % 10, repeat('x', 100) FROM generate_series(1, 3000) n" \
    "INSERT INTO parted SELECT n, date '2024-11-01' + n % 100, repeat('x', 100) FROM generate_series(1, 3000) n"
  given_a_pipeline
  for jobs in 1 3; do
    small --jobs $jobs >"copy.$jobs"
    for table in number pair word folded moment raw typed ident backwards keyless empty parted; do
      # Each row once, none twice.
      cmp <(jq -c --arg table "public.$table" 'select(.op == "r" and .table == $table) | .after' "copy.$jobs" | sort) \
        <(pgcdc-snapshot --config job/pipeline.ini "public.$table" | jq -c 'select(.op == "r") | .after' | sort)
      [ "$(chain_of "public.$table" <"copy.$jobs" | wc -l)" = "$(jq -c --arg table "public.$table" 'select(.state == "end" and .table == $table)' "copy.$jobs" | wc -l)" ]
      case $table in
      backwards | keyless | empty) [ "$(chain_of "public.$table" <"copy.$jobs")" = '- -' ] ;;
      *)
        (($(chain_of "public.$table" <"copy.$jobs" | wc -l) > 3))
        # All but the last have the same number of rows: the end of each was looked up in the order of the index.
        [ "$(jq --arg table "public.$table" 'select(.state == "end" and .table == $table and .to_key != null) | .rows' "copy.$jobs" | sort -u | wc -l)" = 1 ]
        ;;
      esac
    done
  done
  # Several positions, none before the copy of its table began, and for several workers more than one chunk at each.
  (($(jq -r 'select(.state == "end") | .lsn' copy.1 | sort -u | wc -l) > 30))
  [ "$(jq -s 'all(.[] | select(.state == "end"); .copy <= .lsn and .lsn <= .high)' copy.3)" = true ]
  # What several workers wrote is one stream for those who read it.
  cdc-batch --spool spool <copy.3 | jq -r 'select(.op == "chunk") | "\(.table) \(.rows)"' | awk '{ rows[$1] += $2 } END { print rows["public.number"], rows["public.parted"] }' >counted
  [ "$(<counted)" = '3000 3000' ]
}

@test "rows of several workers stand between each other in blocks, each behind the line that says whose they are" {
  sql 'CREATE TABLE a (id int PRIMARY KEY, v text)' 'CREATE TABLE b (id int PRIMARY KEY, v text)'
  sql "INSERT INTO a SELECT n, repeat('a', 1000) FROM generate_series(1, 3000) n" "INSERT INTO b SELECT n, repeat('b', 1000) FROM generate_series(1, 3000) n"
  given_a_pipeline
  # Nobody reads at first: both come to a full pipe.
  mkfifo pipe
  exec 8<>pipe
  pgcdc-snapshot --config job/pipeline.ini --jobs 2 >pipe 3>&- 8>&- &
  background=($!)
  wait_until 10 sql_says 2 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgcdc-snapshot' AND query LIKE 'COPY%'"
  cat pipe >out 3>&- 8>&- &
  reader=$!
  wait "${background[@]}"
  background=()
  exec 8>&-
  wait "$reader"
  grep -q '"state":"continue"' out
  [ "$(cdc-batch --spool spool <out | jq -c 'select(.op == "chunk") | [.table, .rows]' | sort)" = '["public.a",3000]
["public.b",3000]' ]
  # Without the lines that say so, rows of one table stand in the chunk of another.
  run -65 --separate-stderr cdc-batch --spool spool < <(grep -v '"state":"continue"' out)
  [[ $stderr == *'err=wrong_order'* ]]
}

# Rows of `moved` come, change, go and get other keys, their long values mostly unsent, until the file `enough` is there.
move_rows() {
  while [[ ! -e enough ]]; do
    echo "UPDATE moved SET n = n + 1 WHERE id IN (SELECT id FROM moved ORDER BY random() LIMIT 3);"
    echo "UPDATE moved SET id = 1 + (random() * 100000)::int WHERE id = (SELECT id FROM moved ORDER BY random() LIMIT 1) AND id NOT IN (SELECT 1);"
    echo "BEGIN; UPDATE moved SET id = -id WHERE id = (SELECT max(id) FROM moved); UPDATE moved SET id = -id, n = n + 1 WHERE id < 0; COMMIT;"
    echo "INSERT INTO moved SELECT 1 + (random() * 100000)::int, 0, repeat(md5(random()::text), 100) ON CONFLICT (id) DO UPDATE SET text = excluded.text;"
    echo "DELETE FROM moved WHERE id = (SELECT id FROM moved ORDER BY random() LIMIT 1);"
    echo "UPDATE moved SET id = 200000 - id WHERE id BETWEEN 50000 AND 50200 AND NOT EXISTS (SELECT 1 FROM moved m WHERE m.id BETWEEN 149800 AND 150000);"
    echo "UPDATE moved SET id = 200000 - id WHERE id BETWEEN 149800 AND 150000;"
  done | psql -Xq >/dev/null 2>&1
}

# Values that have not arrived are read again until there are none: at most TIMES.
complete() {
  local times=$1
  while ((times-- > 0)); do
    cdc-load --config job/pipeline.ini --print unknown >unknown.lines
    [[ -s unknown.lines ]] || return 0
    rounds=$((rounds + 1))
    pgcdc-snapshot --config job/pipeline.ini --unknown unknown.lines | cdc-mask --config job/pipeline.ini |
      cdc-batch --config job/pipeline.ini | cdc-stage-put --config job/pipeline.ini
    bring_up
  done
  echo "values that have not arrived: $(cdc-load --config job/pipeline.ini --print unknown | wc -l)" >&2
  return 1
}

# One attempt whose programs tell their pids, in files.
killable_copy() {
  local c=job/pipeline.ini
  set +e # it is a process of its own, whose programs are to be killed
  rm -f pid.*
  chunks >done.lines
  (echo $BASHPID >pid.snapshot && exec pgcdc-snapshot --config $c --chunk-bytes 128KiB --hold-seconds 0 --done done.lines 2>>err) |
    tee lines | (echo $BASHPID >pid.mask && exec cdc-mask --config $c 2>>err) |
    (echo $BASHPID >pid.batch && exec cdc-batch --config $c 2>>err) |
    (echo $BASHPID >pid.put && exec cdc-stage-put --config $c 2>>err)
  echo "${PIPESTATUS[*]}" >codes
}

@test "killed again and again while rows and keys change, a copy goes on where it was, and every long value arrives" {
  local kills=0 attempts=0 victim rounds=0 begun=0 open=0 staged
  sql 'CREATE TABLE moved (id int PRIMARY KEY, n int, text text)' 'ALTER TABLE moved ALTER text SET STORAGE EXTERNAL' \
    "INSERT INTO moved SELECT n * 30, 0, repeat(md5(n::text), 100) FROM generate_series(1, 3000) AS n" 'ANALYZE'
  given_a_pipeline
  for _ in 1 2 3; do
    move_rows 3>&- &
    background+=($!)
  done
  while :; do
    killable_copy 3>&- &
    copier=$!
    if ((kills < 20)); then
      wait_until 10 test -s pid.put
      sleep "0.$((RANDOM % 5 + 2))" # lint: at a moment that nothing tells
      victim=$(shuf -e -n 1 snapshot snapshot mask batch put)
      wait_until 10 test -s "pid.$victim"
      kill -KILL "$(<"pid.$victim")" 2>/dev/null && kills=$((kills + 1))
    fi
    wait "$copier"
    # What had begun and not ended is at most a chunk for each of the two workers.
    jq -cR 'fromjson? | select(.op == "snapshot" and .state != "continue")' lines >seen
    open=$(($(grep -c '"begin"' seen || true) - $(grep -c '"state":"end"' seen || true)))
    ((open <= 2))
    begun=$((begun + $(grep -c '"begin"' seen || true)))
    [[ $(<codes) != '0 0 0 0 0' ]] || break
    ((++attempts < 60))
  done
  staged=$(chunks | grep -c '"op":"snapshot"')
  echo "kills=$kills chunks begun=$begun staged=$staged" >&3
  ((kills >= 15 && staged > 20))
  # Nothing of what was staged was read again: ranges of a copy meet, and each is there once.
  [ "$(chunks | jq -s '[.[] | select(.op == "snapshot")] | length - ([.[] | [.from_key, .to_key]] | unique | length)')" = 0 ]
  bring_up
  [[ $(state_of public.moved) != ready* || $(state_of public.moved) == 'ready 0' ]]
  echo "after the copy: $(state_of public.moved)" >&3
  # It converges under the same load.
  complete 30
  echo "rounds=$rounds" >&3
  [ "$(state_of public.moved)" = 'ready 0' ]
  touch enough
  wait "${background[@]}"
  background=()
  bring_up
  same_rows job/warehouse.db public.moved
  [ "$(state_of public.moved)" = 'ready 0' ]
}

# Passes a stream on, not faster than 200 kB in 50 ms.
throttle() {
  local block=$BATS_TEST_TMPDIR/block.$BASHPID
  while head -c 200000 >"$block" && [[ -s $block ]]; do
    cat "$block"
    sleep 0.05 # lint: that is what it is for
  done
}

# The greatest age of a snapshot that the copy holds, in ms, and how long it has lasted, until the file `copied` is there.
watch_snapshots() {
  local began=$SECONDS
  while [[ ! -e copied ]]; do
    echo "SELECT coalesce(max(1000 * extract(epoch FROM clock_timestamp() - xact_start))::int, 0) FROM pg_stat_activity WHERE application_name = 'pgcdc-snapshot' AND backend_xmin IS NOT NULL;"
    echo 'SELECT pg_sleep(0.02);'
  done | psql -XqAt | sort -n | tail -n 1 >oldest
  echo $((SECONDS - began)) >lasted
}

@test "no snapshot and no lock is held for long: tables are altered, rewritten and truncated while they are copied, and nothing is lost" {
  local rounds=0 state
  sql 'CREATE TABLE big (id int PRIMARY KEY, v text)' 'CREATE TABLE cut (id int PRIMARY KEY, v text)' 'CREATE TABLE wide (id int PRIMARY KEY, v text)'
  for table in big cut wide; do sql "INSERT INTO $table SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 12000) n"; done
  sql 'ANALYZE'
  given_a_pipeline
  watch_snapshots 3>&- &
  background=($!)
  (pgcdc-snapshot --config job/pipeline.ini --chunk-bytes 1MiB --hold-seconds 1 | throttle | cdc-mask --config job/pipeline.ini 2>/dev/null |
    cdc-batch --config job/pipeline.ini | cdc-stage-put --config job/pipeline.ini) 3>&- &
  copier=$!
  for table in big cut wide; do
    wait_until 30 bash -c "cdc-stage-get --config job/pipeline.ini --chunks 2>/dev/null | grep -q 'public.$table\"'"
    # None of these waits for the copy to end.
    case $table in
    big) sql "SET lock_timeout = '6s'; ALTER TABLE big ADD COLUMN more int DEFAULT 5" 'UPDATE big SET v = NULL WHERE id % 100 = 0' 'VACUUM FULL big' ;;
    cut) sql "SET lock_timeout = '6s'; TRUNCATE cut" "INSERT INTO cut SELECT n, 'new' FROM generate_series(5000, 5100) n" ;;
    wide) sql "SET lock_timeout = '6s'; ALTER TABLE wide ALTER id TYPE bigint" ;;
    esac
    kill -0 "$copier"
  done
  wait "$copier"
  touch copied
  wait "${background[@]}"
  background=()
  echo "oldest snapshot $(<oldest) ms, copy $(<lasted) s" >&3
  # A machine that is slow all over holds it longer, and copies longer still.
  local most_ms=$(($(<lasted) * 200 > 3000 ? $(<lasted) * 200 : 3000))
  (($(<lasted) >= 5 && $(<oldest) < most_ms))
  # The new column has no rule: it is withheld, and rows are whole without it. Nor does the policy let a key pass that has become another
  # type under its eyes: the rest of that table is copied by the next run.
  [[ $(chunks | jq -r 'select(.table == "public.wide") | .to_key' | grep -c null) == 0 ]]
  copy_on 2>/dev/null
  bring_up 2>/dev/null
  complete 3 2>/dev/null
  same_rows job/warehouse.db public.big public.cut public.wide
  for table in big cut wide; do
    state=$(state_of "public.$table")
    [ "$state" = 'ready 0' ]
  done
  # The key of `wide` has become another one: it was begun anew.
  [ "$(chunks | jq -r 'select(.table == "public.wide") | .copy // .lsn' | sort -u | wc -l)" = 2 ]
  # The next time nothing is left to do.
  chunks >done.lines
  [ "$(small --done done.lines | jq -r .op)" = source ]
}

@test "a table whose key the policy hashes is cut too; killed, it is begun anew; its unknown values are read again as a whole" {
  local rounds=0
  sql 'CREATE TABLE who (mail text PRIMARY KEY, n int, text text)' 'ALTER TABLE who ALTER text SET STORAGE EXTERNAL' \
    "INSERT INTO who SELECT 'user' || n || '@example.org', n, repeat(md5(n::text), 100) FROM generate_series(1, 500) AS n" 'ANALYZE'
  POLICY=$(printf 'public.who\t%s\n' $'mail\tany\torange\thash:mail\t-\t-' $'n\tany\tgreen\tkeep\t-\t-' $'text\tany\tgreen\tkeep\t-\t-')
  export POLICY
  given_a_pipeline
  # Half of it, then an end that nobody ordered.
  small --jobs 1 | head -n 200 | cdc-mask --config job/pipeline.ini | cdc-batch --config job/pipeline.ini | cdc-stage-put --config job/pipeline.ini || true # lint: it is to be cut
  (($(chunks | grep -c '"masked":true') >= 3))
  run ! grep -q example.org <(chunks)
  # A row moves from what is not copied behind what is, then the rest is copied.
  copy_on --jobs 1
  (($(chunks | jq -r 'select(.op == "snapshot") | .copy // .lsn' | sort -u | wc -l) == 2))
  chunks >done.lines
  [ "$(small --done done.lines | jq -r .op)" = source ]
  sql "UPDATE who SET mail = 'a' || mail WHERE n % 50 = 0"
  bring_up
  [ "$(state_of public.who)" = 'ready 0' ]
  [ "$(warehouse_sql job/warehouse.db 'SELECT count(*), count(DISTINCT mail), sum(n), sum(length(text)) FROM who')" = "$(sql 'SELECT count(*), count(DISTINCT mail), sum(n), sum(length(text)) FROM who')" ]
  # A value that is unknown for whatever reason: the key cannot be told, so the table is read again.
  sqlite3 job/warehouse.db "UPDATE \"public.who\" SET text = NULL, _cdc_unknown = '[\"text\"]' WHERE n = 7; UPDATE _cdc_tables SET unknown_values = 1, may_have_unknown = 1"
  [ "$(cdc-load --config job/pipeline.ini --print unknown)" = '{"table":"public.who","key":null}' ]
  complete 2
  [ "$rounds" = 1 ]
  [ "$(state_of public.who)" = 'ready 0' ]
  [ "$(warehouse_sql job/warehouse.db 'SELECT sum(length(text)) FROM who')" = "$(sql 'SELECT sum(length(text)) FROM who')" ]
}

@test "what was copied from another cluster or source is not gone on with, and lines that say nothing are refused" {
  sql 'CREATE TABLE a (id int PRIMARY KEY)'
  given_a_pipeline
  echo '{"op":"source","format":1,"source":"shop","system_id":"1"}' >done.lines
  run -78 --separate-stderr small --done done.lines
  [ -z "$output" ]
  [[ $stderr == *'err=wrong_cluster class=refused'* ]]
  echo '{"op":"source","format":1,"source":"other","system_id":"1"}' >done.lines
  run -78 --separate-stderr small --done done.lines
  [[ $stderr == *'err=wrong_cluster class=refused'* ]]
  echo '{"op":"r"}' >done.lines
  run -65 --separate-stderr small --done done.lines
  [[ $stderr == *'err=bad_done class=data'* ]]
  echo '{"table":"public.a","key":{}}' >unknown.lines
  run -65 --separate-stderr small --unknown unknown.lines
  [[ $stderr == *'err=bad_unknown class=data'* ]]
  # Nothing asked for is nothing read.
  : >unknown.lines
  [ "$(small --unknown unknown.lines | jq -r .op)" = source ]
}

# Rows of k that a copy reads which goes on with the chunks in done.lines.
rows_read() { small --jobs 1 --done done.lines public.k | grep -c '^{"op":"r"'; }
# Half a copy of k into done.lines; what is left of it is less than the whole, and with what was done exactly that.
given_half_a_copy() {
  small --jobs 1 public.k | head -n 1500 | jq -c 'select(.op == "snapshot" and .state == "end")' >done.lines || true # lint: it is to be cut
  (($(wc -l <done.lines) >= 2))
  [ $(($(rows_read) + $(jq -s 'map(.rows) | add' done.lines))) = 3000 ]
}

@test "what was cut by another key is begun anew: another primary key, another column of its name, another type, a table made again" {
  sql "CREATE TYPE color AS ENUM ('red', 'blue')" 'CREATE TABLE k (a int PRIMARY KEY, b int NOT NULL, c color NOT NULL, v text)' \
    "INSERT INTO k SELECT n, 3001 - n, 'red', repeat('x', 100) FROM generate_series(1, 3000) n" 'ANALYZE'
  given_a_pipeline
  given_half_a_copy
  # Renamed it is the same.
  sql 'ALTER TABLE k RENAME a TO z'
  (($(rows_read) < 3000))
  sql 'ALTER TABLE k ALTER z TYPE text USING lpad(z::text, 5)'
  [ "$(rows_read)" = 3000 ]
  given_half_a_copy
  sql 'ALTER TABLE k DROP CONSTRAINT k_pkey, ADD PRIMARY KEY (b)'
  [ "$(rows_read)" = 3000 ]
  given_half_a_copy
  sql 'ALTER TABLE k DROP b, ADD b serial PRIMARY KEY'
  [ "$(rows_read)" = 3000 ]
  given_half_a_copy
  sql 'ALTER TABLE k DROP CONSTRAINT k_pkey, ADD PRIMARY KEY (c, b)'
  given_half_a_copy
  # Its bounds cannot be read any more.
  sql "ALTER TYPE color RENAME VALUE 'red' TO 'green'"
  [ "$(rows_read)" = 3000 ]
  given_half_a_copy
  sql 'CREATE TABLE again AS SELECT * FROM k' 'ALTER TABLE again ADD PRIMARY KEY (c, b)' 'DROP TABLE k' 'ALTER TABLE again RENAME TO k'
  [ "$(rows_read)" = 3000 ]
}
