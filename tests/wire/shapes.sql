-- Types of our own, odd names, partitions under their root, and a column that comes and goes.
-- capture shapes 14: 'proto_version', '1'
CREATE TYPE mood AS ENUM ('calm', 'stormy');
CREATE DOMAIN email AS text;
CREATE SCHEMA "S s";
CREATE TABLE "S s"."Odd.""Name" ("Id x" int PRIMARY KEY, "a""b" email, m mood, tags mood[]);
CREATE TABLE r (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE r2 PARTITION OF r FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root);
-- stream
INSERT INTO "S s"."Odd.""Name" VALUES (1, 'x@y.example', 'calm', '{calm,NULL,stormy}');
INSERT INTO r VALUES (1, '2024-05-05', 'moves');
UPDATE r SET at = '2025-05-05';
ALTER TABLE r ADD w bigint DEFAULT 7;
INSERT INTO r VALUES (2, '2024-06-06', 'after', 9007199254740993);
ANALYZE r;
INSERT INTO r VALUES (3, '2024-07-07', 'same shape', 1);
BEGIN;
SELECT pg_replication_origin_create('elsewhere');
SELECT pg_replication_origin_session_setup('elsewhere');
SELECT pg_replication_origin_xact_setup('0/AABBCC', '2024-01-01');
INSERT INTO r VALUES (4, '2024-08-08', 'from elsewhere', 2);
COMMIT;
