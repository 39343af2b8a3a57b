// Promises of the look at values: a form is said of nearly all of many, what is harmless only of very many, and one text that somebody
// wrote is enough to be careful.
#include "cdc-policy/shape.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using cdc_policy::Looks;

template <class Make>
Looks looks_of(int count, Make make) {
  cdc_policy::Shape shape;
  for (int i = 0; i < count; ++i) shape.add(make(i));
  return shape.looks();
}

std::string number(int i) { return std::to_string(i); }

TEST(Shape, SaysAFormOfNearlyAllValues) {
  EXPECT_EQ(looks_of(20, [](int i) { return "p" + number(i) + "@example.com"; }), Looks::emails);
  EXPECT_EQ(looks_of(20, [](int i) { return i < 2 ? "none" : "p" + number(i) + "@example.com"; }), Looks::emails);
  EXPECT_EQ(looks_of(20, [](int i) { return "10.0.0." + number(i); }), Looks::addresses);
  EXPECT_EQ(looks_of(20, [](int i) { return "fe80::" + number(i); }), Looks::addresses);
  EXPECT_EQ(looks_of(20, [](int i) { return "https://example.com/" + number(i); }), Looks::urls);
  EXPECT_EQ(looks_of(20, [](int i) { return "0a1b2c3d-0000-4000-8000-0000000000" + number(10 + i); }), Looks::uuids);
  EXPECT_EQ(looks_of(20, [](int i) { return "sk_live_4eC39HqLyjWDarjtT1" + number(i); }), Looks::secrets);
}

TEST(Shape, OfFewValuesSaysNothingButThatSomebodyWroteThem) {
  EXPECT_EQ(looks_of(19, [](int) { return "p@example"; }), Looks::prose);
  EXPECT_EQ(looks_of(19, [](int) { return "open"; }), Looks::unknown);
  EXPECT_EQ(looks_of(0, [](int) { return ""; }), Looks::unknown);
}

TEST(Shape, AShortListNeedsManyValuesAndNoOther) {
  EXPECT_EQ(looks_of(500, [](int i) { return "word_" + number(i % 12); }), Looks::words);
  EXPECT_EQ(looks_of(499, [](int i) { return "word_" + number(i % 12); }), Looks::unknown);
  EXPECT_EQ(looks_of(500, [](int i) { return "word_" + number(i % 13); }), Looks::unknown);
  EXPECT_EQ(looks_of(500, [](int i) { return i == 7 ? "a b" : "word_" + number(i % 2); }), Looks::unknown);
}

TEST(Shape, OneInTwentyIsProse) {
  EXPECT_EQ(looks_of(100, [](int i) { return i < 5 ? "see the ticket" : "word" + number(i); }), Looks::prose);
  EXPECT_EQ(looks_of(100, [](int i) { return i < 4 ? "see the ticket" : "word" + number(i); }), Looks::unknown);
}

}  // namespace
