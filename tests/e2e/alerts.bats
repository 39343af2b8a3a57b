#!/usr/bin/env bats
# The alert rules, by Prometheus' own test program: each kind of trouble raises its alert and no other, and a pipeline that is well none.
# Knows: scripts/prometheus, the metrics' names, promtool. Must not know: an alert's expression.
# A case says what differs from a pipeline that is well; time goes in steps of five minutes, a value is given for each step: 0x12 1x3 is
# an hour of 0 and a quarter of an hour of 1.

bats_require_minimum_version 1.5.0
set -o pipefail
load cluster

RULES=$BATS_TEST_DIRNAME/../../scripts/prometheus/pgcdc.rules.yml

# Five days of a pipeline that is well, lines `series values`.
well() {
  local state
  printf '%s %s\n' 'cdc_slo_in{source="shop"}' 1x1439 'cdc_slo_objective_seconds{source="shop"}' 21600x1439 \
    'cdc_freshness_seconds{source="shop",table="public.t"}' 60x1439 'cdc_status_last_run_seconds' 0+300x1439 \
    'cdc_slot_retained_bytes{source="shop"}' 1000000x1439 'cdc_slot_behind_bytes{source="shop"}' 1000x1439 \
    'cdc_slot_catalog_age_transactions{source="shop"}' 1000x1439 'cdc_clock_ahead_seconds{source="shop"}' 0.01x1439 \
    'cdc_table_unknown_values{source="shop",table="public.t"}' 0x1439 'cdc_table_quarantined_values{source="shop",table="public.t"}' 0x1439 \
    'cdc_run_exit_code{pipeline="shop"}' 0x1439 'cdc_run_running{pipeline="shop"}' 1x1439 'cdc_run_alive_seconds{pipeline="shop"}' 0+300x1439 \
    'cdc_stage_prune_last_success_seconds{pipeline="shop"}' 0+300x1439 'cdc_load_purge_last_success_seconds{pipeline="shop"}' 0+300x1439 'cdc_fleet_exit_code{pipeline="till"}' 0x1439 'cdc_fleet_list_code' 0x1439 'cdc_load_errors_total{class="refused"}' 0x1439 'cdc_load_errors_total{class="retry"}' 0x1439 \
    'cdc_run_retries_total{pipeline="shop",of="cdc-stage-put"}' 5x1439
  for state in none idle active lost; do printf 'cdc_slot_state{source="shop",state="%s"} %s\n' $state "$([[ $state == active ]] && echo 1 || echo 0)x1439"; done
  for state in copying ready history parked doubted gone; do
    printf 'cdc_table_state{source="shop",table="public.t",state="%s"} %s\n' $state "$([[ $state == ready ]] && echo 1 || echo 0)x1439"
  done
  for state in source stage warehouse; do printf 'cdc_status_trouble{source="shop",part="%s"} 0x1439\n' $state; done
}

# The last day of series like those: most alerts look back for hours, and each step costs as much as every other.
last_day() {
  awk -v drop=1152 -v CONVFMT=%.15g '{
    # What is a time counts from the beginning.
    shift_by = $1 ~ /_(last_run|alive|last_success)_seconds|_successful_time/ ? drop * 300 : 0
    line = $1; left = drop
    for (i = 2; i <= NF; i++) {
      split($i, token, "x"); split(token[1], value, "+")
      samples = token[1] == "_" ? token[2] : token[2] + 1
      gone = left < samples ? left : samples; left -= gone
      if (gone == samples) continue
      if (token[1] == "_") { line = line " _x" (samples - gone); continue }
      step = value[2] == "" ? "" : "+" value[2]
      line = line " " (value[1] + gone * value[2] - shift_by) step "x" (samples - gone - 1)
    }
    print line
  }'
}

# What fires in the end is this and nothing else. Environment: DAYS, 5 where an alert looks back for days.
# in  ALERT... (none: nothing fires) -- [SERIES VALUES]...   which replace those of the same name and labels; VALUES `-`: there is none
fires() {
  local alerts=() series
  while [[ $1 != -- ]]; do
    alerts+=("$1")
    shift
  done
  shift
  well >series
  # shellcheck disable=SC2094 # it is rewritten before it is read
  while (($# > 0)); do
    series=$1
    grep -vF -- "$series " series >kept
    [[ $2 == - ]] || printf '%s %s\n' "$series" "$2" >>kept
    mv kept series
    shift 2
  done
  {
    [[ ${DAYS:-1} == 5 ]] || { last_day <series >kept && mv kept series; }
    printf 'rule_files: [%s]\nevaluation_interval: 5m\ntests:\n  - interval: 5m\n    input_series:\n' "$RULES"
    # shellcheck disable=SC2094 # a variable bears the file's name
    while read -r series values; do printf "      - {series: '%s', values: '%s'}\n" "$series" "$values"; done <series
    printf "    promql_expr_test:\n      - expr: 'count by (alertname) (ALERTS{alertstate=\"firing\"})'\n        eval_time: %dm\n        exp_samples:\n" $((${DAYS:-1} == 5 ? 7195 : 1435))
    ((${#alerts[@]} > 0)) || printf '          []\n'
    for series in "${alerts[@]}"; do printf "          - {labels: '{alertname=\"%s\"}', value: 1}\n" "$series"; done
  } >rules_test.yml
  promtool test rules rules_test.yml
}

setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "the rules are rules" {
  promtool check rules "$RULES"
}

@test "a pipeline that is well raises nothing" {
  DAYS=5
  run -0 fires --
}

@test "each kind of trouble raises its alert and no other" {
  local of='{source="shop"}' table='{source="shop",table="public.t"}'
  run -0 fires CdcOutOfObjective -- "cdc_slo_in$of" '1x1436 0x2'
  # Two minutes of an hour would be nothing: five of six hours are.
  run -0 fires CdcOutOfObjective -- "cdc_slo_in$of" '1x1430 0x0 1x3 0x0 1x2'
  DAYS=5 run -0 fires CdcBudgetBurnsSlowly -- "cdc_slo_in$of" '1x1400 0x0 1x38'
  DAYS=5 run -0 fires -- "cdc_slo_in$of" '1x1300 0x0 1x138'
  run -0 fires CdcHalfOfObjective -- "cdc_freshness_seconds$table" '60x1430 10801x8'
  run -0 fires -- "cdc_freshness_seconds$table" '60x1430 10800x8'
  run -0 fires CdcNotLookedAt -- cdc_status_last_run_seconds '0+300x1433 430000x5'
  run -0 fires CdcNotLookedAt -- cdc_status_last_run_seconds -
  run -0 fires CdcEndSilent -- 'cdc_status_trouble{source="shop",part="source"}' '0x1434 1x4'
  run -0 fires -- 'cdc_status_trouble{source="shop",part="source"}' '0x1437 1x1'
  run -0 fires CdcSlotLost -- 'cdc_slot_state{source="shop",state="lost"}' '0x1438 1x0' 'cdc_slot_state{source="shop",state="active"}' '1x1438 0x0'
  run -0 fires CdcSlotMissing -- 'cdc_slot_state{source="shop",state="none"}' '0x1438 1x0' 'cdc_slot_state{source="shop",state="active"}' '1x1438 0x0'
  run -0 fires CdcSlotUnread -- 'cdc_slot_state{source="shop",state="idle"}' '0x1420 1x18'
  # Once an hour from cron is reading.
  run -0 fires -- 'cdc_slot_state{source="shop",state="idle"}' '0x1426 1x12'
  run -0 fires CdcSlotKeepsMuch -- "cdc_slot_retained_bytes$of" '1000000x1434 20000000001x4'
  run -0 fires CdcCatalogHeld -- "cdc_slot_catalog_age_transactions$of" '1000x1434 50000001x4'
  run -0 fires CdcClockWrong -- 'cdc_clock_ahead_seconds{source="shop"}' '0.01x1420 -61x18'
  run -0 fires -- 'cdc_clock_ahead_seconds{source="shop"}' '0.01x1436 -61x2'
  run -0 fires CdcTableParked -- 'cdc_table_state{source="shop",table="public.t",state="parked"}' '0x1438 1x0'
  run -0 fires CdcTableDoubted -- 'cdc_table_state{source="shop",table="public.t",state="doubted"}' '0x1430 1x8'
  run -0 fires CdcValuesMissing -- "cdc_table_unknown_values$table" '0x1360 3x78'
  run -0 fires -- "cdc_table_unknown_values$table" '0x1400 3x38'
  run -0 fires -- "cdc_table_unknown_values$table" '0x1360 3x78' 'cdc_table_state{source="shop",table="public.t",state="gone"}' '0x1360 1x78'
  run -0 fires CdcQuarantine -- "cdc_table_unknown_values$table" '0x1360 1x78' "cdc_table_quarantined_values$table" '0x1360 1x78'
  run -0 fires CdcQuarantine -- "cdc_table_quarantined_values$table" '0x1438 1x0'
  run -0 fires CdcColumnWithheld -- 'cdc_mask_withheld_total{table="public.t",column="note"}' '_x1438 7x0'
  run -0 fires CdcPipelineStopped -- 'cdc_run_exit_code{pipeline="shop"}' '0x1438 78x0'
  run -0 fires CdcPipelineStopped -- 'cdc_fleet_exit_code{pipeline="till"}' '0x1438 64x0'
  run -0 fires -- 'cdc_run_exit_code{pipeline="shop"}' '0x1438 75x0'
  run -0 fires -- 'cdc_fleet_exit_code{pipeline="till"}' '0x1438 137x0'
  run -0 fires CdcPipelineGone -- 'cdc_run_alive_seconds{pipeline="shop"}' '0+300x1434 430200x4'
  # One that ended is not gone.
  run -0 fires -- 'cdc_run_alive_seconds{pipeline="shop"}' '0+300x1434 430200x4' 'cdc_run_running{pipeline="shop"}' '1x1434 0x4'
  run -0 fires CdcListNotFollowed -- cdc_fleet_list_code '0x1430 65x8'
  # A server that the list is asked of may be away for a while.
  run -0 fires -- cdc_fleet_list_code '0x1434 75x4'
  run -0 fires CdcRetriesGoOn -- 'cdc_run_retries_total{pipeline="shop",of="cdc-stage-put"}' '5x1426 10+5x12'
  # What comes and goes is what retries are for.
  run -0 fires -- 'cdc_run_retries_total{pipeline="shop",of="cdc-stage-put"}' '5x1426 6+1x12'
  DAYS=5 run -0 fires CdcStageNotPruned -- 'cdc_stage_prune_last_success_seconds{pipeline="shop"}' '0+300x560 168000x878'
  DAYS=5 run -0 fires -- 'cdc_stage_prune_last_success_seconds{pipeline="shop"}' '0+300x600 180000x838'
  DAYS=5 run -0 fires CdcStageNotPruned -- 'kube_cronjob_status_last_successful_time{cronjob="till-pgcdc-prune"}' '0+300x560 168000x878'
  DAYS=5 run -0 fires -- 'kube_cronjob_status_last_successful_time{cronjob="somebody-elses"}' '0+300x560 168000x878'
  DAYS=5 run -0 fires CdcWarehouseNotPurged -- 'cdc_load_purge_last_success_seconds{pipeline="shop"}' '0+300x560 168000x878'
  DAYS=5 run -0 fires -- 'cdc_load_purge_last_success_seconds{pipeline="shop"}' '0+300x600 180000x838'
  run -0 fires CdcLoaderStopped -- 'cdc_load_errors_total{class="refused"}' '0x1438 1x0'
  run -0 fires -- 'cdc_load_errors_total{class="retry"}' '0x1438 1x0'
}

@test "every alert is raised by a test, and has a runbook of its name" {
  sed -n 's/^ *- alert: //p' "$RULES" | sort >alerts
  [[ -s alerts ]]
  diff alerts <(sed -nE 's/^  (DAYS=5 )?run -0 fires (Cdc[A-Za-z]+) --.*/\2/p' "$BATS_TEST_FILENAME" | sort -u)
  diff alerts <(sed -nE 's/^\.It Li (Cdc[A-Za-z]+)$/\1/p' "$BATS_TEST_DIRNAME/../../man/pgcdc-alerts.7" | sort)
  diff alerts <(sed -nE 's/.*man 7 pgcdc-alerts, (Cdc[A-Za-z]+)"$/\1/p' "$RULES" | sort)
}
