#!/usr/bin/env bats
# The manual is true: pages are clean mdoc, name their exit codes, and their examples run.
# Knows: mdoc's macros. Must not know: what any page says.

load findings

lint() {
  local page
  for page in $(files 'man/*'); do
    echo "= $page"
    mandoc -T lint -W warning "$page" 2>&1 | sed 's/^mandoc: /! /'
  done
}

@test "mandoc finds nothing to warn of in any page" {
  settle mandoc lint
}

sections() {
  local page section
  for page in man/*.1; do
    [[ -f $page ]] || continue
    echo "= $page"
    for section in NAME SYNOPSIS DESCRIPTION "EXIT STATUS" EXAMPLES "SEE ALSO"; do
      grep -qxF -e ".Sh $section" "$page" || echo "! $page has no section $section"
    done
    for code in 0 64; do
      sed -n '/^\.Sh EXIT STATUS/,/^\.Sh [^E]/p' "$page" | grep -qE "^\.It .*\b$code\b" || echo "! $page does not list exit code $code"
    done
  done
}

@test "every tool's page has its sections and its exit codes" {
  settle sections sections
}

# A page that is referred to exists here or belongs to somebody else.
references() {
  local page name section
  for page in man/*.[157]; do
    echo "= $page"
    while read -r name section; do
      case $name in
        cdc | cdc-* | pgcdc-*) [[ -f man/$name.$section ]] || echo "! $page refers to $name($section), which is no page" ;;
      esac
    done < <(sed -nE 's/^\.(It )?Xr ([a-z-]+) ([0-9]).*/\2 \3/p' "$page")
  done
}

@test "a page refers only to pages that exist" {
  settle references references
}

# examples PAGE: the text of its EXAMPLES, escapes undone.
unescape() { sed -E 's/^\\&//; s/\\&//g; s/\\e/\\/g; s/\\\(aq/'"'"'/g; s/\\\(dq/"/g; s/\\\(ba/|/g; s/\\-/-/g; s/\\\(en/-/g'; }
example_lines() { sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$1" | sed -E 's/^\.D[l1] //' | grep -v '^\.' | unescape; }

# Every option in an example exists, also where the example itself cannot be run here.
example_options() {
  local page tool option known=$BATS_TEST_TMPDIR/known
  mkdir -p "$known"
  for tool in $(tools); do
    {
      "$tool" --help
      "$tool" --help | sed -nE '/^(Subcommands|SUBCOMMANDS|Commands):/,$ s/^  ([a-z][a-z-]*)( .*)?$/\1/p' | while read -r sub; do "$tool" "$sub" --help; done
    } 2>/dev/null </dev/null | grep -oE -e '--[a-z][a-z-]*' >"$known/$tool"
  done
  for page in man/*.[157]; do
    grep -q '^\.Sh EXAMPLES' "$page" || continue
    echo "= $page"
    # Lines continued with a backslash are one; every command of a pipe or list stands for itself.
    while read -r tool option; do
      [[ -e $known/$tool ]] || {
        echo "! $page: an example calls $tool, which is no tool"
        continue
      }
      [[ $option == - ]] || grep -qxF -e "$option" "$known/$tool" || echo "! $page: an example gives $tool the option $option, which it has not"
    done < <(example_lines "$page" | sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | sed -E 's/\|\||&&|[|;()]/\n/g' |
      awk '{ tool = ""; for (i = 1; i <= NF; i++) if ($i ~ /^(pg)?cdc-[a-z-]+$/ && tool == "") { tool = $i; print tool, "-" } else if (tool != "" && $i ~ /^--[a-z]/) { sub(/=.*/, "", $i); print tool, $i } }')
  done
}

@test "examples call only tools and options that exist" {
  settle example-options example_options
}

# tests/e2e/examples.bats runs them; here it is only seen to that it knows every page that has something to run.
run_pages() {
  local page
  for page in man/*.[157]; do
    [[ $(awk '/^\.Sh / { examples = ($2 == "EXAMPLES") } examples && /^\.\\" example: / { spared = 1; next }
              examples && /^\.Bd / { if (!spared) n++; spared = 0 } END { print n + 0 }' "$page") != 0 ]] || continue
    echo "= $page"
    grep -qE "\{ page $(basename "$page") [0-9]+; \}" tests/e2e/examples.bats ||
      echo "! $page has examples that tests/e2e/examples.bats does not run; if they cannot be run, say so: .\\\" example: REASON"
  done
}

@test "every page with examples has them run" {
  settle run-pages run_pages
}

# Kinds of findings, as pgcdc-check's table has them, each with its severity.
kinds() { sed -nE 's/^ *Kind\{Severity::([a-z]+), "([a-z_]+)"\},.*/\1 \2/p' tools/pgcdc-check/finding.hpp; }

# The page explains each under the heading of its severity, and a test on a real server makes it.
findings_explained() {
  local slug said=$BATS_TEST_TMPDIR/page
  awk '/^\.Ss [a-z]+: / { severity = $2; sub(/:$/, "", severity) } /^\.S[hs] / && !/: / { severity = "" }
       severity != "" && /^\.It Li [a-z_]+$/ { slug = $3; next } slug != "" && /^[^.]|^\.Li|^\.Xr/ { print severity, slug; slug = "" } /^\.It/ { slug = "" }' man/pgcdc-check.1 | LC_ALL=C sort >"$said"
  kinds | LC_ALL=C sort >"$BATS_TEST_TMPDIR/kinds"
  sed 's/^/= /' "$BATS_TEST_TMPDIR/kinds"
  both_ways "kinds of findings (left finding.hpp, right pgcdc-check.1)" "$BATS_TEST_TMPDIR/kinds" "$said"
  while read -r _ slug; do
    # A server older than those that can be read is not at hand.
    grep -qE "(finds|mends|another|repair) $slug( |$)" tests/e2e/pgcdc-check.bats || [[ $slug == server_version ]] ||
      echo "! tests/e2e/pgcdc-check.bats never finds $slug"
  done < <(kinds)
}

@test "each kind of finding is explained in the page under its severity, and found by a test" {
  settle findings-explained findings_explained
}
