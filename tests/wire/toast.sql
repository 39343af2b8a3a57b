-- Values that are not sent because they did not change.
-- capture toast 14: 'proto_version', '1'
CREATE TABLE t (id int PRIMARY KEY, v int, big text, other text);
ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
CREATE PUBLICATION p FOR ALL TABLES;
INSERT INTO t VALUES (1, 1, repeat('x', 2100), repeat('y', 2100));
-- stream
UPDATE t SET v = 2;
UPDATE t SET id = 2;
UPDATE t SET big = NULL;
UPDATE t SET other = 'short';
