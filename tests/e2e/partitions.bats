#!/usr/bin/env bats
# bats file_tags=server
# Partitions that come and go by themselves under a table that is published by its root: the server says nothing, yet the
# warehouse equals the source, or says of the table that it may not. Knows: the whole pipe and the warehouse's word for a table's
# state. Must not know: how the difference is noticed.

# shellcheck disable=SC2154 # bats sets stderr
load cluster
load ../fault/pipeline

bats_require_minimum_version 1.5.0

setup_file() {
  set -o pipefail
  cluster_start
}
teardown_file() { cluster_remove; }

setup() {
  set -o pipefail
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "d$BATS_TEST_NUMBER"
  export SLOT=s$BATS_TEST_NUMBER PUBLICATION=p
  sql "CREATE TABLE r (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)" \
    "CREATE TABLE r23 PARTITION OF r FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')" \
    "CREATE TABLE r24 PARTITION OF r FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (id)" \
    "CREATE TABLE r24a PARTITION OF r24 FOR VALUES IN (1, 2, 3)" "CREATE TABLE r24b PARTITION OF r24 DEFAULT" \
    "INSERT INTO r SELECT i, '2023-05-05', 'x' FROM generate_series(1, 9) i" "INSERT INTO r SELECT i, '2024-05-05', 'y' FROM generate_series(1, 9) i" \
    'CREATE PUBLICATION p FOR TABLE r WITH (publish_via_partition_root)'
  pipeline_make "$PWD" && pipeline_begin "$PWD"
  pipeline_pass "$PWD"
  [[ $(state) == ready ]]
}

state() { warehouse_sql warehouse.db "SELECT state FROM _cdc_freshness WHERE \"table\" = 'public.r'"; }

# The warehouse says that the table may differ, its alarm is there, and a new copy makes it equal and ready again.
doubted_then_mended() {
  run -0 --separate-stderr pipeline_pass "$PWD"
  [[ $stderr == *'err=table_doubted'*'table=public.r'* ]]
  [[ $(state) == doubted ]]
  run -0 --separate-stderr pipeline_pass "$PWD"
  [[ $stderr != *err=table_doubted* && $(state) == doubted ]]
  pipe_of "$PWD" pgcdc-snapshot public.r && pipeline_pass "$PWD"
  [[ $(state) == ready ]]
  pipeline_equal "$PWD" public.r
}

@test "pain 14, truncate of a partition by itself: the table is doubted until it is copied again" {
  sql 'TRUNCATE r23'
  doubted_then_mended
}

@test "pain 14, truncate of a partition of a partition by itself: the table is doubted" {
  sql 'TRUNCATE r24a'
  doubted_then_mended
}

@test "pain 14, a partition that is detached: the table is doubted" {
  sql 'ALTER TABLE r DETACH PARTITION r24'
  doubted_then_mended
}

@test "pain 14, a partition that is dropped: the table is doubted" {
  sql 'DROP TABLE r23'
  doubted_then_mended
}

@test "pain 15, a table with rows that is attached: the table is doubted" {
  sql 'CREATE TABLE r25 (LIKE r INCLUDING ALL)' "INSERT INTO r25 VALUES (1, '2025-05-05', 'z')" \
    "ALTER TABLE r ATTACH PARTITION r25 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
  doubted_then_mended
}

@test "while the pipe does not run it is noticed by the next run, and between rows it is noticed too" {
  sql "INSERT INTO r VALUES (10, '2023-06-06', 'before')" 'TRUNCATE r23' "INSERT INTO r VALUES (11, '2023-06-06', 'after')" \
    'ALTER TABLE r ADD COLUMN w int' "INSERT INTO r VALUES (12, '2023-06-06', 'later', 1)"
  doubted_then_mended
}

@test "a partition that is made as one, and filled in the same transaction, is just rows" {
  sql "BEGIN; CREATE TABLE r25 PARTITION OF r FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
       INSERT INTO r VALUES (1, '2025-05-05', 'z'); COMMIT" 'CREATE INDEX ON r (v)' 'ANALYZE r' 'GRANT SELECT ON r25 TO PUBLIC' 'VACUUM FREEZE r25' \
    'TRUNCATE r; INSERT INTO r SELECT 7, d, $$new$$ FROM (VALUES (date $$2023-01-02$$), ($$2025-01-02$$)) AS t (d)'
  pipeline_pass "$PWD"
  # The root's own truncate is in the log; the files that it left behind are not told apart from others.
  [[ $(state) == doubted ]]
  pipeline_equal "$PWD" public.r
}

@test "new partitions and rows in them leave the table ready" {
  sql "BEGIN; CREATE TABLE r25 PARTITION OF r FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
       INSERT INTO r VALUES (1, '2025-05-05', 'z'); COMMIT" 'CREATE INDEX ON r (v)' 'ANALYZE r' 'GRANT SELECT ON r25 TO PUBLIC' \
    'ALTER TABLE r25 SET (fillfactor = 90)' "UPDATE r SET at = '2025-07-07' WHERE id = 4 AND at < '2024-01-01'"
  pipeline_pass "$PWD"
  sql 'VACUUM FREEZE r25' "INSERT INTO r VALUES (2, '2025-05-05', 'zz')"
  pipeline_pass "$PWD"
  [[ $(state) == ready ]]
  pipeline_equal "$PWD" public.r
}

@test "a look at the partitions waits for nobody who alters one" {
  mkfifo hold
  psql -XqAt <hold >/dev/null 3>&- &
  local holder=$!
  exec 7>hold
  echo 'BEGIN; ALTER TABLE r ADD COLUMN w int; ALTER TABLE r24a ALTER v SET STATISTICS 7;' >&7
  wait_until 10 sql_says t "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'r'::regclass AND mode = 'AccessExclusiveLock' AND granted"
  sql 'CREATE TABLE free (id int PRIMARY KEY)' 'ALTER PUBLICATION p ADD TABLE free' 'INSERT INTO free VALUES (1)'
  run -0 --separate-stderr timeout 5 pgcdc-read --config pipeline.ini --ack '' --until now
  [[ $output == *'"table":"public.free"'* ]]
  exec 7>&-
  wait "$holder"
}

@test "a table without a key keeps what it was told: nothing of it is doubted, and it goes on to be complete to now" {
  sql 'CREATE TABLE k (at int, v text) PARTITION BY RANGE (at)' 'CREATE TABLE k1 PARTITION OF k FOR VALUES FROM (0) TO (10)' \
    'CREATE TABLE k2 PARTITION OF k FOR VALUES FROM (10) TO (20)' 'ALTER PUBLICATION p ADD TABLE k' "INSERT INTO k VALUES (1, 'old'), (11, 'new')"
  printf 'public.k\t%s\tany\tgreen\tkeep\t-\ttest\n' at v >>policy
  pipeline_pass "$PWD"
  sql 'DROP TABLE k1' "INSERT INTO k VALUES (12, 'later')"
  run -0 --separate-stderr pipeline_pass "$PWD"
  [[ $stderr == *'err=untold'*'table=public.k'* && $stderr != *err=table_doubted* ]]
  sql "INSERT INTO r VALUES (20, '2024-06-06', 'n')"
  pipeline_pass "$PWD"
  [[ $(warehouse_sql warehouse.db "SELECT state, complete_to_time = (SELECT complete_to_time FROM _cdc_position) FROM _cdc_freshness WHERE \"table\" = 'public.k'") == 'history|1' ]]
  [[ $(warehouse_sql warehouse.db 'SELECT group_concat(at) FROM "public.k__history"') == 1,11,12 ]]
  [[ -z $(cdc-load --config pipeline.ini --print unknown) ]]
}
