-- Everyday traffic of the demo, one transaction: a merge request is opened, discussed, built and merged.
-- Updates of notes leave the long text alone, so that it is not sent; a savepoint is rolled back, another one kept.
\set project random(1, 300)
\set team 3 * random(1, 400)
\set user random(1, 20000)
\set note random(1, 150000)
\set issue random(1, 100000)
\set build random(1, 200000)
\set subscription random(1, 3000)
BEGIN;
SELECT nextval('demo_ids') AS id, nextval('demo_ids') AS other \gset
INSERT INTO merge_requests VALUES (:id, :project, :id % 1000000, :team, 'Resolve ' || md5(:id::text), repeat('Because ' || :id || E'\n', 20),
  :id || '-fix', 'main', 'opened', jsonb_build_object('sha', md5(:id::text)), false, now(), now());
INSERT INTO merge_request_metrics VALUES (:id, :id, NULL, NULL, now(), 1, :id % 700, :id % 300, now());
INSERT INTO notes SELECT :id, 'MergeRequest', :id, :project, :user, repeat(md5(:id::text), CASE WHEN :id % 20 = 0 THEN 300 ELSE 3 END), NULL,
  false, NULL, now(), now();
INSERT INTO ci_pipelines VALUES (:id, :project, :id || '-fix', decode(md5(:id::text), 'hex'), 'created', 1, NULL, now(), false);
INSERT INTO ci_builds SELECT :id + 100000000::bigint * n, 100 + :id % 5, :id, :project, 'rspec ' || n, 'test', 'created', 'on_success',
  'glcbt-' || :id, NULL, ARRAY['docker'], 0.1234 * n, now(), NULL, NULL FROM generate_series(1, 4) n;
SAVEPOINT build;
UPDATE ci_builds SET status = 'failed', finished_at = now() WHERE id = :build AND partition_id = 100 + :build % 3;
INSERT INTO audit_events VALUES (:other, :user, 'User', :user, '{"change": "undone"}', '198.51.100.9', now());
ROLLBACK TO SAVEPOINT build;
UPDATE ci_builds SET status = 'success', started_at = now(), finished_at = now() WHERE id = :build AND partition_id = 100 + :build % 3;
SAVEPOINT kept;
UPDATE notes SET system = NOT system, updated_at = now() WHERE id = :note;
RELEASE SAVEPOINT kept;
UPDATE merge_requests SET state = 'merged', updated_at = now() WHERE id = :id;
UPDATE merge_request_metrics SET merged_at = now(), merged_by_id = :team WHERE merge_request_id = :id AND :id % 3 > 0;
UPDATE issues SET state_id = 3 - state_id, closed_at = CASE WHEN state_id = 1 THEN now() END, updated_at = now() WHERE id = :issue;
UPDATE users SET last_activity_on = current_date, current_sign_in_ip = '203.0.113.5', updated_at = now() WHERE id = :user;
UPDATE subscriptions SET seats_in_use = least(seats, seats_in_use + 1), updated_at = now() WHERE id = :subscription;
UPDATE projects SET star_count = star_count + 1, last_activity_at = now()::timestamp WHERE id = :project;
COMMIT;
