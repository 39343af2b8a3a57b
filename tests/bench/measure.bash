#!/usr/bin/env bash
# What the benchmarks share: the time and memory of a run's processes, medians, ratios, rows of results.tsv.
#
# Use after setting repo (the checkout), dir (a folder for samples), results (the file), quick (yes: nothing is appended).
# Knows: GNU time. Must not know: what is measured.

# shellcheck disable=SC2154 # what is set before

say() { printf '%s\n' "$*" >&2; }
command -v time >/dev/null || {
  say 'cannot measure without GNU time: install the package time'
  exit 64
}
commit=$(git -C "${repo:?}" rev-parse --short HEAD 2>/dev/null || echo unknown)

# The measurements of one run: samples/WHAT holds a line `wall user sys peak` for each run.
# timed NAME COMMAND...: the same command, its rusage written to $dir/usage/NAME.
timed() {
  local name=$1
  shift
  command time --quiet -f '%U %S %M' -o "$dir/usage/$name" "$@"
}

# measure WHAT FUNCTION: runs it; its processes' times are added, the largest one's peak counts.
measure() {
  local what=$1 began ended
  shift
  rm -rf "$dir/usage"
  mkdir -p "$dir/usage" "$dir/samples"
  began=${EPOCHREALTIME//[.,]/}
  "$@"
  ended=${EPOCHREALTIME//[.,]/}
  cat "$dir"/usage/* | awk -v us=$((ended - began)) '{ u += $1; s += $2; if ($3 > m) m = $3 } END { printf "%.3f %.2f %.2f %d\n", us / 1e6, u, s, m }' \
    >>"$dir/samples/$what"
  say "$(printf '%-14s %s' "$what" "$(tail -n 1 "$dir/samples/$what" | awk '{ printf "%7.2f s wall %6.2f user %6.2f sys %8d KiB", $1, $2, $3, $4 }')")"
  # Each program of a pipe is kept too, under its own name.
  local usage
  for usage in "$dir"/usage/*; do
    [[ ${usage##*/} == "$what" ]] || sed "s/^/$(tail -n 1 "$dir/samples/$what" | cut -d' ' -f1) /" "$usage" >>"$dir/samples/$what:${usage##*/}"
  done
}

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
# column N of WHAT's samples, its median
middle() { cut -d' ' -f"$2" "$dir/samples/$1" | median; }

machine() {
  printf '%s cores, %s' "$(nproc)" "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)"
}

# report WHAT AGAINST TARGET [SCALE]: one line for people, one for results.tsv; SCALE multiplies the other's wall time.
report() {
  local what=$1 against=$2 target=$3 scale=${4:-1} ratio=- wall
  [[ -s $dir/samples/$what ]] || return 0
  wall=$(middle "$what" 1)
  if [[ -n $against && -s $dir/samples/$against ]]; then
    ratio=$(awk -v a="$wall" -v b="$(middle "$against" 1)" -v s="$scale" 'BEGIN { printf "%.3f", a / (b * s) }')
  fi
  printf '%-20s %8.2f %8.2f %8.2f %10d %8s  %s\n' "$what" "$wall" "$(middle "$what" 2)" "$(middle "$what" 3)" "$(middle "$what" 4)" \
    "$ratio" "${against:+against $against}${target:+ (target $target)}"
  [[ $quick == no ]] || return 0
  printf '%s\t%s\t%s\t%s\t%.3f\t%.2f\t%.2f\t%d\t%s\t%s\n' "$(date -u +%Y-%m-%d)" "$commit" "$(machine)" "$what" "$wall" "$(middle "$what" 2)" \
    "$(middle "$what" 3)" "$(middle "$what" 4)" "$ratio" "${against:--}" >>"$results"
}
