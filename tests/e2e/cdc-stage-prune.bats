#!/usr/bin/env bats
# cdc-stage-prune against a stage: what is needed by anybody stays, what is not goes, and nothing breaks that was there: the log is followed over
# its stubs, a copy is still known, and a run that is killed anywhere is made good by the next one.
# Knows: the stage's layout, the state tables of SQLite, strace. Must not know: how a store removes an object.

# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell of its own; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster
load stream
load ../fault/pipeline

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export STAGE=$PWD/stage
  WAREHOUSE=$PWD/w.db
}
teardown() { sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null; }

prune() { cdc-stage-prune --stage "$STAGE" --source s --warehouse "sqlite:$WAREHOUSE" "$@"; }
load_into() { cdc-load --stage "$STAGE" --source s --warehouse "sqlite:$1" "${@:2}"; }
spoil() { sqlite3 -batch "$WAREHOUSE" "$1"; }

# Epochs of one transaction each, two rows in it, at these positions; of ten positions each.   in  POSITION...
epochs() {
  local at
  {
    source_line && table public.t id:int8:k note:text
    for at in "$@"; do tx "$at" "c public.t \"after\":{\"id\":$at,\"note\":\"n\"}" "c public.t \"after\":{\"id\":$((at + 1)),\"note\":\"n\"}"; done
  } | stage --max-bytes 1
}
manifests() { find "$STAGE" -path '*/log/*.json' | sort; }
stubs() { grep -l pruned -r "$STAGE/s/0/log" | wc -l; }
data() { find "$STAGE" -name '*.zst' | wc -l; }
# Bytes of all that are there; so many objects.
bytes_of_data() { find "$STAGE" -name '*.zst' -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }'; }
# What a manifest names is there, and nothing else.
whole() {
  find "$STAGE/s/0" -name '*.json' -exec jq -r '(.files // [])[].object, (.commits // empty).object' {} + | sort >named
  (cd "$STAGE/s/0" && find . -name '*.zst' -printf '%P\n' | sort) | diff named -
}
aged() { find "$STAGE" -name "$1" -exec touch -d "$2" {} +; }

@test "help, version and bad options" {
  run -0 --separate-stderr cdc-stage-prune --help
  [[ $output == *--warehouse*--keep-hours*--dry-run* && -z $stderr ]]
  run -64 --separate-stderr cdc-stage-prune --stage "$STAGE" --source s
  [[ $stderr == *err=missing_option*--warehouse* && -z $output ]]
  run -64 --separate-stderr prune --keep-hours 99999999
  [[ $stderr == *err=bad_value* ]]
}

@test "what every warehouse has goes: manifests are emptied, their data removed, the last epoch stays, and loader and writer go on" {
  epochs 10 20 30 40
  load_into "$WAREHOUSE"
  had=$(sha256sum <"$(manifests | head -n 1)" | cut -d' ' -f1)
  before=$(bytes_of_data)
  run -0 --separate-stderr prune --keep-hours 0
  [[ $output == "epochs=3 chunks=0 objects=6 bytes=$((before - $(bytes_of_data)))" && -z $stderr ]]
  [[ $(stubs) == 3 && $(data) == 2 ]]
  whole
  run -0 jq -e --arg had "$had" '.from == "00000000/00000001" and .sha256 == $had and (.pruned | test("^2[0-9]{3}-")) and (keys | length == 4)' "$(manifests | head -n 1)"
  # Nothing is left to do; the loader finds what it stood on, the next writer the log's end, also with what the log had before.
  run -0 prune --keep-hours 0
  [[ $output == 'epochs=0 chunks=0 objects=0 bytes=0' ]]
  epochs 10 20 30 40 50 60
  load_into "$WAREHOUSE"
  [[ $(sqlite3 "$WAREHOUSE" 'SELECT count(*) FROM t') == 12 ]]
  run -0 prune --keep-hours 0
  [[ $output == 'epochs=2 chunks=0 objects=4 '* ]]
  whole
}

@test "what is younger than it is to be kept stays, though everybody has it" {
  # The last two are of today.
  { source_line && table public.t id:int8:k note:text && for at in 10 20 30 40 50; do tx $at "c public.t \"after\":{\"id\":$at}"; done; } |
    sed -E "/\"xid\":(40|50)/s/\"ts\":\"[0-9-]*T/\"ts\":\"$(date -u +%FT)/" | stage --max-bytes 1
  load_into "$WAREHOUSE"
  run -0 prune --keep-hours 87000
  [[ $output == 'epochs=0 '* ]]
  run -0 prune --keep-hours 24
  [[ $output == 'epochs=3 '* ]]
}

@test "a run that only looks says the same and removes nothing" {
  epochs 10 20 30
  load_into "$WAREHOUSE"
  find "$STAGE" -type f | sort >before
  run -0 prune --keep-hours 0 --dry-run --metrics m.prom
  said=$output
  find "$STAGE" -type f | sort | diff before -
  [[ $(stubs) == 0 && ! -e m.prom ]]
  run -0 prune --keep-hours 0
  [[ $output == "$said" && $said == 'epochs=2 chunks=0 objects=4 '* ]]
}

@test "nothing goes that one of several warehouses has not got, or that a table waits for" {
  epochs 10 20
  load_into other.db
  epochs 10 20 30 40 50
  load_into "$WAREHOUSE"
  run -0 prune --keep-hours 0 --warehouse "sqlite:$PWD/other.db" --dry-run
  [[ $output == 'epochs=2 '* ]]
  # A table that is parked reads its epochs again from where it was parked.
  spoil "UPDATE _cdc_tables SET parked = 'test', parked_at = '$(lsn 35)'"
  run -0 --separate-stderr prune --keep-hours 0 --dry-run
  [[ $output == 'epochs=3 '* && $stderr == *err=log_held*table=public.t*parked* ]]
  spoil "UPDATE _cdc_tables SET parked = NULL, parked_at = NULL, doubted_lsn = '$(lsn 25)'"
  run -0 --separate-stderr prune --keep-hours 0
  [[ $output == 'epochs=2 '* && $stderr == *err=log_held*doubted* ]]
  spoil "UPDATE _cdc_tables SET copied_lsn = '$(lsn 30)'"
  run -0 prune --keep-hours 0
  [[ $output == 'epochs=2 '* && $(stubs) == 4 ]]
}

@test "a warehouse that cannot be asked, or that is another stage's: nothing is removed" {
  epochs 10 20 30
  load_into "$WAREHOUSE"
  find "$STAGE" -type f | sort >before
  run -75 --separate-stderr prune --keep-hours 0 --warehouse "sqlite:$PWD/not-there.db"
  [[ $stderr == *err=no_warehouse*'nothing is removed'* && -z $output && ! -e not-there.db ]]
  # One that somebody has only begun.
  cp "$WAREHOUSE" other.db
  sqlite3 other.db 'DELETE FROM _cdc_position'
  run -75 --separate-stderr prune --keep-hours 0 --warehouse "sqlite:$PWD/other.db"
  cp "$WAREHOUSE" other.db
  sqlite3 other.db "UPDATE _cdc_epochs SET manifest_sha256 = 'x'"
  run -78 --separate-stderr prune --keep-hours 0 --warehouse "sqlite:$PWD/other.db"
  [[ $stderr == *err=other_stage* ]]
  cp "$WAREHOUSE" other.db
  sqlite3 other.db "UPDATE _cdc_position SET system_id = '8'"
  run -78 --separate-stderr prune --keep-hours 0 --warehouse "sqlite:$PWD/other.db"
  [[ $stderr == *err=other_source* ]]
  run -78 --separate-stderr cdc-stage-prune --stage "$STAGE" --source other --warehouse "sqlite:$WAREHOUSE"
  [[ $stderr == *err=no_source* ]]
  find "$STAGE" -type f | sort | diff before -
}

@test "the warehouses of all sections of the pipeline file count" {
  epochs 10 20
  load_into other.db
  epochs 10 20 30 40
  load_into "$WAREHOUSE"
  printf '[pipeline]\nsource = s\nwarehouse = sqlite:%s\n[cdc-load]\nstage = %s\nwarehouse = sqlite:%s\n[cdc-stage-prune]\nkeep-hours = 0\n' \
    "$WAREHOUSE" "$STAGE" "$PWD/other.db" >p.ini
  run -0 cdc-stage-prune --config p.ini
  [[ $output == 'epochs=2 '* ]]
  run -0 cdc-stage-prune --config p.ini --metrics m.prom
  grep -q '^cdc_stage_prune_epochs{.*pipeline="p".*} 0$' m.prom
  said=$(sed -n 's/^cdc_stage_prune_last_success_seconds{.*} //p' m.prom)
  ((${said%.*} >= $(date +%s) - 60))
  # One that fails leaves what the last good one said.
  rm other.db
  cp m.prom before.prom
  run -75 cdc-stage-prune --config p.ini --metrics m.prom
  cmp m.prom before.prom
}

# Two tables copied in two chunks each, a third of which only one chunk is there.
copies() {
  {
    source_line
    for name in a b c; do
      case $name in a) RELID=200 ;; b) RELID=201 ;; *) RELID=202 ;; esac
      export RELID
      table "public.$name" id:int8:k note:text
      TO='[5]' copy 5 "public.$name" '{"id":1,"note":"x"}' '{"id":2,"note":"y"}'
      [[ $name == c ]] || CHUNK=1 FROM='[5]' COPY=5 copy 6 "public.$name" '{"id":7,"note":"z"}'
    done
  } | stage
}

@test "a copy's rows go when all of it is everywhere, its facts stay; of one that is not whole nothing goes" {
  copies
  epochs 10 20
  load_into other.db
  load_into "$WAREHOUSE"
  cdc-stage-get --stage "$STAGE" --chunks >before
  run -0 prune --keep-hours 0 --warehouse "sqlite:$PWD/other.db"
  [[ $output == *'chunks=4 objects='* ]]
  whole
  [[ $(find "$STAGE/s/0/copy" -name '*.zst') == */public.c/* ]]
  # What was copied is known as before; to read the rows is refused, and so is a warehouse that begins now.
  cdc-stage-get --stage "$STAGE" --chunks | cmp before -
  # To a warehouse that begins now only those are of use that are there, and begin where it does, or later.
  [[ $(cdc-stage-get --stage "$STAGE" --chunks --from 0/1 | jq -r 'select(.op == "snapshot") | .table') == public.c ]]
  [[ $(cdc-stage-get --stage "$STAGE" --chunks --from "$(cdc-stage-get --stage "$STAGE" --kept)") == '' ]]
  run -78 --separate-stderr cdc-stage-get --stage "$STAGE" --copy --from 0/F
  [[ $stderr == *err=pruned*table=public.a* && -z $output ]]
  run -78 --separate-stderr load_into new.db
  [[ $stderr == *err=pruned*'removed by house-keeping'*'what is still there begins at'*'cdc-run --repair'* ]]
  load_into "$WAREHOUSE"
  run -0 prune --keep-hours 0
  [[ $output == 'epochs=0 chunks=0 objects=0 bytes=0' ]]
}

@test "a copy that a warehouse has not got stays, a newer whole one lets an older half one go" {
  copies
  epochs 10
  load_into old.db
  { source_line && RELID=202 table public.c id:int8:k note:text && copy 12 public.c '{"id":1,"note":"x"}'; } | stage
  epochs 10 20
  load_into "$WAREHOUSE"
  # The other warehouse has all but the newest copy.
  run -0 prune --keep-hours 0 --warehouse "sqlite:$PWD/old.db"
  [[ $output == *'chunks=5 '* && $(find "$STAGE/s/0/copy" -name '*.zst') == */public.c/000000000000000C/* ]]
  run -0 prune --keep-hours 0
  [[ $output == *'chunks=1 '* && -z $(find "$STAGE/s/0/copy" -name '*.zst') ]]
  whole
}

@test "a reader of the log is told where what is still there begins" {
  epochs 10 20 30
  load_into "$WAREHOUSE"
  run -1 cdc-stage-get --stage "$STAGE" --kept
  prune --keep-hours 0 >/dev/null
  run -78 --separate-stderr cdc-stage-get --stage "$STAGE"
  [[ $stderr == *err=pruned*'what is still there begins at 00000000/00000019 (--from)'* ]]
  run -0 cdc-stage-get --stage "$STAGE" --kept
  [[ $output == 00000000/00000019 ]]
  run -0 cdc-stage-get --stage "$STAGE" --from 0/19
  [[ $output == *'"id":30'* ]]
  run -78 --separate-stderr load_into new.db
  [[ $stderr == *err=pruned*'begins at 00000000/00000019'*'cdc-run --repair'* ]]
  # One that was told to begin there, and got no further, is where it was.
  last=$(find "$STAGE/s/0/data/public.t" -name '*.zst')
  mv "$last" away
  run -78 --separate-stderr load_into late.db --begin-kept
  [[ $stderr == *err=begun_late*err=object_missing* ]]
  mv away "$last"
  load_into late.db
  [[ $(sqlite3 late.db 'SELECT group_concat(id) FROM t') == 30,31 ]]
  # What is to be erased lies in no epoch that was emptied.
  printf 'erase\tpublic.t\tnote\n' >erasures
  run -0 --separate-stderr cdc-load --stage "$STAGE" --source s --warehouse "sqlite:$WAREHOUSE" --erase erasures
  [[ $output == *stage*data/public.t/0000000000000019* ]]
}

@test "data that no manifest names go when they are old and the log has gone past them; what a writer has in hand stays" {
  epochs 10 20 30
  load_into "$WAREHOUSE"
  end=$(lsn 35)
  mkdir -p "$STAGE/s/net" "$STAGE/s/0/copy/public.x/0000000000000005"
  past=$STAGE/s/0/data/public.t/000000000000000F-0000000000000012-0000-$(printf 'a%.0s' {1..64}).ndjson.zst
  ahead=$STAGE/s/0/data/public.t/${end/\//}-0000000000000FFF-0000-$(printf 'b%.0s' {1..64}).ndjson.zst
  young=${past/-0000-/-0001-} chunk=$STAGE/s/0/copy/public.x/0000000000000005/000000-0000-$(printf 'c%.0s' {1..64}).ndjson.zst
  landed=$STAGE/s/net/x.ndjson.zst foreign=$STAGE/s/0/data/readme
  for file in "$past" "$ahead" "$chunk" "$landed" "$foreign" "$young"; do echo x >"$file"; done
  touch -d '3 days ago' "$past" "$ahead" "$chunk" "$landed" "$foreign"
  aged '*0000000000000001-*' '3 days ago'
  run -0 prune
  [[ $output == 'epochs=0 chunks=0 objects=3 bytes=6' ]]
  [[ ! -e $past && ! -e $chunk && ! -e $landed && -e $ahead && -e $young && -e $foreign ]]
  rm "$ahead" "$young" "$foreign"
  whole
}

# Killed before its Nth call of those by which a store is changed, the first, the second and so on: whatever is left can be read, and the next
# run ends where one that was not killed ends.
@test "killed before any of its steps it has broken nothing, and the next run makes it good" {
  copies
  epochs 10 20 30
  load_into "$WAREHOUSE"
  cp -r "$STAGE" given
  cdc-stage-get --stage given --chunks >chunks
  prune --keep-hours 0 >/dev/null
  (cd "$STAGE" && find . -type f | sort) >wanted
  local call number kills=0 status
  exec 9>&2 2>killed # what the shell says of the killed ones
  for call in openat write fsync rename unlink; do
    for ((number = 1; ; number++)); do
      rm -rf "$STAGE"
      cp -r given "$STAGE"
      status=0
      strace -f -qq -o trace -e "trace=$call" -e "inject=$call:signal=SIGKILL:when=$number" \
        cdc-stage-prune --stage "$STAGE" --source s --warehouse "sqlite:$WAREHOUSE" --keep-hours 0 >said 2>&1 || status=$?
      [[ $status == 137 ]] || break
      kills=$((kills + 1))
      # Half of what is opened is libraries.
      [[ $call != openat ]] || ((number += 4))
      load_into "$WAREHOUSE"
      cdc-stage-get --stage "$STAGE" --chunks | cmp chunks -
      cdc-stage-get --stage "$STAGE" --from 0/19 >/dev/null
      prune --keep-hours 0 >/dev/null
      whole
      (cd "$STAGE" && find . -type f | sort) | diff wanted -
    done
    [[ $status == 0 ]]
  done
  exec 2>&9
  ((kills >= 50))
}

@test "a pipeline whose stage was pruned goes on: a copy is not made again, its proof holds, its state is told" {
  fresh_database prune
  export SLOT=prune DIR=$PWD/p
  mkdir "$DIR"
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text)' "INSERT INTO t SELECT i, 'v' FROM generate_series(1, 2000) i" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1'
  pipeline_begin "$DIR"
  for n in 1 2 3; do
    sql "UPDATE t SET v = 'n$n' WHERE id % 3 = $n - 1" >/dev/null
    pipeline_pass "$DIR"
  done
  run -0 cdc-stage-prune --config "$DIR/pipeline.ini" --keep-hours 0
  [[ $output =~ ^epochs=[2-9].*chunks=1\ objects ]]
  cp "$DIR/warehouse.db" before.db
  run -0 cdc-run --config "$DIR/pipeline.ini" --snapshot --verbose
  [[ $output != *'chunk loaded'* ]]
  sql "INSERT INTO t VALUES (5000, 'new')" 'DELETE FROM t WHERE id = 7' >/dev/null
  cdc-run --config "$DIR/pipeline.ini" --once
  pipeline_equal "$DIR" public.t
  run -0 cdc-status "$DIR/pipeline.ini"
  cdc-run --config "$DIR/pipeline.ini" 3>&- 8>&- 2>run.log &
  runner=$!
  run -0 cdc-verify --config "$DIR/pipeline.ini" --wait-seconds 60
  kill "$runner" && wait "$runner"
}
