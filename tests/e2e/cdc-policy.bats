#!/usr/bin/env bats
# cdc-policy on real files, terminals and processes: what golden cases cannot hold, above all that a key stays with its owner.
# Knows: cdc-policy.1. Must not know: how a hash is made.

# shellcheck disable=SC2154 # bats sets stderr
bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "a keys file is its owner's alone, whatever the umask" {
  (umask 0000 && cdc-policy new-key open.keys)
  (umask 0777 && cdc-policy new-key closed.keys)
  [[ $(stat -c %a open.keys closed.keys | tr '\n' ' ') == '600 600 ' ]]
}

@test "of two that make the same keys file at once one wins and its key stays" {
  local round winners
  for round in 1 2 3 4 5; do
    cdc-policy new-key "keys$round" 2>/dev/null &
    local first=$!
    cdc-policy new-key "keys$round" 2>/dev/null &
    local second=$! a=0 b=0
    wait $first || a=$?
    wait $second || b=$?
    winners=$(((a == 0) + (b == 0)))
    [[ $winners == 1 && $((a + b)) == 78 ]]
    echo x | cdc-policy hash --keys "keys$round" --domain d >/dev/null
  done
}

@test "keys are read from a descriptor too" {
  cdc-policy new-key keys
  [[ $(echo x | cdc-policy hash --keys /dev/fd/9 --domain d 9<keys) == "$(echo x | cdc-policy hash --keys keys --domain d)" ]]
}

@test "a keys file for which its group has any right is refused" {
  cdc-policy new-key keys
  local mode
  for mode in 640 604 610 620; do
    chmod "$mode" keys
    run -77 cdc-policy hash --keys keys --domain d </dev/null
  done
}

@test "a process that holds keys leaves no core" {
  cdc-policy new-key keys
  mkfifo values
  (ulimit -c unlimited && exec cdc-policy hash --keys keys --domain d <values >hashes) &
  local pid=$!
  exec 8>values
  echo x >&8
  wait_until 10 test -s hashes
  [[ $(awk '/^Max core file size/ { print $5 $6 }' "/proc/$pid/limits") == 00 ]]
  exec 8>&-
  wait $pid
}

@test "a full disk is told as such" {
  run -75 --separate-stderr bash -c 'cdc-policy check --policy <(printf "public.t\tid\tint\tgreen\tkeep\t-\t-\n") >/dev/full'
  [[ $stderr == *err=disk_full* ]]
}

@test "a draft with a sample is stricter where values show it, milder only for words of a short list, and tells no value" {
  cluster_start
  fresh_database sampled
  sql "CREATE TABLE people (id int PRIMARY KEY, reach text, state text, colour text, one_off text, scope text, token text, note text)" \
    "INSERT INTO people SELECT n, 'p' || n || '@markerMail.example', CASE n % 9 WHEN 0 THEN 'markerState was set by hand' ELSE 'open' END,
       'markerColour' || n % 3, 'markerOneOff' || n, md5(n::text) || 'markerKey', 'markerToken' || n % 2, NULL FROM generate_series(1, 600) n"
  sql 'CREATE PUBLICATION pgcdc FOR ALL TABLES'
  cdc-policy draft --dsn "$DSN" >plain
  cdc-policy draft --dsn "$DSN" --sample 1000 >sampled
  fields() { grep -P "^public.people\t$2\t" "$1" | cut -f4,5 | tr '\t\n' ' ;'; }
  [[ $(fields plain reach)$(fields plain state)$(fields plain colour)$(fields plain scope) == 'red drop;yellow keep;red drop;red drop;' ]]
  [[ $(fields sampled reach) == 'orange hash:email;orange>yellow email-domain as reach_domain;' ]]
  [[ $(fields sampled state)$(fields sampled colour)$(fields sampled one_off) == 'red drop;yellow keep;red drop;' ]]
  [[ $(fields sampled scope)$(fields sampled token)$(fields sampled note) == 'red drop;red drop;red drop;' ]]
  run ! grep -i marker plain sampled
  # Enough rows, or it is not said.
  cdc-policy draft --dsn "$DSN" --sample 100 >few
  [[ $(fields few colour) == 'red drop;' ]]
  # It is a policy, and of a stream's rows it says the same.
  cdc-policy check --policy sampled
  pgcdc-slot create --dsn "$DSN" --slot sampled --publication pgcdc >/dev/null
  pgcdc-snapshot --dsn "$DSN" --slot sampled --publication pgcdc --source shop 2>/dev/null | cdc-policy draft --stream --sample 1000 | diff sampled -
  cluster_remove
}

@test "a policy of 10,000 columns is read in under 100 ms, and shuffled it is the same" {
  local least=1000000
  awk 'BEGIN { for (t = 0; t < 500; t++) for (c = 0; c < 20; c++) {
    action = c % 5 == 1 ? "hash:domain_" c : c % 5 == 2 ? "drop" : c % 5 == 3 ? "null" : "keep"
    printf "public.table_%d\tcolumn_%d\t%s\t%s\t%s\t%s\twhat somebody had to say about it\n", t, c, c % 2 ? "text" : "int", action == "keep" ? "green" : "red", action, c == 7 ? "column_0 = 5" : "-" } }' >policy
  shuf policy >shuffled
  [[ $(cdc-policy check --policy policy) == "$(cdc-policy check --policy shuffled)" ]]
  # Its own CPU time, the whole process, the best of ten: what it costs, not what else the machine does. A machine on which each page
  # of memory costs many times what it should is told by what splitting the same lines costs there.
  TIMEFORMAT='%3U %3S'
  best() { awk -v least="$1" '{ ms = ($1 + $2) * 1000; print ms < least ? ms : least }' took; }
  local split=1000000
  for _ in {1..10}; do
    { time cdc-policy check --policy policy >/dev/null; } 2>took
    least=$(best "$least")
    { time awk -F '\t' '{ for (f = 1; f <= NF; f++) n[$f]++ }' policy; } 2>took
    split=$(best "$split")
  done
  echo "$least ms, lines split in $split ms"
  awk -v ms="$least" -v split_ms="$split" 'BEGIN { exit !(ms < 100 || ms < 12 * split_ms) }'
}
