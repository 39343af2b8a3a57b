#!/usr/bin/env bats
# What is installed: every tool, every page, nothing else; and it runs from where it was put.
# Knows: the build folder (beside the programs under test) and the names of tools. Must not: write outside its scratch folder.

set -o pipefail
load findings

setup() {
  export DESTDIR=$BATS_TEST_TMPDIR/root
  cmake --install "$PGCDC_BIN/.." --prefix /usr >"$BATS_TEST_TMPDIR/log"
}

@test "make install puts every tool in bin, and nothing else" {
  tools | sort >"$BATS_TEST_TMPDIR/wanted"
  diff "$BATS_TEST_TMPDIR/wanted" <(ls "$DESTDIR/usr/bin")
}

@test "make install puts every page in its section, and nothing else" {
  files man | sed -E 's|^man/(.*\.([0-9]))$|man\2/\1|' | sort >"$BATS_TEST_TMPDIR/wanted"
  diff "$BATS_TEST_TMPDIR/wanted" <(cd "$DESTDIR/usr/share/man" && find . -type f | sed 's|^\./||' | sort)
}

@test "every installed tool runs where the checkout is not in the path" {
  local tool
  PATH=$DESTDIR/usr/bin:/usr/bin:/bin
  for tool in $(cd "$REPO" && tools); do
    run -0 "$tool" --version
    [[ $output == "$tool (pgcdc) "* ]]
  done
}
