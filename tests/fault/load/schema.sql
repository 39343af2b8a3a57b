-- The tables under load of tests/fault/kills: long values that are stored apart, keys that change, full identity, a truncated
-- table, one whose owners change its columns, and `done`: one row for each committed transaction, by which nothing can be lost or
-- doubled unseen.
CREATE TABLE account (
  id bigint PRIMARY KEY, balance bigint NOT NULL, note text, doc jsonb, raw bytea, tags text[], ratio float8,
  price numeric(20, 4), flag boolean, at timestamptz NOT NULL);
ALTER TABLE account ALTER note SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL;
CREATE TABLE item (shelf integer, name text, units integer, note text, PRIMARY KEY (shelf, name));
ALTER TABLE item ALTER note SET STORAGE EXTERNAL;
CREATE TABLE whole (id integer PRIMARY KEY, units integer, note text);
ALTER TABLE whole REPLICA IDENTITY FULL, ALTER note SET STORAGE EXTERNAL;
CREATE TABLE moving (id integer PRIMARY KEY, n integer, note text);
ALTER TABLE moving ALTER note SET STORAGE EXTERNAL;
CREATE TABLE small (id bigint PRIMARY KEY, label text);
CREATE TABLE done (xid bigint PRIMARY KEY, kind text NOT NULL, at timestamptz NOT NULL);
CREATE TABLE apart (id bigint GENERATED ALWAYS AS IDENTITY, filler text);  -- not published
CREATE SEQUENCE fresh START 1000000;

CREATE FUNCTION long_text(kilobytes integer) RETURNS text LANGUAGE sql VOLATILE AS
  $$ SELECT string_agg(md5(random()::text), '') FROM generate_series(1, kilobytes * 32) $$;
CREATE FUNCTION finish(kind text) RETURNS void LANGUAGE sql VOLATILE AS
  $$ INSERT INTO done VALUES (pg_current_xact_id()::text::bigint, kind, clock_timestamp()) $$;

INSERT INTO account SELECT n, 1000, long_text(3), jsonb_build_object('n', n, 'long', long_text(3)), convert_to(long_text(3), 'UTF8'),
  ARRAY['a', NULL, n::text], n / 7.0, n / 3.0, n % 3 = 0, now() FROM generate_series(1, 200) AS n;
INSERT INTO item SELECT n / 10, 'item ' || n, n, long_text(2 + n % 3) FROM generate_series(1, 400) AS n;
INSERT INTO whole SELECT n, n, long_text(3) FROM generate_series(1, 100) AS n;
INSERT INTO moving SELECT n, 0, long_text(3) FROM generate_series(1, 200) AS n;
INSERT INTO small SELECT n, 'first' FROM generate_series(1, 20) AS n;
CREATE PUBLICATION pgcdc FOR TABLE account, item, whole, moving, small, done;
