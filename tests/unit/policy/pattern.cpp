// Promises of names, patterns and kinds: what a rule's first three fields mean.
#include "policy/pattern.hpp"

#include <gtest/gtest.h>

#include "policy/kind.hpp"

namespace {

policy::Pattern pattern(std::string_view text) {
  std::string why;
  auto taken = policy::Pattern::take(text, '\0', why);
  EXPECT_TRUE(taken) << why;
  return taken.value_or(policy::Pattern());
}

bool is_refused(std::string_view text) {
  std::string why;
  return !policy::Pattern::take(text, '\0', why) && !why.empty();
}

TEST(Pattern, WithoutAStarMatchesOneNameOnly) {
  EXPECT_TRUE(pattern("users").exact());
  EXPECT_TRUE(pattern("users").matches("users"));
  EXPECT_FALSE(pattern("users").matches("users2"));
  EXPECT_FALSE(pattern("users").matches("user"));
  EXPECT_FALSE(pattern("users").matches(""));
}

TEST(Pattern, StarStandsForAnyTextAlsoNone) {
  EXPECT_FALSE(pattern("*_count").exact());
  for (const char* name : {"_count", "a_count", "a_count_count"}) EXPECT_TRUE(pattern("*_count").matches(name)) << name;
  for (const char* name : {"count", "a_counts", "a_count_"}) EXPECT_FALSE(pattern("*_count").matches(name)) << name;
  EXPECT_TRUE(pattern("*").matches(""));
  EXPECT_TRUE(pattern("*tok*en*").matches("a_tok_en_b"));
  EXPECT_FALSE(pattern("*tok*en*").matches("a_en_tok_b"));
  EXPECT_TRUE(pattern("a*a").matches("aa"));
  EXPECT_FALSE(pattern("a*a").matches("a"));
  EXPECT_TRUE(pattern("*ab*ab*").matches("abab"));
  EXPECT_FALSE(pattern("*ab*ab*").matches("aba"));
}

TEST(Pattern, InQuotesEverythingStandsForItself) {
  EXPECT_TRUE(pattern(R"("Odd*")").exact());
  EXPECT_TRUE(pattern(R"("Odd*")").matches("Odd*"));
  EXPECT_FALSE(pattern(R"("Odd*")").matches("Odder"));
  EXPECT_TRUE(pattern(R"("we""ird")").matches("we\"ird"));
  EXPECT_TRUE(pattern(R"("Odd"*)").matches("Odder"));
}

TEST(Pattern, RefusesWhatPostgresqlWouldQuote) {
  EXPECT_TRUE(is_refused("Users"));
  EXPECT_TRUE(is_refused("a-b"));
  EXPECT_TRUE(is_refused(R"("open)"));
  EXPECT_TRUE(is_refused(""));
}

change::Column column(std::string type, std::string category) {
  change::Column made;
  made.type = std::move(type);
  made.category = std::move(category);
  return made;
}

TEST(Kind, FollowsTheTypeAndForOtherSchemasTheCategory) {
  using policy::Kind;
  EXPECT_EQ(policy::kind_of(column("int8", "N")), Kind::integer);
  EXPECT_EQ(policy::kind_of(column("interval", "T")), Kind::time);
  EXPECT_EQ(policy::kind_of(column("public.mood", "E")), Kind::enumeration);
  EXPECT_EQ(policy::kind_of(column("public.citext", "S")), Kind::text);
  EXPECT_EQ(policy::kind_of(column("_int4", "A")), Kind::array);
  EXPECT_EQ(policy::kind_of(column("public.int4", "U")), Kind::other);
  EXPECT_EQ(policy::kind_of(column("public.hstore", "U")), Kind::other);
  EXPECT_EQ(policy::kind_of(column("", "")), Kind::other);
}

TEST(Kind, AnArrayOfWhatMayPassByPatternMayNot) {
  EXPECT_FALSE(policy::passes_by_pattern(policy::kind_of(column("_int4", ""))));
  EXPECT_FALSE(policy::passes_by_pattern(policy::kind_of(column("int4", "A"))));
}

TEST(Kind, WordsAreReadAsTheyAreWritten) {
  for (int i = 0; i <= static_cast<int>(policy::Kind::other); ++i) {
    const auto kind = static_cast<policy::Kind>(i);
    EXPECT_EQ(policy::parse_kind(policy::word_of(kind)), kind);
  }
  EXPECT_FALSE(policy::parse_kind("integer"));
}

}  // namespace
