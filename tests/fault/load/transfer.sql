-- Short: a transfer between two accounts; the sum over all balances never changes.
\set a random(1, 200)
\set b random(1, 200)
\set n random(1, 50)
BEGIN;
UPDATE account SET balance = balance - :n, at = clock_timestamp() WHERE id = least(:a, :b);
UPDATE account SET balance = balance + :n WHERE id = greatest(:a, :b);
SELECT finish('transfer');
COMMIT;
