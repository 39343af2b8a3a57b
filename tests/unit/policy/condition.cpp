// Promises of conditions: every form, every mistake, and nulls as SQL has them.
#include "policy/condition.hpp"

#include <gtest/gtest.h>

namespace {

using policy::Condition;

std::optional<std::string> no_files(const std::string&) { return std::nullopt; }

std::optional<Condition> parse(const std::string& text, const std::string& file = "") {
  std::string why;
  return Condition::parse(
      text, [&](const std::string& name) { return name == "list" ? std::optional(file) : std::nullopt; }, why);
}

std::string refusal(const std::string& text) {
  std::string why;
  EXPECT_FALSE(Condition::parse(text, no_files, why)) << text;
  return why;
}

TEST(Condition, EveryFormIsRead) {
  EXPECT_TRUE(parse("parent_id is null")->holds(std::nullopt));
  EXPECT_FALSE(parse("parent_id is null")->holds("7"));
  EXPECT_TRUE(parse("parent_id is not null")->holds("7"));
  EXPECT_TRUE(parse("kind = 'Group'")->holds("Group"));
  EXPECT_FALSE(parse("kind = Group")->holds("group"));
  EXPECT_TRUE(parse("kind != Group")->holds("User"));
  EXPECT_TRUE(parse("id in (1, 2,3)")->holds("3"));
  EXPECT_FALSE(parse("id in (1, 2,3)")->holds("4"));
  EXPECT_TRUE(parse("id in @list", "# internal\n1\n\n278964\n")->holds("278964"));
  EXPECT_FALSE(parse("id in @list", "# internal\n1\n")->holds("# internal"));
  EXPECT_EQ(parse("\"Odd Name\" = 'it''s'")->column(), "Odd Name");
  EXPECT_TRUE(parse("\"Odd Name\" = 'it''s'")->holds("it's"));
  EXPECT_TRUE(parse("at = 2026-01-01T00:00:00.000000Z")->holds("2026-01-01T00:00:00.000000Z"));
}

TEST(Condition, ANullEqualsNothingAndIsUnlikeNothing) {
  EXPECT_FALSE(parse("a = b")->holds(std::nullopt));
  EXPECT_FALSE(parse("a != b")->holds(std::nullopt));
  EXPECT_FALSE(parse("a in (b)")->holds(std::nullopt));
  EXPECT_FALSE(parse("a in @list", "")->holds(std::nullopt));
}

TEST(Condition, AMistakeIsRefused) {
  for (const char* text : {"",         "a",       "a is",          "a is nul", "a is nullable",
                           "a like b", "a = ",    "a = 'b",        "a in",     "a in (",
                           "a in ()",  "a in (b", "a in (b,)",     "a = b c",  "a = b and c = d",
                           "a* = b",   "A = b",   "a in @missing", "a isnull", "a in(b",
                           "a = b)",   "a != "}) {
    EXPECT_NE(refusal(text), "") << text;
  }
  EXPECT_FALSE(parse("id in @list", "1\n2")) << "a cut file";
}

}  // namespace
