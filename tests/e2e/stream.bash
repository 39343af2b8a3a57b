#!/usr/bin/env bash
# Hand-written change streams, and the way from there into a warehouse: what tests of the loading half share.
#
# Use in a bats file:   load stream
#                       { source_line; table public.t id:int8:k note:text; tx 10 'c public.t "after":{"id":1}'; } | deliver
# Knows: the lines of cdc-stream.5. Positions are small decimal numbers here and log positions in the lines.
# Must not know: what any single test is about.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PGCDC_BIN=${PGCDC_BIN:-$REPO/build/bin}
PATH=$PGCDC_BIN:$REPO/scripts:$PATH
export REPO PGCDC_BIN PATH LC_ALL=C.UTF-8

lsn() { printf '00000000/%08X' "$1"; }
time_of() { printf '2026-11-22T10:%02d:%02d.000000Z' $(($1 / 60 % 60)) $(($1 % 60)); }

# in  START (default 1), SYSTEM (default 7), SOURCE (default s)
source_line() {
  printf '{"op":"source","format":1,"source":"%s","run":"%032d","system_id":"%s","timeline":1,"era":0,"server_version":150018,"database":"d","slot":"x","start":"%s"}\n' \
    "${3:-s}" "${1:-1}" "${2:-7}" "$(lsn "${1:-1}")"
}

# One schema line. Environment: RELID (100), AT (1, the position), VERSION (1), IDENTITY (default), BIND (proven; null).
# in  TABLE COLUMN...   a column is name:type[:LETTERS[:ATTNUM]], letters: k of the key, d rows before it may hold something, ? not known
table() {
  local name=$1 columns='' column text type flags attnum number=0 key default bind
  shift
  for column in "$@"; do
    number=$((number + 1))
    IFS=: read -r text type flags attnum <<<"$column"
    attnum=${attnum:-$number} key=false default=false
    [[ $flags != *k* ]] || key=true
    [[ $flags != *d* ]] || default=true
    [[ $flags != *\?* ]] || default=null
    bind="\"${RELID:-100}.$attnum\""
    [[ ${BIND:-} != null ]] || bind=null
    columns+="${columns:+,}{\"name\":\"$text\",\"type\":\"$type\",\"typmod\":-1,\"attnum\":$attnum,\"bind\":$bind,\"identity\":$key,\"pk\":$key,\"nullable\":true,\"category\":\"S\",\"default\":$default}"
  done
  printf '{"op":"schema","table":"%s","relid":%d,"root":null,"lsn":"%s","version":%d,"identity":"%s","columns":[%s]}\n' \
    "${name//\"/\\\"}" "${RELID:-100}" "$(lsn "${AT:-1}")" "${VERSION:-1}" "${IDENTITY:-default}" "$columns"
}

# One transaction. in  LSN ROW...   a row is: OP TABLE [members]; it ends at LSN + 5
tx() {
  local at=$1 seq=0 row op name rest
  shift
  for row in "$@"; do
    read -r op name rest <<<"$row"
    printf '{"op":"%s","table":"%s","lsn":"%s","seq":%d,"ts":"%s","xid":%d%s}\n' \
      "$op" "${name//\"/\\\"}" "$(lsn "$at")" "$seq" "$(time_of "$at")" "$at" "${rest:+,$rest}"
    seq=$((seq + 1))
  done
  printf '{"op":"commit","lsn":"%s","end":"%s","ts":"%s","xid":%d,"rows":%d,"read_rows":%d}\n' \
    "$(lsn "$at")" "$(lsn $((at + 5)))" "$(time_of "$at")" "$at" "$seq" "$seq"
}

# in  END: every transaction below it has been told
heartbeat() { printf '{"op":"heartbeat","end":"%s","ts":"%s"}\n' "$(lsn "$1")" "$(time_of "$1")"; }

# One chunk of a copy. Environment: CHUNK (0), FROM and TO (its bounds as JSON, null), HIGH (the position), COPY (the position of
# the copy, not said), KEYS (how many keys were read again, not said).
# in  LSN TABLE ROW...   a row is the object of its columns
copy() {
  local at=$1 name=${2//\"/\\\"} row where
  shift 2
  where="\"table\":\"$name\",\"lsn\":\"$(lsn "$at")\",${COPY:+\"copy\":\"$(lsn "${COPY:-0}")\",}\"chunk\":${CHUNK:-0},\"from_key\":${FROM:-null},\"to_key\":${TO:-null}${KEYS:+,\"keys\":$KEYS}"
  printf '{"op":"snapshot","state":"begin",%s}\n' "$where"
  for row in "$@"; do
    printf '{"op":"r","table":"%s","lsn":"%s","ts":"%s","after":%s}\n' "$name" "$(lsn "$at")" "$(time_of "$at")" "$row"
  done
  printf '{"op":"snapshot","state":"end",%s,"rows":%d,"high":"%s"}\n' "$where" $# "$(lsn "${HIGH:-$at}")"
}

# Standard input into the stage. Environment: STAGE. in  options of cdc-batch: --max-bytes 1 makes every transaction an epoch
stage() {
  set -o pipefail
  cdc-batch --spool "${BATS_TEST_TMPDIR:-.}/spool" "$@" | cdc-stage-put --stage "${STAGE:=$BATS_TEST_TMPDIR/stage}"
}

# Both. in  options of cdc-batch
# shellcheck disable=SC2119 # its options are not cdc-load's
deliver() { stage "$@" && load_warehouse; }

# shellcheck source=tests/e2e/engines.bash
. "$REPO/tests/e2e/engines.bash"
