-- Rows of a table whose columns come and go meanwhile: only those that stay are named; long values move along unsent.
\set a random(1, 300)
BEGIN;
INSERT INTO moving VALUES (:a, 0, long_text(3)) ON CONFLICT (id) DO UPDATE SET n = moving.n + 1;
DELETE FROM moving WHERE id = (:a + 7) % 300 + 1;
SELECT finish('moving');
COMMIT;
