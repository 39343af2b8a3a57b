#!/usr/bin/env bats
# The README's first command, with a few seconds of writes instead of a minute: it ends equal, goes on where it stopped, and leaves
# nothing behind.
# Knows: what the demo prints for people. Must not know: its tables.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() { export DEMO_DIR=$BATS_FILE_TMPDIR/demo DEMO_SECONDS=8; }
teardown_file() { "$REPO/scripts/demo-clean"; }

@test "the demo copies, follows, and finds source and warehouse equal" {
  run -0 "$REPO/scripts/demo"
  [[ $output == *'Source and warehouse are equal'* ]]
  [[ $output == *'MR rate'* && $output == *'License utilization'* && $output == *'median '* ]]
  (($(grep -c ' equal$' <<<"$output") >= 20))
}

@test "none of the red and orange values of the source is in the stage or the warehouse" {
  (($(find "$DEMO_DIR/stage" -name '*.zst' | wc -l) > 20))
  # Words that fill.sql puts into every such column; the names of our own plans are green.
  run -1 bash -c "find '$DEMO_DIR/stage' -name '*.zst' | xargs zstdcat | grep -m 1 -oE 'glrt-|glft-|glcbt-|@example|Person |Title |Resolve |Because |It fails|About |hooks\.example|192\.0\.2|203\.0\.113'"
  run -1 bash -c "sqlite3 -readonly '$DEMO_DIR/warehouse.db' .dump | grep -m 1 -oE 'glrt-|glft-|glcbt-|@example|Person |Title |Resolve |Because |It fails|About |hooks\.example|192\.0\.2|203\.0\.113'"
}

@test "a second run goes on after the server was killed, with no new copy" {
  local copied
  copied=$(find "$DEMO_DIR/stage" -path '*/copy/*' | wc -l)
  private-cluster stop "$DEMO_DIR/pg" kill
  run -0 "$REPO/scripts/demo"
  [[ $output == *'the copy is in the stage since an earlier run'* && $output == *'Source and warehouse are equal'* ]]
  [[ $(find "$DEMO_DIR/stage" -path '*/copy/*' | wc -l) == "$copied" ]]
}

@test "demo-clean stops the server and removes the folder, and no other one" {
  local pid
  pid=$(private-cluster status "$DEMO_DIR/pg")
  run -0 "$REPO/scripts/demo" clean
  [[ ! -e $DEMO_DIR ]]
  wait_until 10 bash -c "[[ ! -e /proc/$pid || \$(cut -d' ' -f3 /proc/$pid/stat) == Z ]]"
  mkdir "$BATS_TEST_TMPDIR/mine"
  DEMO_DIR=$BATS_TEST_TMPDIR/mine run -78 "$REPO/scripts/demo-clean"
  [[ -d $BATS_TEST_TMPDIR/mine ]]
}
