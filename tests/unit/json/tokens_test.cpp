// Tests of json/tokens.hpp and json/write.hpp: the tokenizer takes exactly the JSON that RFC 8259 describes.
#include "json/tokens.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/failure.hpp"
#include "json/write.hpp"

namespace json {
namespace {

TEST(Tokenizer, GivesTokensInTextOrderWithTheirRawText) {
  Tokenizer tokenizer;
  const auto tokens = tokenizer.tokens_of_copy(R"( {"a": [1, -2.5e+3 ,"x\"y"], "b":{} ,"c":null,"d":true } )");
  std::vector<std::string> raw;
  for (const Token& token : tokens) raw.emplace_back(token.raw());
  EXPECT_EQ(raw, (std::vector<std::string>{R"({"a": [1, -2.5e+3 ,"x\"y"], "b":{} ,"c":null,"d":true })", R"("a")",
                                           R"([1, -2.5e+3 ,"x\"y"])", "1", "-2.5e+3", R"("x\"y")", R"("b")", "{}",
                                           R"("c")", "null", R"("d")", "true"}));
  EXPECT_EQ(tokens[0].next, tokens.size());
  EXPECT_EQ(tokens[2].next, 6u);
}

class Refused : public testing::TestWithParam<const char*> {};

TEST_P(Refused, IsNotJson) {
  Tokenizer tokenizer;
  try {
    (void)tokenizer.tokens_of_copy(GetParam());
    FAIL() << "taken: " << GetParam();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::data);
    EXPECT_EQ(failure.slug, "invalid_json");
  }
}

INSTANTIATE_TEST_SUITE_P(Texts, Refused,
                         testing::Values("", " ", "{", "}", "[", "]", "{]", "[}", "[1,]", "[,1]", "[1 2]", "{\"a\"}",
                                         "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
                                         "1 2", "\"a\" \"b\"", "\"a", "\"a\\\"", "\"\\q\"", "\"\\u12g4\"", "\"\\u12\"",
                                         "01", "-", "1.", ".5", "1e", "1e+", "+1", "0x1", "tru", "nulll", "True", "NaN",
                                         "Infinity", "1a", "\"a\"b", "tru\"x\"", "[\"a\":1]", "{1:2}", "\"\x01\"",
                                         "\"\xff\"", "\"\xc0\x80\"", "[[]", "[1]]", ":", ","));

TEST(Tokenizer, RefusesNestingWithoutBound) {
  Tokenizer tokenizer;
  EXPECT_NO_THROW((void)tokenizer.tokens_of_copy(std::string(256, '[') + std::string(256, ']')));
  EXPECT_THROW((void)tokenizer.tokens_of_copy(std::string(257, '[') + std::string(257, ']')), base::Failure);
}

TEST(Tokenizer, TakesEveryScalarAlone) {
  Tokenizer tokenizer;
  for (const char* text :
       {"0", "-0", "1e5", "0.1", "-1.5E-3", "true", "false", "null", "\"\"", "\"\\u00e9\\n\"", "[]", "{}"}) {
    EXPECT_EQ(tokenizer.tokens_of_copy(text)[0].raw(), text);
  }
}

TEST(Tokenizer, FindsLongStringsAndManyTokens) {
  Tokenizer tokenizer;
  std::string text = "[";
  for (int i = 0; i < 20'000; ++i)
    text += (i == 0 ? "\"" : ",\"") + std::string(static_cast<std::size_t>(i % 70), 'x') + "\"";
  text += "]";
  const auto tokens = tokenizer.tokens_of_copy(text);
  ASSERT_EQ(tokens.size(), 20'001u);
  EXPECT_EQ(tokens[70].size, 69u + 2u);
}

TEST(Strings, WhatIsWrittenReadsBack) {
  Tokenizer tokenizer;
  std::string all;
  for (int i = 0; i < 128; ++i) all.push_back(static_cast<char>(i));
  all += "äöü€😀";
  for (std::size_t shift = 0; shift < 40; ++shift) {  // every alignment of the vectorised scan
    const std::string text = std::string(shift, 'x') + all;
    std::string written;
    append_string(written, text);
    const auto tokens = tokenizer.tokens_of_copy(written);
    ASSERT_EQ(tokens.size(), 1u);
    EXPECT_EQ(unescape(tokens[0].inner()), text);
  }
}

// The line is looked through once for escapes, so each string's must be looked at wherever others stand.
TEST(Strings, ABrokenEscapeIsFoundInWhicheverStringItStands) {
  Tokenizer tokenizer;
  const std::string good[] = {R"("x")", R"("\n")", R"("\u00e9\\")"};
  const std::string bad[] = {R"("\q")", R"("\u00g0")", R"("ok\n \x")"};
  for (const std::string& broken : bad) {
    for (std::size_t place = 0; place < 4; ++place) {
      for (const std::string& other : good) {
        std::string line = "[";
        for (std::size_t i = 0; i < 4; ++i) line += (i == 0 ? "" : ",") + (i == place ? broken : other);
        EXPECT_THROW(static_cast<void>(tokenizer.tokens_of_copy(line + "]")), base::Failure) << line;
        EXPECT_THROW(static_cast<void>(tokenizer.tokens_of_copy("{" + other + ":" + broken + "}")), base::Failure)
            << line;
        EXPECT_THROW(static_cast<void>(tokenizer.tokens_of_copy("{" + broken + ":" + other + "}")), base::Failure)
            << line;
      }
    }
  }
}

TEST(Strings, EscapesAreUndone) {
  EXPECT_EQ(unescape(R"(a\"\\\/\b\f\n\r\tz)"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(unescape(R"(\u0041\u00e9\u20ac\ud83d\ude00)"), "Aé€😀");
  EXPECT_EQ(unescape(R"(\ud83dx)"), "\xEF\xBF\xBDx");
}

TEST(Numbers, OnlyWholeOnesOfSixtyFourBits) {
  std::uint64_t value = 0;
  EXPECT_TRUE(parse_whole("18446744073709551615", value));
  EXPECT_EQ(value, UINT64_MAX);
  for (const char* bad : {"18446744073709551616", "-1", "1.0", "1e3", ""}) EXPECT_FALSE(parse_whole(bad, value)) << bad;
}

TEST(Values, MembersByName) {
  Tokenizer tokenizer;
  const Value value(tokenizer.tokens_of_copy(R"({"a":"x","n":7,"t":true,"o":{"p":[1,2]},"z":null})"), 0);
  EXPECT_EQ(value.text("a"), "x");
  EXPECT_EQ(value.number("n"), 7u);
  EXPECT_TRUE(value.boolean("t"));
  EXPECT_EQ(value.find("z"), nullptr);
  std::uint64_t sum = 0;
  value.at("o").at("p").each_element([&](const Value& element) { sum += element.as_number(); });
  EXPECT_EQ(sum, 3u);
  EXPECT_THROW((void)value.text("n"), base::Failure);
  EXPECT_THROW((void)value.at("missing"), base::Failure);
}

}  // namespace
}  // namespace json
