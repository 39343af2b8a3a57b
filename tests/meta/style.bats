#!/usr/bin/env bats
# The hand: every file says what it is for, is laid out by clang-format or clean for shellcheck, and knows no machine.
# Knows: the text of the files. Must not know: any file by name, but for the few that are exempt here with a reason.

load findings

# opening FILE: how many comment lines it opens with, the interpreter line not counted.
opening() { awk 'NR == 1 && /^#!/ { next } /^ *(\/\/|#)/ && !/^#(include|pragma)/ { n++; next } { exit } END { print n + 0 }' "$1"; }

# A header and its body are one thing: together they open with at least 3 lines, each with at most 8. A main says at least 2.
openings() {
  local file stem lines
  for file in $(files 'tools/*.cpp' 'tools/*.hpp'); do
    echo "= $file"
    stem=${file%.?pp}
    lines=$(opening "$file")
    ((lines >= 1)) || echo "! $file does not open with what it is for"
    ((lines <= 8)) || echo "! $file opens with $lines comment lines: at most 8"
    [[ ! -e $stem.hpp ]] || lines=$(opening "$stem.hpp")
    [[ ! -e $stem.hpp || ! -e $stem.cpp ]] || lines=$((lines + $(opening "$stem.cpp")))
    ((lines >= $([[ $file == */main.cpp ]] && echo 2 || echo 3))) || echo "! $stem opens with too little: what it is for, what it knows, what it must not know"
  done
  for file in $(shell_files) $(files 'tests/*.cpp'); do
    [[ -e $file ]] || continue
    echo "= $file"
    # A test mirrors a file that says it all; a script says it itself.
    (($(opening "$file") >= $([[ $file == *.cpp ]] && echo 1 || echo 2))) || echo "! $file does not say at its top what it is for"
  done
}

@test "every file opens with what it is for, what it knows and what it must not know" {
  settle openings openings
}

# Connecting, about 40 lines; a program with sub-commands declares the options of each.
short_mains() {
  local file most
  for file in $(files 'tools/*/main.cpp'); do
    echo "= $file"
    most=$((55 + 15 * $(grep -c '\.sub(' "$file")))
    (($(grep -cvE '^ *(//.*)?$' "$file") <= most)) || echo "! $file has more than $most lines of code: its work belongs beside it"
  done
}

@test "main stays short" {
  settle short-mains short_mains
}

lumber() {
  local path
  for path in $(files . | tr / '\n' | sed -E 's/\.[a-z]+$//' | sort -u); do
    echo "= $path"
    if grep -qiE '(^|[-_])(utils?|common|helpers?|misc|manager)($|[-_])' <<<"$path"; then echo "! $path is a lumber room"; fi
  done
}

@test "no lumber rooms: util, common, helper, misc, manager" {
  settle lumber lumber
}

layout() {
  local file
  for file in $(files 'tools/*.cpp' 'tools/*.hpp' 'tests/*.cpp' 'tests/*.hpp'); do
    echo "= $file"
    clang-format-14 --dry-run --Werror "$file" 2>"$BATS_TEST_TMPDIR/format" || echo "! clang-format-14 -i $file"
  done
}

@test "clang-format would change nothing" {
  settle clang-format layout
}

shell() {
  local file
  for file in $(shell_files); do
    echo "= $file"
    shellcheck -x -f gcc "$file" 2>&1 | sed -E 's/^([^:]+):[0-9]+:[0-9]+: (.*)/! \1: \2/'
  done
}

@test "shellcheck finds nothing in any script" {
  settle shellcheck shell
}

# Programs that developers have and a bare Debian has not; scripts/install-packages would have to install them first.
absent() {
  local file
  for file in $(shell_files); do
    [[ $file != tests/meta/style.bats ]] || continue
    echo "= $file"
    grep -nE '(^|[|;&(`] *|\b(then|do|run|run -[0-9]+|exec|timeout [0-9]+) )(xxd|hexdump|python3?|curl|wget|strace|ltrace|lsof|fuser|bc|dc|xz|rsync|socat|nc|tmux|expect|parallel|sudo|less|file|ip|ss|vim?)( |$)' "$file" | grep -vE '^[0-9]+: *#' |
      sed -E "s/^([0-9]+):.*/! ${file//\//\\/}:\1 calls a program that a bare Debian has not/"
  done
}

@test "scripts and tests call only programs that are installed for them" {
  settle absent absent
}

machines() {
  local file
  for file in $(files .); do
    echo "= $file"
    # Folders of a developer's machine. /tmp and /var belong to everybody's.
    grep -nIE '(^|[^A-Za-z0-9_./-])/(work|root|home/[a-z]+|Users|mnt|workspace)/' "$file" | sed -E "s|^([0-9]+):.*|! $file:\1 knows a machine's folder|"
  done
}

@test "no file knows a folder of one machine" {
  settle machines machines
}

unfinished() {
  local file
  for file in $(files tools man scripts Makefile CMakeLists.txt README.md); do
    echo "= $file"
    grep -nIE '\b(TODO|FIXME|XXX|HACK)\b' "$file" | sed -E "s|^([0-9]+):.*|! $file:\1 is unfinished|"
  done
}

@test "nothing says of itself that it is unfinished" {
  settle unfinished unfinished
}

# Comments are 15 to 25 of 100 characters (lines would count a full sentence like a closing brace): fewer explain too
# little, more repeat the code.
comments() {
  local share
  share=$(files 'tools/*.cpp' 'tools/*.hpp' | xargs cat | sed -E 's/^ +//' | awk '
    { all += length($0) } /^\/\// { comment += length($0); next } match($0, / \/\/[\/<]* /) { comment += length($0) - RSTART }
    END { printf "%d", 100 * comment / all }')
  echo "= $share of 100 characters in tools are comments"
  ((share >= 15 && share <= 25)) || echo "! $share of 100 characters in tools are comments, not 15 to 25"
}

@test "between 15 and 25 of 100 characters are comments" {
  settle comments comments
}
