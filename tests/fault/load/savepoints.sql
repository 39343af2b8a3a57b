-- Savepoints: what is rolled back to one is not there, what is released is; every third transaction is rolled back whole.
\set k random(1, 3)
SELECT nextval('fresh') AS id \gset
BEGIN;
INSERT INTO whole VALUES (:id, 1, long_text(1));
SAVEPOINT one;
UPDATE whole SET units = 2, note = 'must not be seen' WHERE id = :id;
DELETE FROM small WHERE id < 5;
ROLLBACK TO one;
SAVEPOINT two;
UPDATE whole SET units = 3 WHERE id = :id;
SAVEPOINT three;
UPDATE whole SET units = 4 WHERE id = :id;
RELEASE two;
DELETE FROM whole WHERE id BETWEEN 1000000 AND :id - 300;
SELECT finish('savepoints');
\if :k = 3
ROLLBACK;
\else
COMMIT;
\endif
