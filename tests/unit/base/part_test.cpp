// Parts of a table: every key is in exactly one, and the ranges that an index finds hold all keys of theirs.
// What databases make of the conditions is tested with them (tests/e2e/cdc-verify.bats).
// Knows base::Part.
#include "base/part.hpp"

#include <gtest/gtest.h>

namespace {

using base::parse_part;

TEST(Part, is_read_from_two_numbers_and_from_nothing_else) {
  ASSERT_TRUE(parse_part("2/30"));
  EXPECT_EQ(parse_part("2/30")->k, 2U);
  EXPECT_EQ(parse_part("2/30")->n, 30U);
  for (const char* text : {"", "/", "1", "0/3", "4/3", "1/0", "-1/3", "1/3x", "1/ 3", "1/10001", "+1/3"}) {
    EXPECT_FALSE(parse_part(text)) << text;
  }
}

TEST(Part, ranges_name_the_blocks_that_are_the_parts_own) {
  EXPECT_EQ(base::in_part("k", {2, 3}),
            "(((k % 196608 + 196608) % 196608) >= 65536 AND ((k % 196608 + 196608) % 196608) < 131072)");
  EXPECT_EQ(base::ranges_of_part("k", {2, 3}, 1, 70000), "(k < 1 OR k > 70000 OR (k >= 65536 AND k < 131072))");
  EXPECT_EQ(base::ranges_of_part("k", {3, 3}, -1, 200000),
            "(k < -1 OR k > 200000 OR (k >= -65536 AND k < 0) OR (k >= 131072 AND k < 196608))");
  EXPECT_EQ(base::ranges_of_part("k", {1, 1}, 0, INT64_MAX), "");
  EXPECT_EQ(base::ranges_of_part("k", {1, 2}, INT64_MAX - 1, INT64_MAX),
            "(k < 9223372036854775806 OR k > 9223372036854775807)");
}

}  // namespace
