// Keys as bytes: equal for equal values only, sorted as values sort, and back.
#include "warehouse/key.hpp"

#include <gtest/gtest.h>

namespace {

using warehouse::Kind;

std::string encoded(Kind kind, std::string_view raw) {
  std::string bytes;
  EXPECT_TRUE(warehouse::append_key(bytes, kind, raw)) << raw;
  return bytes;
}

TEST(Key, bytes_sort_as_values_do) {
  const std::vector<std::string> whole{"\"-9223372036854775808\"", "-2", "-1", "0", "1", "255", "256",
                                       "\"9223372036854775807\""};
  for (std::size_t i = 1; i < whole.size(); ++i)
    EXPECT_LT(encoded(Kind::integer, whole[i - 1]), encoded(Kind::integer, whole[i]));
  const std::vector<std::string> real{"-1e300", "-1.5", "-1e-300", "0", "1e-300", "1.5", "1e300"};
  for (std::size_t i = 1; i < real.size(); ++i)
    EXPECT_LT(encoded(Kind::real, real[i - 1]), encoded(Kind::real, real[i]));
  const std::vector<std::string> text{"\"\"", "\"A\"", "\"a\"", "\"a\\u0001\"", "\"aa\"", "\"b\"", "\"é\""};
  for (std::size_t i = 1; i < text.size(); ++i)
    EXPECT_LT(encoded(Kind::text, text[i - 1]), encoded(Kind::text, text[i]));
}

TEST(Key, values_that_json_writes_differently_are_one_key) {
  EXPECT_EQ(encoded(Kind::integer, "5"), encoded(Kind::integer, "\"5\""));
  EXPECT_EQ(encoded(Kind::text, "\"a/\\u0062\""), encoded(Kind::text, "\"a\\/b\""));
  EXPECT_EQ(encoded(Kind::real, "0"), encoded(Kind::real, "-0"));
  EXPECT_EQ(encoded(Kind::real, "1e1"), encoded(Kind::real, "10"));
}

TEST(Key, parts_do_not_run_into_each_other) {
  EXPECT_NE(encoded(Kind::text, "\"a\"") + encoded(Kind::text, "\"bc\""),
            encoded(Kind::text, "\"ab\"") + encoded(Kind::text, "\"c\""));
  EXPECT_NE(encoded(Kind::bytes, "\"AA==\"") + encoded(Kind::bytes, "\"\""),
            encoded(Kind::bytes, "\"\"") + encoded(Kind::bytes, "\"AA==\""));
}

TEST(Key, decodes_to_what_was_encoded) {
  const std::vector<Kind> kinds{Kind::integer, Kind::text, Kind::bytes, Kind::real, Kind::boolean, Kind::real};
  const std::string key = encoded(Kind::integer, "-7") + encoded(Kind::text, "\"a\\\"b\"") +
                          encoded(Kind::bytes, "\"AAH/\"") + encoded(Kind::real, "-2.5") +
                          encoded(Kind::boolean, "true") + encoded(Kind::real, "\"NaN\"");
  const auto parts = warehouse::decode_key(key, kinds);
  EXPECT_EQ(parts[0].integer, -7);
  EXPECT_EQ(parts[1].bytes, "a\"b");
  EXPECT_EQ(parts[2].bytes, std::string("\0\1\xFF", 3));
  EXPECT_EQ(parts[3].real, -2.5);
  EXPECT_EQ(parts[4].integer, 1);
  EXPECT_EQ(parts[5].bytes, "NaN");
}

TEST(Fits, only_what_the_column_can_hold_exactly) {
  EXPECT_TRUE(warehouse::fits(Kind::integer, "\"9223372036854775807\""));
  EXPECT_FALSE(warehouse::fits(Kind::integer, "\"9223372036854775808\""));
  EXPECT_FALSE(warehouse::fits(Kind::integer, "1.5"));
  EXPECT_FALSE(warehouse::fits(Kind::integer, "1e3"));
  EXPECT_TRUE(warehouse::fits(Kind::real, "\"-Infinity\""));
  EXPECT_FALSE(warehouse::fits(Kind::real, "\"inf\""));
  EXPECT_FALSE(warehouse::fits(Kind::real, "1e999"));
  EXPECT_FALSE(warehouse::fits(Kind::boolean, "1"));
  EXPECT_FALSE(warehouse::fits(Kind::bytes, "\"A\""));
  EXPECT_TRUE(warehouse::fits(Kind::json, "{\"a\":1}"));
  for (const Kind kind : {Kind::integer, Kind::boolean, Kind::real, Kind::bytes, Kind::text})
    EXPECT_TRUE(warehouse::fits(kind, "null"));
  std::string bytes;
  EXPECT_FALSE(warehouse::append_key(bytes, Kind::text, "null")) << "a key is never null";
}

}  // namespace
