#!/usr/bin/env bats
# The two figures that analysts ask for, by one text of SQL for every engine (kpi_ENGINE.bats are links to this file): scripts/kpi.
# Knows: the columns that these statements ask. Must not know: an engine's dialect; that these statements need none is the subject.

# shellcheck disable=SC2030,SC2031,SC2034 # variables of a pipe, and variables that functions of other files read

bats_require_minimum_version 1.5.0
load ../e2e/stream

setup_file() { engine_start; }
teardown_file() { engine_remove; }
setup() {
  STAGE=$BATS_TEST_TMPDIR/stage
  warehouse_fresh
}

# A file of scripts/kpi, without its comments.
kpi() { rows "$(grep -v '^--' "$REPO/scripts/kpi/$1.sql")"; }
is() { diff <(printf '%s\n' "${@:2}") <(kpi "$1"); }

# in  START (1)
shop() {
  source_line "${1:-1}"
  RELID=1 table public.users id:int8:k state:text user_type:int2
  RELID=2 table public.members id:int8:k user_id:int8 namespace_id:int8
  RELID=3 table public.merge_requests id:int8:k author_id:int8 state:text
  RELID=4 table public.merge_request_metrics id:int8:k merge_request_id:int8 merged_at:timestamptz
  RELID=5 table public.plans id:int8:k name:text
  RELID=6 table public.subscriptions id:int8:k plan_id:int8 seats:int4 seats_in_use:int4 end_date:date
}

@test "the MR rate counts what team members got merged, by month of UTC, and follows every change" {
  {
    shop
    # Users 1 to 4 are active people, 5 is blocked, 6 is a machine; 4 is a customer.
    tx 10 'c public.users "after":{"id":1,"state":"active","user_type":0}' 'c public.users "after":{"id":2,"state":"active","user_type":0}' \
      'c public.users "after":{"id":3,"state":"active","user_type":0}' 'c public.users "after":{"id":4,"state":"active","user_type":0}' \
      'c public.users "after":{"id":5,"state":"blocked","user_type":0}' 'c public.users "after":{"id":6,"state":"active","user_type":6}' \
      'c public.members "after":{"id":1,"user_id":1,"namespace_id":1}' 'c public.members "after":{"id":2,"user_id":2,"namespace_id":1}' \
      'c public.members "after":{"id":3,"user_id":3,"namespace_id":1}' 'c public.members "after":{"id":4,"user_id":4,"namespace_id":2}' \
      'c public.members "after":{"id":5,"user_id":5,"namespace_id":1}' 'c public.members "after":{"id":6,"user_id":6,"namespace_id":1}'
    local request=0 line author state merged lines=()
    while read -r author state merged; do
      request=$((request + 1))
      lines+=("c public.merge_requests \"after\":{\"id\":$request,\"author_id\":$author,\"state\":\"$state\"}"
        "c public.merge_request_metrics \"after\":{\"id\":$request,\"merge_request_id\":$request,\"merged_at\":$merged}")
    done <<'REQUESTS'
1 merged "2026-08-31T23:59:59.999999Z"
1 merged "2026-09-01T00:00:00.000000Z"
2 merged "2026-09-30T23:59:59.999999Z"
2 merged "2026-10-01T00:00:00.000000Z"
3 merged "2026-10-15T12:00:00.000000Z"
4 merged "2026-10-15T12:00:00.000000Z"
5 merged "2026-10-15T12:00:00.000000Z"
6 merged "2026-10-15T12:00:00.000000Z"
3 opened null
3 closed "2026-10-15T12:00:00.000000Z"
1 merged "2026-11-02T08:00:00.000000Z"
REQUESTS
    tx 20 "${lines[@]}"
  } | deliver
  is mr-rate '2026-11|1|3|333' '2026-10|2|3|666' '2026-09|2|3|666'
  # One is merged, one was never, a member leaves, a customer joins.
  {
    shop 25
    tx 30 'u public.merge_requests "after":{"id":9,"author_id":3,"state":"merged"}' 'u public.merge_request_metrics "after":{"id":9,"merge_request_id":9,"merged_at":"2026-11-03T00:00:00.000000Z"}' \
      'd public.merge_requests "before":{"id":11}' 'd public.members "before":{"id":2}' 'u public.users "after":{"id":2,"state":"blocked","user_type":0}' \
      'c public.members "after":{"id":7,"user_id":4,"namespace_id":1}'
  } | deliver
  is mr-rate '2026-11|1|3|333' '2026-10|2|3|666' '2026-09|1|3|333'
}

@test "license utilization is of subscriptions that are valid today, by plan, and follows every change" {
  local yesterday today tomorrow
  yesterday=$(date -u -d '-1 day' +%F) today=$(date -u +%F) tomorrow=$(date -u -d '+1 day' +%F)
  {
    shop
    tx 10 'c public.plans "after":{"id":1,"name":"premium"}' 'c public.plans "after":{"id":2,"name":"ultimate"}' 'c public.plans "after":{"id":3,"name":"free"}' \
      "c public.subscriptions \"after\":{\"id\":1,\"plan_id\":1,\"seats\":100,\"seats_in_use\":50,\"end_date\":\"$tomorrow\"}" \
      "c public.subscriptions \"after\":{\"id\":2,\"plan_id\":1,\"seats\":7,\"seats_in_use\":7,\"end_date\":\"$tomorrow\"}" \
      "c public.subscriptions \"after\":{\"id\":3,\"plan_id\":1,\"seats\":1000,\"seats_in_use\":1,\"end_date\":\"$yesterday\"}" \
      "c public.subscriptions \"after\":{\"id\":4,\"plan_id\":2,\"seats\":3,\"seats_in_use\":2,\"end_date\":\"2999-12-31\"}" \
      "c public.subscriptions \"after\":{\"id\":5,\"plan_id\":3,\"seats\":0,\"seats_in_use\":0,\"end_date\":\"2999-12-31\"}"
  } | deliver
  is license-utilization 'premium|57|107|532' 'ultimate|2|3|666'
  {
    shop 15
    tx 20 "u public.subscriptions \"after\":{\"id\":4,\"plan_id\":2,\"seats\":3,\"seats_in_use\":5,\"end_date\":\"2999-12-31\"}" 'd public.subscriptions "before":{"id":2}' \
      "u public.subscriptions \"after\":{\"id\":3,\"plan_id\":3,\"seats\":1000,\"seats_in_use\":1,\"end_date\":\"$today\"}"
  } | deliver
  # The day may have changed meanwhile: then what was valid today is no longer.
  [[ $today == "$(date -u +%F)" ]] || return 0
  is license-utilization 'free|1|1000|1' 'premium|50|100|500' 'ultimate|5|3|1666'
}
