#!/usr/bin/env bats
# The test runner cannot lie: what died, was lost or tested nothing counts as failed, and the closing line is the last one.
# Knows: the reports that tests/run adds up, made here by programs that report and die on purpose. Must not: build anything.

load findings

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  mkdir -p bin tests/unit/room tests/golden tests/e2e build/unit
  cp "$REPO/tests/run" tests/run
  cp "$REPO/tests/golden/run" tests/golden/run
  program bin/cmake 'exit 0'
  program bin/ninja 'exit 0'
  touch tests/unit/room/room.cpp
  PATH=$PWD/bin:$PATH
}

# program FILE LINE...: an executable shell script.
program() {
  local file=$1
  shift
  printf '%s\n' '#!/bin/sh' "$@" >"$file"
  chmod +x "$file"
}

closing_line_is() { [[ ${lines[-1]} == "$1" ]]; }

@test "passed, failed and skipped unit tests are counted as the program reports them" {
  program build/unit/unit-room 'echo "[       OK ] A.a (0 ms)"' 'echo "[  SKIPPED ] A.b (0 ms)"' \
    'echo "[  FAILED  ] A.c (1 ms)"' 'echo "[  FAILED  ] A.c"' 'exit 1'
  run -1 tests/run unit
  closing_line_is "1 passed, 1 failed, 1 skipped"
}

@test "a unit test program that dies after its tests passed counts as failed" {
  program build/unit/unit-room 'echo "[       OK ] A.a (0 ms)"' 'kill -9 $$'
  run -1 tests/run unit
  closing_line_is "1 passed, 1 failed, 0 skipped"
}

@test "a unit test program that was not built, or tests nothing, counts as failed" {
  run -1 tests/run unit
  closing_line_is "0 passed, 1 failed, 0 skipped"
  program build/unit/unit-room 'exit 0'
  run -1 tests/run unit
  closing_line_is "0 passed, 1 failed, 0 skipped"
}

@test "a bats file that would begin too late is not run, is told, and counts as skipped" {
  program bin/bats 'echo 1..1' 'echo ok 1 one'
  touch tests/e2e/x.bats
  LATEST_S=-1 run -0 tests/run e2e
  [[ $output == *'x.bats was not run: '* ]]
  closing_line_is "0 passed, 0 failed, 1 skipped"
  LATEST_S=600 run -0 tests/run e2e
  closing_line_is "1 passed, 0 failed, 0 skipped"
}

@test "a suite without any test counts as failed" {
  run -1 tests/run fault
  closing_line_is "0 passed, 1 failed, 0 skipped"
}

@test "tests of a bats file that were planned and never reported count as failed" {
  program bin/bats 'echo 1..3' 'echo ok 1 one' 'exit 1'
  touch tests/e2e/x.bats
  run -1 tests/run e2e
  closing_line_is "1 passed, 2 failed, 0 skipped"
}

@test "a build that fails counts as failed, also when old programs still pass" {
  program bin/ninja 'exit 1'
  program build/unit/unit-room 'echo "[       OK ] A.a (0 ms)"'
  run -1 tests/run unit
  closing_line_is "1 passed, 1 failed, 0 skipped"
}

@test "all green ends with status 0" {
  program build/unit/unit-room 'echo "[       OK ] A.a (0 ms)"'
  run -0 tests/run unit
  closing_line_is "1 passed, 0 failed, 0 skipped"
}

@test "the matrix runs what says that it depends on the server, on every server, and fails without servers" {
  mkdir -p scripts tests/fault servers/16 servers/18
  program servers/16/postgres 'echo "postgres (PostgreSQL) 16.1"'
  program servers/18/postgres 'echo "postgres (PostgreSQL) 18.1"'
  program scripts/install-servers "printf '%s\n' '16 $PWD/servers/16' '18 $PWD/servers/18'"
  program bin/bats 'echo 1..1' 'case $PGCDC_PG_BINDIR in */16) echo "ok 1 $2" ;; *) echo "not ok 1 $2" ;; esac'
  printf '%s\n' '#!/usr/bin/env bats' '# bats file_tags=server' >tests/e2e/depends.bats
  printf '%s\n' '#!/usr/bin/env bats' >tests/e2e/does-not.bats
  run -1 tests/run matrix
  closing_line_is "1 passed, 1 failed, 0 skipped"
  [[ $output == *'red: matrix-18/depends'* ]]
  LATEST_S=-1 run -0 tests/run matrix
  closing_line_is "0 passed, 0 failed, 2 skipped"
  program scripts/install-servers 'exit 75'
  run -1 tests/run matrix
  closing_line_is "0 passed, 1 failed, 0 skipped"
}

@test "an unknown suite is a usage error" {
  run -64 tests/run no-such-suite
}
