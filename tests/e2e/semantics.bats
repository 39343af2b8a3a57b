#!/usr/bin/env bats
# What the warehouse makes of rows: hand-written lines through cdc-batch, cdc-stage-put and cdc-load into a warehouse of any engine
# (tests/destinations/semantics_ENGINE.bats are links to this file; see engines.bash).
# Knows: the stream and the tables that analysts see. Must not know: an engine, or how the loader works inside.
# What does not depend on it is kept with all transactions in one epoch and with an epoch for each.

# shellcheck disable=SC2317,SC2154,SC2030,SC2031,SC2034 # functions that are handed to both_ways; stderr comes from run

bats_require_minimum_version 1.5.0
load ../e2e/stream
load ../e2e/semantics

setup_file() { engine_start; }
teardown_file() { engine_remove; }
setup() {
  STAGE=$BATS_TEST_TMPDIR/stage
  warehouse_fresh
}

@test "an update, a delete and an insert of one key leave the inserted row" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"old","weight":1}'
    tx 20 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]' 'd public.t "before":{"id":1}' \
      'c public.t "after":{"id":1,"note":null,"weight":3}'
  }
  check() { rows_are "$all" '1|NULL|3' && rows_are "$unknown" ''; }
  both_ways lines check
}

@test "a row that is deleted, inserted again and deleted is gone, one that comes back is new" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.t "after":{"id":2,"note":"a","weight":1}'
    tx 20 'd public.t "before":{"id":1}' 'c public.t "after":{"id":1,"note":"b","weight":2}' 'd public.t "before":{"id":1}' 'd public.t "before":{"id":2}'
    tx 30 'c public.t "after":{"id":2,"note":"c","weight":3}' 'u public.t "after":{"id":2,"weight":4},"unchanged":["note"]'
  }
  check() {
    rows_are "$all" '2|c|4' && rows_are "$gone" 1 &&
      rows_are 'SELECT id, _cdc_lsn, _cdc_seq, _cdc_op, _cdc_deleted, _cdc_unknown FROM "public.t" ORDER BY id' '1|00000000/00000014|2|d|1|NULL' '2|00000000/0000001E|1|u|0|NULL'
  }
  both_ways lines check
}

@test "an update that does not send a long value keeps it, an explicit null is null" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"long","weight":1}' 'c public.t "after":{"id":2,"note":"long","weight":1}'
    tx 20 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]' 'u public.t "after":{"id":2,"note":null,"weight":2}'
  }
  check() { rows_are "$all" '1|long|2' '2|NULL|2'; }
  both_ways lines check
}

@test "a row that wanders over three keys keeps its long value, its old keys are gone" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"long","weight":1}'
    tx 20 'u public.t "after":{"id":2,"weight":2},"before":{"id":1},"unchanged":["note"]' \
      'u public.t "after":{"id":3,"weight":3},"before":{"id":2},"unchanged":["note"]'
    tx 30 'u public.t "after":{"id":4,"weight":4},"before":{"id":3},"unchanged":["note"]'
  }
  check() { rows_are "$all" '4|long|4' && rows_are "$gone" 1 2 3; }
  both_ways lines check
}

@test "two rows that swap their keys through a third keep their own long values" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"one","weight":1}' 'c public.t "after":{"id":2,"note":"two","weight":2}'
    tx 20 'u public.t "after":{"id":9,"weight":1},"before":{"id":1},"unchanged":["note"]' \
      'u public.t "after":{"id":1,"weight":2},"before":{"id":2},"unchanged":["note"]' \
      'u public.t "after":{"id":2,"weight":1},"before":{"id":9},"unchanged":["note"]'
  }
  check() { rows_are "$all" '1|two|2' '2|one|1' && rows_are "$gone" 9; }
  both_ways lines check
}

@test "a row that leaves its key and comes back is itself again" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"one","weight":1}'
    tx 20 'u public.t "after":{"id":2,"weight":1},"before":{"id":1},"unchanged":["note"]' \
      'u public.t "after":{"id":1,"weight":5},"before":{"id":2},"unchanged":["note"]'
  }
  check() { rows_are "$all" '1|one|5' && rows_are "$gone" 2; }
  both_ways lines check
}

@test "rows that change places in a ring within one transaction keep their own long values" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"one","weight":1}' 'c public.t "after":{"id":2,"note":"two","weight":1}' 'c public.t "after":{"id":3,"note":"three","weight":1}'
    # A deferred key: 1 to 2, 2 to 3, 3 to 1, and then once more.
    local round
    for round in 2 3; do
      tx "${round}0" "u public.t \"after\":{\"id\":7,\"weight\":$round},\"before\":{\"id\":1},\"unchanged\":[\"note\"]" \
        "u public.t \"after\":{\"id\":1,\"weight\":$round},\"before\":{\"id\":3},\"unchanged\":[\"note\"]" \
        "u public.t \"after\":{\"id\":3,\"weight\":$round},\"before\":{\"id\":2},\"unchanged\":[\"note\"]" \
        "u public.t \"after\":{\"id\":2,\"weight\":$round},\"before\":{\"id\":7},\"unchanged\":[\"note\"]"
    done
  }
  check() { rows_are "$all" '1|two|3' '2|three|3' '3|one|3' && rows_are "$gone" 7 && rows_are "$unknown" ''; }
  both_ways lines check
}

@test "a key that one row leaves and another takes does not lend its long value" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"one","weight":1}'
    tx 20 'u public.t "after":{"id":2,"weight":2},"before":{"id":1},"unchanged":["note"]' 'c public.t "after":{"id":1,"note":null,"weight":5}' \
      'u public.t "after":{"id":1,"weight":6},"unchanged":["note"]'
    tx 30 'd public.t "before":{"id":2}' 'u public.t "after":{"id":2,"weight":7},"before":{"id":1},"unchanged":["note"]'
  }
  check() { rows_are "$all" '2|NULL|7' && rows_are "$gone" 1 && rows_are "$unknown" ''; }
  both_ways lines check
}

@test "a truncate between rows takes what was before it, not what comes after" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.t "after":{"id":2,"note":"b","weight":1}'
    tx 20 'c public.t "after":{"id":3,"note":"c","weight":1}' 't public.t' 'c public.t "after":{"id":2,"note":"d","weight":2}'
  }
  check() { rows_are "$all" '2|d|2' && rows_are "$gone" 1 3; }
  both_ways lines check
}

@test "two truncates with rows between them, and one that is last, leave what came after" {
  lines() {
    source_line && t && other
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 't public.t' 'c public.t "after":{"id":1,"note":"b","weight":2}' 't public.t' \
      'c public.t "after":{"id":4,"note":"c","weight":3}' 'c public.other "after":{"id":1}'
    tx 20 't public.other' 't public.t'
    tx 30 'c public.t "after":{"id":5,"note":"d","weight":4}'
  }
  check() { rows_are "$all" '5|d|4' && rows_are "$gone" 1 4 && rows_are 'SELECT id FROM other' ''; }
  both_ways lines check
}

@test "a delete of a row never seen leaves a marker that a late copy does not resurrect" {
  { source_line && t && tx 20 'd public.t "before":{"id":1}'; } | deliver
  { source_line && t && copy 10 public.t '{"id":1,"note":"ghost","weight":1}' '{"id":2,"note":"real","weight":1}'; } | deliver
  rows_are "$all" '2|real|1'
  rows_are "$gone" 1
}

@test "a truncated row does not come back with a copy from before the truncate" {
  { source_line && t && tx 20 't public.t'; } | deliver
  { source_line && t && copy 10 public.t '{"id":1,"note":"ghost","weight":1}'; } | deliver
  rows_are "$all" ''
}

@test "a value that has not arrived is unknown, told, and filled by the copy that comes late" {
  { source_line && t && tx 20 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]'; } | deliver
  rows_are "$unknown" '1|["note"]'
  rows_are 'SELECT state, unknown_values FROM _cdc_freshness' 'copying|1'
  { source_line && t && copy 10 public.t '{"id":1,"note":"late","weight":1}'; } | deliver
  rows_are "$all" '1|late|2'
  rows_are "$unknown" ''
  rows_are 'SELECT state, unknown_values FROM _cdc_freshness' 'ready|0'
}

@test "a copy before, between and after the stream's rows gives the same table" {
  stream_of() {
    source_line 1 && t
    tx 10 'c public.t "after":{"id":5,"note":"five","weight":1}'
    tx 20 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]' 'd public.t "before":{"id":2}'
    tx 40 'u public.t "after":{"id":3,"note":"changed","weight":4}' 'u public.t "after":{"id":5,"weight":9},"unchanged":["note"]'
  }
  # The table as of 30.
  copied() { copy 30 public.t '{"id":1,"note":"one","weight":2}' '{"id":3,"note":"three","weight":3}' '{"id":5,"note":"five","weight":1}'; }
  local when
  for when in before between after; do
    STAGE=$BATS_TEST_TMPDIR/$when
    warehouse_fresh "$when"
    [[ $when != before ]] || { source_line && t && copied; } | deliver
    stream_of | head -n 4 | deliver
    [[ $when != between ]] || { source_line && t && copied; } | deliver
    stream_of | deliver
    [[ $when != after ]] || { source_line && t && copied; } | deliver
    rows_are "$all" '1|one|2' '3|changed|4' '5|five|9'
    rows_are "$unknown" ''
    rows_are 'SELECT state FROM _cdc_freshness' ready
  done
}

@test "a finished copy takes away what it did not see, an unfinished one does not" {
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.t "after":{"id":7,"note":"b","weight":1}'; } | deliver
  { source_line && t && TO='[5]' copy 20 public.t '{"id":1,"note":"a","weight":1}'; } | deliver
  rows_are "$all" '1|a|1' '7|b|1'
  rows_are 'SELECT state FROM _cdc_freshness' copying
  { source_line && t && CHUNK=1 FROM='[5]' copy 20 public.t '{"id":8,"note":"c","weight":1}'; } | deliver
  rows_are "$all" '1|a|1' '8|c|1'
  rows_are "$gone" 7
}

@test "chunks of one copy have positions of their own, and are whole when each begins where another ends" {
  { source_line && t && tx 5 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.t "after":{"id":7,"note":"b","weight":1}'; } | deliver
  { source_line && t && COPY=20 TO='["5"]' HIGH=22 copy 20 public.t '{"id":1,"note":"a","weight":1}'; } | deliver
  { source_line && t && COPY=20 CHUNK=4 KEYS=1 copy 35 public.t '{"id":6,"note":"d","weight":1}'; } | deliver
  { source_line && t && COPY=20 CHUNK=2 FROM='["8"]' HIGH=42 copy 40 public.t '{"id":9,"note":"c","weight":1}'; } | deliver
  # Neither keys that were read again nor a chunk of another copy closes the gap.
  { source_line && t && COPY=25 CHUNK=3 FROM='["5"]' TO='["8"]' copy 30 public.t '{"id":6,"note":"d","weight":1}'; } | deliver
  rows_are "$gone" ''
  { source_line 10 && heartbeat 60; } | deliver
  rows_are 'SELECT state FROM _cdc_freshness' copying
  { source_line && t && COPY=20 CHUNK=5 FROM='["5"]' TO='["8"]' HIGH=70 copy 50 public.t; } | deliver
  # Older than the copy and in none of its chunks: gone. What a later chunk has seen stays.
  rows_are "$gone" 7
  rows_are "$all" '1|a|1' '6|d|1' '9|c|1'
  rows_are 'SELECT state FROM _cdc_freshness' copying
  { source_line 60 && heartbeat 70; } | deliver
  rows_are 'SELECT state FROM _cdc_freshness' ready
}

# What the stage is told of the range from the log's end up to a position: nobody has it.   in  POSITION at which the slot begins
lose_up_to() {
  printf '{"database":"d","confirmed_flush_lsn":"%s","system_id":"7","timeline":1,"log_end":"%s","branches":[]}\n' "$(lsn "$1")" "$(lsn "$1")" >"$BATS_TEST_TMPDIR/server"
  cdc-stage-mend --stage "$STAGE" --source s --server "$BATS_TEST_TMPDIR/server" >/dev/null
}

@test "a copy that is loaded before the log that leads up to a loss ends what that log brings, and the loss has taken" {
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.t "after":{"id":2,"note":"a","weight":1}'; } | stage
  lose_up_to 40
  { source_line 40 && t && copy 45 public.t '{"id":1,"note":"a","weight":1}'; } | stage
  { source_line 40 && heartbeat 50; } | stage
  # All of it at once, copies first.
  load_warehouse
  rows_are "$all" '1|a|1'
  rows_are "$gone" 2
  rows_are 'SELECT state FROM _cdc_freshness' ready
}

@test "a copy from before a loss that comes after the one from behind it brings nothing back" {
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}'; } | deliver
  lose_up_to 40
  { source_line 40 && t && copy 45 public.t '{"id":1,"note":"a","weight":1}' && heartbeat 50; } | deliver
  rows_are 'SELECT state FROM _cdc_freshness' ready
  { source_line && t && copy 12 public.t '{"id":1,"note":"a","weight":1}' '{"id":3,"note":"gone","weight":1}'; } | deliver
  rows_are "$all" '1|a|1'
  rows_are 'SELECT state FROM _cdc_freshness' ready
}

@test "rows of a partition that went between the log's beginning and the copy are ended where the copy is passed" {
  rooted() { t | jq -c ".leaves = [$1]"; }
  { source_line && rooted '{"relid":101,"file":101}' && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.t "after":{"id":2,"note":"a","weight":1}'; } | stage
  { source_line && AT=40 rooted '' && copy 40 public.t '{"id":1,"note":"a","weight":1}'; } | stage
  { source_line 15 && AT=20 VERSION=2 rooted '' && tx 25 'u public.t "after":{"id":1,"note":"b","weight":1}' && heartbeat 50; } | stage
  load_warehouse
  rows_are "$all" '1|a|1'
  rows_are "$gone" 2
  rows_are 'SELECT state FROM _cdc_freshness' ready
}

@test "a back-fill fills the columns that it names in rows that lack them, and makes no row" {
  { source_line && t && tx 10 'u public.t "after":{"id":1,"weight":1},"unchanged":["note"]' 'c public.t "after":{"id":2,"note":"kept","weight":2}' \
    'u public.t "after":{"id":3,"weight":3},"unchanged":["note"]' 'd public.t "before":{"id":3}'; } | deliver
  { source_line && t && COPY=20 KEYS=4 copy 20 public.t '{"id":1,"note":"filled"},"only":["note"]' '{"id":2,"note":"other"},"only":["note"]' \
    '{"id":3,"note":"ghost"},"only":["note"]' '{"id":4,"note":"ghost"},"only":["note"]'; } | deliver
  rows_are "$all" '1|filled|1' '2|kept|2'
  rows_are "$unknown" ''
  rows_are "$gone" 3
}

@test "rows that lack a value are named by their keys, once their table was copied whole" {
  named() { load_warehouse --print unknown; }
  { source_line && t && tx 10 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]'; } | deliver
  # Until then all of it is wanted, as of whatever position.
  run -0 named
  [ "$output" = '{"table":"public.t","key":null,"since":"00000000/00000000"}' ]
  { source_line && t && copy 9 public.t; } | deliver
  run -0 named
  [ "$output" = '{"table":"public.t","key":{"id":"1"}}' ]
  rows_are 'SELECT state, unknown_values FROM _cdc_freshness' 'copying|1'
  # Read again, at a position that the stream has not reached: not ready until it has.
  { source_line && t && COPY=30 KEYS=1 copy 30 public.t '{"id":1,"note":"late","weight":2}'; } | deliver
  run -0 named
  [ -z "$output" ]
  rows_are "$all" '1|late|2'
  rows_are 'SELECT state, unknown_values FROM _cdc_freshness' 'copying|0'
  { source_line 15 && heartbeat 31; } | deliver
  rows_are 'SELECT state FROM _cdc_freshness' ready
}

@test "a value that waits in quarantine is not asked for again" {
  { source_line && t && copy 9 public.t '{"id":1,"note":"a","weight":"heavy"}'; } | deliver 2>"$BATS_TEST_TMPDIR/said"
  rows_are 'SELECT "column" FROM _cdc_quarantine' weight
  run -0 load_warehouse --print unknown
  [ -z "$output" ]
}

@test "a table is ready when the position has reached the copy's end" {
  { source_line && t && HIGH=50 copy 30 public.t '{"id":1,"note":"a","weight":1}'; } | deliver
  { source_line && t && tx 40 'u public.t "after":{"id":1,"note":"b","weight":1}'; } | deliver
  rows_are 'SELECT state FROM _cdc_freshness' copying
  { source_line 45 && heartbeat 60; } | deliver
  rows_are 'SELECT state, complete_to_lsn FROM _cdc_freshness' 'ready|00000000/0000003C'
}

@test "a withheld column is null, also when it did not change, and stays so" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"secret","weight":1}'
    tx 20 'u public.t "after":{"id":1,"weight":2},"withheld":["note"]'
    tx 30 'u public.t "after":{"id":1,"weight":3},"unchanged":["note"]'
  }
  check() { rows_are "$all" '1|NULL|3' && rows_are "$unknown" ''; }
  both_ways lines check
}

@test "an epoch that is loaded again changes nothing" {
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' && tx 20 'd public.t "before":{"id":1}'; } | deliver --max-bytes 1
  # With the times of loading: nothing was even written.
  local before all_of=('SELECT * FROM "public.t"' 'SELECT * FROM _cdc_epochs' 'SELECT * FROM _cdc_position')
  before=$(rows "${all_of[@]}")
  [[ $(wc -l <<<"$before") == 4 ]]
  load_warehouse
  [[ $(rows "${all_of[@]}") == "$before" ]]
}

@test "a stream sent twice is loaded once, an overlapping one from where the warehouse is" {
  lines() {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}'
    tx 20 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]'
  }
  lines | deliver
  lines | deliver
  { lines && tx 30 'u public.t "after":{"id":1,"weight":3},"unchanged":["note"]'; } | deliver
  rows_are "$all" '1|a|3'
  rows_are 'SELECT sum(rows) FROM _cdc_epochs' 3
}

@test "epochs of two streams that overlap in the stage are applied once each, in order" {
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' && tx 20 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]'; } | stage --max-bytes 1
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' && tx 20 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]' &&
    tx 30 'u public.t "after":{"id":1,"weight":3},"unchanged":["note"]' && tx 40 'd public.t "before":{"id":1}'; } | stage
  load_warehouse
  rows_are "$all" ''
  rows_are 'SELECT "from", "to", rows, applied_rows FROM _cdc_epochs ORDER BY "from"' '00000000/00000001|00000000/0000000F|1|1' \
    '00000000/0000000F|00000000/00000019|1|1' '00000000/00000019|00000000/0000002D|2|2'
}

@test "two loaders at once apply every epoch once, and both end well or ask to be run again" {
  {
    source_line && t
    local at
    for ((at = 1; at <= 12; at++)); do tx "${at}0" "c public.t \"after\":{\"id\":$at,\"note\":\"n\",\"weight\":$at}" "u public.t \"after\":{\"id\":1,\"weight\":$at},\"unchanged\":[\"note\"]"; done
  } | stage --max-bytes 1
  local pids=() pid status
  for _ in 1 2; do
    load_warehouse 2>>"$BATS_TEST_TMPDIR/said" 3>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    status=0
    wait "$pid" || status=$?
    [[ $status == 0 || $status == 75 ]] || {
      cat "$BATS_TEST_TMPDIR/said" >&2
      return 1
    }
  done
  load_warehouse
  rows_are 'SELECT count(*), count(DISTINCT "from"), sum(rows), sum(applied_rows) FROM _cdc_epochs' '12|12|24|24'
  rows_are 'SELECT count(*), sum(weight), max(note), min(note) FROM t' '12|89|n|n'
}

@test "composite and text keys, and values that look alike, tell rows apart" {
  lines() {
    source_line && table public.t a:int4:k b:text:k note:text
    tx 10 'c public.t "after":{"a":1,"b":"x","note":"1"}' 'c public.t "after":{"a":1,"b":"x\n","note":"2"}' \
      'c public.t "after":{"a":11,"b":"","note":"3"}' 'c public.t "after":{"a":-1,"b":"X","note":"4"}' 'd public.t "before":{"a":1,"b":"x"}' \
      'u public.t "after":{"a":-1,"b":"Y"},"before":{"a":-1,"b":"X"},"unchanged":["note"]'
  }
  check() { rows_are 'SELECT a, b, note FROM t ORDER BY note' $'1|x\n|2' '11||3' '-1|Y|4'; }
  both_ways lines check
}

@test "every kind of value arrives as it is" {
  {
    source_line
    table public.t id:int8:k b:bool f:float8 n:numeric ts:timestamptz bin:bytea j:jsonb arr:_int4 i:int8
    tx 10 'c public.t "after":{"id":1,"b":true,"f":1.5,"n":"123456789012345678901234567890.10","ts":"2026-11-22T10:00:00.000001Z","bin":"AAH/","j":"{\"a\": 1}","arr":[1,2],"i":"9223372036854775807"}' \
      'c public.t "after":{"id":2,"b":false,"f":"NaN","n":"NaN","ts":"infinity","bin":"","j":"null","arr":"[0:1]={1,2}","i":-9007199254740992}' \
      'c public.t "after":{"id":3,"b":null,"f":null,"n":null,"ts":null,"bin":null,"j":null,"arr":null,"i":null}'
  } | deliver
  # Snowflake has no end of time: that value waits in quarantine.
  local forever=infinity
  [[ $ENGINE != snowflake ]] || forever=NULL
  rows_are "SELECT \"value\" FROM _cdc_quarantine" "$([[ $ENGINE != snowflake ]] || echo '"infinity"')"
  rows_are 'SELECT id, b, f, n, ts, bin, j, arr, i FROM t ORDER BY id' \
    '1|1|1.5|123456789012345678901234567890.10|2026-11-22T10:00:00.000001Z|0001FF|{"a": 1}|[1,2]|9223372036854775807' \
    "2|0|NaN|NaN|$forever||null|[0:1]={1,2}|-9007199254740992" '3|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL'
}

@test "a value that does not fit is unknown and waits in quarantine, its row is applied" {
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":"heavy"}' && tx 20 'u public.t "after":{"id":1,"note":"b","weight":2}'; } >"$BATS_TEST_TMPDIR/lines"
  head -n 4 "$BATS_TEST_TMPDIR/lines" | stage
  run -0 --separate-stderr load_warehouse
  [[ $stderr == *err=unfit_value* && $stderr == *column=weight* && $stderr != *heavy* ]]
  rows_are "$all" '1|a|NULL'
  rows_are "$unknown" '1|["weight"]'
  rows_are 'SELECT "table", "column", lsn, seq, op, "key", value FROM _cdc_quarantine' 'public.t|weight|00000000/0000000A|0|c|[1]|"heavy"'
  rows_are 'SELECT unknown_values, quarantined FROM _cdc_freshness' '1|1'
  deliver <"$BATS_TEST_TMPDIR/lines"
  rows_are "$all" '1|b|2'
  rows_are 'SELECT unknown_values, quarantined FROM _cdc_freshness' '0|1'
}

@test "a row whose key does not fit is in quarantine whole, and counted" {
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'u public.t "after":{"id":null,"note":"b","weight":1},"before":{"id":1}'; } | stage
  run -0 --separate-stderr load_warehouse
  rows_are "$all" ''
  rows_are 'SELECT rows, applied_rows, quarantined_rows FROM _cdc_epochs' '2|1|1'
  rows_are 'SELECT count(*), count("column") FROM _cdc_quarantine' '1|0'
}

@test "a row that moves to a key that does not fit leaves the old one, and the rows around it are applied" {
  {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}'
    tx 20 'u public.t "after":{"id":"much","note":"b","weight":2},"before":{"id":1}'
    tx 30 'c public.t "after":{"id":3,"note":"c","weight":3}'
  } | stage --max-bytes 1
  run -0 --separate-stderr load_warehouse
  [[ $stderr == *err=unfit_value* && $stderr != *much* ]]
  # The key that it left is gone, all else is applied.
  rows_are "$all" '3|c|3'
  rows_are "$gone" 1
  rows_are 'SELECT "column", lsn, seq, op FROM _cdc_quarantine' 'NULL|00000000/00000014|0|u'
  rows_are 'SELECT sum(rows), sum(applied_rows), sum(quarantined_rows) FROM _cdc_epochs' '3|2|1'
}

@test "what is erased is empty in table, history and quarantine, and with a back-fill it is asked for again" {
  {
    source_line && t && copy 5 public.t
    tx 10 'c public.t "after":{"id":1,"note":"red","weight":1}' 'c public.t "after":{"id":2,"note":"red","weight":"heavy"}'
    tx 20 'u public.t "after":{"id":1,"note":"redder","weight":2}'
  } | stage
  load_warehouse --history 2>"$BATS_TEST_TMPDIR/said"
  printf 'erase\tpublic.t\tnote\nerase+backfill\tpublic.t\tweight\n' >"$BATS_TEST_TMPDIR/todo"
  run -0 load_warehouse --erase "$BATS_TEST_TMPDIR/todo"
  [[ ${lines[0]} == $'erased\tpublic.t\tnote\t2\t3\t0\t-' && ${lines[1]} == $'erased\tpublic.t\tweight\t1\t2\t1\t-' && ${lines[2]} == stage$'\t'* ]]
  rows_are "$all" '1|NULL|NULL' '2|NULL|NULL'
  rows_are 'SELECT id, note, weight FROM "public.t__history" ORDER BY id, _cdc_from_lsn' '1|NULL|NULL' '1|NULL|NULL' '2|NULL|NULL'
  rows_are 'SELECT count(*) FROM _cdc_quarantine' 0
  rows_are "$unknown" '1|["weight"]' '2|["weight"]'
  run -0 load_warehouse --print unknown
  [ "$output" = '{"table":"public.t","key":{"id":"1"}}'$'\n''{"table":"public.t","key":{"id":"2"}}' ]
  { source_line && t && COPY=30 KEYS=2 copy 30 public.t '{"id":1,"note":"","weight":2}' '{"id":2,"note":"","weight":3}'; } | deliver
  rows_are "$unknown" ''
  rows_are 'SELECT id, weight FROM t ORDER BY id' '1|2' '2|3'
}

@test "a person is erased with all versions of the row, and nobody else" {
  {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"jane","weight":1}' 'c public.t "after":{"id":2,"note":"ann","weight":2}'
    tx 20 'u public.t "after":{"id":1,"note":"jane","weight":3}'
  } | stage
  load_warehouse --history
  printf 'person\tpublic.t\tnote\tjane\n' >"$BATS_TEST_TMPDIR/todo"
  run -0 load_warehouse --erase "$BATS_TEST_TMPDIR/todo"
  [[ ${lines[0]} == $'erased\tpublic.t\tnote\t1\t2\t0\t-' ]]
  rows_are "$all" '1|NULL|NULL' '2|ann|2'
  rows_are 'SELECT id, note, weight FROM "public.t__history" ORDER BY id, _cdc_from_lsn' '1|NULL|NULL' '1|NULL|NULL' '2|ann|2'
}

@test "rows that have been gone for long are taken out, and a copy from before brings none of them back, nor ends another" {
  {
    source_line && t && copy 5 public.t '{"id":1,"note":"a","weight":1}' '{"id":2,"note":"b","weight":2}' '{"id":3,"note":"c","weight":3}'
    tx 10 'd public.t "before":{"id":1}'
    tx 20 'd public.t "before":{"id":2}'
  } | deliver
  run -0 load_warehouse --purge
  [[ $output == '' ]]
  run -0 load_warehouse --purge --keep-deleted-days 1
  [[ $output == '' ]]
  warehouse_write "UPDATE \"public.t\" SET \"_cdc_loaded_at\"='2020-01-01T00:00:00.000000Z' WHERE \"id\"<>2"
  # What it waits for may be older than its rows that are gone.
  warehouse_write "UPDATE \"_cdc_tables\" SET \"doubted_lsn\"='00000000/00000006'"
  run -0 load_warehouse --purge --keep-deleted-days 1
  [[ $output == '' ]]
  warehouse_write "UPDATE \"_cdc_tables\" SET \"doubted_lsn\"=NULL"
  run -0 load_warehouse --purge --keep-deleted-days 1
  [[ $output == $'purged\tpublic.t\t1' ]]
  rows_are 'SELECT id, _cdc_deleted FROM "public.t" ORDER BY id' '2|1' '3|0'
  { source_line && t && COPY=7 copy 7 public.t '{"id":1,"note":"a","weight":1}' '{"id":2,"note":"b","weight":2}' '{"id":3,"note":"c","weight":3}'; } | deliver
  rows_are 'SELECT id, _cdc_deleted FROM "public.t" ORDER BY id' '2|1' '3|0'
  rows_are 'SELECT state FROM _cdc_freshness' ready
  # Nor is it the copy that a doubted table waits for.
  warehouse_write "UPDATE \"_cdc_tables\" SET \"doubted_lsn\"='00000000/00000006'"
  run -0 load_warehouse --print unknown
  [[ $output == '{"table":"public.t","key":null,"since":"00000000/0000000B"}' ]]
  { source_line && t && COPY=30 copy 30 public.t '{"id":1,"note":"new","weight":1}'; } | deliver
  rows_are "$all" '1|new|1'
  rows_are "$gone" 2 3
}

@test "a warehouse that comes after house-keeping begins with what is left, and with copies from behind that" {
  {
    source_line && t && other
    copy 5 public.t '{"id":1,"note":"a","weight":1}' '{"id":2,"note":"b","weight":2}' '{"id":3,"note":"c","weight":3}'
    RELID=200 copy 6 public.other '{"id":1}'
    tx 10 'd public.t "before":{"id":1}' 'u public.t "after":{"id":2,"note":"new","weight":2}'
    tx 20 'u public.t "after":{"id":3,"note":"new","weight":3}'
    tx 30 'u public.t "after":{"id":2,"weight":20},"unchanged":["note"]'
    heartbeat 40
  } | stage --max-bytes 1
  load_warehouse
  cdc-stage-prune --stage "$STAGE" --source s --warehouse "$(warehouse_url)" --keep-hours 0
  # A copy from before that which is still there: its rows may have changed since.
  { source_line && t && COPY=8 copy 8 public.t '{"id":1,"note":"a","weight":1}' '{"id":3,"note":"c","weight":3}'; } | stage
  warehouse_fresh late
  run -78 --separate-stderr load_warehouse
  [[ $stderr == *err=pruned*'cdc-run --repair'* ]]
  run -0 load_warehouse --print position
  [[ $output == '' ]]
  kept=$(cdc-stage-get --stage "$STAGE" --kept)
  load_warehouse --begin-kept
  rows_are 'SELECT begun_at FROM _cdc_position' "$kept"
  rows_are 'SELECT "table", state FROM _cdc_freshness' 'public.t|copying'
  run -0 load_warehouse --print unknown
  [[ $output == '{"table":"public.t","key":null,"since":"'$kept'"}' ]]
  # One row went in what is not there any more; of the other table nothing is left.
  {
    source_line 40 && t && other
    copy 35 public.t '{"id":2,"note":"new","weight":20}' '{"id":3,"note":"new","weight":3}'
    RELID=200 copy 36 public.other '{"id":1}'
    tx 40 'd public.t "before":{"id":3}'
    heartbeat 50
  } | deliver
  rows_are "$all" '2|new|20'
  rows_are "$unknown" ''
  rows_are 'SELECT "table", state FROM _cdc_freshness ORDER BY 1' 'public.other|ready' 'public.t|ready'
  run -0 load_warehouse --print unknown
  [[ $output == '' ]]
}

@test "a table that lacks something and that the source no longer has is gone, and not asked for; until it is heard of again" {
  local states='SELECT "table", state FROM _cdc_freshness ORDER BY 1'
  other() { RELID=200 AT=$1 table public.other id:int8:k; }
  {
    source_line && t && other 1
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}' 'c public.other "after":{"id":1}'
    heartbeat 20
  } | deliver
  printf '{"table":"public.other","key":null}\n' >"$BATS_TEST_TMPDIR/gone"
  load_warehouse --gone "$BATS_TEST_TMPDIR/gone"
  rows_are "$states" 'public.other|gone' 'public.t|copying'
  run -0 load_warehouse --print unknown
  [[ $output == *'"public.t"'* && $output != *other* ]]
  # What lacks nothing is not gone, whatever is said; nor is what nobody knows.
  { source_line 20 && t && copy 20 public.t '{"id":1,"note":"a","weight":1}' && heartbeat 30; } | deliver
  printf '{"table":"public.t","key":null}\n{"table":"public.none","key":null}\n' >"$BATS_TEST_TMPDIR/none"
  load_warehouse --gone "$BATS_TEST_TMPDIR/none"
  rows_are "$states" 'public.other|gone' 'public.t|ready'
  { source_line 30 && other 30 && tx 40 'c public.other "after":{"id":2}' && heartbeat 50; } | deliver
  rows_are "$states" 'public.other|copying' 'public.t|ready'
  load_warehouse --gone "$BATS_TEST_TMPDIR/gone"
  rows_are "$states" 'public.other|gone' 'public.t|ready'
  # A copy from before does not say that it is there, but may be what it lacked.
  { source_line 20 && other 15 && HIGH=15 copy 15 public.other '{"id":1}'; } | deliver
  rows_are "$states" 'public.other|ready' 'public.t|ready'
  rows_are 'SELECT id FROM "public.other" WHERE _cdc_deleted=0 ORDER BY 1' 1 2
  # So does a piece of a copy that was taken later, also of a table that is parked: then the rest is asked for.
  { source_line 50 && RELID=300 AT=50 table public.other id:int8:k && tx 60 'c public.other "after":{"id":5}' && heartbeat 70; } | deliver
  load_warehouse --gone "$BATS_TEST_TMPDIR/gone"
  rows_are "$states" 'public.other|gone' 'public.t|ready'
  { source_line 70 && RELID=300 AT=80 table public.other id:int8:k && TO='["5"]' copy 80 public.other; } | deliver
  rows_are "$states" 'public.other|parked' 'public.t|ready'
  run -0 load_warehouse --print unknown
  [[ $output == *'"public.other"'* ]]
}

@test "what a warehouse of an older format lacks is added" {
  { source_line && t && tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}'; } | deliver
  version=$(rows 'SELECT version FROM _cdc_format')
  warehouse_write 'DROP VIEW "_cdc_freshness"' 'ALTER TABLE "_cdc_tables" DROP COLUMN "purged_lsn"' 'ALTER TABLE "_cdc_tables" DROP COLUMN "gone_lsn"' 'ALTER TABLE "_cdc_tables" DROP COLUMN "doubted_since"' 'ALTER TABLE "_cdc_position" DROP COLUMN "begun_at"' 'UPDATE "_cdc_format" SET "version"=1'
  { source_line 15 && t && copy 20 public.t '{"id":2,"note":"b","weight":2}' && tx 30 'd public.t "before":{"id":2}'; } | deliver
  rows_are 'SELECT version FROM _cdc_format' "$version"
  rows_are 'SELECT "table", state FROM _cdc_freshness' 'public.t|ready'
  warehouse_write "UPDATE \"public.t\" SET \"_cdc_loaded_at\"='2020-01-01T00:00:00.000000Z'"
  run -0 load_warehouse --purge --keep-deleted-days 1
  [[ $output == $'purged\tpublic.t\t2' ]]
}

@test "a table without a key is kept as history only, every line a version" {
  {
    source_line && IDENTITY=nothing table public.t id:int8 note:text
    tx 10 'c public.t "after":{"id":1,"note":"a"}' 'c public.t "after":{"id":1,"note":"a"}'
  } | deliver
  rows_are 'SELECT id, note, _cdc_op FROM "public.t__history"' '1|a|c' '1|a|c'
  rows_are 'SELECT state FROM _cdc_freshness' history
  run ! rows 'SELECT * FROM t'
}

@test "with history every version is there: half open, one valid at a time, kept values filled from the version before" {
  {
    source_line && t
    tx 10 'c public.t "after":{"id":1,"note":"a","weight":1}'
    tx 20 'u public.t "after":{"id":1,"weight":2},"unchanged":["note"]' 'u public.t "after":{"id":1,"weight":3},"unchanged":["note"]'
    tx 30 'u public.t "after":{"id":2,"weight":4},"before":{"id":1},"unchanged":["note"]'
    tx 40 'd public.t "before":{"id":2}'
  } | stage --max-bytes 1
  load_warehouse --history
  rows_are 'SELECT id, note, weight, _cdc_from_lsn, _cdc_to_lsn, _cdc_instant FROM "public.t__history" ORDER BY _cdc_from_lsn, _cdc_from_seq' \
    '1|a|1|00000000/0000000A|00000000/00000014|0' '1|a|2|00000000/00000014|00000000/00000014|1' \
    '1|a|3|00000000/00000014|00000000/0000001E|0' '2|a|4|00000000/0000001E|00000000/00000028|0'
  # As it was at a moment between.
  rows_are "SELECT id, weight FROM \"public.t__history\" WHERE _cdc_valid_from<='$(time_of 25)' AND (_cdc_valid_to IS NULL OR _cdc_valid_to>'$(time_of 25)')" '1|3'
  rows_are "$all" ''
}
