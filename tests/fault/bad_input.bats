#!/usr/bin/env bats
# Bad input at every door: the documented exit code, exactly one line with the documented err=, and nothing after it written.
# Knows: cdc-stream.5, cdc-stage.5, cdc-policy.5 and the exit codes of cdc.7. Needs no server: streams are written by hand.
# Must not know: how a program notices.

bats_require_minimum_version 1.5.0
set -o pipefail
load hand

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  printf 'public.orders\t%s\tany\tgreen\tkeep\t-\t-\n' id total note >policy
  stream >good
}

# in  TOOL   its command line for one change stream on standard input
filter_of() {
  case $1 in
  cdc-mask) echo "cdc-mask --policy policy" ;;
  cdc-batch) echo "cdc-batch --spool spool" ;;
  esac
}

# Feeds one bad stream to each program that reads streams. What left before must be a beginning of what leaves for the good
# stream, the bad line's transaction excluded; and the log is one line with that err=.
#
# in  CODE ERR COMMITS SED   SED makes the good stream bad; COMMITS whole transactions stand before the bad line
refused_stream() {
  local code=$1 err=$2 commits=$3 tool command
  sed -E "$4" good >bad
  if cmp -s good bad; then
    echo "nothing was made bad by $4"
    return 1
  fi
  for tool in cdc-mask cdc-batch; do
    command=$(filter_of "$tool")
    ends_with "$code" "$err" "$command" <bad
    [[ $tool != cdc-mask ]] || {
      (($(grep -c '"op":"commit"' out || :) <= commits)) || { echo "$tool wrote beyond the bad line"; return 1; }
      $command <good 2>good.err >good.out
      cmp -n "$(stat -c %s out)" out good.out
    }
    [[ $tool != cdc-batch ]] || no_manifest_beyond "$commits"
    rm -rf spool
  done
}

# What cdc-batch wrote holds at most the first N transactions, and its spool nothing that no manifest names.
no_manifest_beyond() {
  local transactions named
  transactions=$(jq -s '[.[] | select(.op == "epoch") | .transactions] | add // 0' out)
  ((transactions <= $1)) || { echo "an epoch holds $transactions transactions, only $1 were whole and good"; return 1; }
  named=$(jq -r 'select(.op == "epoch") | (.commits.path // empty), .files[].path' out | LC_ALL=C sort)
  [[ $(find spool -type f ! -name '*lock*' | wc -l) == "$(grep -c . <<<"$named")" ]] || { ls -R spool; return 1; }
}

@test "a good stream passes, so what follows is refused for its own reason" {
  run -0 --separate-stderr bash -c 'cdc-mask --policy policy <good | cdc-batch --spool spool | cdc-stage-put --stage stage --ack ack'
  [[ -z $stderr && -z $output ]]
  [[ $(<ack) == "00000000/010003C0 $RUN_ID" ]]
}

@test "a stream that breaks its format is refused with 65 by every program that reads streams" {
  refused_stream 65 invalid_json 1 '6s/"total":/"total":,/'
  refused_stream 65 invalid_json 1 '6s/}$//'
  refused_stream 65 invalid_json 1 '7s/"note":"[^"]*/&\x01/'
  refused_stream 65 invalid_json 1 '6s/"total":[^,]*/"total":1.2.3/'
  refused_stream 65 invalid_json 1 '6s/$/ {}/'
  refused_stream 65 unknown_op 1 '6s/"op":"u"/"op":"x"/'
  refused_stream 65 unknown_op 1 '6s/"op":"u",(.*)\}$/\1,"op":"u"}/;6s/^\{/{/'
  refused_stream 65 unknown_op 1 '6s/.*/[1,2]/'
  refused_stream 65 unknown_op 1 '6s/.*/"u"/'
  refused_stream 65 invalid_json 1 '6s/.*//'
  refused_stream 65 unknown_key 1 '6s/"xid":/"txid":/'
  refused_stream 65 missing_key 1 '6s/,"xid":[0-9]+//'
  refused_stream 65 missing_key 1 '6s/"xid":[0-9]+/"xid":"ten"/'
  refused_stream 65 bad_lsn 1 '6s/"lsn":"[^"]*/"lsn":"0\/1000200/'
  refused_stream 65 bad_time 1 '6s/"ts":"[^"]*/"ts":"yesterday/'
}

@test "lines out of order are refused with 65 by every program that reads streams" {
  refused_stream 65 no_source 0 1d
  refused_stream 65 two_sources 1 '5{p;s/.*/{"op":"source","format":1,"source":"other","run":"00000000000000000000000000000002","system_id":"7300000000000000002","timeline":1,"era":0,"server_version":150018,"database":"shop","slot":null,"start":"00000000\/01000000"}/}'
  refused_stream 65 bad_format 0 '1s/"format":1/"format":2/'
  refused_stream 65 no_schema 0 2d
  refused_stream 65 wrong_order 1 '6,8s/"lsn":"[^"]*/"lsn":"00000000\/01000080/'
  refused_stream 65 wrong_order 1 '7s/"seq":1/"seq":0/'
  refused_stream 65 wrong_order 1 '7s/"xid":[0-9]+/"xid":99/'
  refused_stream 65 wrong_order 1 '8s/"xid":[0-9]+/"xid":99/'
  refused_stream 65 wrong_order 1 '8s/"end":"[^"]*/"end":"00000000\/01000200/'
  refused_stream 65 wrong_order 1 '6{h;s/.*/{"op":"heartbeat","end":"00000000\/01000300","ts":"2026-11-22T10:00:03.000000Z"}/;x;G}'
  refused_stream 65 wrong_order 1 '6{s/"op":"u"/"op":"r"/;s/"seq":0,//;s/,"xid":[0-9]+//;s/,"unchanged":\[[^]]*\]//}'
  refused_stream 65 wrong_order 3 '11s/"end":"[^"]*/"end":"00000000\/01000010/'
  refused_stream 65 rows_off 1 '8s/"rows":2/"rows":3/'
  refused_stream 65 rows_off 1 7d
}

@test "two streams mixed line by line are refused with 65" {
  sed 's/"xid":/"xid":1/;s/"run":"00/"run":"01/;s/"lsn":"00000000.0/"lsn":"00000000\/1/' good >other
  paste -d '\n' good other | sed '/^$/d' >mixed
  for command in "cdc-mask --policy policy" "cdc-batch --spool spool"; do
    ends_with 65 two_sources "$command" <mixed
  done
}

@test "a stream that was cut ends with 75, and its tail goes nowhere" {
  local bytes command
  for bytes in 1 40; do
    head -c -"$bytes" good >tail_cut
    for command in "cdc-mask --policy policy" "cdc-batch --spool spool"; do
      ends_with 75 cut_short "$command" <tail_cut
      if [[ $command == cdc-batch* ]]; then no_manifest_beyond 3; else [[ $(wc -l <out) == 11 ]]; fi
      rm -rf spool
    done
  done
  # Inside a transaction, after a whole line.
  head -n 7 good >tail_cut
  for command in "cdc-mask --policy policy" "cdc-batch --spool spool"; do
    ends_with 75 cut_short "$command" <tail_cut
    if [[ $command == cdc-batch* ]]; then no_manifest_beyond 1; fi
    rm -rf spool
  done
}

@test "an epoch is made of what was whole before the cut" {
  head -n 7 good >tail_cut
  ends_with 75 cut_short "cdc-batch --spool spool" <tail_cut
  jq -se '[.[] | select(.op == "epoch") | .transactions] | add // 0 <= 1' out
}

@test "a policy with a mistake in it is refused with 64 before the first line is read" {
  local line
  while read -r line; do
    printf '%b\n' "$line" >policy
    ends_with 64 bad_policy "cdc-mask --policy policy" <good
    [[ ! -s out ]]
  done <<'LINES'
public.orders\tid\tany\tgreen\tkep\t-\t-
public.orders\tid\tany\tgren\tkeep\t-\t-
public.orders\tid\tinteger\tgreen\tkeep\t-\t-
public.orders\tid\tany\tgreen\tkeep\t-
public.orders id any green keep - -
public.orders\tid\tany\tgreen\tkeep\ttotal > 1\t-
public.orders\tid\tany\tgreen\tkeep\t-\t-\npublic.orders\tid\tany\tgreen\tdrop\t-\t-
public.orders\tid\tany\tred\tkeep\t-\t-
public.orders\tid\tany\tgreen\tmap:jobs.tsv\t-\t-
LINES
  printf 'public.orders\tid\tany\tgreen\tkeep\t-\tno line break at the end' >policy
  ends_with 64 bad_policy "cdc-mask --policy policy" <good
  : >policy
  ends_with 64 bad_policy "cdc-mask --policy policy" <good
  ends_with 64 bad_policy "cdc-mask --policy absent" <good
  ends_with 64 bad_option "cdc-mask --policy policy --clear grene" <good
}

@test "a keys file that others can read is refused with 77, one that is none with 64" {
  printf 'public.orders\t%s\n' $'id\tany\tgreen\tkeep\t-\t-' $'note\tany\torange\thash\t-\t-' $'total\tany\tred\tdrop\t-\t-' >policy
  cdc-policy new-key keys
  run -0 --separate-stderr bash -c 'cdc-mask --policy policy --keys keys <good'
  [[ -z $stderr ]]
  local mode
  for mode in 0640 0604 0660 0602; do
    chmod "$mode" keys
    ends_with 77 secret_exposed "cdc-mask --policy policy --keys keys" <good
    [[ ! -s out ]]
  done
  chmod 0600 keys
  ends_with 64 missing_keys "cdc-mask --policy policy" <good
  (umask 077 && echo 'this is no key' >broken)
  ends_with 64 bad_keys "cdc-mask --policy policy --keys broken" <good
  [[ ! -s out ]]
}

# What cdc-batch says of the good stream, in manifests, its spool still there.
manifests() {
  rm -rf spool
  cdc-batch --spool spool --max-bytes 1 <good >manifests
}

@test "manifests that break their format are refused with 65 and publish nothing" {
  local sed
  while read -r err sed; do
    manifests
    sed -E "$sed" manifests >bad
    cmp -s manifests bad && { echo "nothing was made bad by $sed"; return 1; }
    ends_with 65 "$err" "cdc-stage-put --stage stage --ack ack" <bad
    [[ ! -e ack && $(find stage -path '*/log/*' -type f | wc -l) == 0 ]] || { echo "published: $sed"; return 1; }
    rm -rf stage
  done <<'LINES'
invalid_json 2s/"from":/"from":,/
unknown_op 2s/"op":"epoch"/"op":"chapter"/
no_source 1d
two_sources 1p
bad_manifest 2s/"sha256":"./"sha256":"/
bad_format 2s/"format":1/"format":9/
LINES
  manifests
  head -n 2 manifests | head -c -20 >bad
  ends_with 75 cut_short "cdc-stage-put --stage stage --ack ack" <bad
  [[ ! -e ack ]]
}

@test "a spool file that is not what its manifest says is refused, a missing one may come back" {
  local file
  manifests
  file=$(jq -r 'select(.op == "epoch") | .files[0].path // empty' manifests | head -n 1)
  mv "$file" aside
  ends_with 75 spool_missing "cdc-stage-put --stage stage --ack ack" <manifests
  [[ ! -e ack ]]
  cp aside "$file"
  printf 'X' | dd of="$file" bs=1 seek=12 conv=notrunc status=none
  ends_with 65 wrong_digest "cdc-stage-put --stage stage --ack ack" <manifests
  [[ ! -e ack ]]
  cp aside "$file"
  run -0 --separate-stderr bash -c 'cdc-stage-put --stage stage --ack ack <manifests'
  [[ -z $stderr && $(<ack) == "00000000/010003C0 $RUN_ID" ]]
}

# The good stream in the stage, and loaded.
staged() {
  rm -rf stage warehouse.db ack
  stream | cdc-batch --max-bytes 1 | cdc-stage-put --stage stage --ack ack
}

@test "a stage of another cluster, of another era or of another past is refused with 78 and stays as it was" {
  staged
  find stage -type f -exec sha256sum {} + | sort >before
  local change
  while read -r err change; do
    rm -f ack
    stream | sed -E "$change" | cdc-batch --max-bytes 1 >other
    ends_with 78 "$err" "cdc-stage-put --stage stage --ack ack" <other
    find stage -path '*/log/*' -type f -exec sha256sum {} + | sort >after
    if grep -vxFf before after; then return 1; fi
    [[ ! -e ack ]]
  done <<'LINES'
wrong_cluster 1s/"system_id":"./"system_id":"8/
wrong_era 1s/"era":0/"era":1/
gap s@"start":"00000000/01000000@"start":"00000000/02000000@;s@0000/010@0000/020@g
diverged s/"xid":10/"xid":11/
diverged s/10:00:01.000000Z/10:00:01.500000Z/
LINES
}

@test "a stage with a gap, a broken or a missing object is refused with 78 by whoever reads it" {
  local log data command second
  cdc_commands=("cdc-stage-get --stage stage --source shop" "cdc-load --stage stage --source shop --warehouse sqlite:warehouse.db")
  for command in "${cdc_commands[@]}"; do
    staged
    mapfile -t log < <(find stage -path '*/log/*.json' | sort)
    ((${#log[@]} >= 3))
    second=${log[1]}
    mv "$second" aside
    ends_with 78 gap "$command" </dev/null
    unloaded_beyond 1
    head -c 100 aside >"$second"
    ends_with 78 broken_stage "$command" </dev/null
    cp "${log[2]}" "$second"
    ends_with 78 broken_stage "$command" </dev/null
    cp aside "$second"

    data=stage/shop/0/$(jq -r '.files[0].object' "$second")
    mv "$data" kept
    ends_with 78 object_missing "$command" </dev/null
    unloaded_beyond 1
    cp kept "$data"
    printf 'X' | dd of="$data" bs=1 seek=12 conv=notrunc status=none
    ends_with 78 '(wrong_digest|broken_object)' "$command" </dev/null
    unloaded_beyond 1
    head -c -3 kept >"$data"
    ends_with 78 '(wrong_digest|broken_object)' "$command" </dev/null
    unloaded_beyond 1
    # Mended, the same command goes on.
    cp kept "$data"
    run -0 --separate-stderr bash -c "$command"
    [[ -z $stderr ]]
  done
  [[ $(warehouse_sql warehouse.db 'SELECT group_concat(id || "/" || total, " ") FROM orders') == '1/12.50 2/7.25' ]]
}

# The warehouse, when there is one, has no more than the first N transactions.
unloaded_beyond() {
  [[ -e warehouse.db ]] || return 0
  (($(warehouse_sql warehouse.db "SELECT count(*) FROM \"public.orders\" WHERE _cdc_lsn > '00000000/0100$(printf '%02X' "$1")00'") == 0))
}

@test "a warehouse of another cluster is refused with 78" {
  staged
  cdc-load --stage stage --source shop --warehouse sqlite:warehouse.db
  warehouse_sql warehouse.db .dump >before
  rm -rf stage
  stream | sed '1s/"system_id":"./"system_id":"8/' | cdc-batch | cdc-stage-put --stage stage
  ends_with 78 '[a-z_]*' "cdc-load --stage stage --source shop --warehouse sqlite:warehouse.db" </dev/null
  warehouse_sql warehouse.db .dump >after
  cmp before after
  ends_with 75 no_stage "cdc-load --stage absent --source shop --warehouse sqlite:other.db" </dev/null
  ends_with 64 '[a-z_]*' "cdc-load --stage stage --source shop --warehouse mysql://host/other" </dev/null
}

@test "a file that is no warehouse is refused and not touched" {
  staged
  echo 'my diary' >diary.db
  ends_with 78 '[a-z_]*' "cdc-load --stage stage --source shop --warehouse sqlite:diary.db" </dev/null
  [[ $(<diary.db) == 'my diary' ]]
}

@test "an unknown option, a word too many or a bad pipeline file is refused with 64 by every program" {
  local tool command words
  mkdir -p absent.d
  for tool in "${TOOLS[@]}"; do
    words=
    case $tool in pgcdc-slot) words=show ;; cdc-policy) words='new-key new.keys' ;; esac
    ends_with 64 '[a-z_]*' "$tool $words --no-such-option" </dev/null
    ends_with 64 '[a-z_]*' "$tool $words --config absent.ini" </dev/null
    printf '[pipeline]\nsource shop\n' >bad.ini
    [[ $tool == cdc-run ]] || ends_with 64 bad_config "$tool $words --config bad.ini" </dev/null
    printf '[%s]\nno-such-word = 1\n' "$tool" >bad.ini
    [[ $tool == cdc-run ]] || ends_with 64 bad_config "$tool $words --config bad.ini" </dev/null
    printf 'source = shop\n' >bad.ini
    [[ $tool == cdc-run ]] || ends_with 64 bad_config "$tool $words --config bad.ini" </dev/null
  done
  # Bad values.
  ends_with 64 usage "cdc-batch --max-bytes many" <good
  ends_with 64 usage "cdc-batch --max-seconds -1" <good
  ends_with 64 '[a-z_]*' "cdc-batch --level 99" <good
  ends_with 64 unknown_stage "cdc-stage-put --stage ftp://host/folder" <good
  ends_with 64 missing_option "cdc-stage-put" <good
  ends_with 64 missing_option "cdc-mask" <good
}
