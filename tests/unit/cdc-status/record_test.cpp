// The record, and what it says of the budget.
#include "cdc-status/record.hpp"

#include <gtest/gtest.h>

namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

std::vector<status::Sample> every_five_minutes(const std::string& in_or_out) {
  std::vector<status::Sample> samples;
  for (std::size_t i = 0; i < in_or_out.size(); ++i) {
    const bool in = in_or_out[i] == '.';
    samples.push_back({static_cast<std::int64_t>(i) * 300 * kSecondUs, in, 10, 21'600, in ? "" : "not_loaded"});
  }
  return samples;
}

TEST(Record, a_line_is_read_back_as_it_was_meant) {
  status::Seen seen;
  seen.pipeline.source = "sh\top";
  seen.pipeline.objective_s = 60;
  seen.at_us = 1'764'000'000 * kSecondUs;
  const std::string line = status::record_line(status::judge(seen));
  std::size_t broken = 0;
  const auto record = status::read_record(line, broken);
  ASSERT_EQ(record.count("sh op"), 1U);
  const status::Sample& sample = record.at("sh op")[0];
  EXPECT_EQ(sample.at_us, seen.at_us);
  EXPECT_FALSE(sample.in);
  EXPECT_FALSE(sample.age_s.has_value());
  EXPECT_EQ(sample.objective_s, 60);
  EXPECT_EQ(broken, 0U);
}

TEST(Record, lines_that_are_none_are_counted_and_a_line_that_is_being_written_waits) {
  std::size_t broken = 0;
  const auto record = status::read_record(
      "2026-11-22T10:00:00.000000Z\tshop\tin\t1\t60\t-\n"
      "2026-11-22T10:00:00.000000Z\tshop\tmaybe\t1\t60\t-\n"
      "\n"
      "2026-11-22T10:00:00.000000Z\tshop\tin\t1\t60\n"
      "2026-11-22T10:05:00.000000Z\tshop\tin\t1\t60\t-",
      broken);
  EXPECT_EQ(broken, 3U);
  EXPECT_EQ(record.at("shop").size(), 1U);
}

TEST(Record, samples_of_several_writers_are_put_in_the_order_of_time) {
  std::size_t broken = 0;
  const auto record = status::read_record(
      "2026-11-22T10:05:00.000000Z\tshop\tin\t2\t60\t-\n"
      "2026-11-22T10:00:00.000000Z\tshop\tin\t1\t60\t-\n",
      broken);
  EXPECT_EQ(record.at("shop")[0].age_s, 1);
}

TEST(Budget, each_sample_stands_until_the_next) {
  const status::Budget budget = status::budget_of(every_five_minutes("..xx."), 0, 5 * 300 * kSecondUs);
  EXPECT_EQ(budget.in_s, 900);
  EXPECT_EQ(budget.out_s, 600);
  EXPECT_EQ(budget.unmeasured_s, 0);
  ASSERT_EQ(budget.incidents.size(), 1U);
  EXPECT_EQ(budget.incidents[0].begin_us, 600 * kSecondUs);
  EXPECT_EQ(budget.incidents[0].end_us, 1200 * kSecondUs);
  EXPECT_EQ(budget.incidents[0].cause, "not_loaded");
}

TEST(Budget, what_nobody_looked_at_is_neither_in_nor_out) {
  std::vector<status::Sample> samples = every_five_minutes("..");
  samples[1].at_us = 3600 * kSecondUs;
  const status::Budget budget = status::budget_of(samples, 0, 3900 * kSecondUs);
  EXPECT_EQ(budget.in_s, 900 + 300);
  EXPECT_EQ(budget.unmeasured_s, 3600 - 900);
}

TEST(Budget, an_incident_that_goes_on_has_no_end_and_what_lies_before_the_window_does_not_count) {
  const status::Budget budget = status::budget_of(every_five_minutes("xx.x"), 450 * kSecondUs, 1200 * kSecondUs);
  EXPECT_EQ(budget.out_s, 150 + 300);
  EXPECT_EQ(budget.in_s, 300);
  ASSERT_EQ(budget.incidents.size(), 2U);
  EXPECT_EQ(budget.incidents[0].begin_us, 450 * kSecondUs);
  EXPECT_FALSE(budget.incidents[1].end_us.has_value());
}

TEST(Budget, without_a_sample_nothing_is_known) {
  const status::Budget budget = status::budget_of({}, 0, 1000 * kSecondUs);
  EXPECT_EQ(budget.in_s + budget.out_s + budget.unmeasured_s, 0);
}

}  // namespace
