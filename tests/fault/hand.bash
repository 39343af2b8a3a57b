# shellcheck shell=bash
# A change stream written by hand, and how a program's end is looked at: code, one line on standard error, output in `out`.
# For tests without a server. Must not know: any single test.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PGCDC_BIN=${PGCDC_BIN:-$REPO/build/bin}
export REPO PGCDC_BIN PATH="$PGCDC_BIN:$REPO/scripts:$PATH" LC_ALL=C.UTF-8 TZ=UTC
# What every program of the project is called, and the run of the stream below.
export RUN_ID=0123456789abcdef0123456789abcdef
# shellcheck disable=SC2034
TOOLS=(pgcdc-check pgcdc-slot pgcdc-read pgcdc-snapshot cdc-mask cdc-policy cdc-batch cdc-stage-put cdc-stage-get cdc-load cdc-run)

# Three transactions on public.orders; the heartbeat behind them ends at 010003C0. Lines, for sed: 1 source, 2 schema, 3-5 the
# first transaction, 6-8 the second, 9-10 the third, 11 the heartbeat.
stream() {
  cat <<LINES
{"op":"source","format":1,"source":"shop","run":"$RUN_ID","system_id":"7300000000000000001","timeline":1,"era":0,"server_version":150018,"database":"shop","slot":"pgcdc","start":"00000000/01000000"}
{"op":"schema","table":"public.orders","relid":16400,"root":null,"lsn":"00000000/01000100","version":1,"identity":"default","columns":[{"name":"id","type":"int8","typmod":-1,"attnum":1,"bind":"16400.1","identity":true,"pk":true,"nullable":false,"category":"N","default":false},{"name":"total","type":"numeric","typmod":-1,"attnum":2,"bind":"16400.2","identity":false,"pk":false,"nullable":true,"category":"N","default":false},{"name":"note","type":"text","typmod":-1,"attnum":3,"bind":"16400.3","identity":false,"pk":false,"nullable":true,"category":"S","default":false}]}
{"op":"c","table":"public.orders","lsn":"00000000/01000100","seq":0,"ts":"2026-11-22T10:00:01.000000Z","xid":10,"after":{"id":1,"total":"10.00","note":"first"}}
{"op":"c","table":"public.orders","lsn":"00000000/01000100","seq":1,"ts":"2026-11-22T10:00:01.000000Z","xid":10,"after":{"id":2,"total":"7.25","note":null}}
{"op":"commit","lsn":"00000000/01000100","end":"00000000/01000140","ts":"2026-11-22T10:00:01.000000Z","xid":10,"rows":2,"read_rows":2}
{"op":"u","table":"public.orders","lsn":"00000000/01000200","seq":0,"ts":"2026-11-22T10:00:02.000000Z","xid":12,"after":{"id":1,"total":"12.50"},"unchanged":["note"]}
{"op":"c","table":"public.orders","lsn":"00000000/01000200","seq":1,"ts":"2026-11-22T10:00:02.000000Z","xid":12,"after":{"id":3,"total":"1","note":"öä"}}
{"op":"commit","lsn":"00000000/01000200","end":"00000000/01000240","ts":"2026-11-22T10:00:02.000000Z","xid":12,"rows":2,"read_rows":2}
{"op":"d","table":"public.orders","lsn":"00000000/01000300","seq":0,"ts":"2026-11-22T10:00:03.000000Z","xid":13,"before":{"id":3}}
{"op":"commit","lsn":"00000000/01000300","end":"00000000/01000340","ts":"2026-11-22T10:00:03.000000Z","xid":13,"rows":1,"read_rows":1}
{"op":"heartbeat","end":"00000000/010003C0","ts":"2026-11-22T10:00:04.000000Z"}
LINES
}

# Runs COMMAND (words) on standard input: it must end with CODE and say exactly one line, with err=ERR (a pattern) and the
# class of the code. Its standard output stays in `out`.
ends_with() {
  local code=$1 err=$2 status=0 class
  case $code in 64) class=usage ;; 65) class=data ;; 75) class=retry ;; 77) class=denied ;; 78) class=refused ;; esac
  # shellcheck disable=SC2086
  timeout 20 $3 >out 2>err || status=$?
  if ((status != code)) || [[ $(wc -l <err) != 1 ]] || ! grep -qE " err=\"?$err\"?( .*)? class=$class|class=$class.* err=\"?$err\"?( |$)" err ||
    ! grep -qE '^ts=[^ ]+ tool=[a-z-]+ level=error ' err; then
    printf '%s\nexpected %s err=%s in one line, got %s:\n' "$3" "$code" "$err" "$status"
    cat err
    return 1
  fi
}

warehouse_sql() { sqlite3 -batch -readonly -cmd '.timeout 10000' "$1" "$2"; }
