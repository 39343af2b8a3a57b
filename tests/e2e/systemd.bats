#!/usr/bin/env bats
# The units by systemd's own checks: they are well-formed, what they start is installed, and they may do little. That a pipeline is ended and
# started again as its exit codes ask is read from the unit; no systemd runs here.
# Knows: scripts/systemd, systemd-analyze, cdc(7)'s table of exit codes. Must not know: what a unit is for.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

UNITS=$BATS_TEST_DIRNAME/../../scripts/systemd

# A root with the units and what an installation puts beside them.
setup() {
  cd "$BATS_TEST_TMPDIR" || return
  mkdir -p root/etc/systemd/system root/usr/bin root/bin root/usr/lib/systemd
  cp -r /lib/systemd/system root/usr/lib/systemd/
  cp "$UNITS"/* root/etc/systemd/system/
  cp "$BATS_TEST_DIRNAME"/../../scripts/cdc-* "$PGCDC_BIN"/cdc-status "$PGCDC_BIN"/cdc-{load,stage-prune} root/usr/bin/
  cp /bin/kill root/bin/
}

@test "the units are well-formed, and what they start is installed" {
  run -0 systemd-analyze --root="$PWD/root" --man=no verify pgcdc@shop.service pgcdc-status.service pgcdc-status.timer pgcdc-prune@shop.service pgcdc-prune@shop.timer
  [[ $output != *pgcdc* ]]
  # The check finds what is not there.
  rm root/usr/bin/cdc-run
  run ! systemd-analyze --root="$PWD/root" --man=no verify pgcdc@shop.service
  [[ $output == *cdc-run* ]]
}

@test "a unit may do no more than it needs: systemd's own measure of exposure is low" {
  local unit
  for unit in pgcdc@.service pgcdc-status.service pgcdc-prune@.service; do
    run -0 systemd-analyze security --offline=true --threshold=15 --no-pager "$UNITS/$unit"
    [[ $output == *'Overall exposure level'*' OK '* ]]
  done
}

@test "what does not mend itself is not started again, what may is" {
  local never
  never=$(sed -n 's/^RestartPreventExitStatus=//p' "$UNITS/pgcdc@.service")
  [[ $never == '64 65 70 78' ]]
  # The table of cdc(7), of which 75 and death by a signal are retried, and 77 after a while.
  diff <(tr ' ' '\n' <<<"$never") <(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh [^E]/p' "$BATS_TEST_DIRNAME/../../man/cdc.7" | sed -nE 's/^\.It ([0-9]+).*/\1/p' | grep -vxE '0|1|75|77')
  # Not so often that somebody's account is locked, and never so often that systemd gives up.
  [[ $(sed -n 's/^RestartSec=//p' "$UNITS/pgcdc@.service") == 5min ]]
  [[ $(sed -n 's/^StartLimitIntervalSec=//p' "$UNITS/pgcdc@.service") == 0 ]]
}

@test "the words by which a unit starts a program are words that it knows" {
  local line program word
  while read -r line; do
    read -r program line <<<"${line#ExecStart=/usr/bin/}"
    for word in $line; do
      [[ $word != --* ]] || "$program" --help | grep -qE -e "^ *$word( |\$|,)" || { echo "$program does not know $word" && return 1; }
    done
  done < <(grep -h '^ExecStart=' "$UNITS"/*.service)
  [[ -n $program ]]
}
