-- Every operation, several in a transaction, under the default identity.
-- capture operations 14: 'proto_version', '1'
CREATE TABLE t (id int PRIMARY KEY, v text, n numeric);
CREATE TABLE other (id int PRIMARY KEY REFERENCES t);
CREATE PUBLICATION p FOR ALL TABLES;
-- stream
BEGIN;
INSERT INTO t VALUES (1, 'a "quoted" text', 1.50), (2, NULL, 'NaN');
UPDATE t SET v = E'line\nbreak' WHERE id = 1;
UPDATE t SET id = 3 WHERE id = 2;
DELETE FROM t WHERE id = 3;
COMMIT;
INSERT INTO other VALUES (1);
TRUNCATE t CASCADE;
BEGIN;
INSERT INTO t VALUES (9, 'rolled back', 0);
ROLLBACK;
