-- Rarer traffic of the demo: deletes (also by cascade), rows under a new key, delete + insert of one key, a moved partition.
\set victim random(1, 80000)
\set issue random(1, 80000)
\set link random(1, 100000)
\set hook random(1, 10000)
\set day random(1, 5)
\set project random(1, 10000)
\set build random(1, 200000)
\set iteration random(1, 500)
\set gate random(0, 99)
BEGIN;
SELECT nextval('demo_ids') AS id \gset
DELETE FROM merge_requests WHERE id = :victim;
DELETE FROM label_links WHERE id = :link;
UPDATE issue_assignees SET user_id = :id WHERE issue_id = :issue;
UPDATE web_hook_logs SET id = gen_random_uuid(), response_status = '200' WHERE id = md5('w' || :hook)::uuid;
UPDATE project_daily_statistics SET date = date - 1000 - (:id % 1000000)::integer, fetch_count = fetch_count + 1
  WHERE project_id = :project AND date = current_date - :day;
UPDATE ci_builds SET partition_id = 105 WHERE id = :build;
UPDATE iterations SET sequence = sequence + 1, "when" = now() WHERE id = :iteration;
-- A key goes away and comes back in one transaction.
DELETE FROM feature_gates WHERE feature_key = 'feature_' || :gate;
INSERT INTO feature_gates VALUES ('feature_' || :gate, 'boolean', (:id % 2)::text, now()) ON CONFLICT DO NOTHING;
INSERT INTO audit_events VALUES (:id, 1, 'Project', :project, jsonb_build_object('id', :id), '2001:db8::1', now());
COMMIT;
