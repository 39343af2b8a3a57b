// A row of COPY to an `r` line: every escape, every null, and what must be refused.
#include "pgcdc-snapshot/copy_row.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/failure.hpp"
#include "change/line.hpp"

namespace {

using value::Kind;

snapshot::RowEncoder encoder_of(const std::vector<std::pair<std::string, Kind>>& columns) {
  change::Schema schema;
  schema.table = "public.t";
  std::vector<value::Shape> shapes;
  for (const auto& [name, kind] : columns) {
    change::Column column;
    column.name = name;
    schema.columns.push_back(column);
    shapes.push_back({kind});
  }
  return {schema, shapes, base::Lsn{0x1500000A0}, "2026-11-22T10:53:01.123456Z"};
}

std::string after_of(const std::vector<std::pair<std::string, Kind>>& columns, std::string_view row) {
  std::string line;
  encoder_of(columns).append_row(line, row);
  constexpr std::string_view kHead =
      R"({"op":"r","table":"public.t","lsn":"00000001/500000A0","ts":"2026-11-22T10:53:01.123456Z","after":)";
  EXPECT_EQ(line.substr(0, kHead.size()), kHead);
  EXPECT_TRUE(line.ends_with("}\n"));
  const std::string after = line.substr(kHead.size(), line.size() - kHead.size() - 2);
  line.pop_back();
  change::Parser parser;
  EXPECT_EQ(parser.parse_copy(line).op, change::Op::read);
  return after;
}

TEST(CopyRow, IsOneLineOfTheStream) {
  EXPECT_EQ(
      after_of({{"id", Kind::integer}, {"a \"b\"", Kind::text}, {"t", Kind::timestamp}}, "1\tx\t2024-01-02 03:04:05\n"),
      R"({"id":1,"a \"b\"":"x","t":"2024-01-02T03:04:05.000000"})");
}
TEST(CopyRow, ANullIsNotTheTextThatLooksLikeOne) {
  EXPECT_EQ(after_of({{"a", Kind::text}, {"b", Kind::text}, {"c", Kind::text}, {"d", Kind::text}}, "\\N\t\\\\N\t\tN\n"),
            R"({"a":null,"b":"\\N","c":"","d":"N"})");
  EXPECT_EQ(after_of({{"a", Kind::integer}, {"b", Kind::integer}}, "\\N\t\\N\n"), R"({"a":null,"b":null})");
}
TEST(CopyRow, EscapesAreUndone) {
  EXPECT_EQ(after_of({{"a", Kind::text}, {"b", Kind::text}}, "\\b\\f\\n\\r\\t\\v\\\\\tx\\\\y\\\\\\\\z\n"),
            R"({"a":"\b\f\n\r\t\u000b\\","b":"x\\y\\\\z"})");
  EXPECT_EQ(after_of({{"a", Kind::text}}, "\\.\n"), R"({"a":"."})");
}
TEST(CopyRow, AFieldBehindOneWithEscapesIsReadAsItStands) {
  EXPECT_EQ(after_of({{"a", Kind::text}, {"b", Kind::integer}, {"c", Kind::text}, {"d", Kind::bytea}},
                     "x\\ty\t7\tplain\t\\\\x00ff\n"),
            R"({"a":"x\ty","b":7,"c":"plain","d":"AP8="})");
  EXPECT_EQ(after_of({{"a", Kind::text}, {"b", Kind::text}, {"c", Kind::text}}, "\\N\t\\\\\t\\N\n"),
            R"({"a":null,"b":"\\","c":null})");
}
TEST(CopyRow, ATableWithoutColumnsGivesEmptyObjects) { EXPECT_EQ(after_of({}, "\n"), "{}"); }

TEST(CopyRow, AnotherNumberOfFieldsIsRefused) {
  auto encoder = encoder_of({{"a", Kind::text}, {"b", Kind::text}});
  for (const std::string_view row : {"1\n", "1\t2\t3\n", "1\t2", "", "\n", "1\t2\\\n"}) {
    std::string line;
    EXPECT_THROW(encoder.append_row(line, row), base::Failure) << row;
  }
  auto none = encoder_of({});
  std::string line;
  EXPECT_THROW(none.append_row(line, "1\n"), base::Failure);
}

}  // namespace
