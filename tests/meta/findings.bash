# shellcheck shell=bash
# What the meta-tests share: the tree as lists, and settling findings against the list of known debts.
#
# A check prints `= SUBJECT` for each thing it looked at and `! FINDING` for each fault. settle fails on a finding that is
# not in tests/meta/debts, on a debt that is no finding any more (the list only shrinks), and when nothing was looked at.
# Must not know: what any single check is about. No check may change the tree.

# No pipefail here: `list | grep -q` is how the checks ask, and grep -q leaves before the list has ended.
bats_require_minimum_version 1.5.0
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PGCDC_BIN=${PGCDC_BIN:-$REPO/build/bin}
export REPO PGCDC_BIN PATH="$PGCDC_BIN:$REPO/scripts:$PATH" LC_ALL=C.UTF-8 TZ=UTC
cd "$REPO" || exit 70

# settle NAME CHECK...: runs the check and compares what it found with the lines `NAME<tab>FINDING` of the debts.
settle() {
  local name=$1 found=$BATS_TEST_TMPDIR/found debts=$BATS_TEST_TMPDIR/debts status=0
  shift
  "$@" >"$BATS_TEST_TMPDIR/said" 2>"$BATS_TEST_TMPDIR/broke" || true
  [[ ! -s $BATS_TEST_TMPDIR/broke ]] || {
    echo "the check itself broke: $*: $(<"$BATS_TEST_TMPDIR/broke")"
    return 1
  }
  grep -q '^= ' "$BATS_TEST_TMPDIR/said" || {
    echo "the check looked at nothing: $*"
    return 1
  }
  sed -n 's/^! //p' "$BATS_TEST_TMPDIR/said" | LC_ALL=C sort -u >"$found"
  sed -n "s/^$name\t//p" "$REPO/tests/meta/debts" | LC_ALL=C sort -u >"$debts"
  LC_ALL=C comm -23 "$found" "$debts" | sed 's/^/found: /' | grep . && status=1
  LC_ALL=C comm -13 "$found" "$debts" | sed 's/^/no longer so, take it off tests\/meta\/debts: /' | grep . && status=1
  return "$status"
}

# Files of the project: in the index, or new and not ignored; of those, the ones that exist.
files() {
  local file
  git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
    [[ ! -e $file ]] || echo "$file"
  done
}

rooms() { for folder in tools/lib/*/; do basename "$folder"; done; }
programs() { for folder in tools/*/; do [[ $folder == tools/lib/ ]] || basename "$folder"; done; }
# Scripts that are tools as well: what scripts/ installs.
tool_scripts() { for file in scripts/cdc-*; do [[ ! -f $file ]] || basename "$file"; done; }
tools() { programs && tool_scripts; }

# Scripts in bash or sh, and bats files.
shell_files() {
  local file
  files . | while read -r file; do
    case $file in
      *.bash | *.bats | *.sh) echo "$file" ;;
      *) if head -c 64 "$file" | head -n 1 | grep -qaE '^#!.*\b(bash|sh|bats)\b'; then echo "$file"; fi ;;
    esac
  done
}

# both_ways WHAT LEFT RIGHT: findings for what stands in only one of two files of sorted lines.
both_ways() {
  LC_ALL=C comm -23 "$2" "$3" | sed "s|^|! $1: only left: |"
  LC_ALL=C comm -13 "$2" "$3" | sed "s|^|! $1: only right: |"
}
