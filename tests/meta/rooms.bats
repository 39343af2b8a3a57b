#!/usr/bin/env bats
# A tool is a set of rooms whose names follow from its name, and no room is an orphan.
# Knows: the addresses (tools/X, man/X.1, tests/e2e/X.bats, tests/golden/X, README, tests/unit). Must not know: any tool's name.

load findings

rooms_of_tools() {
  local tool
  for tool in $(tools); do
    echo "= $tool"
    [[ -f man/$tool.1 ]] || echo "! $tool has no man/$tool.1"
    [[ -f tests/e2e/$tool.bats ]] || echo "! $tool has no tests/e2e/$tool.bats"
    grep -qE "^\| *\[?\`$tool\`" README.md || echo "! $tool has no row in README.md"
  done
  for tool in $(programs); do
    [[ -f tools/$tool/main.cpp ]] || echo "! tools/$tool has no main.cpp"
    compgen -G "tests/golden/$tool/*/cmd" >/dev/null || echo "! $tool has no case in tests/golden/$tool"
  done
}

@test "every tool has its page, its e2e test, its golden cases and its row in README" {
  settle tool-rooms rooms_of_tools
}

orphans() {
  local path name
  for path in man/*.1 tests/golden/*/ tests/e2e/*cdc-*.bats; do
    [[ -e $path ]] || continue
    name=$(basename "$path")
    name=${name%.1} name=${name%.bats}
    echo "= $path"
    tools | grep -qxF -e "$name" || echo "! $path belongs to no tool"
  done
  # Rows of README's table of tools: | `name` | ...
  while read -r name; do
    echo "= README $name"
    tools | grep -qxF -e "$name" || echo "! README.md has a row for $name, which is no tool"
  done < <(sed -nE 's/^\| *\[?`((pg)?cdc-[a-z-]+)`.*/\1/p' README.md)
}

@test "no page, e2e test, golden folder or README row without its tool" {
  settle orphans orphans
}

units() {
  local room name
  for room in $(rooms); do
    compgen -G "tools/lib/$room/*.cpp" >/dev/null || continue
    echo "= $room"
    compgen -G "tests/unit/$room/*.cpp" >/dev/null || echo "! tools/lib/$room has no tests/unit/$room"
  done
  for room in $(programs); do
    files "tools/$room/*.cpp" | grep -qv '/main\.cpp$' || continue
    echo "= $room"
    compgen -G "tests/unit/$room/*.cpp" >/dev/null || echo "! tools/$room has no tests/unit/$room"
  done
  for name in tests/unit/*/; do
    name=$(basename "$name")
    [[ -d tools/lib/$name || -d tools/$name ]] || echo "! tests/unit/$name mirrors no folder of tools"
  done
}

@test "unit tests mirror the rooms" {
  settle units units
}

fuzz_targets() {
  local target
  for target in tests/fuzz/*.cpp; do
    target=$(basename "$target" .cpp)
    [[ $target != replay ]] || continue
    echo "= $target"
    compgen -G "tests/fuzz/corpus/$target/*" >/dev/null || echo "! tests/fuzz/$target.cpp has no corpus"
  done
  for target in tests/fuzz/corpus/*/; do
    [[ -e $target ]] || continue
    target=$(basename "$target")
    [[ -f tests/fuzz/$target.cpp ]] || echo "! tests/fuzz/corpus/$target has no target"
  done
}

@test "every fuzz target has a corpus and every corpus a target" {
  settle fuzz fuzz_targets
}

top_level() {
  local name
  while read -r name; do
    echo "= $name"
    case $name in
      Makefile | CMakeLists.txt | README.md | CHANGELOG.md | LICENSE | tools | man | scripts | tests | .*) ;;
      *) echo "! $name does not belong at the top" ;;
    esac
  done < <(files | cut -d/ -f1 | sort -u)
}

@test "the top level holds the house and nothing else" {
  settle top-level top_level
}

# The map names every room, every tool and every file of the rooms, and nothing that is not there.
map_files() {
  sed -nE 's/^\* `([^`]+)`.*/\1/p' tools/README.md | LC_ALL=C sort >"$BATS_TEST_TMPDIR/mapped"
  files 'tools/*.cpp' 'tools/*.hpp' | sed -E 's|^tools/||; s/\.[ch]pp$//' | LC_ALL=C sort -u >"$BATS_TEST_TMPDIR/there"
  sed 's/^/= /' "$BATS_TEST_TMPDIR/there"
  LC_ALL=C comm -23 "$BATS_TEST_TMPDIR/there" "$BATS_TEST_TMPDIR/mapped" | sed 's|^|! not in tools/README.md: |'
  LC_ALL=C comm -13 "$BATS_TEST_TMPDIR/there" "$BATS_TEST_TMPDIR/mapped" | sed 's|^|! in tools/README.md and not in the tree: |'
}

@test "the map in tools/README.md names every file of tools, and none that is not there" {
  settle map map_files
}

map_table() {
  sed -nE 's/^\| `([a-z]+)` \| ([^|]*)\|.*/\1 \2/p' tools/README.md | tr -d '`,' | sed -E 's/—//; s/ +/ /g; s/ $//' | LC_ALL=C sort >"$BATS_TEST_TMPDIR/mapped"
  sed -nE 's/^set\(ROOM_([a-z]+) +"([^"]*)"\)/\1 \2/p' CMakeLists.txt | sed -E 's/ [A-Z][A-Za-z0-9]*::[A-Za-z0-9_]+//g; s/ +$//' | LC_ALL=C sort >"$BATS_TEST_TMPDIR/built"
  sed 's/^/= /' "$BATS_TEST_TMPDIR/built"
  both_ways "dependencies (left CMakeLists.txt, right tools/README.md)" "$BATS_TEST_TMPDIR/built" "$BATS_TEST_TMPDIR/mapped"
}

@test "the dependency table in tools/README.md is the one in CMakeLists.txt" {
  settle map-table map_table
}

# tests/run finds its tests by folder: a test that lies anywhere else would never run.
unreached() {
  local file name
  for file in $(files 'tests/*.bats' 'tests/*.cpp' 'tests/golden/*/cmd'); do
    echo "= $file"
    case $file in
      tests/e2e/*/* | tests/fault/*/* | tests/meta/*/* | tests/destinations/*/*) echo "! tests/run does not reach $file" ;;
      tests/e2e/*.bats | tests/fault/*.bats | tests/meta/*.bats | tests/destinations/*.bats | tests/golden/*/*/cmd | tests/fuzz/*.cpp) ;;
      tests/e2e/*.cpp)
        name=$(basename "$file" .cpp)
        grep -qF "/e2e/${name//_/-}" tests/e2e/*.ba* tests/destinations/*.bats || echo "! no test runs $file"
        ;;
      tests/unit/*/*.cpp) [[ $file != tests/unit/*/*/* ]] || echo "! tests/run does not reach $file" ;;
      *) echo "! tests/run does not reach $file" ;;
    esac
  done
}

@test "tests/run reaches every test" {
  settle unreached unreached
}
