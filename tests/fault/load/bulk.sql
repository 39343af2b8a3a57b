-- One large transaction: thousands of rows in one commit, more than a pipe holds.
\set n random(500, 3000)
SELECT nextval('fresh') AS id \gset
BEGIN;
INSERT INTO small SELECT :id::bigint * 10000 + n, 'bulk ' || n FROM generate_series(1, :n) AS n;
UPDATE small SET label = label || '!' WHERE id > 1000;
SELECT finish('bulk');
COMMIT;
