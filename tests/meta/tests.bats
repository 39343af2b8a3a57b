#!/usr/bin/env bats
# Tests that cannot lie: bats says ok for an unchecked `run`, for a mid-test `! true` and for a pipe whose first part failed.
# Knows: the text of the tests. Must not know: what they test. A line ends with `# lint: REASON` when it is right all the same.

load findings

# test_lines FILE: lines `NUMBER<tab>NAME<tab>CODE` of the bodies of its @test blocks; comments and reasons are left out.
test_lines() {
  awk '/^@test / { name = $0; sub(/^@test *["'"'"']/, "", name); sub(/["'"'"'] *\{ *$/, "", name); inside = 1; next }
       inside && /^}/ { inside = 0 }
       inside && !/^ *#/ && !/# lint: / && NF { print FNR "\t" name "\t" $0 }' "$1"
}

bats_lint() {
  local file
  for file in $(files 'tests/*.bats'); do
    echo "= $file"
    # `run` that nobody checks: it needs the status it expects, or `!`.
    test_lines "$file" | awk -F'\t' '$3 ~ /^ *run( |$)/ && $3 !~ /^ *run (--[a-z-]+ )*(-[0-9]+|!)( |$)/ { print $2 }' |
      sort -u | sed "s|^|! $file: run without the status it expects: |"
    # `! command` never fails a test, unless it is the last line; it is not allowed there either.
    test_lines "$file" | awk -F'\t' '$3 ~ /^ *! / { print $2 }' | sort -u | sed "s|^|! $file: a bare '!' cannot fail: |"
    # A test without any command that can fail.
    awk '/^@test / { name = $0; sub(/^@test *"/, "", name); sub(/" *\{ *$/, "", name); inside = 1; n = 0; next }
         inside && /^}/ { if (n == 0) print name; inside = 0 }
         inside && !/^ *#/ && !/^ *(local |export |[A-Za-z_]+=|echo |printf |:|true|done|fi|else)/ && NF { n++ }' "$file" |
      sed "s|^|! $file: asserts nothing: |"
    # Conditions that swallow the result.
    test_lines "$file" | awk -F'\t' '$3 ~ /\|\| *(true|:)( |;|$)/ { print $2 }' | sort -u | sed "s/^/! ${file//\//\\/}: || true hides a failure: /"
    test_lines "$file" | awk -F'\t' '$3 ~ /^ *skip( |$)/ { print $2 }' | sort -u | sed "s|^|! $file: skips: |"
    if grep -qE '^@test ' "$file" && test_lines "$file" | grep -qE '[^|]\|[^|]' && ! has_pipefail "$file"; then
      echo "! $file: pipes without set -o pipefail"
    fi
  done
}

# A bats file has pipefail when it or a helper that it loads sets it.
has_pipefail() {
  local helper
  {
    echo "$1"
    sed -nE "s|^ *load +\"?([^ \"]+)\"?.*|$(dirname "$1")/\1.bash|p" "$1"
  } | while read -r helper; do
    if grep -qsE '^ *set -[a-z]*o pipefail' "$helper"; then echo yes; fi
  done | grep -q yes
}

@test "every bats test can fail" {
  settle bats-lint bats_lint
}

waiting() {
  local file
  for file in $(files 'tests/*.bats' 'tests/*.bash' 'tests/*.cpp' 'tests/run' 'tests/golden/*/cmd' 'tests/bench/*'); do
    [[ -f $file && $file != tests/meta/* ]] || continue
    echo "= $file"
    # The loop inside wait_until is the one place that may sleep; where a pause is the subject, the line says so.
    grep -nE '(^|[;&|( ])(u?sleep [0-9]|sleep "?\$)|sleep_for|sleep_until|\busleep\(|[^_a-z]sleep\(' "$file" | grep -vE '# lint: |// lint: ' |
      sed -E "s|^([0-9]+):.*|! $file:\1 sleeps|"
  done
}

@test "no test waits by sleeping" {
  settle sleeps waiting
}

gtest_lint() {
  local file
  for file in $(files 'tests/unit/*.cpp'); do
    grep -qE '^TEST(_F|_P)?\(' "$file" || continue
    echo "= $file"
    awk '/^TEST(_F|_P)?\(/ { name = $0; inside = 1; n = 0 }
         inside && /EXPECT_|ASSERT_|FAIL\(|expect|check|must|same/ { n++ }
         inside && /}$/ && /^(}|TEST)/ { if (n == 0) print name; inside = 0 }' "$file" | sed "s|^|! $file: asserts nothing: |"
    grep -nE 'GTEST_SKIP|DISABLED_' "$file" | sed -E "s|^([0-9]+):.*|! $file:\1 skips|"
  done
}

@test "every unit test asserts something, and none is switched off" {
  settle gtest-lint gtest_lint
}

names() {
  local file
  for file in $(files 'tests/*.bats'); do
    [[ -e $file ]] || continue
    echo "= $file"
    # A name is a sentence: a promise that somebody could break.
    sed -nE 's/^@test "([^"]*)".*/\1/p' "$file" | awk 'NF < 3' | sed "s|^|! $file: a test's name is a sentence: |"
    sed -nE 's/^@test "([^"]*)".*/\1/p' "$file" | sort | uniq -d | sed "s|^|! $file: two tests are called: |"
  done
}

@test "the name of a test is a sentence, and says it once" {
  settle test-names names
}

# What capture pipelines are known to suffer from, by number; the ones between belong to other suites.
pains() {
  local number
  for number in {1..11} {14..22} 28; do
    echo "= pain $number"
    files 'tests/e2e/*.bats' 'tests/fault/*.bats' | xargs grep -qE "^@test \"pain $number, " || echo "! no test is called 'pain $number, ...'"
  done
}

@test "every pain of the conformance suite has a test that bears its number" {
  settle pains pains
}

debts() {
  echo "= tests/meta/debts"
  LC_ALL=C sort -cu tests/meta/debts 2>/dev/null || echo "! tests/meta/debts is not sorted"
  cut -f1 tests/meta/debts | sort -u | while read -r name; do
    grep -qE "^ *settle $name " tests/meta/*.bats || echo "! tests/meta/debts has lines for '$name', which is no check"
  done
}

@test "the list of debts is sorted and every line belongs to a check" {
  settle debts debts
}
