#!/usr/bin/env bats
# The canary proof: every column of a table with all types carries a marker of its own, and the whole pipeline runs, with a copy, the
# stream, large transactions in the spool, schema changes, kills, aborts, broken input, a parked table, verbose logs and metrics. Then every
# byte that any program wrote is searched, in every form in which a text could hide: no red marker is anywhere; each marker that
# may leave is found, so that the search is known to see.
# Knows: cdc-policy.5, the programs of the pipe, what SQL and files show. Must not know: how any of it masks, spools or writes.
# shellcheck disable=SC2030,SC2031,SC2094 # a test and its functions are one process; files whose names are also functions'

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load pipeline

setup_file() { cluster_start -o logical_decoding_work_mem=64kB; }
teardown_file() { cluster_remove; }

teardown() { rm -rf "$SPOOL"; }
setup() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database canary
  export SLOT=canary DIR=$PWD/p POLICY='#' TMPDIR=$PWD/p/tmp
  mkdir -p "$DIR/tmp" "$DIR/cores" "$DIR/logs"
  # In memory, where a file without a name can be opened once more through /proc.
  SPOOL=$(mktemp -d -p /dev/shm pgcdc-canary.XXXXXX)
  ulimit -c unlimited
}

# NAME<tab>TYPE<tab>EXPRESSION of each type; the expression makes the marker of side `red` or `kept` (digit 1 or 2).
types() {
  local text
  for text in text varchar 'varchar(80)' 'character(60)' name citext short_text; do
    printf '%s\t%s\t%s\n' "${text//[^a-z]/}" "$text" "('mark' || :s || '${text//[^a-z]/}Is')::$text"
  done | awk -F'\t' '!seen[$1]++'
  cat <<'TYPES'
json	json	json_build_object('k', 'mark' || :s || 'JsonIs', 'n', json_build_array(null, 'mark' || :s || 'JsonIn'))
jsonb	jsonb	jsonb_build_object('mark' || :s || 'JsonbKey', true, 'n', 'mark' || :s || 'JsonbIs')
xml	xml	xmlparse(content '<a>mark' || :s || 'XmlIs</a>')
bytea	bytea	convert_to('mark' || :s || 'ByteaIs', 'UTF8')
texts	text[]	ARRAY['mark' || :s || 'ArrayIs', NULL]
nested	text[]	ARRAY[ARRAY['mark' || :s || 'NestedIs'], ARRAY['x']]
jsons	jsonb[]	ARRAY[jsonb_build_object('k', 'mark' || :s || 'JsonsIs')]
hstore	hstore	hstore('k', 'mark' || :s || 'HstoreIs')
ltree	ltree	('top.mark' || :s || 'LtreeIs')::ltree
tsvector	tsvector	to_tsvector('simple', 'mark' || :s || 'TsvectorIs')
tsquery	tsquery	to_tsquery('simple', 'mark' || :s || 'TsqueryIs')
mood	mood	('mark' || :s || 'EnumIs')::mood
pair	pair	ROW(:d, 'mark' || :s || 'PairIs')::pair
pairs	pair[]	ARRAY[ROW(:d, 'mark' || :s || 'PairsIs')::pair]
span	textrange	textrange('mark' || :s || 'SpanIs', 'mark' || :s || 'SpanJs')
spans	textmultirange	textmultirange(textrange('mark' || :s || 'SpansIs', 'mark' || :s || 'SpansJs'))
int8	bigint	(8000000000070017 + :d * 10000000000)
int4	int	(1900071 + :d * 10000000)
oid	oid	(1900073 + :d * 10000000)
numeric	numeric	(70000000007.25 + :d * 100000000000)
money	money	(7000731.25 + :d * 10000000)::numeric::money
float8	float8	(70731.0625 + :d * 1000000)
float4	real	(7073.125 + :d * 100000)
uuid	uuid	(:d || 'd000000-dead-4000-8000-00000000beef')::uuid
inet	inet	('2001:db8:dead:be0' || :d || '::7/64')::inet
cidr	cidr	('2001:db8:dead:be1' || :d || '::/64')::cidr
macaddr	macaddr	('de:ad:be:ef:0' || :d || ':17')::macaddr
date	date	make_date(7100 + :d, 4, 17)
stamp	timestamp	make_timestamp(7200 + :d, 4, 17, 13, 17, 19.123457)
stamptz	timestamptz	make_timestamptz(7300 + :d, 4, 17, 13, 17, 19.123457, 'UTC')
clock	time	make_time(23, 50 + :d, 17.123457)
clocktz	timetz	('23:4' || :d || ':17.123457+02')::timetz
interval	interval	make_interval(days => 71170 + :d, hours => 13, mins => 17, secs => 19)
bits	bit varying	(repeat(:d::int8::bit(2)::text, 20) || '1100110001')::bit varying
int4s	int[]	ARRAY[1900079 + :d * 10000000]
numbers	int8range	int8range(7000000000070021 + :d * 10000000000, 7000000000070099 + :d * 10000000000)
point	point	point(70731.0625 + :d * 1000000, 1)
TYPES
}

# Every type twice, a table whose key is red text, one whose old rows are sent whole.
make_tables() {
  sql 'CREATE EXTENSION citext' 'CREATE EXTENSION hstore' 'CREATE EXTENSION ltree' "CREATE TYPE mood AS ENUM ('markredEnumIs', 'markkeptEnumIs')" \
    'CREATE TYPE pair AS (n int, t text)' 'CREATE TYPE textrange AS RANGE (subtype = text, multirange_type_name = textmultirange)' \
    'CREATE DOMAIN short_text AS text' 'CREATE PUBLICATION pgcdc FOR ALL TABLES'
  types >types
  {
    echo 'CREATE TABLE allt (id int PRIMARY KEY, pad text'
    awk -F'\t' '{ printf ", red_%s %s, kept_%s %s", $1, $2, $1, $2 }' types
    echo ');'
    # In binary an extension's type has no text: the reader may ask for binary only where it knows every type.
    echo 'CREATE TABLE plain (id int PRIMARY KEY, pad text'
    grep -vE $'\t(citext|hstore|ltree|tsvector|tsquery|pair|textrange|textmultirange|mood|point|pair\\[\\])\t' types |
      awk -F'\t' '{ printf ", red_%s %s, kept_%s %s", $1, $2, $1, $2 }'
    echo ');'
    echo 'CREATE TABLE keyed (red_code text PRIMARY KEY, kept_text text);'
    echo 'CREATE TABLE whole (id int PRIMARY KEY, red_note text, kept_note text); ALTER TABLE whole REPLICA IDENTITY FULL;'
    echo 'CREATE TABLE unlisted (id int PRIMARY KEY, red_any text);'
    echo 'CREATE TABLE parks (id int PRIMARY KEY, kept_number int, red_park text);'
  } | sql
}
# in  TABLE FROM TO   rows with these numbers
rows() {
  {
    echo "INSERT INTO $1 SELECT n, 'pad'"
    while IFS=$'\t' read -r name _ expression; do
      [[ $(sql "SELECT count(*) FROM pg_attribute WHERE attrelid = '$1'::regclass AND attname = 'red_$name'") == 1 ]] || continue
      sed -E "s/(^|[^:]):s\\b/\\1'red'/g; s/(^|[^:]):d\\b/\\11/g; s/^/, /" <<<"$expression"
      sed -E "s/(^|[^:]):s\\b/\\1'kept'/g; s/(^|[^:]):d\\b/\\12/g; s/^/, /" <<<"$expression"
    done <types
    echo "FROM generate_series($2, $3) n"
  } | sql
}

# Red columns are hidden in every way in turn, those without a rule too; the others are kept, each by its name.
make_policy() {
  local turn=0 table name action
  printf 'public.%s\tid\tint\tgreen\tkeep\t-\tkey\n' allt plain whole parks
  printf 'public.keyed\tred_code\ttext\tred\thash:code\t-\tkey\npublic.keyed\tkept_text\ttext\tgreen\tkeep\t-\twhy\n'
  printf 'public.whole\tred_note\ttext\tred\tnull\t-\twhy\npublic.whole\tkept_note\ttext\tgreen\tkeep\t-\twhy\n'
  printf 'public.parks\tkept_number\tint\tgreen\tkeep\t-\twhy\n'
  while read -r table name; do
    case $name in
    kept_*) printf 'public.%s\t%s\tany\tgreen\tkeep\t-\twhy\n' "$table" "$name" ;;
    red_*)
      turn=$((turn + 1))
      case $((turn % 5)) in
      0) continue ;;
      1) action=drop ;;
      2) action=null ;;
      3) action=hash:exact:canary ;;
      4) action=const:hidden ;;
      esac
      printf 'public.%s\t%s\tany\tred\t%s\t-\twhy\n' "$table" "$name" "$action"
      ;;
    esac
  done < <(sql "SELECT c.relname || ' ' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relname IN ('allt', 'plain') AND a.attnum > 0 ORDER BY 1")
}

# The pipe with one more word in each log. in  FIRST-PROGRAM [OPTION]...
loud_pipe() {
  local config=$DIR/pipeline.ini first=$1
  shift
  "$first" --config "$config" --verbose --metrics "$DIR/logs/$first.prom" "$@" 2>>"$DIR/logs/$first.log" |
    cdc-mask --config "$config" --verbose --metrics "$DIR/logs/mask.prom" 2>>"$DIR/logs/mask.log" |
    cdc-batch --config "$config" --verbose --metrics "$DIR/logs/batch.prom" 2>>"$DIR/logs/batch.log" |
    cdc-stage-put --config "$config" --verbose --metrics "$DIR/logs/put.prom" 2>>"$DIR/logs/put.log"
}
load_loudly() { cdc-load --config "$DIR/pipeline.ini" --history --verbose --metrics "$DIR/logs/load.prom" 2>>"$DIR/logs/load.log"; }
slot_is_free() { sql_says f "SELECT active FROM pg_replication_slots WHERE slot_name = '$SLOT'"; }
program() { pgrep -P "$pipe" -x "$1" || pgrep -g "$pipe" -x "$1"; }

# What had been committed when it was called first has arrived.
caught_up() { [[ $(sql "SELECT confirmed_flush_lsn >= '$reached' FROM pg_replication_slots WHERE slot_name = '$SLOT'") == t ]]; }
catch_up() { reached=$(current_lsn) && wait_until 30 caught_up; }

# One marker a line: what each column of a side holds as the stream writes it, part by part; and the words in it alone.   in  red or kept
markers() {
  {
    jq -r --arg side "$1" 'select(.op == "r") | .after | to_entries[] | select(.key | startswith($side)) | .value | .. | scalars | tostring' unmasked
    jq -r 'select(.op == "r") | .after | tostring' unmasked | grep -oiE "mark$1[A-Za-z]+(is|in|key|js)"
    echo "mark${1}ByteaIs"
  } | grep -E '.{7}' | grep -vixE "true|false|null|pad|$(printf 'mark%sByteaIs' "$1" | base64)" | sort -u
}
# The same as psql writes it.
markers_of_psql() { sql "SELECT v FROM allt, LATERAL jsonb_each_text(to_jsonb(allt)) AS j(k, v) WHERE id = 1 AND k LIKE '$1%'" | grep -E '.{7}'; }
# Patterns for grep: the text, its hex, and its base64, also when it begins one or two bytes later.
forms() {
  local text shift
  while IFS= read -r text; do
    echo "$text"
    printf %s "$text" | od -An -v -tx1 | tr -d ' \n' && echo
    for shift in 0 1 2; do printf %s "${text:shift}" | base64 -w0 | cut -c1-16 | grep -E '^.{12}' || true; done
  done
}
# Everything that was written, decompressed, one stream of bytes.
written() {
  find "$DIR" -type f ! -name policy ! -name '*.zst' -exec cat {} +
  find "$DIR" -type f -name '*.zst' -exec zstdcat -q {} +
}

@test "markers of red columns are in no byte that any program wrote; those of kept ones are" {
  make_tables
  pipeline_make "$DIR" 'max-seconds = 1' '[cdc-mask]' "pins = $DIR/pins" "ledger = $DIR/ledger"
  sed -i "s|^spool = $DIR/spool-read|spool = $SPOOL|" "$DIR/pipeline.ini"
  make_policy >"$DIR/policy"
  rows allt 1 40
  rows plain 1 40
  sql "INSERT INTO keyed SELECT 'markredKeyIs' || n, 'markkeptKeyIs' FROM generate_series(1, 20) n" "INSERT INTO whole SELECT n, 'markredWholeIs', 'markkeptWholeIs' FROM generate_series(1, 20) n" \
    "INSERT INTO unlisted VALUES (1, 'markredUnlistedIs')" "INSERT INTO parks VALUES (1, 7, 'markredParkIs')"
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null
  pgcdc-snapshot --config "$DIR/pipeline.ini" 2>/dev/null >unmasked
  loud_pipe pgcdc-snapshot
  load_loudly

  # Under load, programs are killed, one after another; then asked to dump core.
  local victim signal round=0
  for signal in KILL ABRT; do
    for victim in pgcdc-read cdc-mask cdc-batch cdc-stage-put; do
      round=$((round + 1))
      set -m
      (cd "$DIR/cores" && loud_pipe pgcdc-read) 3>&- 8>&- 2>>"$DIR/logs/shell" &
      pipe=$!
      set +m
      sql "UPDATE allt SET pad = '$round' WHERE id % 2 = 0" "UPDATE plain SET red_text = red_text || '$round', pad = '$round'" "UPDATE whole SET kept_note = kept_note || '$round' WHERE id < 9" \
        "DELETE FROM whole WHERE id = 10 + $round" "UPDATE keyed SET red_code = red_code || '_$round' WHERE red_code LIKE 'markredKeyIs$round%'" "UPDATE unlisted SET red_any = red_any || '$round'"
      wait_until 20 program "$victim"
      kill "-$signal" "$(program "$victim")"
      wait "$pipe" || true # lint: one of its programs was killed
      wait_until 20 slot_is_free
    done
  done

  # A large transaction, while it lies in the reader's spool, whose file has no name: all that this process has open is read.
  mkfifo into
  psql -XqAt -v ON_ERROR_STOP=1 <into 3>&- 8>&- &
  local session=$!
  exec 8>into
  echo "BEGIN; INSERT INTO whole SELECT n, 'markredSpoolIs' || n || repeat('x', 900), 'markkeptSpoolIs' || n FROM generate_series(1000, 9000) n;" >&8
  set -m
  (cd "$DIR/cores" && loud_pipe pgcdc-read) 3>&- 8>&- 2>>"$DIR/logs/shell" &
  pipe=$!
  set +m
  wait_until 30 grep -qE '^cdc_read_spooled_bytes.* [1-9][0-9]{6}' "$DIR/logs/pgcdc-read.prom"
  mkdir "$DIR/open"
  local fd
  for fd in /proc/"$(program pgcdc-read)"/fd/*; do
    if [[ $(readlink "$fd") == *" (deleted)" ]]; then cat "$fd" >"$DIR/open/${fd##*/}"; fi
  done
  (($(cat "$DIR"/open/* | wc -c) > 1000000))
  # Not even what may leave is there in clear.
  run ! grep -aqF SpoolIs "$DIR"/open/*
  echo 'COMMIT;' >&8
  exec 8>&-
  wait "$session"
  catch_up

  # Schema changes while it runs: a new column without a rule, another one under an allowed name, a type that the warehouse cannot follow.
  # Each arrives before the next: what overtakes the stream is not proven, and would park the table.
  sql 'ALTER TABLE whole ADD COLUMN red_new text' "UPDATE whole SET red_new = 'markredNewIs' WHERE id < 5"
  catch_up
  sql 'ALTER TABLE whole RENAME COLUMN kept_note TO kept_old' 'ALTER TABLE whole RENAME COLUMN red_new TO kept_note' "INSERT INTO whole (id, red_note, kept_note) VALUES (500, 'markredWholeIs', 'markredSwapIs')" \
    'DROP TABLE keyed' 'CREATE TABLE keyed (red_code text PRIMARY KEY, kept_text text)' "INSERT INTO keyed VALUES ('markredAgainIs', 'x')" \
    'ALTER TABLE parks ALTER COLUMN kept_number TYPE text' "INSERT INTO parks VALUES (2, 'markredRetypedIs', 'markredParkIs')" \
    "SELECT pg_logical_emit_message(true, 'audit', 'markredMessageIs')"
  catch_up
  kill -TERM "$(program pgcdc-read)"
  wait "$pipe"
  loud_pipe pgcdc-read --until now
  load_loudly || (($? == 1))
  cdc-load --config "$DIR/pipeline.ini" --print unknown >"$DIR/logs/unknown" 2>&1

  # Broken input: the line is not shown.
  local cut
  for cut in 's/"markred[^"]*"/"markredBroken/' 's/"after":{/"after":{"markredBrokenIs":1,/' 's/"op":"r"/"op":"markredBrokenIs"/' 's/}$//'; do
    sed "/\"op\":\"r\"/$cut" unmasked | cdc-mask --config "$DIR/pipeline.ini" --pins '' --ledger '' --verbose >>"$DIR/logs/broken.out" 2>>"$DIR/logs/broken.log" && return 1
  done
  (($(grep -c 'class=data' "$DIR/logs/broken.log") == 4))

  # The search.
  { markers red && markers_of_psql red; } | sort -u >red
  markers kept >kept
  printf 'markred%s\n' KeyIs WholeIs UnlistedIs ParkIs SpoolIs NewIs SwapIs AgainIs RetypedIs MessageIs BrokenIs Broken >>red
  printf 'markkept%s\n' KeyIs WholeIs SpoolIs >>kept
  (($(wc -l <red) > 70 && $(wc -l <kept) > 60))
  run ! grep -Fxf kept red
  forms <red >red.forms
  written >all
  (($(stat -c %s all) > 2000000))
  [[ -z $(grep -aoiFf red.forms all | sort -u) ]] || {
    echo 'found:'
    grep -aoiFf red.forms all | sort -u
    false
  }
  # Each of those that may leave is seen by the same search, in the stage and in the warehouse.
  find "$DIR/stage" -name '*.zst' -exec zstdcat -q {} + >staged
  sqlite3 -batch -readonly "$DIR/warehouse.db" 'SELECT * FROM allt' 'SELECT * FROM plain' 'SELECT * FROM "public.whole"' 'SELECT * FROM "public.keyed"' >loaded
  local marker
  while IFS= read -r marker; do
    forms <<<"$marker" >kept.forms
    grep -aiFf kept.forms staged >/dev/null && grep -aiFf kept.forms loaded >/dev/null || echo "not seen: $marker"
  done < <(grep -v "[\"']" kept) >unseen
  [[ ! -s unseen ]] || {
    cat unseen
    false
  }
  # Who holds red data dumped no core, not even when asked to; the source's rows are in the warehouse, what may leave of them.
  run ! grep -E '(pgcdc-read|cdc-mask).*core dumped' "$DIR/logs/shell"
  grep -q Aborted "$DIR/logs/shell"
  [[ $(warehouse_sql "$DIR/warehouse.db" 'SELECT count(*) FROM allt') == 40 ]]
  [[ $(warehouse_sql "$DIR/warehouse.db" "SELECT group_concat(name) FROM _cdc_tables WHERE parked = 'another table bears this name now'") == public.keyed ]]
  [[ $(warehouse_sql "$DIR/warehouse.db" 'SELECT count(*) FROM "public.whole" WHERE NOT _cdc_deleted') == "$(sql 'SELECT count(*) FROM whole')" ]]
}
