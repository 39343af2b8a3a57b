#!/usr/bin/env bats
# bats file_tags=server
# Every kind of value on a real server: what the copy and the stream print, byte for byte, and that neither depends on what
# server, database and role are set to. Knows: the table of values in cdc-stream.5. The pure part has unit tests (value).
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() {
  cluster_start
  # Whatever an administrator may have thought of; a session of ours must not show it.
  sql "ALTER SYSTEM SET DateStyle = 'German, DMY'" "ALTER SYSTEM SET bytea_output = 'escape'" \
    "ALTER SYSTEM SET extra_float_digits = -15" "SELECT pg_reload_conf()" >/dev/null
  sql "CREATE ROLE capture LOGIN REPLICATION"
  sql "ALTER ROLE capture SET DateStyle = 'SQL, MDY'" "ALTER ROLE capture SET TimeZone = 'America/St_Johns'" \
    "ALTER ROLE capture SET IntervalStyle = 'postgres_verbose'" "ALTER ROLE capture SET extra_float_digits = 0" \
    "ALTER ROLE capture SET bytea_output = 'escape'" "ALTER ROLE capture SET search_path = public, pg_catalog" \
    "ALTER ROLE capture SET quote_all_identifiers = on" "ALTER ROLE capture SET standard_conforming_strings = off" \
    "ALTER ROLE capture SET lc_monetary = 'C.UTF-8'" "ALTER ROLE capture SET client_encoding = 'LATIN1'"
}

teardown_file() { cluster_remove; }

setup() {
  fresh_database "values_$BATS_TEST_NUMBER"
  sql "GRANT ALL ON SCHEMA public TO capture"
  sql "ALTER DATABASE $PGDATABASE SET IntervalStyle = 'sql_standard'" "ALTER DATABASE $PGDATABASE SET TimeZone = 'Asia/Kathmandu'"
  export CAPTURE="$DSN user=capture" SLOT=s_$BATS_TEST_NUMBER
}

# A slot left behind would hold back what the next one may know of the catalog's past.
teardown() { sql "SELECT pg_drop_replication_slot('$SLOT')" >/dev/null; }

# The `after` objects of a stream on stdin, as they stand there.
afters() { sed -nE 's/^\{"op":"[rc]".*"after":(\{.*\})\}$/\1/p'; }

copy() { pgcdc-snapshot --source t --dsn "$CAPTURE" --slot "$SLOT" --publication p; }
stream() { pgcdc-read --source t --dsn "$CAPTURE" --slot "$SLOT" --publication p --until now; }

# A table `v` of one column for each line of `cases`: type, SQL expression, JSON. Rows are written before the copy, and the
# same rows again after it, for the stream. Sets expected.
given_cases() {
  local type value json columns='' values='' n=0
  expected=
  while IFS=$'\t' read -r type value json; do
    [[ -n $type && $type != \#* ]] || continue
    n=$((n + 1))
    columns+="${columns:+, }c$n $type"
    values+="${values:+, }($value)::$type"
    expected+="${expected:+,}\"c$n\":$json"
  done
  nines=$(printf '9%.0s' {1..1000})
  expected="{${expected/NINES/$nines}}"
  ((n > 0))
  sql "CREATE TABLE v ($columns)" "ALTER TABLE v REPLICA IDENTITY FULL" "GRANT SELECT ON v TO capture" "CREATE PUBLICATION p FOR TABLE v" >/dev/null
  sql "SELECT pg_create_logical_replication_slot('$SLOT', 'pgoutput')" >/dev/null
  # The statement runs with plain settings: it is the capture that must not depend on them.
  insert="SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; INSERT INTO v VALUES ($values)"
  sql "$insert"
}

# Copy and stream both print what is expected.
both_say_so() {
  local got
  got=$(copy | afters)
  difference "$expected" "$got"
  got=$(stream | afters)
  difference "$expected" "$got"
}

difference() {
  [[ $1 == "$2" ]] && return
  diff <(printf '%s\n' "${1//,\"c/,$'\n'\"c}") <(printf '%s\n' "${2//,\"c/,$'\n'\"c}") | head -40
  return 1
}

@test "numbers: exact, as numbers where a double is exact, else as text" {
  given_cases <<'CASES'
int2	'-32768'	-32768
int4	'-2147483648'	-2147483648
int4	'2147483647'	2147483647
int8	'9007199254740992'	9007199254740992
int8	'-9007199254740992'	-9007199254740992
int8	'9007199254740993'	"9007199254740993"
int8	'-9223372036854775808'	"-9223372036854775808"
oid	'4294967295'	4294967295
float4	'1.1'	1.1
float4	'3.4028235e38'	3.4028235e+38
float4	'1e-45'	1e-45
float8	'0.1'	0.1
float8	'1e20'	1e+20
float8	'-0'	-0
float8	'5e-324'	5e-324
float8	'1.7976931348623157e308'	1.7976931348623157e+308
float8	'0.30000000000000004'	0.30000000000000004
float8	'NaN'	"NaN"
float8	'Infinity'	"Infinity"
float8	'-Infinity'	"-Infinity"
numeric	'NaN'	"NaN"
numeric	'Infinity'	"Infinity"
numeric	'-Infinity'	"-Infinity"
numeric	'-0.000'	"0.000"
numeric	'123456789012345678901234567890.1234567890'	"123456789012345678901234567890.1234567890"
numeric(10,2)	'1.5'	"1.50"
numeric(1000)	repeat('9', 1000)	"NINES"
money	'-92233720368547758.08'	"-$92,233,720,368,547,758.08"
bool	'yes'	true
bool	'no'	false
int4	null	null
CASES
  both_say_so
}

@test "dates and times: ISO 8601, six digits, the whole range, BC and infinity as PostgreSQL writes them" {
  given_cases <<'CASES'
date	'2024-02-29'	"2024-02-29"
date	'0044-03-15 BC'	"0044-03-15 BC"
date	'4714-11-24 BC'	"4714-11-24 BC"
date	'5874897-12-31'	"5874897-12-31"
date	'12023-07-06'	"12023-07-06"
date	'infinity'	"infinity"
date	'-infinity'	"-infinity"
time	'24:00:00'	"24:00:00.000000"
time	'04:05:06.7'	"04:05:06.700000"
time(0)	'04:05:06.7'	"04:05:07.000000"
timetz	'04:05:06.789-08'	"04:05:06.789000-08:00"
timetz	'24:00:00+15:59:59'	"24:00:00.000000+15:59:59"
timetz	'00:00:00-15:59'	"00:00:00.000000-15:59"
timetz	'12:00+05:45'	"12:00:00.000000+05:45"
timestamp	'0001-01-01'	"0001-01-01T00:00:00.000000"
timestamp	'4714-11-24 00:00:00 BC'	"4714-11-24T00:00:00.000000 BC"
timestamp	'294276-12-31 23:59:59.999999'	"294276-12-31T23:59:59.999999"
timestamp	'202112-09-07 10:00'	"202112-09-07T10:00:00.000000"
timestamp	'infinity'	"infinity"
timestamp	'-infinity'	"-infinity"
timestamp(3)	'2024-02-29 12:00:00.1239'	"2024-02-29T12:00:00.124000"
timestamptz	'2024-02-29 12:34:56.5+05:30'	"2024-02-29T07:04:56.500000Z"
timestamptz	'0044-03-15 10:00:00+00 BC'	"0044-03-15T10:00:00.000000Z BC"
timestamptz	'1900-01-01 00:00:00 Europe/Paris'	"1899-12-31T23:50:39.000000Z"
timestamptz	'294276-12-31 23:59:59.999999+00'	"294276-12-31T23:59:59.999999Z"
timestamptz	'infinity'	"infinity"
timestamptz	'-infinity'	"-infinity"
interval	'1 year 2 mons 3 days 04:05:06.789'	"P1Y2M3DT4H5M6.789S"
interval	'1 year -2 days 00:00:01'	"P1Y-2DT1S"
interval	'-1 mon 1 day -00:00:00.000001'	"P-1M1DT-0.000001S"
interval	'0'	"PT0S"
interval	'-178000000 years'	"P-178000000Y"
interval	'2147483647 days'	"P2147483647D"
CASES
  both_say_so
}

@test "texts and bytes: nothing of them is lost or taken for something else" {
  given_cases <<'CASES'
text	''	""
text	E'tab\tback\\slash "quote" \r\n \b\f\x0b \x01 \x7f'	"tab\tback\\slash \"quote\" \r\n \b\f\u000b \u0001 "
text	E'\\N'	"\\N"
text	E'\\\\N'	"\\\\N"
text	E'\\.'	"\\."
text	U&'\00E4\4E2D\+01F600\2028\FEFF'	"ä中😀 ﻿"
varchar(5)	'abc'	"abc"
bpchar	'ab  '	"ab  "
char(5)	'ab'	"ab   "
name	'pg_class'	"pg_class"
"char"	'a'	"a"
"char"	''	""
json	'{"a" : 1.10,  "a": [true,null,"\u00e4\n"]}'	"{\"a\" : 1.10,  \"a\": [true,null,\"\\u00e4\\n\"]}"
jsonb	'{"b":1.10,"a":[true,null,"\u00e4"]}'	"{\"a\": [true, null, \"ä\"], \"b\": 1.10}"
jsonpath	'$.a[*] ? (@ > 1)'	"$.\"a\"[*]?(@ > 1)"
xml	'<a b="c">&amp;</a>'	"<a b=\"c\">&amp;</a>"
bytea	''	""
bytea	'\x00ff10'	"AP8Q"
bytea	'\xdeadbeef'	"3q2+7w=="
bytea	E'\\x5c78'	"XHg="
bit(5)	B'10101'	"10101"
varbit	B''	""
uuid	'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'	"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
inet	'192.168.0.1/24'	"192.168.0.1/24"
inet	'::ffff:1.2.3.4'	"::ffff:1.2.3.4"
cidr	'10.0.0.0/8'	"10.0.0.0/8"
macaddr	'08:00:2b:01:02:03'	"08:00:2b:01:02:03"
macaddr8	'08:00:2b:01:02:03:04:05'	"08:00:2b:01:02:03:04:05"
tsvector	'fat:1A cat:2 ''q''''t'''	"'cat':2 'fat':1A 'q''t'"
tsquery	'fat & (rat | !cat)'	"'fat' & ( 'rat' | !'cat' )"
pg_lsn	'16/B374D848'	"16/B374D848"
txid_snapshot	'10:20:10,14,15'	"10:20:10,14,15"
pg_snapshot	'10:20:10,14,15'	"10:20:10,14,15"
tid	'(42,7)'	"(42,7)"
xid	'4294967295'	"4294967295"
xid8	'18446744073709551615'	"18446744073709551615"
cid	'7'	"7"
regclass	'pg_catalog.pg_class'	"pg_class"
regtype	'int8'	"bigint"
regproc	'pg_catalog.now'	"now"
regnamespace	'public'	"public"
regrole	'capture'	"capture"
aclitem	'capture=r/capture'	"capture=r/capture"
point	'(1.5,-0.1)'	"(1.5,-0.1)"
line	'{1,-1,0}'	"{1,-1,0}"
lseg	'[(0,0),(1,1)]'	"[(0,0),(1,1)]"
box	'(1,1),(0,0)'	"(1,1),(0,0)"
path	'((0,0),(1,1))'	"((0,0),(1,1))"
polygon	'((0,0),(1,1),(1,0))'	"((0,0),(1,1),(1,0))"
circle	'<(0,0),1e-9>'	"<(0,0),1e-09>"
int2vector	'1 2 3'	"1 2 3"
oidvector	'1 2 3'	"1 2 3"
int4range	'[1,5]'	"[1,6)"
numrange	'(,1.50]'	"(,1.50]"
tstzrange	'["2024-01-01 00:00:00+00",infinity)'	"[\"2024-01-01 00:00:00+00\",infinity)"
daterange	'empty'	"empty"
int8multirange	'{[1,3),[5,7)}'	"{[1,3),[5,7)}"
CASES
  both_say_so
}

@test "arrays: nested by dimension with nulls, as text when a lower bound is not 1" {
  given_cases <<'CASES'
int4[]	'{}'	[]
int4[]	'{1,NULL,-3}'	[1,null,-3]
int4[][]	'{{1,2},{NULL,4}}'	[[1,2],[null,4]]
int8[]	'{9007199254740992,9007199254740993}'	[9007199254740992,"9007199254740993"]
int4[]	'[2:3]={1,2}'	"[2:3]={1,2}"
text[]	'[0:1]={"a b",c}'	"[0:1]={\"a b\",c}"
bool[]	'{t,f,NULL}'	[true,false,null]
float8[]	'{1.5,NaN,-0,1e20}'	[1.5,"NaN",-0,1e+20]
numeric[]	'{1.10,NaN}'	["1.10","NaN"]
text[]	array['', 'NULL', 'null', null, 'a,b', 'a"b', 'a\b', '{}', ' x ', E'n\nl']	["","NULL","null",null,"a,b","a\"b","a\\b","{}"," x ","n\nl"]
text[]	array[array['a','b'], array['c','{"d"}']]	[["a","b"],["c","{\"d\"}"]]
varchar(3)[]	'{abc}'	["abc"]
"char"[]	'{a,"\\","\""}'	["a","\\","\""]
date[]	'{2024-02-29,"0044-03-15 BC",infinity}'	["2024-02-29","0044-03-15 BC","infinity"]
timetz[]	'{12:00+05:45}'	["12:00:00.000000+05:45"]
timestamp[]	'{"2024-02-29 01:02:03.4",-infinity}'	["2024-02-29T01:02:03.400000","-infinity"]
timestamptz[]	'{{"2024-02-29 01:02:03.4+02"}}'	[["2024-02-28T23:02:03.400000Z"]]
interval[]	'{1 day 1 sec}'	["P1DT1S"]
bytea[]	array['\x00ff'::bytea, '', null]	["AP8=","",null]
jsonb[]	array['{"a": "b\"c"}'::jsonb]	["{\"a\": \"b\\\"c\"}"]
uuid[]	'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'	["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]
inet[]	'{::1,10.0.0.1/8}'	["::1","10.0.0.1/8"]
box[]	'{(1,1),(0,0);(2,2),(1,1)}'	["(1,1),(0,0)","(2,2),(1,1)"]
point[]	'{"(1,2)","(3,4)"}'	["(1,2)","(3,4)"]
int4range[]	'{"[1,3)",empty}'	["[1,3)","empty"]
int4multirange[]	array['{[1,2),[4,5)}'::int4multirange]	["{[1,2),[4,5)}"]
bit(3)[]	'{101,010}'	["101","010"]
oid[]	'{4294967295}'	[4294967295]
money[]	'{$1,234.56}'	["$1.00","$234.56"]
aclitem[]	'{capture=r/capture}'	["capture=r/capture"]
int4[][][][][][]	'{{{{{{7}}}}}}'	[[[[[[7]]]]]]
CASES
  both_say_so
}

@test "types of users: domains by their base, the others by their own text" {
  sql "CREATE TYPE mood AS ENUM ('sad', 'very \"happy\"', '')" "CREATE DOMAIN small AS int2 CHECK (VALUE < 100)" \
    "CREATE DOMAIN smaller AS small" "CREATE DOMAIN moment AS timestamptz(3)" "CREATE DOMAIN label AS varchar(20)" \
    "CREATE DOMAIN numbers AS int4[]" "CREATE TYPE pair AS (a int4, b text, c timestamptz, d numbers)" \
    "CREATE TYPE span AS RANGE (subtype = float8)" "CREATE DOMAIN feeling AS mood" \
    "CREATE SCHEMA \"Odd\"" "CREATE TYPE \"Odd\".\"T\" AS ENUM ('x')" "CREATE EXTENSION hstore" "CREATE EXTENSION citext" "CREATE EXTENSION ltree" >/dev/null
  sql "CREATE TABLE public.target ()"
  given_cases <<'CASES'
mood	'very "happy"'	"very \"happy\""
mood	''	""
feeling	'sad'	"sad"
small	7	7
smaller	8	8
moment	'2024-02-29 12:00:00.1239+02'	"2024-02-29T10:00:00.124000Z"
label	'abc'	"abc"
numbers	'{1,2}'	[1,2]
mood[]	'{sad,"very \"happy\"",""}'	["sad","very \"happy\"",""]
smaller[]	'{1,NULL}'	[1,null]
moment[]	'{"2024-02-29 12:00:00+02"}'	["2024-02-29T10:00:00.000000Z"]
numbers[]	array['{1,2}'::numbers, '{}']	["{1,2}","{}"]
pair	row(1, 'a "b", c', '2024-02-29 12:00:00+02', '{1,2}')	"(1,\"a \"\"b\"\", c\",\"2024-02-29 10:00:00+00\",\"{1,2}\")"
pair[]	array[row(1, null, null, null)::pair]	["(1,,,)"]
span	'[0.1,1e20)'	"[0.1,1e+20)"
"Odd"."T"	'x'	"x"
"Odd"."T"[]	'{x}'	["x"]
hstore	'a=>1, b=>NULL, "c d"=>"\"e"'	"\"a\"=>\"1\", \"b\"=>NULL, \"c d\"=>\"\\\"e\""
citext	'MiXed'	"MiXed"
citext[]	'{MiXed}'	["MiXed"]
ltree	'a.b.c'	"a.b.c"
regclass	'public.target'	"public.target"
CASES
  both_say_so
  # A domain is described as its base type, its type modifier included; other types with their schema.
  run -0 bash -c "pgcdc-snapshot --source t --dsn '$CAPTURE' --slot $SLOT --publication p | grep '^{\"op\":\"schema\"' |
    jq -r '.columns[] | [.name, .type, .typmod, .category] | @tsv'"
  [[ $output == *$'c1\tpublic.mood\t-1\tE'* ]]
  [[ $output == *$'c3\tpublic.mood\t-1\tE'* ]]
  [[ $output == *$'c5\tint2\t-1\tN'* ]]
  [[ $output == *$'c6\ttimestamptz\t3\tD'* ]]
  [[ $output == *$'c7\tvarchar\t24\tS'* ]]
  [[ $output == *$'c8\t_int4\t-1\tA'* ]]
  [[ $output == *$'c10\t_int2\t-1\tA'* ]]
  [[ $output == *$'c12\tpublic._numbers\t-1\tA'* ]]
  [[ $output == *$'c16\t"Odd"."T"\t-1\tE'* ]]
}

@test "copy and stream describe a table alike" {
  sql "CREATE TABLE d (id int8 PRIMARY KEY, a text NOT NULL DEFAULT 'x', gone int, b numeric(8,3), g int GENERATED ALWAYS AS (1) STORED, c timestamptz(3))" \
    "ALTER TABLE d DROP COLUMN gone" "GRANT SELECT ON d TO capture" "CREATE PUBLICATION p FOR TABLE d" \
    "SELECT pg_create_logical_replication_slot('$SLOT', 'pgoutput')" "INSERT INTO d (id, b) VALUES (1, 1.5)" >/dev/null
  copied=$(copy | jq -c 'select(.op == "schema") | del(.lsn, .file)')
  streamed=$(stream | jq -c 'select(.op == "schema") | del(.lsn)')
  [[ $(jq -r '[.columns[] | "\(.name) \(.attnum)"] | join(",")' <<<"$copied") == "id 1,a 2,b 4,c 6" ]]
  difference "$copied" "$streamed"
}

@test "every base type of the catalog passes copy and stream as valid JSON" {
  # One column for each type that a table can have, all null but those that a literal can be found for in pg_type's neighbours;
  # what is tested is the description: no type is unknown to us, none stops the stream.
  columns=$(sql "SELECT string_agg(format('%I %s', 'c_' || oid, format_type(oid, -1)), ', ' ORDER BY oid) FROM pg_type
    WHERE typtype IN ('b', 'r', 'm', 'e') AND typisdefined AND typnamespace = 'pg_catalog'::regnamespace AND typcategory NOT IN ('Z', 'P')
      AND typname NOT IN ('gtsvector', 'unknown', '_cstring')
      AND NOT EXISTS (SELECT 1 FROM pg_type e WHERE e.oid = pg_type.typelem AND e.typtype = 'c')")
  sql "CREATE TABLE v ($columns)" "ALTER TABLE v REPLICA IDENTITY FULL" "GRANT SELECT ON v TO capture" "CREATE PUBLICATION p FOR TABLE v" \
    "SELECT pg_create_logical_replication_slot('$SLOT', 'pgoutput')" "INSERT INTO v DEFAULT VALUES" >/dev/null
  copied=$(copy)
  streamed=$(stream)
  [[ $(afters <<<"$copied" | jq 'length > 100 and all(.[]; . == null)') == true ]]
  [ "$(afters <<<"$copied")" = "$(afters <<<"$streamed")" ]
  [[ $(grep '^{"op":"schema"' <<<"$copied" | jq '[.columns[] | select(.type == "unknown")] | length') == 0 ]]
}

@test "a high byte of the type \"char\" is written as PostgreSQL 16 does, and stays JSON" {
  sql "CREATE TABLE v (c \"char\", cs \"char\"[])" "GRANT SELECT ON v TO capture" "CREATE PUBLICATION p FOR TABLE v" \
    "SELECT pg_create_logical_replication_slot('$SLOT', 'pgoutput')" >/dev/null
  sql "INSERT INTO v SELECT x, array[x, 'a'] FROM (SELECT (-1)::\"char\" AS x) s"
  [ "$(copy | afters)" = '{"c":"\\377","cs":["\\377","a"]}' ]
  [ "$(stream | afters)" = '{"c":"\\377","cs":["\\377","a"]}' ]
}
