#!/usr/bin/env bats
# The manual's examples run: every literal block under EXAMPLES of every page, in the order of the page, on a real server.
# Knows: mdoc's escapes; the shop that the pages speak of (database, pipeline file, policy, a stage with an epoch, all made here).
# Must not know: what any example does. A block below a comment `.\" example: REASON` is not run; lines `$ command` in a block are
# run one by one, and what stands below them must be what they print; a block without such lines must end with status 0.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

# The shop, fresh for each page: two tables, a slot unless the page makes it, and changes behind it.
given_a_shop() {
  cd "$BATS_TEST_TMPDIR" || return
  fresh_database "shop_$BATS_TEST_NUMBER"
  sql 'CREATE TABLE customers (id bigint PRIMARY KEY, email text, country text, name text)' \
    'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total numeric, paid_at timestamptz, comment text)' \
    "INSERT INTO customers VALUES (1, 'jane@example.com', 'NZ', 'Jane')" \
    'CREATE PUBLICATION pgcdc FOR TABLE customers, orders' >/dev/null
  printf '[shop]\nhost=%s\nport=%s\nuser=%s\ndbname=%s\n' "$PGHOST" "$PGPORT" "$PGUSER" "$PGDATABASE" >pg_service.conf
  export PGSERVICEFILE=$PWD/pg_service.conf
  printf '%s\t%s\t%s\t%s\t%s\t-\texample\n' '*' id int green keep '*' '*_id' int green keep '*' '*_at' time green keep \
    public.customers email text orange hash:email public.customers country text yellow keep public.orders total numeric yellow keep >shop.policy
  # Folders of a whole system, below var: see run_block.
  mkdir stage spool var
  ln -s ../stage var/stage
  printf '%s\n' '[pipeline]' 'source = shop' 'dsn = service=shop' 'slot = pgcdc' 'publication = pgcdc' 'stage = stage' 'ack = shop.ack' \
    '[pgcdc-read]' 'spool = spool' '[cdc-mask]' 'policy = shop.policy' 'keys = mask.keys' '[cdc-batch]' 'spool = spool' \
    '[cdc-load]' 'warehouse = sqlite:shop.db' >shop.ini
}

# One epoch in the stage and in the warehouse, then changes that nobody has read.
given_its_past() {
  cdc-policy new-key mask.keys
  pgcdc-slot create --config shop.ini
  cdc-run --config shop.ini --snapshot
  sql "INSERT INTO orders VALUES (42, 1, 3.50, NULL, 'fast please')"
  cdc-run --config shop.ini --once
  sql "UPDATE orders SET paid_at = now() WHERE id = 42" "INSERT INTO orders VALUES (43, 1, 8, NULL, NULL)" "DELETE FROM orders WHERE id = 43"
}

unescape() { sed -E 's/^\\&//; s/\\&//g; s/\\e/\\/g; s/\\\(aq/'"'"'/g; s/\\\(dq/"/g; s/\\\(ba/|/g; s/\\-/-/g; s/\\\(en/-/g'; }

# blocks PAGE: writes its blocks that are to be run as block.1, block.2, ...
blocks() {
  awk '/^\.Sh / { examples = ($2 == "EXAMPLES") } !examples { next }
       /^\.\\" example: / { spared = 1; next }
       /^\.Bd / { if (!spared) { n++; inside = 1 } spared = 0; next }
       /^\.Ed/ { inside = 0; next }
       inside { print > ("block." n) }' "$REPO/man/$1"
}

# run_block FILE: folders of a whole system are taken below the scratch folder.
run_block() {
  unescape <"$1" | sed "s|/var/lib/pgcdc|$PWD/var|g; s|/etc/pgcdc|$PWD|g" >script
  if ! grep -q '^\$ ' script; then
    timeout 60 bash -euo pipefail script </dev/null || {
      echo "status $? of:" && cat script
      return 1
    }
    return
  fi
  cp script wanted
  # Each command is printed before it runs, so that the whole can be compared with the block as it stands in the page.
  sed -n 's/^\$ //p' wanted | while IFS= read -r line; do printf 'echo %q\n%s\n' "\$ $line" "$line"; done >script
  timeout 60 bash -euo pipefail script </dev/null >got && diff wanted got
}

# page PAGE LEAST: runs all blocks of a page; LEAST of them at least, so that none is lost by a change of layout.
page() {
  local block
  given_a_shop
  blocks "$1"
  if ! grep -qE 'pgcdc-slot create|--snapshot' block.*; then
    given_its_past
  elif ! grep -q new-key block.*; then
    cdc-policy new-key mask.keys
  fi
  [[ $(find . -maxdepth 1 -name 'block.*' | wc -l) -ge $2 ]]
  for block in block.*; do run_block "$block"; done
}

teardown() {
  # The slot belongs to this page's database, and is in nobody's use any more.
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null
}

@test "the examples of cdc(7) run" { page cdc.7 2; }
@test "the examples of pgcdc-check(1) run" { page pgcdc-check.1 2; }
@test "the examples of pgcdc-slot(1) run" { page pgcdc-slot.1 2; }
@test "the examples of pgcdc-read(1) run" { page pgcdc-read.1 2; }
@test "the examples of pgcdc-snapshot(1) run" { page pgcdc-snapshot.1 2; }
@test "the examples of cdc-mask(1) run" { page cdc-mask.1 2; }
@test "the examples of cdc-policy(1) run" { page cdc-policy.1 2; }
@test "the examples of cdc-batch(1) run" { page cdc-batch.1 2; }
@test "the examples of cdc-stage-get(1) run" { page cdc-stage-get.1 3; }
@test "the examples of cdc-stage-mend(1) run" { page cdc-stage-mend.1 2; }
@test "the examples of cdc-stage-prune(1) run" { page cdc-stage-prune.1 1; }
@test "the examples of cdc-load(1) run" { page cdc-load.1 2; }
@test "the examples of cdc-status(1) run" { page cdc-status.1 1; }
@test "the examples of cdc-fleet(1) run" { page cdc-fleet.1 1; }
@test "the examples of cdc-stage(5) run" { page cdc-stage.5 2; }
