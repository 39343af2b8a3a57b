# shellcheck shell=bash
# Hand-written change streams for tests that need no server: as many transactions over as many tables as asked for.
# Use after `load cluster` (PATH, wait_until). Knows: the stream's grammar (cdc-stream.5). Must not know: what a test is about.
set -o pipefail

# stream_of TRANSACTIONS [ROWS-PER-TRANSACTION] [TABLES]: a whole stream; transaction i commits at i * 0x100, ends 0x80 later.
stream_of() {
  awk -v transactions="$1" -v rows="${2:-3}" -v tables="${3:-2}" '
    function lsn(value) { return sprintf("%08X/%08X", int(value / 4294967296), value % 4294967296) }
    BEGIN {
      printf "{\"op\":\"source\",\"format\":1,\"source\":\"shop\",\"run\":\"0123456789abcdef0123456789abcdef\",\"system_id\":\"7341111111111111111\",\"timeline\":1,\"era\":0,\"server_version\":150018,\"database\":\"shop\",\"slot\":\"pgcdc\",\"start\":\"%s\"}\n", lsn(256)
      for (t = 0; t < tables; t++)
        printf "{\"op\":\"schema\",\"table\":\"public.t%d\",\"relid\":%d,\"root\":null,\"lsn\":\"%s\",\"version\":1,\"identity\":\"default\",\"columns\":[{\"name\":\"id\",\"type\":\"int8\",\"typmod\":-1,\"attnum\":1,\"bind\":\"%d.1\",\"identity\":true,\"pk\":true,\"nullable\":false,\"category\":\"N\",\"default\":false}]}\n", t, 100 + t, lsn(256), 100 + t
      for (i = 1; i <= transactions; i++) {
        at = i * 256
        place = "\"lsn\":\"" lsn(at) "\""
        who = "\"ts\":\"2026-11-22T10:53:01.123456Z\",\"xid\":" 700 + i
        for (seq = 0; seq < rows; seq++)
          printf "{\"op\":\"c\",\"table\":\"public.t%d\",%s,\"seq\":%d,%s,\"after\":{\"id\":%d,\"note\":\"row %d of transaction %d, which is told from all others\"}}\n", (i * 7 + seq * 3) % tables, place, seq, who, i * rows + seq, seq * 7919 % 1000, i
        printf "{\"op\":\"commit\",%s,\"end\":\"%s\",%s,\"rows\":%d,\"read_rows\":%d}\n", place, lsn(at + 128), who, rows, rows
      }
    }'
}

# put_all STAGE STREAM [OPTION OF cdc-batch]...: the whole stream into a stage, undisturbed.
put_all() {
  local stage=$1 stream=$2
  shift 2
  cdc-batch "$@" <"$stream" | cdc-stage-put --stage "$stage"
}

# same_stream STAGE STAGE: both give the same stream back.
same_stream() { cmp <(cdc-stage-get --stage "$1") <(cdc-stage-get --stage "$2"); }

SMALL_DISKS=()
# small_disk FOLDER KIB: a folder on a file system of this size. Only root can; others get a limit on the size of a file,
# which the kernel reports as another error of the same class.
small_disk() {
  mkdir -p "$1"
  if [[ $(id -u) == 0 ]] && mount -t tmpfs -o "size=${2}k" tmpfs "$1" 2>/dev/null; then
    SMALL_DISKS+=("$1")
    return
  fi
  trap '' XFSZ
  ulimit -f "$2"
}
more_disk() { if mountpoint -q "$1"; then mount -o "remount,size=${2}k" "$1"; else ulimit -f "$2"; fi; }
remove_small_disks() {
  local folder
  for folder in "${SMALL_DISKS[@]}"; do umount "$folder"; done
}
