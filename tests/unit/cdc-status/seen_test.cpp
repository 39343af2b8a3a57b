// What was seen against the objective: in, out, and why.
#include "cdc-status/seen.hpp"

#include <gtest/gtest.h>

#include "base/time.hpp"

namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;

std::string hours_ago(double hours, std::int64_t at_us) {
  return base::format(base::Time{at_us - static_cast<std::int64_t>(hours * static_cast<double>(kHourUs))});
}

status::Seen fresh() {
  status::Seen seen;
  seen.pipeline = {"shop.ini", "shop", "service=shop", "pgcdc", "stage", "sqlite:w", 21'600};
  seen.at_us = base::parse_time("2026-11-22T12:00:00.000000Z")->unix_us;
  seen.source = status::SourceSeen{"active", 10, 20, 5};
  seen.stage = status::StageSeen{base::Lsn{100}, hours_ago(0.1, seen.at_us)};
  seen.warehouse = status::WarehouseSeen{base::Lsn{100},
                                         hours_ago(0.2, seen.at_us),
                                         {{"public.a", "ready", hours_ago(0.2, seen.at_us), 0, 0},
                                          {"public.b", "history", hours_ago(0.2, seen.at_us), 0, 0}}};
  return seen;
}

TEST(Verdict, tables_that_are_complete_to_a_moment_within_the_objective_are_in) {
  const status::Verdict verdict = judge(fresh());
  EXPECT_TRUE(verdict.in);
  EXPECT_EQ(verdict.cause, "");
  EXPECT_EQ(verdict.age_s, 720);
  EXPECT_EQ(verdict.staged_s, 360);
  EXPECT_EQ(verdict.loaded_s, 720);
}

TEST(Verdict, at_the_objective_is_in_and_a_second_later_is_out) {
  status::Seen seen = fresh();
  seen.warehouse->tables[0].complete_to_time = hours_ago(6, seen.at_us);
  EXPECT_TRUE(judge(seen).in);
  seen.at_us += 1'000'000;
  const status::Verdict verdict = judge(seen);
  EXPECT_FALSE(verdict.in);
  EXPECT_FALSE(verdict.tables[0].in);
  EXPECT_TRUE(verdict.tables[1].in);
  EXPECT_EQ(verdict.cause, "not_loaded");
}

TEST(Verdict, a_stage_that_is_late_too_says_where_to_look) {
  status::Seen seen = fresh();
  seen.at_us += 10 * kHourUs;
  EXPECT_EQ(judge(seen).cause, "not_captured");
}

TEST(Verdict, a_table_that_is_copied_for_the_first_time_is_not_measured_and_alone_it_proves_nothing) {
  status::Seen seen = fresh();
  seen.warehouse->tables[0] = {"public.a", "copying", "", 0, 0};
  EXPECT_TRUE(judge(seen).in);
  EXPECT_FALSE(judge(seen).tables[0].age_s.has_value());
  seen.warehouse->tables.pop_back();
  EXPECT_FALSE(judge(seen).in);
}

TEST(Verdict, a_table_that_the_source_no_longer_has_is_never_stale) {
  status::Seen seen = fresh();
  seen.warehouse->tables[0] = {"public.a", "gone", hours_ago(1000, seen.at_us), 0, 0};
  EXPECT_TRUE(judge(seen).in);
  EXPECT_FALSE(judge(seen).tables[0].age_s.has_value());
  EXPECT_EQ(judge(seen).cause, "");
  seen.warehouse->tables.pop_back();
  EXPECT_TRUE(judge(seen).in);
  EXPECT_FALSE(judge(seen).age_s.has_value());
}

TEST(Verdict, a_parked_table_is_named_before_it_is_too_old) {
  status::Seen seen = fresh();
  seen.warehouse->tables[0].state = "parked";
  EXPECT_TRUE(judge(seen).in);
  EXPECT_EQ(judge(seen).cause, "parked");
}

TEST(Verdict, a_warehouse_that_cannot_be_asked_is_out_and_a_source_that_cannot_is_only_told) {
  status::Seen seen = fresh();
  seen.source.reset();
  seen.troubles.push_back({"source", "connect_failed", "could not connect"});
  EXPECT_TRUE(judge(seen).in);
  EXPECT_EQ(judge(seen).cause, "source_connect_failed");
  seen.warehouse.reset();
  seen.troubles.push_back({"warehouse", "warehouse_busy", "could not open"});
  EXPECT_FALSE(judge(seen).in);
  EXPECT_EQ(judge(seen).cause, "warehouse_warehouse_busy");
}

TEST(Verdict, a_lost_slot_is_the_worst_even_while_the_warehouse_is_fresh) {
  status::Seen seen = fresh();
  seen.source->slot = "lost";
  seen.warehouse->tables[0].state = "parked";
  EXPECT_TRUE(judge(seen).in);
  EXPECT_EQ(judge(seen).cause, "slot_lost");
  seen.source->slot = "none";
  EXPECT_EQ(judge(seen).cause, "slot_missing");
}

TEST(Verdict, a_clock_that_goes_after_the_sources_makes_nothing_younger_than_now) {
  status::Seen seen = fresh();
  seen.at_us -= kHourUs;
  EXPECT_EQ(judge(seen).age_s, 0);
}

TEST(Verdict, a_time_that_is_none_is_out) {
  status::Seen seen = fresh();
  seen.warehouse->tables[0].complete_to_time = "";
  EXPECT_FALSE(judge(seen).in);
}

}  // namespace
