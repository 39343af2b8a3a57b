# shellcheck shell=bash
# A host for whole pipelines, as units, timers and a disk make one: what is run on it has its own clock, its own temporary folder and disks
# that can fill up or lose power, and is found again by its unit.
# Use after tests/fault/load.bash and tests/e2e/clock.bash. Knows: scripts/systemd, ext4, tmpfs; it mounts, so it must be root. Must not
# know: what runs on it, or when it breaks.
#
# in   folder   of the run. Its disks are mounted below folder/disk, their images lie in folder/images; folder/clock is the clock of the
#               host (tests/e2e/clock.bash); folder/off is there while the host has no power
# shellcheck disable=SC2154 # folder and quiet are the script's

mkdir -p "$folder"/{disk,images,log,tmp}
clock_set "$folder/clock" 0

# Disks --------------------------------------------------------------------------------------------------------------------------------

# A file system of its own. Nothing is written back by itself for minutes, and a name put over another one is not synced for whoever forgot
# to: what survives a loss of power is what was synced.   in  NAME MEGABYTES
disk_make() {
  mkdir -p "$folder/disk/$1"
  truncate -s "$2M" "$folder/images/$1"
  mkfs.ext4 -q -F -m 0 "$folder/images/$1" && disk_mount "$1"
}
disk_mount() { mount -o loop,commit=300,noauto_da_alloc "$folder/images/$1" "$folder/disk/$1"; }
# One in memory, which forgets all when power is lost.   in  NAME MEGABYTES
disk_make_in_memory() { mkdir -p "$folder/disk/$1" && mount -t tmpfs -o "size=$2m" pgcdc-test "$folder/disk/$1"; }

# No byte is left on it; and there is space again. Said again, it takes what was let go of meanwhile: of a file that is replaced, the old one
# goes last.   in  NAME
disk_fill() {
  local free
  free=$(df --output=avail -B 1 "$folder/disk/$1" | tail -n 1)
  ((free < 16000000)) || fallocate -l $((free - 8000000)) "$folder/disk/$1/ballast"
  # The rest byte by byte, until there is none.
  head -c 64M /dev/zero >>"$folder/disk/$1/ballast.rest"
  return 0
} 2>/dev/null
# Synced, or a loss of power would fill it again.
disk_empty() { rm -f "$folder/disk/$1"/ballast{,.rest} && sync -f "$folder/disk/$1"; }

# Power is lost: what had not reached the disk is gone, names too. Whoever used it must be dead.   in  NAME...
disks_lose_power() {
  local name
  for name; do
    # EXT4_IOC_SHUTDOWN, without flushing the log.
    perl -e 'my $how = pack("L", 2); open(DISK, "<", $ARGV[0]) && ioctl(DISK, 0x8004587d, $how) || die "cannot cut the power: $!"' "$folder/disk/$name" || return
  done
  for name; do wait_until 20 umount "$folder/disk/$name" || return; done
  # What the log of the file system has is played back.
  for name; do disk_mount "$name" || return; done
}
disks_remove() {
  local disks
  # All of the list first: it changes as they go.
  mapfile -t disks < <(sed -n "s|^[^ ]* \($folder/disk/[^ ]*\) .*|\1|p" /proc/mounts)
  ((${#disks[@]} == 0)) || umount -l "${disks[@]}"
}

# Processes ----------------------------------------------------------------------------------------------------------------------------

# A command of the host, which this process becomes.   in  UNIT COMMAND...
on_host() {
  local unit=$1
  shift
  PGCDC_UNIT=$folder/$unit by_clock "$folder/clock" exec "$@"
}
# The processes of a unit, whoever started them; only those called COMM, when one is named.   in  UNIT|* [COMM]
processes_of() {
  local file pid comm
  grep -lzax "PGCDC_UNIT=$folder/${1/\*/.*}" /proc/[0-9]*/environ 2>/dev/null | while read -r file; do
    pid=${file#/proc/} pid=${pid%/environ}
    read -r comm 2>/dev/null <"/proc/$pid/comm" || continue
    [[ -n ${2:-} && $comm != "$2" ]] || echo "$pid"
  done
}
# in  UNIT|*
kill_unit() {
  local pid
  for pid in $(processes_of "$1"); do kill -KILL "$pid" 2>/dev/null; done
}

# What a line of a unit says.   in  UNIT-FILE WORD
unit_says() { sed -n "s/^$2=//p" "$HERE/../../scripts/systemd/$1"; }
# in  A time span of systemd's: 30s, 5min   out  seconds
seconds_of() {
  case $1 in
  *min) echo $((${1%min} * 60)) ;;
  *h) echo $((${1%h} * 3600)) ;;
  *) echo "${1%s}" ;;
  esac
}

# Keeps a service running by the rules of scripts/systemd/pgcdc@.service, each start with a temporary folder of its own (PrivateTmp), and
# kills what its main process left behind (KillMode). A code that the unit does not start again, and an end that nobody asked for, need a
# hand: the run is lost. Ends when the service ends with 0 after folder/drain is there.
# in  UNIT, milliseconds of a simulated hour, COMMAND...
keep_running() {
  local unit=$1 of_hour_ms=$2 never pause private code
  shift 2
  never=" $(unit_says pgcdc@.service RestartPreventExitStatus) "
  pause=$(($(seconds_of "$(unit_says pgcdc@.service RestartSec)") * of_hour_ms / 3600))
  while :; do
    until [[ ! -e $folder/off ]]; do pause_ms 50; done
    [[ ! -e $folder/drain ]] || return 0
    private=$(mktemp -d "$folder/tmp/$unit.XXXXXX")
    (TMPDIR=$private on_host "$unit" "$@" </dev/null 2>>"$folder/log/$unit") &
    echo $! >"$folder/pid.$unit"
    wait $!
    code=$?
    # Nobody is asked for after a loss of power.
    kill_unit "$unit"
    rm -rf "$private"
    echo "$unit=$code" >>"$folder/codes"
    if ((code == 0)); then
      [[ -e $folder/drain || -e $folder/copying ]] || fault "$unit ended, and nobody had asked for it"
      return 0
    fi
    if [[ $never == *" $code "* ]]; then
      fault "$unit ended with $code, which waits for a hand: $(tail -n 2 "$folder/log/$unit")"
      return 1
    fi
    pause_ms "$pause"
  done
}

# One run of a oneshot unit.   in  UNIT COMMAND...   out  its code
run_once() {
  local unit=$1 private code
  shift
  private=$(mktemp -d "$folder/tmp/$unit.XXXXXX")
  (TMPDIR=$private on_host "$unit" "$@" </dev/null 2>>"$folder/log/$unit")
  code=$?
  rm -rf "$private"
  return "$code"
}
