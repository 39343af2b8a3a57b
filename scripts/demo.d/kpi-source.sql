-- The two figures of the demo, asked of the source. kpi-warehouse.sql asks the same of the warehouse; the output is equal.
-- MR rate: merge requests that team members got merged in a month, for each team member. In thousandths, so that no engine's
-- way of rounding stands between the two sides. License utilization: seats in use, of those that valid subscriptions have.
WITH team AS (
  SELECT m.user_id FROM members m JOIN users u ON u.id = m.user_id
  WHERE m.namespace_id = 1 AND u.state = 'active' AND u.user_type = 0),
merged AS (
  SELECT to_char(x.merged_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS n
  FROM merge_requests r JOIN merge_request_metrics x ON x.merge_request_id = r.id
  WHERE r.state = 'merged' AND r.author_id IN (SELECT user_id FROM team) AND x.merged_at IS NOT NULL
  GROUP BY 1 ORDER BY 1 DESC LIMIT 3)
SELECT 'MR rate ' || month || ': ' || n || ' merged / ' || (SELECT count(*) FROM team) || ' members = '
  || (n * 1000 / (SELECT count(*) FROM team)) || '/1000' FROM merged ORDER BY month;

SELECT 'License utilization ' || p.name || ': ' || sum(s.seats_in_use) || ' in use / ' || sum(s.seats) || ' seats = '
  || (sum(s.seats_in_use) * 1000 / sum(s.seats)) || '/1000'
FROM subscriptions s JOIN plans p ON p.id = s.plan_id
WHERE s.end_date >= (now() AT TIME ZONE 'UTC')::date GROUP BY p.name ORDER BY p.name COLLATE "C";
