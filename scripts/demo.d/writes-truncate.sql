-- The demo's small table is emptied and filled again within one transaction, as queues are.
BEGIN;
TRUNCATE ci_queue;
INSERT INTO ci_queue SELECT nextval('demo_ids'), 102, interval '90 minutes', ARRAY[n, NULL]::integer[] FROM generate_series(1, 20) n;
COMMIT;
