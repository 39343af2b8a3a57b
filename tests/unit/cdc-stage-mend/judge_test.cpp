// cdc-stage-mend: whose history a server is of, as a table. What is in doubt is another one.
#include "cdc-stage-mend/judge.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

mend::Server server(std::uint64_t timeline, std::uint64_t log_end, std::vector<pg::Branch> branches = {}) {
  return {"7", timeline, "shop", base::Lsn{90}, base::Lsn{log_end}, std::move(branches)};
}

TEST(Judge, TheSameServerGoesOn) {
  EXPECT_EQ(mend::judge(server(1, 100), "7", 1, base::Lsn{100}), mend::Verdict::goes_on);
}

TEST(Judge, AnotherClusterIsNotTheSame) {
  EXPECT_EQ(mend::judge(server(1, 100), "8", 1, base::Lsn{50}), mend::Verdict::other_cluster);
}

TEST(Judge, ALogThatReachesBeyondTheServersIsOfAnotherHistory) {
  EXPECT_EQ(mend::judge(server(1, 99), "7", 1, base::Lsn{100}), mend::Verdict::other_history);
}

TEST(Judge, APromotedServerGoesOnWhenItHadReceivedAllThatTheLogHas) {
  EXPECT_EQ(mend::judge(server(3, 500, {{1, base::Lsn{100}}, {2, base::Lsn{300}}}), "7", 1, base::Lsn{100}),
            mend::Verdict::goes_on);
  EXPECT_EQ(mend::judge(server(3, 500, {{1, base::Lsn{100}}, {2, base::Lsn{300}}}), "7", 2, base::Lsn{300}),
            mend::Verdict::goes_on);
}

TEST(Judge, APromotedServerThatLacksSomethingOfTheLogIsOfAnotherHistory) {
  EXPECT_EQ(mend::judge(server(2, 500, {{1, base::Lsn{100}}}), "7", 1, base::Lsn{101}), mend::Verdict::other_history);
}

TEST(Judge, ATimelineThatTheServerDoesNotDescendFromIsAnotherHistory) {
  EXPECT_EQ(mend::judge(server(3, 500, {{1, base::Lsn{100}}}), "7", 2, base::Lsn{50}), mend::Verdict::other_history);
}

TEST(Judge, AServerOfAnOlderTimelineWasNotPromoted) {
  EXPECT_EQ(mend::judge(server(1, 500), "7", 2, base::Lsn{50}), mend::Verdict::behind);
}

TEST(ParseServer, WhatPgcdcSlotPrintsIsRead) {
  const mend::Server read = mend::parse_server(
      R"({"slot":"s","database":"shop","confirmed_flush_lsn":"0000000A/3A41C8F0","system_id":"7441","timeline":2,)"
      R"("log_end":"0000000A/3A41C900","branches":[{"timeline":1,"end":"00000000/00000064"}]})");
  EXPECT_EQ(read.system_id, "7441");
  EXPECT_EQ(read.timeline, 2U);
  EXPECT_EQ(read.database, "shop");
  EXPECT_EQ(read.confirmed.value, 0xA3A41C8F0U);
  EXPECT_EQ(read.log_end.value, 0xA3A41C900U);
  ASSERT_EQ(read.branches.size(), 1U);
  EXPECT_EQ(read.branches[0].timeline, 1U);
  EXPECT_EQ(read.branches[0].end.value, 100U);
}

TEST(ParseServer, ASlotWithoutAPositionIsRefused) {
  try {
    static_cast<void>(mend::parse_server(
        R"({"slot":"s","database":"shop","confirmed_flush_lsn":"x","system_id":"7441","timeline":2,"log_end":"0000000A/3A41C900","branches":[]})"));
    FAIL() << "was read";
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "bad_server");
  }
}

TEST(ParseReached, NothingLoadedIsNoPosition) {
  EXPECT_FALSE(mend::parse_reached(""));
  const auto reached = mend::parse_reached(R"({"source":"s","system_id":"7","era":1,"position":"00000000/00000064"})");
  ASSERT_TRUE(reached);
  EXPECT_EQ(reached->era, 1U);
  EXPECT_EQ(reached->position.value, 100U);
}

}  // namespace
