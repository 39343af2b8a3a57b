// The table of values of cdc-stream.5, row by row, and what must be refused. Needs no server: tests/e2e/values.bats asks a
// real one for the same.
#include "value/json.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/failure.hpp"
#include "json/tokens.hpp"

namespace {

using value::Kind;
using value::Shape;

std::string json_of(Shape shape, std::string_view text) {
  std::string line = "before:";
  value::append_json(line, shape, text);
  EXPECT_EQ(line.substr(0, 7), "before:");
  const std::string json = line.substr(7);
  json::Tokenizer tokenizer;
  EXPECT_NO_THROW((void)tokenizer.tokens_of_copy(json)) << json;
  return json;
}

struct Row {
  Kind kind;
  std::string text;
  std::string json;
};

TEST(Value, IsWrittenAsTheTableSays) {
  const std::vector<Row> table = {
      {Kind::integer, "0", "0"},
      {Kind::integer, "-32768", "-32768"},
      {Kind::integer, "4294967295", "4294967295"},
      {Kind::wide, "9007199254740992", "9007199254740992"},
      {Kind::wide, "-9007199254740992", "-9007199254740992"},
      {Kind::wide, "9007199254740993", "\"9007199254740993\""},
      {Kind::wide, "-9007199254740993", "\"-9007199254740993\""},
      {Kind::wide, "9223372036854775807", "\"9223372036854775807\""},
      {Kind::wide, "999999999999999", "999999999999999"},
      {Kind::floating, "1e+20", "1e+20"},
      {Kind::floating, "5e-324", "5e-324"},
      {Kind::floating, "1.7976931348623157e+308", "1.7976931348623157e+308"},
      {Kind::floating, "-0", "-0"},
      {Kind::floating, "0.1", "0.1"},
      {Kind::floating, "NaN", "\"NaN\""},
      {Kind::floating, "Infinity", "\"Infinity\""},
      {Kind::floating, "-Infinity", "\"-Infinity\""},
      {Kind::boolean, "t", "true"},
      {Kind::boolean, "f", "false"},
      {Kind::date, "2024-02-29", "\"2024-02-29\""},
      {Kind::date, "0044-03-15 BC", "\"0044-03-15 BC\""},
      {Kind::date, "12023-07-06", "\"12023-07-06\""},
      {Kind::date, "5874897-12-31", "\"5874897-12-31\""},
      {Kind::date, "infinity", "\"infinity\""},
      {Kind::date, "-infinity", "\"-infinity\""},
      {Kind::time, "23:59:59.1234", "\"23:59:59.123400\""},
      {Kind::time, "24:00:00", "\"24:00:00.000000\""},
      {Kind::timetz, "23:59:59.1234+05:30", "\"23:59:59.123400+05:30\""},
      {Kind::timetz, "00:00:00+00", "\"00:00:00.000000+00:00\""},
      {Kind::timetz, "12:00:00-00:44:30", "\"12:00:00.000000-00:44:30\""},
      {Kind::timestamp, "2024-02-29 23:59:59.1234", "\"2024-02-29T23:59:59.123400\""},
      {Kind::timestamp, "2024-02-29 00:00:00", "\"2024-02-29T00:00:00.000000\""},
      {Kind::timestamp, "4714-11-24 00:00:00 BC", "\"4714-11-24T00:00:00.000000 BC\""},
      {Kind::timestamp, "294276-12-31 23:59:59.999999", "\"294276-12-31T23:59:59.999999\""},
      {Kind::timestamp, "infinity", "\"infinity\""},
      {Kind::timestamptz, "2024-02-29 23:59:59.1234+00", "\"2024-02-29T23:59:59.123400Z\""},
      {Kind::timestamptz, "0044-03-15 10:00:00+00 BC", "\"0044-03-15T10:00:00.000000Z BC\""},
      {Kind::timestamptz, "202112-09-07 00:00:00+00", "\"202112-09-07T00:00:00.000000Z\""},
      {Kind::timestamptz, "-infinity", "\"-infinity\""},
      {Kind::interval, "P1Y-2M3DT-4H5M-6.789S", "\"P1Y-2M3DT-4H5M-6.789S\""},
      {Kind::interval, "PT0S", "\"PT0S\""},
      {Kind::interval, "infinity", "\"infinity\""},
      {Kind::bytea, "\\x", "\"\""},
      {Kind::bytea, "\\x00ff10", "\"AP8Q\""},
      {Kind::bytea, "\\xdeadbeef", "\"3q2+7w==\""},
      {Kind::byte_char, "", "\"\""},
      {Kind::byte_char, "\"", "\"\\\"\""},
      {Kind::byte_char, "\xff", "\"\\\\377\""},
      {Kind::byte_char, "\\200", "\"\\\\200\""},
      {Kind::text, "", "\"\""},
      {Kind::text, "a\"b\\c\n\t\x01/\x7f", "\"a\\\"b\\\\c\\n\\t\\u0001/\x7f\""},
      {Kind::text, "\xc3\xa4\xf0\x9f\x98\x80", "\"\xc3\xa4\xf0\x9f\x98\x80\""},
      {Kind::text, "12345678901234567890.10", "\"12345678901234567890.10\""},
      {Kind::text, "{\"a\": [1, 2.50]}", "\"{\\\"a\\\": [1, 2.50]}\""},
  };
  for (const auto& row : table) EXPECT_EQ(json_of({row.kind}, row.text), row.json) << row.text;
}

TEST(Value, AnArrayIsNestedByDimension) {
  const std::vector<Row> table = {
      {Kind::integer, "{}", "[]"},
      {Kind::integer, "{1,-2,NULL}", "[1,-2,null]"},
      {Kind::integer, "{{1,2},{3,NULL}}", "[[1,2],[3,null]]"},
      {Kind::integer, "{{{{{{7}}}}}}", "[[[[[[7]]]]]]"},
      {Kind::wide, "{1,9007199254740993}", "[1,\"9007199254740993\"]"},
      {Kind::boolean, "{t,f,NULL}", "[true,false,null]"},
      {Kind::text, "{a,\"\",\"NULL\",NULL,\"null\"}", "[\"a\",\"\",\"NULL\",null,\"null\"]"},
      {Kind::text, R"({"a,b","c\"d","e\\f","{}"," "})", R"(["a,b","c\"d","e\\f","{}"," "])"},
      {Kind::text, R"({"\\","\"","\\\"\\","x\\"})", R"(["\\","\"","\\\"\\","x\\"])"},
      {Kind::text, "{\"line\nbreak\"}", "[\"line\\nbreak\"]"},
      {Kind::text, "{NULLs,nul}", "[\"NULLs\",\"nul\"]"},
      {Kind::timestamp, "{\"2024-01-02 03:04:05\",infinity,NULL}",
       "[\"2024-01-02T03:04:05.000000\",\"infinity\",null]"},
      {Kind::timestamptz, "{{\"2024-01-02 03:04:05.5+00\"}}", "[[\"2024-01-02T03:04:05.500000Z\"]]"},
      {Kind::date, "{2024-01-02,\"0001-01-01 BC\"}", "[\"2024-01-02\",\"0001-01-01 BC\"]"},
      {Kind::bytea, R"({"\\x00ff","\\x",NULL})", R"(["AP8=","",null])"},
      {Kind::floating, "{1.5,NaN,-0}", "[1.5,\"NaN\",-0]"},
      {Kind::byte_char, "{a,\"\\\\\",\"\\\"\",\"\\\\377\",\xfe,\"\"}", R"(["a","\\","\"","\\377","\\376",""])"},
  };
  for (const auto& row : table) EXPECT_EQ(json_of({Kind::array, row.kind}, row.text), row.json) << row.text;
}

TEST(Value, AnArrayOfBoxesUsesItsTypesDelimiter) {
  EXPECT_EQ(json_of({Kind::array, Kind::text, ';'}, "{(1,1),(0,0);(2,2),(1,1)}"), R"x(["(1,1),(0,0)","(2,2),(1,1)"])x");
}

TEST(Value, AnArrayWithAnotherLowerBoundKeepsItAsText) {
  EXPECT_EQ(json_of({Kind::array, Kind::integer}, "[2:3]={1,2}"), "\"[2:3]={1,2}\"");
  EXPECT_EQ(json_of({Kind::array, Kind::text}, "[0:0][1:1]={{\"a b\"}}"), R"("[0:0][1:1]={{\"a b\"}}")");
}

TEST(Value, TextOfAnotherFormIsRefusedAndLeavesNothingBehind) {
  const std::vector<std::pair<Kind, std::string>> table = {
      {Kind::integer, ""},
      {Kind::integer, "-"},
      {Kind::integer, "+1"},
      {Kind::integer, "01"},
      {Kind::integer, "1 "},
      {Kind::wide, "0x10"},
      {Kind::wide, "99999999999999999999x"},
      {Kind::floating, ""},
      {Kind::floating, "1."},
      {Kind::floating, ".5"},
      {Kind::floating, "1e"},
      {Kind::floating, "1e+"},
      {Kind::floating, "1.5.5"},
      {Kind::floating, "nan"},
      {Kind::boolean, "true"},
      {Kind::boolean, ""},
      {Kind::date, "31.12.2024"},
      {Kind::date, "12-31-2024"},
      {Kind::date, "2024-02-29 AD"},
      {Kind::date, "2024-02-2"},
      {Kind::date, "12345678-01-01"},
      {Kind::time, "infinity"},
      {Kind::time, "12:00"},
      {Kind::time, "12:00:00."},
      {Kind::time, "12:00:00.1234567"},
      {Kind::timetz, "12:00:00"},
      {Kind::timetz, "12:00:00+5"},
      {Kind::timetz, "12:00:00+05:30:15:15"},
      {Kind::timestamp, "2024-02-29T00:00:00"},
      {Kind::timestamp, "2024-02-29 00:00:00+00"},
      {Kind::timestamp, "2024-02-29 "},
      {Kind::timestamptz, "2024-02-29 00:00:00"},
      {Kind::timestamptz, "2024-02-29 00:00:00+01"},
      {Kind::timestamptz, "2024-02-29 00:00:00+00:30"},
      {Kind::interval, "1 day"},
      {Kind::interval, "P\""},
      {Kind::interval, ""},
      {Kind::bytea, ""},
      {Kind::bytea, "abc"},
      {Kind::bytea, "\\xabc"},
      {Kind::bytea, "\\xzz"},
  };
  for (const auto& [kind, text] : table) {
    std::string line = "kept";
    try {
      value::append_json(line, {kind}, text);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.exit, base::Exit::data);
      EXPECT_EQ(failure.slug, "bad_value");
      if (text.size() > 3) {
        EXPECT_EQ(failure.message.find(text), std::string::npos) << "a value in a message";
      }
    }
    EXPECT_EQ(line, "kept") << text;
  }
}

TEST(Value, ABrokenArrayIsRefused) {
  for (const std::string_view text : {"",
                                      "{",
                                      "}",
                                      "{1",
                                      "{1,}",
                                      "{,1}",
                                      "{1}}",
                                      "{{1}",
                                      "{1}2",
                                      "1",
                                      "{\"1}",
                                      "{\"1\\",
                                      "{1 ,2}",
                                      "{a}",
                                      "{{1}{2}}",
                                      "{1;2}",
                                      "{{{{{{{1}}}}}}}",
                                      "{\"1\"2}",
                                      "{1,{2}",
                                      "NULL"}) {
    std::string line = "kept";
    EXPECT_THROW(value::append_json(line, {Kind::array, Kind::integer}, text), base::Failure) << text;
    EXPECT_EQ(line, "kept") << text;
  }
}

TEST(Value, AShapeFollowsFromTheCatalogsOids) {
  EXPECT_EQ(value::shape_of({{23}, {0}}), (Shape{Kind::integer}));
  EXPECT_EQ(value::shape_of({{20}, {0}}), (Shape{Kind::wide}));
  EXPECT_EQ(value::shape_of({{1700}, {0}}), (Shape{Kind::text}));
  EXPECT_EQ(value::shape_of({{3802}, {0}}), (Shape{Kind::text}));
  EXPECT_EQ(value::shape_of({{1007}, {23}}), (Shape{Kind::array, Kind::integer}));
  EXPECT_EQ(value::shape_of({{1020}, {603}, ';'}), (Shape{Kind::array, Kind::text, ';'}));
  EXPECT_EQ(value::shape_of({{22}, {0}}), (Shape{Kind::text})) << "int2vector has a text of its own";
  EXPECT_EQ(value::shape_of({{70000}, {0}}), (Shape{Kind::text}));
}

}  // namespace
