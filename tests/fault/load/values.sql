-- Long values: one is replaced, then its row is touched without it; nulls come and go; unicode, quotes, line breaks.
\set a random(1, 200)
\set b random(1, 100)
\set k random(0, 6)
BEGIN;
UPDATE account SET note = CASE WHEN :k = 0 THEN NULL ELSE long_text(:k) END, doc = jsonb_build_object('k', :k, 'long', long_text(:k))
  WHERE id = :a;
UPDATE account SET ratio = random() * 1e9, price = (random() * 1e12)::numeric(20, 4), flag = NULLIF(:k % 3, 2) = 1 WHERE id = :a;
UPDATE account SET tags = ARRAY['"quoted" \back', E'line\nbreak', 'päö 🐘', NULL, :k::text] WHERE id = :a;
UPDATE whole SET units = units + 1 WHERE id = :b;
UPDATE whole SET note = long_text(1 + :k) WHERE id = :b AND :k > 4;
SELECT finish('values');
COMMIT;
