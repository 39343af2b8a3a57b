-- License utilization: seats in use, of those that subscriptions have which are valid today (in UTC), by plan, in thousandths.
-- One row a plan: plan, in use, seats, thousandths. The same text for every warehouse and for the source; see mr-rate.sql.
SELECT p."name", sum(s."seats_in_use") AS "in_use", sum(s."seats") AS "seats",
  CAST((sum(s."seats_in_use") * 1000 - sum(s."seats_in_use") * 1000 % sum(s."seats")) / sum(s."seats") AS INTEGER) AS "thousandths"
FROM "subscriptions" s JOIN "plans" p ON p."id" = s."plan_id"
WHERE s."end_date" >= CURRENT_DATE
GROUP BY p."name"
HAVING sum(s."seats") > 0
ORDER BY p."name"
