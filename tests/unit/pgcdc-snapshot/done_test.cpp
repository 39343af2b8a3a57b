// What was copied and what is left: chains of ranges that a kill, a late chunk or an odd order has left with holes.
#include "pgcdc-snapshot/done.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/failure.hpp"

namespace {

using snapshot::Bound;
using snapshot::Range;

// Bounds are whole numbers, in their order; letters are numbers of another spelling, as under a collation that tells some texts apart
// and not their order.
std::vector<std::uint64_t> by_number(std::span<const Bound> bounds) {
  std::vector<std::uint64_t> ranks;
  for (const Bound& bound : bounds) ranks.push_back(static_cast<std::uint64_t>(std::atoi(bound[0].c_str())));
  return ranks;
}

std::optional<Bound> bound(const std::string& text) {
  return text == "-" ? std::nullopt : std::optional<Bound>(Bound{text});
}
Range range(const std::string& from, const std::string& to) { return {bound(from), bound(to)}; }

// What is left of these ranges, as `from..to` words.
std::string left(const std::vector<Range>& ranges) {
  snapshot::Copied copied;
  copied.ranges = ranges;
  std::string words;
  for (const Range& one : snapshot::left_of(copied, by_number)) {
    words += (words.empty() ? "" : " ") + (one.from ? (*one.from)[0] : "-") + ".." + (one.to ? (*one.to)[0] : "-");
  }
  return words;
}

TEST(Left, OfNothingIsAll) { EXPECT_EQ(left({}), "-..-"); }

TEST(Left, OfAWholeTableIsNothing) {
  EXPECT_EQ(left({range("-", "-")}), "");
  EXPECT_EQ(left({range("5", "-"), range("-", "5")}), "");
}

TEST(Left, IsWhatIsBetweenAndBehind) {
  EXPECT_EQ(left({range("-", "5"), range("5", "9"), range("12", "20")}), "9..12 20..-");
  EXPECT_EQ(left({range("12", "-"), range("5", "9")}), "-..5 9..12");
}

TEST(Left, ARangeThatCameLateAndOverlapsLeavesAChainOfTexts) {
  // 5..9 and 9..15 were under way when the run was killed; the next one had cut 5..11, then was killed, and 9..15 came late.
  EXPECT_EQ(left({range("-", "5"), range("5", "11"), range("9", "15"), range("15", "-")}), "11..15");
  // The further one of two is followed.
  EXPECT_EQ(left({range("-", "5"), range("5", "7"), range("5", "11"), range("11", "-"), range("7", "8")}), "");
}

TEST(Left, BoundsThatAreEqualInOrderAndNotInTextAreJoined) {
  EXPECT_EQ(left({range("-", "5a"), range("5b", "-")}), "5a..5b");
  EXPECT_EQ(left({range("-", "5a"), range("5b", "-"), range("5a", "5b")}), "");
}

std::string end_line(const std::string& copy, const std::string& chunk, const std::string& from, const std::string& to,
                     const std::string& more = "") {
  return R"({"op":"snapshot","state":"end","table":"public.t","lsn":"00000000/000000FF","copy":"00000000/)" + copy +
         R"(","chunk":)" + chunk + R"x(,"by":"1 (1 int4)","from_key":)x" + from + R"(,"to_key":)" + to + more +
         R"(,"rows":1,"high":"00000000/000000FF"})" + "\n";
}

TEST(Done, TheNewestCopyOfATableCounts) {
  const snapshot::Done done =
      snapshot::parse_done(R"({"op":"source","format":1,"source":"s","system_id":"7"})"
                           "\n" +
                           end_line("00000010", "0", "null", "null") + end_line("00000020", "3", "null", R"(["5"])") +
                           end_line("00000010", "9", "null", "null"));
  EXPECT_EQ(done.system_id, "7");
  const snapshot::Copied& copied = done.tables.at("public.t");
  EXPECT_EQ(copied.copy, base::Lsn{0x20});
  EXPECT_EQ(copied.next, 4u);
  EXPECT_EQ(copied.ranges, std::vector<Range>{range("-", "5")});
  EXPECT_FALSE(copied.whole);
}

TEST(Done, AChainOfTextsIsWholeAndKeysReadAgainAreNone) {
  const auto whole = [](const std::string& text) { return snapshot::parse_done(text).tables.at("public.t").whole; };
  const std::string begin = end_line("00000010", "0", "null", R"(["a"])");
  const std::string end = end_line("00000010", "1", R"(["b"])", "null");
  EXPECT_FALSE(whole(begin + end));
  EXPECT_TRUE(whole(end + end_line("00000010", "2", R"(["a"])", R"(["b"])") + begin));
  EXPECT_TRUE(snapshot::parse_done(end_line("00000010", "0", "null", "null", R"(,"keys":3)")).tables.empty());
}

TEST(Done, OtherLinesAreRefused) {
  for (const char* line : {R"({"op":"r"})", R"({"op":"snapshot","state":"begin"})", "[]"}) {
    try {
      (void)snapshot::parse_done(line);
      ADD_FAILURE() << line;
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.exit, base::Exit::data);
    }
  }
}

TEST(Unknown, KeysByTableAndWholeTables) {
  const snapshot::Wishes wishes = snapshot::parse_keys(R"({"table":"public.t","key":{"id":"5","a \"b\"":"x"}})"
                                                       "\n"
                                                       R"({"table":"public.u","key":null})"
                                                       "\n"
                                                       R"({"table":"public.t","key":{"id":"6","a \"b\"":"y"}})"
                                                       "\n");
  EXPECT_EQ(wishes.at("public.t").names, (std::vector<std::string>{"id", "a \"b\""}));
  EXPECT_EQ(wishes.at("public.t").values, (std::vector<Bound>{{"5", "x"}, {"6", "y"}}));
  EXPECT_FALSE(wishes.at("public.t").whole);
  EXPECT_TRUE(wishes.at("public.u").whole);
  EXPECT_THROW((void)snapshot::parse_keys(R"({"table":"public.t","key":{}})"), base::Failure);
}

}  // namespace
