# shellcheck shell=bash
# Metric files that a pipeline's programs wrote while something was broken, held for simulated hours before the alert rules.
# For tests of what fires. Knows: Prometheus' text format, promtool, which series are times. Must not know: any alert, any fault.
#
# Three samples: `before`, all well; `first` and `last`, some seconds apart while it is broken. What did not move between those two stays as
# it is; what moved goes on as it would: the time of a writer that lives by the clock, an age by the clock, and anything else at the rate at
# which it moved, a count of retries at one each longest pause of cdc-run.

# All metric files as lines NAME{LABELS} VALUE, and when that was.   in  SAMPLE FOLDER
sample() {
  printf '%s\n' "$EPOCHSECONDS" >"$1.at"
  cat "$2"/*.prom | grep -v '^#' | LC_ALL=C sort >"$1"
}

# The rules' input: an hour of `before`, then nine of what was broken.   in  RULES   out  rules_test.yml, without its tests
replay() {
  local seconds=$(($(<last.at) - $(<first.at)))
  ((seconds >= 3)) || { echo "the two samples are $seconds s apart" >&2 && return 1; }
  {
    printf 'rule_files: [%s]\nevaluation_interval: 5m\ntests:\n  - interval: 5m\n    input_series:\n' "$1"
    awk -v seconds="$seconds" -v well=12 -v broken=108 '
      # The value is the last word; labels may hold spaces.
      { value = $NF; series = $0; sub(/ [^ ]*$/, "", series); in_file[FILENAME, series] = value; has[FILENAME, series]; seen[series] }
      function is_time(series) { return series ~ /^cdc_[a-z_]*_seconds[{]/ && in_file["last", series] + in_file["before", series] > 1e9 }
      function is_age(series) { return series ~ /^cdc_(freshness|staged_age|loaded_age)_seconds[{]/ }
      function held(value, times) { return value "x" times - 1 }
      function rising(from, step, times) { return from "+" step "x" times - 1 }
      # Steps until the oldest table, which gets older, is out of its objective.
      function steps_in(series,   source, table, name, oldest) {
        match(series, /source="[^"]*"/)
        source = substr(series, RSTART, RLENGTH)
        for (table in seen) {
          if (index(table, "cdc_freshness_seconds{") != 1 || !index(table, source) || !(("first", table) in has) || !(("last", table) in has)) continue
          if (in_file["last", table] - in_file["first", table] >= seconds / 2 && in_file["last", table] + 0 > oldest + 0) oldest = in_file["last", table]
        }
        if (oldest == "") return broken
        name = series
        sub(/^cdc_slo_in/, "cdc_slo_objective_seconds", name)
        return int((in_file["last", name] - oldest) / 300) + 1
      }
      END {
        for (series in seen) {
          before = "_x" well - 1
          if (("before", series) in has) before = is_time(series) ? rising(0, 300, well) : held(in_file["before", series], well)
          after = "stale"
          if (("last", series) in has) {
            value = in_file["last", series]
            grown = value - ((("first", series) in has) ? in_file["first", series] : value)
            if (!(("first", series) in has) && series ~ /_total[{]/) grown = value + 0
            if (is_time(series)) after = grown > 0 ? rising(300 * well, 300, broken) : held(300 * (well - 1), broken)
            else if (series ~ /^cdc_slo_in[{]/ && value == 1 && steps_in(series) < broken) after = held(1, steps_in(series)) " " held(0, broken - steps_in(series))
            else if (is_age(series)) after = grown >= seconds / 2 ? rising(value, 300, broken) : held(value, broken)
            else if (series ~ /^cdc_run_retries_total/) after = grown > 0 ? rising(value, 5, broken) : held(value, broken)
            else if (grown > 0 && series ~ /_(total|bytes|transactions)[{]/) after = rising(value, sprintf("%.0f", grown / seconds * 300), broken)
            else after = held(value, broken)
          }
          gsub(/\047/, "\047\047", series)
          printf "      - {series: \047%s\047, values: \047%s %s\047}\n", series, before, after
        }
      }' before first last
    printf '    promql_expr_test:\n'
  } >rules_test.yml
}

# So many hours after it broke exactly these alerts fire.   in  HOURS ALERT...
expect() {
  local minutes=$((55 + $1 * 60)) alert
  shift
  printf "      - expr: 'group by (alertname) (ALERTS{alertstate=\"firing\"})'\n        eval_time: %dm\n        exp_samples:\n" "$minutes" >>rules_test.yml
  (($# > 0)) || echo '          []' >>rules_test.yml
  for alert; do printf "          - {labels: '{alertname=\"%s\"}', value: 1}\n" "$alert" >>rules_test.yml; done
}
