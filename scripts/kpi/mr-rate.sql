-- MR rate: merge requests of team members that were merged in a month, for each team member, in thousandths; the last three months.
-- One row a month: month, merged, members, thousandths. The same text for every warehouse (SQLite, DuckDB, PostgreSQL, Snowflake) and for
-- the source itself: names are quoted, months are those of a session whose time zone is UTC, and no engine's way of rounding counts.
WITH "team" AS (
  SELECT m."user_id" FROM "members" m JOIN "users" u ON u."id" = m."user_id"
  WHERE m."namespace_id" = 1 AND u."state" = 'active' AND u."user_type" = 0),
"size" AS (SELECT count(*) AS "members" FROM "team"),
"merged" AS (
  SELECT substr(CAST(x."merged_at" AS VARCHAR), 1, 7) AS "month", count(*) AS "n"
  FROM "merge_requests" r JOIN "merge_request_metrics" x ON x."merge_request_id" = r."id"
  WHERE r."state" = 'merged' AND x."merged_at" IS NOT NULL AND r."author_id" IN (SELECT t."user_id" FROM "team" t)
  GROUP BY substr(CAST(x."merged_at" AS VARCHAR), 1, 7))
SELECT g."month", g."n", s."members", CAST((g."n" * 1000 - g."n" * 1000 % s."members") / s."members" AS INTEGER) AS "thousandths"
FROM "merged" g CROSS JOIN "size" s
WHERE s."members" > 0
ORDER BY g."month" DESC
LIMIT 3
