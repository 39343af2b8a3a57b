// cdc-batch: bounds are given for keys with an order that pass by keep, and for nothing that a policy hides.
#include "cdc-batch/key_range.hpp"

#include <gtest/gtest.h>

namespace {

change::Schema schema(const std::string& type, const std::string& action = "keep") {
  change::Schema schema;
  change::Column key;
  key.name = "the \"id\"";
  key.type = type;
  key.identity = true;
  key.action = action;
  change::Column other;
  other.name = "note";
  other.type = "text";
  other.action = "keep";
  schema.columns = {other, key};
  return schema;
}

std::string row(const std::string& op, const std::string& after, const std::string& before = "") {
  std::string line = R"({"op":")" + op +
                     R"(","table":"a.b","lsn":"00000000/00000001","seq":0,"ts":"2026-11-22T10:53:01.123456Z","xid":9)";
  const std::string key = R"({"note":"zzz","the \"id\"":)";
  if (!after.empty()) line += R"(,"after":)" + key + after + "}";
  if (!before.empty()) line += R"(,"before":)" + key + before + "}";
  return line + "}";
}

std::pair<std::string, std::string> bounds(const change::Schema& schema, const std::vector<std::string>& rows) {
  change::Parser parser;
  cdc_batch::KeyRange range;
  const cdc_batch::KeyColumn column = cdc_batch::key_column(schema);
  for (const std::string& text : rows) range.add(column, parser.parse_copy(text));
  return {range.min(), range.max()};
}

using Bounds = std::pair<std::string, std::string>;

TEST(KeyRange, IntegersAreComparedAsNumbers) {
  EXPECT_EQ(bounds(schema("int4"), {row("c", "9"), row("c", "-10"), row("u", "100", "7"), row("d", "", "2")}),
            Bounds("-10", "100"));
  EXPECT_EQ(bounds(schema("int8"), {row("c", "5"), row("c", "\"9223372036854775807\"")}),
            Bounds("5", "\"9223372036854775807\""));
}

TEST(KeyRange, DatesTimesAndUuidsAreComparedAsText) {
  EXPECT_EQ(bounds(schema("date"), {row("c", "\"2026-01-02\""), row("c", "\"1999-12-31\"")}),
            Bounds("\"1999-12-31\"", "\"2026-01-02\""));
  EXPECT_EQ(bounds(schema("uuid"), {row("c", "\"ffffffff-0000-0000-0000-000000000000\""),
                                    row("c", "\"00000000-0000-0000-0000-00000000000a\"")}),
            Bounds("\"00000000-0000-0000-0000-00000000000a\"", "\"ffffffff-0000-0000-0000-000000000000\""));
}

TEST(KeyRange, ATextWithoutTextOrderMakesTheBoundsUnknown) {
  EXPECT_EQ(bounds(schema("date"), {row("c", "\"2026-01-02\""), row("c", "\"infinity\"")}), Bounds("", ""));
  EXPECT_EQ(bounds(schema("date"), {row("c", "\"0044-03-15 BC\""), row("c", "\"2026-01-02\"")}), Bounds("", ""));
  EXPECT_EQ(bounds(schema("date"), {row("c", "\"12026-01-02\"")}), Bounds("", ""));
}

TEST(KeyRange, TextIsNeverShownNorWhatIsNotKept) {
  EXPECT_EQ(bounds(schema("text"), {row("c", "\"secret\"")}), Bounds("", ""));
  EXPECT_EQ(bounds(schema("int8", "hash"), {row("c", "5")}), Bounds("", ""));
  EXPECT_EQ(bounds(schema("int8", ""), {row("c", "5")}), Bounds("", ""))
      << "no policy was in the pipe: nothing says keep";
}

TEST(KeyRange, KeysOfSeveralColumnsAndTablesWithoutKeyHaveNoBounds) {
  change::Schema two = schema("int8");
  two.columns[0].identity = true;
  EXPECT_EQ(bounds(two, {row("c", "5")}), Bounds("", ""));
  change::Schema none = schema("int8");
  none.columns[1].identity = false;
  EXPECT_EQ(bounds(none, {row("c", "5")}), Bounds("", ""));
}

TEST(KeyRange, ATruncateTouchesEveryKey) {
  EXPECT_EQ(bounds(schema("int8"), {row("c", "5"), row("t", "")}), Bounds("", ""));
}

}  // namespace
