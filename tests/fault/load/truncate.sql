-- A truncate between other changes of the same transaction: what came before it is gone, what comes after it stays.
SELECT nextval('fresh') AS id \gset
BEGIN;
INSERT INTO small VALUES (:id, 'before the truncate');
TRUNCATE small;
INSERT INTO small SELECT n, 'after ' || :id FROM generate_series(1, 20) AS n;
SELECT finish('truncate');
COMMIT;
