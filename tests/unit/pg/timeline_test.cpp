// pg: a server's history of timelines, as it stands in the file that it sends.
#include "pg/timeline.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

TEST(ParseHistory, EachLineIsATimelineAndWhereItWasLeft) {
  const auto branches =
      pg::parse_history("1\t0/3000148\tno recovery target specified\n\n# a comment\n2\tA/10\tbefore x\n");
  ASSERT_EQ(branches.size(), 2U);
  EXPECT_EQ(branches[0].timeline, 1U);
  EXPECT_EQ(branches[0].end.value, 0x3000148U);
  EXPECT_EQ(branches[1].timeline, 2U);
  EXPECT_EQ(branches[1].end.value, 0xA00000010U);
}

TEST(ParseHistory, WhatCannotBeReadIsNotGuessed) {
  for (const char* text : {"one\t0/1\n", "1\n", "1\tx\n"}) {
    try {
      static_cast<void>(pg::parse_history(text));
      FAIL() << text;
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.slug, "bad_history");
    }
  }
}

}  // namespace
