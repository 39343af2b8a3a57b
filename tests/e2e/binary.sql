-- Values of every type that the server can make some of, for binary.bats: types of users, then a table `made` with :rows rows, most of
-- them random, and a table `arrays` of arrays over all of its columns.
-- Must not: hold a type whose binary form nobody reads; those are named in binary.bats.
SET IntervalStyle = iso_8601;
CREATE TYPE mood AS ENUM ('sad', 'very "happy"', '', 'a\b', 'null');
CREATE DOMAIN small AS int2; CREATE DOMAIN numbers AS int4[]; CREATE DOMAIN moment AS timestamptz(3); CREATE DOMAIN smalls AS small[];
CREATE TYPE pair AS (a int4, b text, c timestamptz, d numbers, e bytea, f float8, g bool, h mood);
CREATE TYPE nest AS (p pair, ps pair[], r int4range, i interval);
CREATE TYPE span AS RANGE (subtype = float8, multirange_type_name = spans);
CREATE TYPE words AS RANGE (subtype = text, multirange_type_name = wordss);
CREATE TYPE pairs AS RANGE (subtype = pair);
CREATE TYPE days AS RANGE (subtype = numbers);
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE DOMAIN bag AS hstore;
-- Text of up to `most` of the characters that some quoting has to look at.
CREATE FUNCTION awkward(most int) RETURNS text LANGUAGE sql VOLATILE AS $$
 SELECT coalesce(string_agg((ARRAY['a','B',' ','"','\',',','(',')','[',']','{','}','''',E'\n',E'\t',E'\v',E'\f',E'\r',E'\x01',E'\x7f','ä','😀','NULL','null',';',':','=>','1','/',E'\u2028', E'\u00a0'])[1+(random()*31)::int % 31],''),'')
 FROM generate_series(1,(random() * most)::int) $$;
CREATE TABLE made AS SELECT
 n,
 (random()*65535-32768)::int::int2 AS i2,
 (random()*4294967295-2147483648)::int8::int4 AS i4,
 ((random()*2-1)*10^(random()*18))::int8 AS i8,
 (random()*4294967295)::int8::oid AS o,
 ((random()-0.5)*10^(random()*70-35))::float4 AS f4,
 ((random()-0.5)*10^(random()*600-300))::float8 AS f8,
 ((random()-0.5)*10^(random()*20-6))::float8 AS f8b,
 (random()*1e6)::int / 100.0::float8 AS f8c,
 power(2::float8, CASE WHEN n%2=0 THEN n%1000 ELSE -(n%1074) END) AS f8p,
 power(2::float8, CASE WHEN n%2=0 THEN n%127 ELSE -(n%149) END)::float4 AS f4p,
 (round((random()::numeric-0.5)*(10::numeric^((random()*60)::int-20)), (random()*40)::int)) AS num,
 ((random()*1e9)::int8::numeric(12,2)/100)::numeric(12,2) AS num2,
 (random()*1e15)::int8::money/(1+n%7) AS mon,
 n%2=0 AS b,
 awkward(12) AS tx,
 awkward(5)::varchar AS vc, awkward(5)::char(8) AS ch, awkward(8)::name AS nm,
 chr(1+n%127)::"char" AS c1,
 (date '4714-11-24 BC' + (random()*2147483493)::int) AS d,
 (date '0001-01-01' + (random()*2000000)::int-600000) AS d2,
 (timestamp '4714-11-24 BC' + random()*109200000 * interval '1 day' + random()* interval '1 day') AS ts_,
 (timestamp '2000-01-01' + random()* interval '9000 days' + n%2 * interval '0.5 s')::timestamp(3) AS ts3,
 (timestamptz '0100-01-01' - random()*interval '1000000 days') AS tz_,
 (timestamptz '2020-01-01' + random()*interval '1000 days') AS tz2,
 (time '00:00' + random()*interval '1 day') AS t_,
 (timetz '00:00+00' + random()*interval '1 day') AT TIME ZONE (((random()*2-1)*57599)::int * interval '1 s') AS ttz,
 make_interval(years=>((random()-0.5)*4)::int, months=>((random()-0.5)*30)::int, days=>((random()-0.5)*5)::int, secs=>(CASE WHEN n%3=0 THEN 0 WHEN n%3=1 THEN (random()-0.5)*100000 ELSE ((random()-0.5)*100000)::int END)) AS iv,
 make_interval(years=>((random()-0.5)*300000000)::int, days=>((random()-0.5)*4000000000)::int8::int, hours=>((random()-0.5)*4e9)::int8::int) AS iv2,
 decode(md5(n::text),'hex') AS by,
 substr(decode(md5(n::text),'hex'), 1, n%17) AS by2,
 md5(n::text)::uuid AS u,
 ('0.0.0.0'::inet + (random()*4294967295)::int8) AS ip,
 set_masklen('0.0.0.0'::inet + (random()*4294967295)::int8, n%33) AS ip2,
 network(set_masklen('0.0.0.0'::inet + (random()*4294967295)::int8, n%33))::cidr AS ci,
 set_masklen((regexp_replace(regexp_replace(md5(n::text), '(....)(?!$)', '\1:', 'g'), '([0-9a-f]{4}:)', CASE WHEN n%3=0 THEN '0:' ELSE '\1' END, CASE WHEN n%2=0 THEN '' ELSE 'g' END))::inet, n%129) AS ip6,
 (CASE n % 4 WHEN 0 THEN '::' WHEN 1 THEN '::ffff:' ELSE (ARRAY['0:', '1:'])[1 + n / 4 % 2] || (ARRAY['0:', 'a:'])[1 + n / 8 % 2] || '0:0:' || (ARRAY['0:', 'b:'])[1 + n / 16 % 2] || '0:' END
  || '0.0.' || n % 3 || '.' || n % 2)::inet AS ip6t,
 substr(md5(n::text),1,12)::macaddr AS ma, substr(md5(n::text),1,16)::macaddr8 AS ma8,
 (('x'||substr(md5(n::text),1,8))::bit(32))::bit(19) AS bt, substr(('x'||substr(md5(n::text),1,8))::bit(32)::text,1,n%33)::varbit AS vb,
 ('0/0'::pg_lsn + (random()*18446744073709551615)::numeric) AS lsn,
 ('('||n||','||n%65536||')')::tid AS ti, n::text::xid AS xi, n::text::cid AS cd, n::text::xid8 AS x8,
 (n||':'||n+10||':'||n+1||','||n+3)::pg_snapshot AS snap,
 (n||':'||n+10||':')::txid_snapshot AS snap2,
 point(random()*100-50, (random()-0.5)*10^(random()*40-20)) AS pt,
 lseg(point(random(),n), point(-n,0)) AS ls, box(point(random(),n),point(n,random())) AS bx,
 circle(point(random(),n), random()) AS cc, ('{'||random()*9+1||','||random()||','||n||'}')::line AS li,
 ('(('||random()||',1),(2,3),(4,'||n||'))')::polygon AS pg, ('['||'(1,2),('||random()||',4)]')::path AS pa, '((1,2),(3,4))'::path AS pa2,
 to_json(awkward(9)) AS js, jsonb_build_object(awkward(4), awkward(9), 'n', random(), 'a', array[n,null]) AS jb,
 '$.a[*] ? (@ > 1).b'::jsonpath AS jp,
 array_to_tsvector(array_remove(array[awkward(5), awkward(5), 'x'||n%5], '')) AS tv,
 (to_tsvector('simple', 'fat cat '||n) || setweight(to_tsvector('simple','rat fat dog'), 'A') || setweight(to_tsvector('simple','the end'), 'C')) AS tv2,
 hstore(array[awkward(5), awkward(5), 'k'], array[awkward(5), NULL, awkward(3)]) AS hs, hstore('') AS hs0, hstore('a','b')::bag AS hsd,
 awkward(8)::citext AS cx, ('a.b'||n%9||'.c')::ltree AS lt, '*.a|b.c'::lquery AS lq, 'a & b'::ltxtquery AS lx,
 (enum_range(NULL::mood))[1+n%5] AS md, (n%100)::small AS sm, array[n,n+1]::numbers AS ns,
 array[n%7, null]::smalls AS sms, array[(n%7)::small, null, 3::small] AS sms2, array_append(array_append('{}'::numbers[], array[n]::numbers), null) AS nss,
 now()::moment AS mo,
 row(n, awkward(8), timestamptz '2020-01-01'+n*interval '1.5 s', array[n]::numbers, decode(md5(n::text),'hex'), random(), n%2=0, 'a\b')::pair AS pr,
 row(null,null,null,null,null,null,null,null)::pair AS pr0,
 row(row(n, awkward(8), null, null, null, random(), null, '')::pair, array[row(1,awkward(8),now(),null,'\x',1e20,false,'very "happy"')::pair,null], int4range(n,n+5), interval '1 day -1 s' )::nest AS ne,
 int4range(n, n+(random()*3)::int) AS ir, numrange(-n, n/3.0, '[]') AS nr, tsrange(now()::timestamp, null) AS tr, tstzrange(null, now(), '(]') AS tzr, daterange('-infinity', current_date+n) AS dr, int8range(null,null) AS i8r, 
 span(random(), 1e30) AS sp, words(least(a1,a2),greatest(a1,a2),'[]') AS wo,
 pairs(row(1,awkward(8),null,null,null,null,null,null)::pair, row(2,awkward(8),null,null,null,null,null,null)::pair) AS prr, days(array[1,n], array[2]) AS dy,
 int4multirange(int4range(n,n+2), int4range(n+5,n+9), int4range(3,3)) AS im, '{}'::nummultirange AS nm0, tstzmultirange(tstzrange(now(), now()+interval '1 day')) AS tzm, wordss(words(least(a1,a2),greatest(a1,a2),'[]')) AS wom,
 a1
FROM (SELECT n, awkward(7)::text AS a1, awkward(7)::text AS a2 FROM generate_series(1,:rows) n OFFSET 0) s;
-- A table of arrays over each column of `source`: with a null, of two dimensions, with another lower bound, empty.
CREATE FUNCTION arrays(source text, target text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE list text;
BEGIN
  SELECT string_agg(format('array[lag(%1$I) OVER w, %1$I, NULL]::%2$s[] AS %1$I, array[[%1$I],[lag(%1$I) OVER w]]::%2$s[] AS %3$I, (''[0:1]='' || array[%1$I, lag(%1$I) OVER w]::%2$s[]::text)::%2$s[] AS %4$I, ''{}''::%2$s[] AS %5$I',
     attname, format_type(atttypid, atttypmod), attname||'_2', attname||'_b', attname||'_0'), ', ' ORDER BY attnum) INTO list
  FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid WHERE attrelid = source::regclass AND attnum > 0 AND NOT attisdropped AND (typcategory <> 'A') ;
  EXECUTE format('CREATE TABLE %I AS SELECT %s FROM %I WINDOW w AS (ORDER BY n)', target, list, source);
END $$;
SELECT arrays('made', 'arrays');

-- One column each: what stands at the ends of a type's range, or is written in a way of its own.
CREATE TABLE edge_float8 AS SELECT v::float8 AS v FROM unnest(ARRAY['0', '-0', '1e23', '-1e23', '9007199254740993', '5e-324', '2.2250738585072014e-308',
  '1.7976931348623157e308', 'NaN', 'Infinity', '-Infinity', '0.0001', '0.00001', '123456789012345', '1e15', '4.2281790167305523e+17',
  '2.3358450757322832e+16', '0.1', '0.30000000000000004', '1e22', '1e21', '8.41e21', '9.5367431640625e-07', '100000', '4503599627370497.5']) v
  UNION ALL SELECT power(2::float8, n) FROM generate_series(-1074, 1023) n UNION ALL SELECT ('1e' || n)::float8 FROM generate_series(-323, 308) n
  UNION ALL SELECT ((2 * n + 1) * power(5::float8, n % 23)) * power(2::float8, n % 40) FROM generate_series(1, 20000) n
  UNION ALL SELECT 18014398509481984 + 4 * n FROM generate_series(1, 5000) n;
CREATE TABLE edge_float4 AS SELECT v::float4 AS v FROM unnest(ARRAY['0', '-0', '1e-45', '3.4028235e38', 'NaN', 'Infinity', '-Infinity', '999999', '1e6',
  '16777216', '33554432', '6.2325368e+07', '0.0001', '0.00001', '1.1754944e-38']) v
  UNION ALL SELECT power(2::float8, n)::float4 FROM generate_series(-149, 127) n UNION ALL SELECT ('1e' || n)::float4 FROM generate_series(-45, 38) n
  UNION ALL SELECT (33554432 + 8 * n)::float4 FROM generate_series(1, 20000) n;
CREATE TABLE edge_numeric AS SELECT v::numeric AS v FROM unnest(ARRAY['NaN', 'Infinity', '-Infinity', '0', '-0.000', '0.00000000000000000001', '1e131071',
  '-1e131071', '1e-16383', '9999', '10000', '99999999', '0.9999', '0.0001', '0.00001', '10000.0001', repeat('9', 1000), '-1.' || repeat('09', 500)]) v
  UNION ALL SELECT power(10::numeric, n) FROM generate_series(-30, 30) n;
CREATE TABLE edge_int8 AS SELECT v::int8 AS v FROM unnest(ARRAY['9223372036854775807', '-9223372036854775808', '9007199254740992', '9007199254740993',
  '-9007199254740992', '-9007199254740993', '0', '-1']) v;
CREATE TABLE edge_money AS SELECT v::money AS v FROM unnest(ARRAY['92233720368547758.07', '-92233720368547758.08', '0', '-0.01', '999.99', '1000', '-1000000']) v;
CREATE TABLE edge_date AS SELECT v::date AS v FROM unnest(ARRAY['infinity', '-infinity', '4714-11-24 BC', '4714-12-31 BC', '0001-01-01', '0001-12-31 BC',
  '0005-02-29 BC', '5874897-12-31', '9999-12-31', '10000-01-01', '2000-02-29', '1900-02-28', '1582-10-10']) v
  UNION ALL SELECT date '0001-01-01' + 1461 * n FROM generate_series(-1100, 3000) n;
CREATE TABLE edge_timestamp AS SELECT v::timestamp AS v FROM unnest(ARRAY['infinity', '-infinity', '4714-11-24 00:00:00 BC', '294276-12-31 23:59:59.999999',
  '0001-12-31 23:59:59.999999 BC', '1999-12-31 23:59:59.999999', '2000-01-01', '1970-01-01 00:00:00.000001', '202112-09-07']) v;
CREATE TABLE edge_timestamptz AS SELECT v AT TIME ZONE 'UTC' AS v FROM edge_timestamp;
CREATE TABLE edge_time AS SELECT v::time AS v FROM unnest(ARRAY['00:00', '24:00', '23:59:59.999999', '00:00:00.000001', '12:00:00.1']) v;
CREATE TABLE edge_timetz AS SELECT v::timetz AS v FROM unnest(ARRAY['24:00:00+15:59:59', '00:00-15:59:59', '12:00+05:45', '00:00:00.5-00:00:01', '01:02+00']) v;
CREATE TABLE edge_interval AS SELECT v::interval AS v FROM unnest(ARRAY['0', '1 mon -30 days', '-1 year', '178000000 years', '-178000000 years',
  '2147483647 days', '-2147483648 days', '-00:00:00.000001', '-0:00:59.5', '100:00:00', '-1 day 1 sec', '1 mon -1 day 00:00:01', '13 mons', '-13 mons']) v
  UNION ALL SELECT make_interval(hours => 2147483647, mins => 59, secs => 59.999999) UNION ALL SELECT make_interval(months => 2147483647, days => 2147483647);
CREATE TABLE edge_inet AS SELECT v::inet AS v FROM unnest(ARRAY['::', '::1', '::2', '::1:0', '::0.1.0.0', '::ffff:1.2.3.4', '::ffff:0:0', '::fffe:1.2.3.4', '1::', '0:1::',
  '1:0:0:2:0:0:0:3', '1:0:0:2:3:0:0:4', '0:0:1:0:0:1:0:0', '1:0:2:0:3:0:4:0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::1/0', '0.0.0.0/0',
  '255.255.255.255/31', '1.2.3.4/32', '::1.2.3.4/128', '1:2:3:4:5:6:7:0', '0:2:3:4:5:6:7:8', '0:0:0:0:0:6:7:8', '0:0:0:0:5:6:7:8']) v;
CREATE TABLE edge_cidr AS SELECT network(v)::cidr AS v FROM edge_inet;
CREATE TABLE edge_bits AS SELECT repeat((ARRAY['1', '0', '10'])[1 + n % 3], n)::varbit AS v FROM generate_series(0, 40) n;
CREATE TABLE edge_char AS SELECT n::"char" AS v FROM generate_series(-128, 127) n;
CREATE TABLE edge_xml AS SELECT v::xml AS v FROM unnest(ARRAY['<a/>', '<?xml version="1.0" encoding="LATIN1"?><a>ä</a>', '<?xml version="1.1" standalone="yes"?><a/>', 'text only']) v
  WHERE EXISTS (SELECT FROM pg_config WHERE name = 'CONFIGURE' AND setting ~ 'libxml');
CREATE TABLE edge_range AS SELECT v::words AS v FROM unnest(ARRAY['empty', '(,)', '["",a]', '["a b","c,d")', '("""",)', '[\\,]', '["(",")"]', E'["\t","\u00a0"]']) v;
CREATE TABLE edge_array AS SELECT v::text[] AS v FROM unnest(ARRAY['{}', '[0:0]={NULL}', '[0:0]={"NULL"}', '[0:3]={nUlL,"\"","\\",";"}', '[-2:-1][5:5]={{"a "},{"{}"}}',
  '{{{{{{a}}}}}}', '[2:2]={""}', E'[0:1]={"\u00a0","\v"}']) v;
