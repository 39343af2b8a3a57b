-- Transactions in progress: two giants interleaved, subtransactions rolled back, a giant rolled back, small ones between them.
-- capture streamed 14: 'proto_version', '2', 'streaming', 'on', 'messages', 'true'
-- capture streamed-parallel 16: 'proto_version', '4', 'streaming', 'parallel', 'messages', 'true'
-- capture streamed-not 14: 'proto_version', '1', 'messages', 'true'
CREATE TYPE mood AS ENUM ('calm', 'stormy');
-- What is generated fills the server's memory, which makes it stream, and is not sent: 30 rows are a chunk.
CREATE TABLE t (id int PRIMARY KEY, v text, m mood, ballast text GENERATED ALWAYS AS (repeat('x', 1900)) STORED);
CREATE TABLE small (id int PRIMARY KEY);
CREATE TABLE other (id int PRIMARY KEY);
CREATE PUBLICATION p FOR ALL TABLES;
-- stream
-- session a
BEGIN;
INSERT INTO t SELECT n, 'a', 'calm' FROM generate_series(1, 40) n;
-- session b
BEGIN;
INSERT INTO t SELECT n, 'b', 'stormy' FROM generate_series(101, 140) n;
-- session c
INSERT INTO small VALUES (1);
-- session a
SAVEPOINT kept;
UPDATE t SET v = 'kept' WHERE id <= 35;
RELEASE kept;
SAVEPOINT dropped;
INSERT INTO t SELECT n, 'never', NULL FROM generate_series(201, 240) n;
SAVEPOINT inner_dropped;
INSERT INTO t SELECT n, 'never', NULL FROM generate_series(241, 280) n;
ROLLBACK TO dropped;
-- session b
UPDATE t SET id = id + 1000 WHERE id > 130;
SELECT pg_logical_emit_message(true, 'told', 'with b');
SELECT pg_logical_emit_message(false, 'told', 'at once');
-- session d
BEGIN;
INSERT INTO t SELECT n, 'aborted giant', NULL FROM generate_series(301, 380) n;
TRUNCATE other;
-- session a
DELETE FROM t WHERE id > 30;
COMMIT;
-- session c
BEGIN;
INSERT INTO small VALUES (2);
SAVEPOINT s;
INSERT INTO small VALUES (3);
ROLLBACK TO s;
COMMIT;
-- session d
ROLLBACK;
-- session b
ALTER TABLE t ADD w int DEFAULT 7;
INSERT INTO t (id, v, m, w) SELECT n, 'b again', 'calm', n FROM generate_series(151, 190) n;
TRUNCATE small;
COMMIT;
-- session c
INSERT INTO small VALUES (4);
INSERT INTO t (id, v) SELECT n, 'c, by itself' FROM generate_series(401, 440) n;
