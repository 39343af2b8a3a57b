-- The benchmark's table: twenty columns, about 500 bytes a row as the server sends it. The rows come from `run`.
CREATE TABLE bench (
  id bigint PRIMARY KEY, project_id bigint NOT NULL, author_id bigint NOT NULL, iid integer NOT NULL, state_id smallint NOT NULL,
  weight integer, confidential boolean NOT NULL, due_date date, price numeric(12,2), reference uuid NOT NULL,
  title text NOT NULL, email text NOT NULL, username text NOT NULL, description text, path text, ip inet, settings jsonb,
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, closed_at timestamptz);
CREATE PUBLICATION bench FOR TABLE bench;

-- Rows [first, last] in transactions of 1,000.
CREATE PROCEDURE insert_rows(first bigint, last bigint) LANGUAGE plpgsql AS $$
BEGIN
  WHILE first <= last LOOP
    INSERT INTO bench
    SELECT n, n % 5000, n % 20000, n % 1000000, 1 + n % 2, nullif(n % 9, 0), n % 25 = 0, DATE '2026-01-01' + (n % 300)::integer,
      n / 7.0, md5('r' || n)::uuid, 'Resolve ' || md5('t' || n), 'user' || n || '@mail.example', 'u_' || n,
      repeat('Because ' || md5('d' || n) || ' ', 2), 'group/project-' || n % 5000 || '/app/models/file_' || n || '.rb',
      ('10.' || n % 250 || '.' || n % 240 || '.9')::inet, jsonb_build_object('tab', n % 8, 'theme', md5(n::text)),
      TIMESTAMPTZ '2026-01-01 00:00:00Z' + interval '1 second' * n, TIMESTAMPTZ '2026-02-01 00:00:00.5Z' + interval '1 second' * n,
      CASE WHEN n % 2 = 0 THEN TIMESTAMPTZ '2026-03-01 00:00:00.25Z' + interval '1 second' * n END
    FROM generate_series(first, least(last, first + 999)) n;
    COMMIT;
    first := first + 1000;
  END LOOP;
END $$;

-- An update of every tenth row and a delete of every twentieth, in transactions of 1,000 rows.
CREATE PROCEDURE change_rows(first bigint, last bigint) LANGUAGE plpgsql AS $$
BEGIN
  WHILE first <= last LOOP
    UPDATE bench SET state_id = 3 - state_id, updated_at = updated_at + interval '1 hour'
      WHERE id IN (SELECT 10 * n FROM generate_series(first / 10 + 1, least(last, first + 9999) / 10) n);
    COMMIT;
    DELETE FROM bench WHERE id IN (SELECT 20 * n + 1 FROM generate_series(first / 20, least(last - 1, first + 9998) / 20) n);
    COMMIT;
    first := first + 10000;
  END LOOP;
END $$;
