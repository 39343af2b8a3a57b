-- Old tuples: by an index, of the whole row, none; and a key that is toasted.
-- capture identities 14: 'proto_version', '1'
CREATE TABLE by_index (a int NOT NULL, b int NOT NULL, v text);
CREATE UNIQUE INDEX by_index_key ON by_index (b);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_key;
CREATE TABLE whole (id int PRIMARY KEY, v text, big text);
ALTER TABLE whole REPLICA IDENTITY FULL;
ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
CREATE TABLE nothing (v text);
CREATE TABLE long_key (k text PRIMARY KEY, v int);
ALTER TABLE long_key ALTER k SET STORAGE EXTERNAL;
CREATE PUBLICATION p FOR ALL TABLES;
-- stream
INSERT INTO by_index VALUES (1, 10, 'x');
UPDATE by_index SET a = 2;
UPDATE by_index SET b = 20;
DELETE FROM by_index;
INSERT INTO whole VALUES (1, NULL, repeat('x', 2100));
UPDATE whole SET v = 'y';
DELETE FROM whole;
INSERT INTO nothing VALUES ('only');
INSERT INTO long_key VALUES (repeat('k', 2100), 1);
UPDATE long_key SET v = 2;
UPDATE long_key SET k = 'short';
