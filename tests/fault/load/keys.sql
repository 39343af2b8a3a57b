-- Keys: changed to a new one, exchanged, there and back, deleted and inserted again; long values move along unsent.
\set a random(1, 400)
\set b random(1, 400)
\set c random(1, 40)
SELECT nextval('fresh') AS id \gset
BEGIN;
UPDATE item SET shelf = :id % 97 WHERE name = 'item ' || :a;
UPDATE item SET name = 'on the way ' || :id WHERE name = 'item ' || :b;
UPDATE item SET units = units + 1 WHERE name = 'on the way ' || :id;
UPDATE item SET name = 'item ' || :b WHERE name = 'on the way ' || :id;
DELETE FROM item WHERE shelf = :c AND name = 'kept ' || :c;
INSERT INTO item VALUES (:c, 'kept ' || :c, :id, long_text(3)) ON CONFLICT DO NOTHING;
UPDATE item SET units = 0 WHERE shelf = :c AND name = 'kept ' || :c;
DELETE FROM item WHERE name LIKE 'gone %' AND shelf = :c;
INSERT INTO item VALUES (:c, 'gone ' || :id, 1, NULL);
SELECT finish('keys');
COMMIT;
