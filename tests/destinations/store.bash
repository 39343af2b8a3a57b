# shellcheck shell=bash
# What is asked of every kind of store alike. Use in a bats file, after cluster and pipeline: load store.
# Knows: the programs of the pipe, `given` and DIR of the file that loads it. Must not know: a kind of store.

# Three pipes write one stage at once, each cutting its epochs otherwise: each epoch is one's, nothing is doubled or lost.
# in  STAGE
three_pipes() {
  given 'CREATE TABLE t (id int PRIMARY KEY, n int)' 'INSERT INTO t SELECT n, 0 FROM generate_series(1, 10) n' || return
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null || return
  pgcdc-snapshot --config "$DIR/pipeline.ini" | cdc-batch | cdc-stage-put --config "$DIR/pipeline.ini" || return
  sql "DO \$\$ BEGIN FOR i IN 1..60 LOOP UPDATE t SET n = n + 1 WHERE id = 1 + i % 10; COMMIT; END LOOP; END \$\$" || return
  pgcdc-read --config "$DIR/pipeline.ini" --until now --ack '' >stream || return
  local bytes pids=() pid
  for bytes in 700 1900 1; do
    cdc-batch --max-bytes $bytes <stream 2>/dev/null | cdc-stage-put --stage "$1" 2>"put.$bytes" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || return; done
  cdc-load --config "$DIR/pipeline.ini" || return
  [[ $(warehouse_sql "$DIR/warehouse.db" 'SELECT sum(n), min(n), max(n) FROM t') == '60|6|6' ]] || return
  [[ $(cdc-stage-get --config "$DIR/pipeline.ini" | grep -c '"op":"u"') == 60 ]]
}

# Batcher and writer are killed before some of the calls by which they write and send (all of them: `tests/destinations/points put`).
# in  STAGE
killed_at_points() {
  run -0 --separate-stderr "$BATS_TEST_DIRNAME/points" put "$1" --step 9 --folder "$PWD/points"
  # shellcheck disable=SC2154 # output comes from run
  [[ $output =~ ^what=put\ kills=([0-9]+) ]] || return
  ((BASH_REMATCH[1] >= 8))
}

# What every warehouse has goes from a store, over as many pages as it lists; manifests stay, and pipe and loader go on.
pruned() {
  given 'CREATE TABLE t (id int PRIMARY KEY, n int)' 'INSERT INTO t SELECT n, 0 FROM generate_series(1, 10) n' || return
  pgcdc-slot create --config "$DIR/pipeline.ini" >/dev/null || return
  pgcdc-snapshot --config "$DIR/pipeline.ini" | cdc-batch | cdc-stage-put --config "$DIR/pipeline.ini" || return
  sql "DO \$\$ BEGIN FOR i IN 1..60 LOOP UPDATE t SET n = n + 1 WHERE id = 1 + i % 10; COMMIT; END LOOP; END \$\$" >/dev/null || return
  pgcdc-read --config "$DIR/pipeline.ini" --until now --ack '' | cdc-batch --max-bytes 1 | cdc-stage-put --config "$DIR/pipeline.ini" || return
  cdc-load --config "$DIR/pipeline.ini" || return
  cdc-stage-get --config "$DIR/pipeline.ini" --chunks >chunks || return
  cdc-stage-prune --config "$DIR/pipeline.ini" --keep-hours 0 --dry-run >wanted || return
  cdc-stage-prune --config "$DIR/pipeline.ini" --keep-hours 0 >freed || return
  cmp wanted freed || return
  grep -qE '^epochs=(59|6[0-9]) chunks=1 objects=1[12][0-9] bytes=[1-9]' freed || { cat freed && return 1; }
  cdc-stage-prune --config "$DIR/pipeline.ini" --keep-hours 0 >freed || return
  [[ $(<freed) == 'epochs=0 chunks=0 objects=0 bytes=0' ]] || return
  cdc-stage-get --config "$DIR/pipeline.ini" --chunks | cmp chunks - || return
  sql 'UPDATE t SET n = n + 100 WHERE id = 1' >/dev/null || return
  pgcdc-read --config "$DIR/pipeline.ini" --until now --ack '' | cdc-batch | cdc-stage-put --config "$DIR/pipeline.ini" || return
  cdc-load --config "$DIR/pipeline.ini" || return
  [[ $(warehouse_sql "$DIR/warehouse.db" 'SELECT sum(n), min(n), max(n) FROM t') == '160|6|106' ]]
}
