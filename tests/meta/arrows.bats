#!/usr/bin/env bats
# Arrows go down only: includes against the table in CMakeLists.txt, foreign libraries in their room, pure rooms pure.
# Knows: the table, the includes, and the symbols of the compiled objects (what a room calls is read from there, not guessed).
# Must not know: what a room does.

load findings

# table: lines `room need need...`; the foreign libraries (with ::) left out.
table() {
  sed -nE 's/^set\(ROOM_([a-z]+) +"([^"]*)"\)/\1 \2/p' CMakeLists.txt | sed -E 's/ [A-Z][A-Za-z0-9]*::[A-Za-z0-9_]+//g'
}

# quoted and angled PATHS: lines `file included` of what stands in quotes or angle brackets.
quoted() { files "$@" | xargs -r grep -HoE '^ *# *include *"[^"]+"' | sed -E 's/: *# *include *"/ /; s/"$//'; }
angled() { files "$@" | xargs -r grep -HoE '^ *# *include *<[^>]+>' | sed -E 's/: *# *include *</ /; s/>$//'; }

arrows() {
  local file included room other needs
  while read -r file included; do
    [[ $included == */* ]] || {
      [[ -f $(dirname "$file")/$included ]] || echo "! $file includes $included, which is not beside it"
      continue
    }
    other=${included%%/*}
    [[ $included != ../* ]] || echo "! $file climbs out of its folder: $included"
    case $file in
      tools/lib/*)
        room=${file#tools/lib/} room=${room%%/*}
        echo "= $file"
        [[ $other == "$room" ]] && continue
        needs=$(table | sed -n "s/^$room //p")
        [[ " $needs " == *" $other "* ]] || echo "! $file: $room may not know $other ($included)"
        ;;
      *)
        room=${file#tools/} room=${room%%/*}
        echo "= $file"
        [[ $other == "$room" || -d tools/lib/$other ]] || echo "! $file includes another tool: $included"
        ;;
    esac
  done < <(quoted 'tools/*.cpp' 'tools/*.hpp')
}

@test "a room includes only the rooms that its line in the table names, and no tool includes another tool" {
  settle arrows arrows
}

# A line of the table that no include needs is an arrow that somebody will follow by mistake.
unused_arrows() {
  local room needs need
  while read -r room needs; do
    [[ -d tools/lib/$room ]] || {
      echo "! the table has a line for $room, which is no room"
      continue
    }
    echo "= $room"
    for need in $needs; do
      grep -qsE "^ *# *include *\"$need/" tools/lib/"$room"/*.[ch]pp || echo "! $room is allowed $need and does not include it"
    done
  done < <(table)
}

@test "the table allows nothing that no room uses" {
  settle unused-arrows unused_arrows
}

cycles() {
  table | sed 's/^/= /'
  # tsort wants pairs and says on stderr what is a cycle.
  table | awk '{ print $1, $1; for (i = 2; i <= NF; i++) print $1, $i }' | tsort 2>&1 >/dev/null | sed 's/^tsort: /! /'
}

@test "the table has no cycle" {
  settle cycles cycles
}

foreign_home() {
  case $1 in
    libpq-fe.h | libpq/* | postgres_ext.h | pg_config*.h) echo pg ;;
    simdjson*) echo json ;;
    zstd*.h) echo zip ;;
    openssl/*) echo crypto ;;
    sqlite3*.h) echo engine ;;
    CLI/* | boost/*) echo tool ;;
    gtest/* | gmock/*) echo tests ;;
    curl/*) echo http ;;
    expat*.h) echo stage ;;
    duckdb*) echo nowhere ;;
    *) echo any ;;
  esac
}

foreign() {
  local file included home
  while read -r file included; do
    echo "= $file"
    home=$(foreign_home "$included")
    [[ $home == any || $file == tools/lib/$home/* ]] || echo "! $file includes <$included>, which lives in $home"
  done < <(angled 'tools/*.cpp' 'tools/*.hpp')
}

@test "each foreign header is included in one room only" {
  settle foreign foreign
}

# Headers come in through public headers too: a foreign header in a room's own header would spread to whoever includes it.
foreign_in_headers() {
  local file included
  while read -r file included; do
    echo "= $file"
    [[ $(foreign_home "$included") == any ]] || echo "! $file shows <$included> to everybody who includes it"
  done < <(angled 'tools/*.hpp')
}

@test "no header shows a foreign header to others" {
  settle foreign-headers foreign_in_headers
}

# Objects of the pure rooms, as the build left them.
pure_objects() {
  local objects=$PGCDC_BIN/../CMakeFiles room
  for room in base json change value pgoutput policy; do
    compgen -G "$objects/$room.dir/tools/lib/$room/*.o" || true
  done
  compgen -G "$objects/warehouse.dir/tools/lib/warehouse/fold*.o" || true
  compgen -G "$objects/warehouse.dir/tools/lib/warehouse/statement*.o" || true
}

source_of() { sed -E 's|.*/(tools/lib/.*)\.o$|\1|' <<<"$1"; }

impure() {
  local object name
  for object in $(pure_objects); do
    echo "= $(basename "$object")"
    # Calls that reach the world: files, sockets, clock, environment, processes, threads, randomness, standard streams.
    nm -C --undefined-only "$object" | sed -E 's/^ +[UwW] //; s/@.*//' |
      grep -E '^(open|openat|creat|fopen|fdopen|freopen|read|pread|readv|write|pwrite|writev|close|unlink|rename|stat|fstat|lstat|mkdir|opendir|socket|connect|poll|select|epoll_.*|getenv|secure_getenv|setenv|putenv|clock_gettime|gettimeofday|time|clock|localtime(_r)?|tzset|mktime|fork|exec.*|system|popen|kill|signal|sigaction|usleep|nanosleep|sleep|rand|random|getrandom|getentropy|printf|puts|putchar|fprintf|fputs|fwrite|perror|stdin|stdout|stderr|exit|abort)$' |
      sed "s|^|! $(basename "$(dirname "$object")")/$(basename "$object" .o) calls |"
    nm -C --undefined-only "$object" | sed -E 's/^ +[UwW] //' |
      grep -E '^std::(cout|cerr|clog|cin)$|_clock::now|std::random_device|std::thread|std::filesystem|std::basic_(i|o)?f(stream|ilebuf)|std::this_thread' |
      sed "s|^|! $(basename "$(dirname "$object")")/$(basename "$object" .o) uses |"
    # Globals that can change. What the source calls const is none, also when it is built at its first use.
    while read -r name; do
      grep -qsE "\bconst(expr)?\b.*\b${name##*::}\b" "$(source_of "$object")" ||
        echo "! $(basename "$(dirname "$object")")/$(basename "$object" .o) keeps the global $name"
    done < <(nm -C -f sysv "$object" | awk -F'|' '$7 ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $7 !~ /^\.data\.rel\.ro/ { gsub(/ +$/, "", $1); print $1 }' |
      grep -vE '^(DW\.ref\.|guard variable|std::__ioinit)')
  done
}

@test "pure rooms call nothing of the world and keep no global that can change" {
  settle pure impure
}

standard_streams() {
  local file
  for file in $(files 'tools/*.cpp' 'tools/*.hpp'); do
    echo "= $file"
    grep -nHE '\bstd::(cout|cerr|clog)\b' "$file" | sed -E 's/^([^:]*):([0-9]+):.*/! \1 uses a standard stream, whose errors nobody sees/'
  done
}

@test "nobody writes through std::cout, whose errors nobody sees" {
  settle standard-streams standard_streams
}
