#!/usr/bin/env bash
# Many small epochs, after each of which it is plain what the warehouse must hold: what tests of kills, faults and races share.
# Use after stream.bash. Transaction N updates all rows of public.t to weight N, and adds a row with N to public.log, which has no key:
# whatever is lost, torn or applied twice can be seen.
# Knows: the two tables. Must not know: an engine, or what breaks.

# Transactions FROM to TO, each with ROWS rows of public.t and one of public.log, into the stage, each an epoch.
# in  FROM (1 is the first), TO, ROWS
stage_epochs() {
  {
    source_line $(($1 * 16 - 8))
    AT=$(($1 * 16 - 8)) table public.t id:int8:k note:text weight:int4
    AT=$(($1 * 16 - 8)) RELID=200 IDENTITY=nothing table public.log n:int4
    awk -v from="$1" -v to="$2" -v rows="$3" 'BEGIN {
      for (t = from; t <= to; t++) {
        lsn = sprintf("00000000/%08X", t * 16); ts = sprintf("2026-11-22T10:%02d:%02d.000000Z", t / 60 % 60, t % 60)
        for (r = 0; r < rows; r++) {
          printf "{\"op\":\"%s\",\"table\":\"public.t\",\"lsn\":\"%s\",\"seq\":%d,\"ts\":\"%s\",\"xid\":%d,\"after\":{\"id\":%d,", t == 1 ? "c" : "u", lsn, r, ts, t, r * 7919 % rows
          # The long value comes once, and is kept from then on.
          if (t == 1) printf "\"note\":\"n%d\",\"weight\":%d}}\n", r * 7919 % rows, t
          else printf "\"weight\":%d},\"unchanged\":[\"note\"]}\n", t
        }
        printf "{\"op\":\"c\",\"table\":\"public.log\",\"lsn\":\"%s\",\"seq\":%d,\"ts\":\"%s\",\"xid\":%d,\"after\":{\"n\":%d}}\n", lsn, rows, ts, t, t
        printf "{\"op\":\"commit\",\"lsn\":\"%s\",\"end\":\"00000000/%08X\",\"ts\":\"%s\",\"xid\":%d,\"rows\":%d,\"read_rows\":%d}\n", lsn, t * 16 + 8, ts, t, rows + 1, rows + 1
      }
    }'
  } | stage --max-bytes 1
}

# What is there is the source after some whole transaction: its number is printed. One statement, so one moment.
# in  ROWS of public.t
whole_epoch() {
  local got n
  got=$(rows "SELECT max(weight), min(weight), count(*), (SELECT count(*) FROM \"public.log__history\"), (SELECT count(DISTINCT n) FROM \"public.log__history\"),
      (SELECT max(n) FROM \"public.log__history\"), (SELECT count(*) FROM _cdc_epochs), (SELECT count(DISTINCT \"from\") FROM _cdc_epochs) FROM t") || return
  n=${got%%|*}
  [[ $got == "$n|$n|$1|$n|$n|$n|$n|$n" ]] || {
    echo "torn, lost or doubled: $got (weights, rows, log, distinct, last, epochs, distinct)" >&2
    return 1
  }
  echo "$n"
}

# All of it: N transactions with ROWS rows each; every row kept its long value; with --history every version once.
# in  N, ROWS
is_exactly() {
  [[ $(whole_epoch "$2") == "$1" ]] || return
  rows_are "SELECT count(DISTINCT note), min(substr(note, 1, 1)), sum(CASE WHEN _cdc_unknown IS NULL THEN 0 ELSE 1 END) FROM \"public.t\"" "$2|n|0" || return
  rows_are 'SELECT sum(rows), sum(applied_rows), sum(quarantined_rows), sum(waiting_rows) FROM _cdc_epochs' "$(($1 * ($2 + 1)))|$(($1 * ($2 + 1)))|0|0" || return
  [[ $(rows 'SELECT history FROM _cdc_tables WHERE relid=100') == 0 ]] || rows_are 'SELECT count(*), count(_cdc_to_lsn) FROM "public.t__history"' "$(($1 * $2))|$((($1 - 1) * $2))"
}

# in  LEAST GREATEST   out  REPLY, a random number between them
random_between() { REPLY=$(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1))); }
