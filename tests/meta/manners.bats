#!/usr/bin/env bats
# Every program answers --help, --version and a bad option in the same way, and its manual page tells the same options.
# Knows: the form of --help (CLI11) and of mdoc. Must not know: any option by name.

load findings

# answers TOOL STATUS WHERE ARGUMENTS...: status is exact, WHERE (out or err) is not empty, the other one is.
answers() {
  local tool=$1 want=$2 where=$3 got
  shift 3
  "$tool" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null && got=0 || got=$?
  ((got == want)) || echo "! $tool $* exits with $got, not $want"
  if [[ $where == out ]]; then
    [[ -s $BATS_TEST_TMPDIR/out ]] || echo "! $tool $* says nothing on standard output"
    [[ ! -s $BATS_TEST_TMPDIR/err ]] || echo "! $tool $* writes to standard error"
  else
    [[ ! -s $BATS_TEST_TMPDIR/out ]] || echo "! $tool $* writes to standard output"
    [[ $(wc -l <"$BATS_TEST_TMPDIR/err") == 1 ]] || echo "! $tool $* does not say exactly one line on standard error"
  fi
}

subcommands() { "$1" --help 2>/dev/null </dev/null | sed -nE '/^(Subcommands|SUBCOMMANDS|Commands):/,$ s/^  ([a-z][a-z-]*)( .*)?$/\1/p'; }

manners() {
  local tool sub
  for tool in $(tools); do
    echo "= $tool"
    answers "$tool" 0 out --help
    answers "$tool" 0 out --version
    "$tool" --version 2>/dev/null </dev/null | grep -qxE "$tool \(pgcdc\) [0-9]+\.[0-9]+\.[0-9]+" ||
      echo "! $tool --version does not say '$tool (pgcdc) N.N.N'"
    answers "$tool" 64 err --no-such-option
    answers "$tool" 64 err --no-such-option=value
    for sub in $(subcommands "$tool"); do
      answers "$tool" 0 out "$sub" --help
      answers "$tool" 64 err "$sub" --no-such-option
    done
  done
}

@test "--help and --version answer on standard output, a bad option is one line on standard error and exit 64" {
  settle manners manners
}

# Options of --help, of the tool and of its sub-commands: the words with two dashes at the start of an indented line.
help_options() {
  {
    "$1" --help
    for sub in $(subcommands "$1"); do "$1" "$sub" --help; done
  } 2>/dev/null </dev/null | grep -E '^ +-' | sed -E 's/^ +//; s/(  | [A-Z]).*//' | grep -oE -e '--[a-z][a-z-]*' | LC_ALL=C sort -u
}

# Options of the page: `.It Fl -name`, in any form that mdoc allows for several of them on a line.
page_options() {
  sed -nE '/^\.It .*Fl /p' "$1" | grep -oE 'Fl -[a-z][a-z-]*' | sed 's/^Fl /-/' | LC_ALL=C sort -u
}

options() {
  local tool
  for tool in $(tools); do
    [[ -f man/$tool.1 ]] || continue
    echo "= $tool"
    help_options "$tool" >"$BATS_TEST_TMPDIR/help"
    page_options "man/$tool.1" >"$BATS_TEST_TMPDIR/page"
    [[ -s $BATS_TEST_TMPDIR/help ]] || echo "! $tool --help lists no option"
    both_ways "$tool (left --help, right man/$tool.1)" "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page"
  done
}

@test "the options of --help are the options of the page, both ways" {
  settle options options
}

# One word, one meaning: an option that several programs have takes the same kind of value in all of them.
same_value() {
  local tool
  for tool in $(tools); do
    {
      "$tool" --help
      for sub in $(subcommands "$tool"); do "$tool" "$sub" --help; done
    } 2>/dev/null </dev/null | sed -nE "s/^ +(-[a-z],)?(--[a-z][a-z-]*)( ([A-Z][A-Z-]*))?.*/\2 \4/p"
    echo "= $tool" >&3
  done 3>"$BATS_TEST_TMPDIR/seen" | LC_ALL=C sort -u | awk '{ n[$1]++; v[$1] = v[$1] " " ($2 == "" ? "(none)" : $2) } END { for (o in n) if (n[o] > 1) print "! " o " takes different values:" v[o] }'
  cat "$BATS_TEST_TMPDIR/seen"
}

@test "the same option takes the same kind of value everywhere" {
  settle same-value same_value
}
