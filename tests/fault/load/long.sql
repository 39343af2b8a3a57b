-- Long: open while many short ones begin and commit; its rows are the oldest when it commits at last.
\set ms random(100, 2500)
SELECT nextval('fresh') AS id \gset
BEGIN;
INSERT INTO item VALUES (:id % 97, 'long ' || :id, 1, long_text(3));
SELECT finish('long');
\sleep :ms ms
UPDATE item SET units = 2 WHERE shelf = :id % 97 AND name = 'long ' || :id;
\sleep :ms ms
DELETE FROM item WHERE name LIKE 'long %' AND shelf = :id % 97 AND units = 2 AND name <> 'long ' || :id;
COMMIT;
