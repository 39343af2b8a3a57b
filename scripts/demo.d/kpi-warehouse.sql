-- The two figures of the demo, asked of the SQLite warehouse; see kpi-source.sql. None of them needs a hidden column.
WITH team AS (
  SELECT m.user_id FROM "members" m JOIN "users" u ON u.id = m.user_id
  WHERE m.namespace_id = 1 AND u.state = 'active' AND u.user_type = 0),
merged AS (
  SELECT substr(x.merged_at, 1, 7) AS month, count(*) AS n
  FROM "merge_requests" r JOIN "merge_request_metrics" x ON x.merge_request_id = r.id
  WHERE r.state = 'merged' AND r.author_id IN (SELECT user_id FROM team) AND x.merged_at IS NOT NULL
  GROUP BY 1 ORDER BY 1 DESC LIMIT 3)
SELECT 'MR rate ' || month || ': ' || n || ' merged / ' || (SELECT count(*) FROM team) || ' members = '
  || (n * 1000 / (SELECT count(*) FROM team)) || '/1000' FROM merged ORDER BY month;

SELECT 'License utilization ' || p.name || ': ' || sum(s.seats_in_use) || ' in use / ' || sum(s.seats) || ' seats = '
  || (sum(s.seats_in_use) * 1000 / sum(s.seats)) || '/1000'
FROM "subscriptions" s JOIN "plans" p ON p.id = s.plan_id
WHERE s.end_date >= date('now') GROUP BY p.name ORDER BY p.name;
