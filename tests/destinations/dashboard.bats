#!/usr/bin/env bats
# The dashboard's queries, each asked of a real Prometheus that reads the metrics of a real pipeline by way of node_exporter's textfile
# collector, with the alert rules in it: each has an answer.
# Knows: how the three are started, the form of a dashboard. Must not know: a single query.
# shellcheck disable=SC2030,SC2031 # a test and its functions are one process

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load ../fault/pipeline

PROMETHEUS=$BATS_TEST_DIRNAME/../../scripts/prometheus

setup_file() { cluster_start; }
teardown_file() { cluster_remove; }
teardown() {
  touch "$BATS_TEST_TMPDIR/enough"
  local pid
  for pid in ${pids[@]+"${pids[@]}"}; do
    kill "$pid"
    wait "$pid" || true
  done
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null
}

# The number of series that a query gives now.
series() { curl -fsS "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$1" | jq '.data.result | length'; }
exported() { curl -fsS "http://127.0.0.1:$exporter/metrics"; }
has_series() { (($(series "$1") > 0)); }

@test "every query of the dashboard has an answer, and an alert fires where it should" {
  cd "$BATS_TEST_TMPDIR"
  fresh_database dashboard
  export SLOT=dashboard DIR=$PWD/p
  mkdir "$DIR" metrics
  pids=()
  sql 'CREATE TABLE t (id int PRIMARY KEY, v text, held_back text)' "INSERT INTO t SELECT n, 'one', 'x' FROM generate_series(1, 100) n" 'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  pipeline_make "$DIR" 'max-seconds = 1' '[cdc-mask]' "metrics = $PWD/metrics/mask.prom" '[cdc-stage-put]' "metrics = $PWD/metrics/put.prom" '[cdc-load]' "metrics = $PWD/metrics/load.prom"
  sed -i "s|^\[pgcdc-read\]|&\nmetrics = $PWD/metrics/read.prom|; s|^\[cdc-batch\]|&\nmetrics = $PWD/metrics/batch.prom|" "$DIR/pipeline.ini"
  grep -v held_back "$DIR/policy" >policy && cp policy "$DIR/policy"
  pipeline_begin "$DIR"
  cdc-run --config "$DIR/pipeline.ini" --metrics "$PWD/metrics/run.prom" 3>&- 8>&- 2>run.log &
  pids+=($!)
  looking() {
    set +e # the answer may be no
    while [[ ! -e enough ]]; do
      sql "UPDATE t SET v = v || '.' WHERE id = 1" >/dev/null
      cdc-status --metrics "$PWD/metrics/status.prom" "$DIR/pipeline.ini" >/dev/null
    done
  }
  looking 3>&- 8>&- 2>looking.log &
  exporter=$(free-port)
  prometheus-node-exporter --collector.disable-defaults --collector.textfile --collector.textfile.directory="$PWD/metrics" --web.listen-address=127.0.0.1:"$exporter" >exporter.log 2>&1 3>&- 8>&- &
  pids+=($!)
  port=$(free-port)
  printf '%s\n' 'global: {scrape_interval: 1s, evaluation_interval: 1s}' "rule_files: ['$PROMETHEUS/pgcdc.rules.yml']" \
    'scrape_configs:' "  - {job_name: node, static_configs: [{targets: ['127.0.0.1:$exporter']}]}" >prometheus.yml
  prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=127.0.0.1:"$port" >prometheus.log 2>&1 3>&- 8>&- &
  pids+=($!)
  wait_until 60 has_series 'cdc_slo_in == 1'
  # One that is tried again.
  sql "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'dashboard' AND active" >/dev/null
  local query
  jq -r '.panels[].targets[].expr' "$PROMETHEUS/pgcdc.dashboard.json" >queries
  (($(wc -l <queries) >= 15))
  while read -r query <&7; do
    # shellcheck disable=SC2016 # Grafana's variable
    query=${query//'$source'/.*}
    wait_until 40 has_series "$query" || { echo "no answer: $query" && return 1; }
  done 7<queries
  # What is held back raises its alert; nothing that is well does.
  wait_until 40 has_series 'ALERTS{alertname="CdcColumnWithheld",alertstate="firing"}'
  [[ $(series 'ALERTS{alertstate="firing",alertname!="CdcColumnWithheld"}') == 0 ]]
  # node_exporter has read every file.
  [[ $(exported | sed -n 's/^node_textfile_scrape_error //p') == 0 ]]
}
