-- Fills the demo's source with somewhat more than a million rows, generated inside the server.
--
-- The same every time, but for the clock: dates are counted back from today, so that "this month" has something in it.
-- md5() of a number stands for whatever people type; h(n, m) is a number below m that looks random.
\set ON_ERROR_STOP on
SET synchronous_commit = off;
SET work_mem = '64MB';
BEGIN;

CREATE FUNCTION pg_temp.h(n bigint, m integer) RETURNS integer IMMUTABLE PARALLEL SAFE LANGUAGE sql
  AS $$ SELECT (abs(hashint8(n)::bigint) % m)::integer $$;
-- A moment in the last 400 days.
CREATE FUNCTION pg_temp.past(n bigint) RETURNS timestamptz STABLE LANGUAGE sql
  AS $$ SELECT now() - interval '1 second' * (abs(hashint8extended(n, 7)) % 34560000)::double precision $$;

INSERT INTO schema_migrations SELECT to_char(20200101000000 + n * 77, 'FM99999999999999') FROM generate_series(1, 300) n;

INSERT INTO plans VALUES (1, 'free', 'Free', 0, pg_temp.past(1)), (2, 'premium', 'Premium', 29, pg_temp.past(2)),
  (3, 'ultimate', 'Ultimate', 99, pg_temp.past(3)), (4, 'trial', 'Trial', 0, pg_temp.past(4));

INSERT INTO namespaces
SELECT n, CASE WHEN n > 1000 THEN 1 + pg_temp.h(n, 1000) END, CASE WHEN n % 5 = 0 THEN 'User' ELSE 'Group' END,
  'Group ' || md5(n::text), 'g-' || md5(n::text), CASE WHEN n % 3 = 0 THEN 'What we do at ' || md5(n::text) END,
  CASE WHEN n > 1000 THEN ARRAY[1 + pg_temp.h(n, 1000), n] ELSE ARRAY[n] END, (n % 3) * 10, 'glrt-' || md5('r' || n),
  pg_temp.past(n), pg_temp.past(n + 1)
FROM generate_series(1, 5000) n;

INSERT INTO namespace_settings
SELECT n, jsonb_build_object('lock_memberships', n % 2 = 0, 'theme', n % 7, 'greeting', md5(n::text)),
  nullif(n % 10, 0), CASE WHEN n % 4 = 0 THEN ARRAY['example.com', md5(n::text) || '.example'] END, n % 9 = 0, pg_temp.past(n)
FROM generate_series(1, 5000) n;

INSERT INTO users
SELECT n, CASE WHEN n % 10 = 0 THEN 'User' ELSE 'user' END || n || '@' || (ARRAY['example.com', 'mail.example', 'corp.example'])[1 + n % 3],
  'u_' || substr(md5(n::text), 1, 12), 'Person ' || md5('n' || n), CASE WHEN n % 50 = 0 THEN 6 ELSE 0 END,
  CASE WHEN n % 40 = 1 THEN 'blocked' ELSE 'active' END, n = 1, decode(md5(n::text) || md5('s' || n), 'hex'), 'glft-' || md5('f' || n),
  ('10.' || n % 256 || '.' || (n / 256) % 256 || '.7')::inet, jsonb_build_object('tab', n % 8, 'time_display_relative', n % 2 = 1),
  nullif(n % 12, 0), pg_temp.past(n)::date, pg_temp.past(n), pg_temp.past(n + 3)
FROM generate_series(1, 20000) n;

-- Namespace 1 is the company itself: its 400 members are the team of the MR rate.
INSERT INTO members SELECT 1, n * 3, 30, NULL, pg_temp.past(n) FROM generate_series(1, 400) n;
INSERT INTO members
SELECT 2 + n % 4999, 1 + (n * 7919) % 20000, 10 * (1 + n % 5), CASE WHEN n % 8 = 0 THEN pg_temp.past(n)::date + 500 END, pg_temp.past(n)
FROM generate_series(1, 40000) n ON CONFLICT DO NOTHING;

INSERT INTO projects
SELECT n, CASE WHEN n <= 300 THEN 1 ELSE 1 + pg_temp.h(n, 5000) END, 'Project ' || md5(n::text), 'p-' || md5(n::text),
  CASE WHEN n % 2 = 0 THEN 'About ' || md5(n::text) END, CASE WHEN n % 3 = 0 THEN ARRAY['go', 'tools', md5(n::text)] END,
  pg_temp.h(n, 500), n % 30 = 0, (n % 3) * 10, n * 1048576::bigint, round((n % 40) / 7.0, 3), pg_temp.past(n)::timestamp,
  pg_temp.past(n), pg_temp.past(n + 5)
FROM generate_series(1, 10000) n;

INSERT INTO project_daily_statistics
SELECT 1 + n % 10000, current_date - 1 - n / 10000, pg_temp.h(n, 3000), pg_temp.h(n, 100000) / 3.0::double precision
FROM generate_series(0, 59999) n;

INSERT INTO iterations
SELECT n, 1 + n % 1000, daterange(current_date - 14 * n, current_date - 14 * n + 14), n, pg_temp.past(n), pg_temp.past(n)
FROM generate_series(1, 500) n;

INSERT INTO issues
SELECT n, 1 + pg_temp.h(n, 10000), n / 10 + 1, 1 + pg_temp.h(n + 1, 20000), 'Title ' || md5(n::text),
  'It fails when ' || repeat(md5(n::text) || ' ', 1 + n % 12), 1 + n % 2, nullif(n % 9, 0), 512 * (n % 100000), n % 25 = 0,
  CASE WHEN n % 6 = 0 THEN current_date + (n % 90)::integer END, CASE WHEN n % 11 = 0 THEN interval '30 minutes' * (n % 60) END,
  CASE WHEN n % 2 = 1 THEN pg_temp.past(n) END, pg_temp.past(n + 2), pg_temp.past(n + 3)
FROM generate_series(1, 100000) n;

INSERT INTO issue_assignees SELECT n, 1 + pg_temp.h(n * 5, 20000) FROM generate_series(1, 80000) n;

INSERT INTO labels
SELECT n, 1 + pg_temp.h(n, 10000), 'label ' || md5(n::text), '#' || substr(md5(n::text), 1, 6), nullif(n % 20, 0), pg_temp.past(n)
FROM generate_series(1, 5000) n;

INSERT INTO label_links
SELECT n, 1 + pg_temp.h(n, 5000), CASE WHEN n % 3 = 0 THEN 'MergeRequest' ELSE 'Issue' END, 1 + pg_temp.h(n + 9, 80000), pg_temp.past(n)
FROM generate_series(1, 100000) n;

INSERT INTO merge_requests
SELECT n, 1 + pg_temp.h(n, CASE WHEN n % 4 = 0 THEN 300 ELSE 10000 END), n / 10 + 1,
  CASE WHEN n % 4 = 0 THEN 3 * (1 + pg_temp.h(n + 1, 400)) ELSE 1 + pg_temp.h(n + 1, 20000) END, 'Resolve ' || md5(n::text),
  repeat('Because ' || md5(n::text) || E'\n', 1 + n % 20), n || '-fix-' || md5(n::text), 'main',
  (ARRAY['merged', 'merged', 'merged', 'opened', 'closed'])[1 + n % 5]::mr_state,
  CASE WHEN n % 3 = 0 THEN jsonb_build_object('sha', md5(n::text), 'should_remove_source_branch', n % 2 = 0) END, n % 2 = 0,
  pg_temp.past(n), pg_temp.past(n + 1)
FROM generate_series(1, 80000) n;

INSERT INTO merge_request_metrics
SELECT n, n, CASE WHEN n % 5 < 3 THEN pg_temp.past(n) + interval '1 hour' END, CASE WHEN n % 5 < 3 THEN 1 + pg_temp.h(n, 20000) END,
  CASE WHEN n % 7 > 0 THEN pg_temp.past(n) + interval '20 minutes' END, 1 + n % 30, pg_temp.h(n, 2000), pg_temp.h(n + 1, 900), pg_temp.past(n + 1)
FROM generate_series(1, 80000) n;

-- One note in fifty is longer than a page, and stored out of line.
INSERT INTO notes
SELECT n, (ARRAY['Issue', 'MergeRequest', 'Commit'])[1 + n % 3], 1 + pg_temp.h(n, 80000), 1 + pg_temp.h(n + 1, 10000),
  1 + pg_temp.h(n + 2, 20000), repeat(md5(n::text) || E' said "so", \\ and more\n', CASE WHEN n % 50 = 0 THEN 180 ELSE 1 + n % 6 END),
  CASE WHEN n % 5 = 0 THEN '{"base_sha":"' || md5(n::text) || '","new_line":' || n % 900 || '}' END, n % 4 = 0,
  CASE WHEN n % 5 = 0 THEN md5(n::text) || '_' || n % 900 END, pg_temp.past(n), pg_temp.past(n)
FROM generate_series(1, 150000) n;

INSERT INTO ci_pipelines
SELECT n, 1 + pg_temp.h(n, 10000), CASE WHEN n % 3 = 0 THEN 'main' ELSE n || '-fix' END, decode(md5(n::text) || substr(md5('c' || n), 1, 8), 'hex'),
  (ARRAY['success', 'failed', 'success', 'running', 'canceled'])[1 + n % 5]::job_status, n % 12, nullif(pg_temp.h(n, 5000), 0),
  pg_temp.past(n), n % 3 = 0
FROM generate_series(1, 60000) n;

INSERT INTO ci_builds
SELECT n, 100 + n % 3, 1 + n / 4, 1 + pg_temp.h(n / 4, 10000), (ARRAY['rspec', 'lint', 'deploy', 'build'])[1 + n % 4] || ' ' || n % 40,
  (ARRAY['build', 'test', 'deploy'])[1 + n % 3], (ARRAY['success', 'success', 'failed', 'running', 'canceled', 'pending'])[1 + n % 6]::job_status,
  CASE WHEN n % 9 = 0 THEN 'manual' ELSE 'on_success' END, 'glcbt-' || md5(n::text),
  CASE WHEN n % 2 = 0 THEN jsonb_build_object('image', 'ruby:3.' || n % 5, 'retry', n % 3) END,
  CASE WHEN n % 4 = 0 THEN ARRAY['docker', 'linux'] END, round(pg_temp.h(n, 100000) / 997.0, 4),
  pg_temp.past(n), CASE WHEN n % 6 < 5 THEN pg_temp.past(n) + interval '9 s' END, CASE WHEN n % 6 < 3 THEN pg_temp.past(n) + interval '209.125 s' END
FROM generate_series(1, 200000) n;

INSERT INTO ci_queue SELECT n, 102, interval '1 second' * (n % 400), ARRAY[n, n + 1]::integer[] FROM generate_series(1, 100) n;

INSERT INTO subscriptions
SELECT n, n, 1 + pg_temp.h(n, 4), 5 + pg_temp.h(n, 200), pg_temp.h(n + 1, 5 + pg_temp.h(n, 200)), round((5 + pg_temp.h(n, 200)) * 29.5, 2),
  current_date - 30 - pg_temp.h(n, 300), CASE WHEN n % 10 = 0 THEN current_date - 1 ELSE current_date + 100 END, n % 6 > 0,
  'billing' || n || '@example.com', pg_temp.past(n)
FROM generate_series(1, 3000) n;

INSERT INTO feature_gates
SELECT 'feature_' || n / 2, (ARRAY['boolean', 'percentage_of_actors'])[1 + n % 2], n::text, pg_temp.past(n) FROM generate_series(1, 200) n;

INSERT INTO audit_events
SELECT n, 1 + pg_temp.h(n, 20000), (ARRAY['User', 'Group', 'Project'])[1 + n % 3], 1 + pg_temp.h(n + 1, 5000),
  jsonb_build_object('change', 'access_level', 'from', 10 * (n % 5), 'target_details', md5(n::text)),
  ('192.0.2.' || n % 256)::inet, pg_temp.past(n)
FROM generate_series(1, 60000) n;

INSERT INTO web_hook_logs
SELECT md5('w' || n)::uuid, 1 + pg_temp.h(n, 10000), 'https://hooks.example/' || md5(n::text), jsonb_build_object('X-Token', md5('t' || n)),
  (ARRAY['200', '200', '500', 'timeout'])[1 + n % 4], pg_temp.h(n, 100000) / 7.0::double precision, pg_temp.past(n)
FROM generate_series(1, 10000) n;

-- A delete of the parent deletes here too: such changes have to arrive as well.
CREATE INDEX ON merge_request_metrics (merge_request_id);
ALTER TABLE merge_request_metrics ADD FOREIGN KEY (merge_request_id) REFERENCES merge_requests ON DELETE CASCADE;
COMMIT;
ANALYZE;
