// pgcdc-read: rows in binary become the lines that they become in text, and what cannot be read so is read again in text. Messages
// by hand; those of a real server are read by tests/e2e/binary.bats.
#include <gtest/gtest.h>

#include "base/failure.hpp"
#include "change/line.hpp"
#include "pgcdc-read/translate.hpp"

namespace {

using reader::Described;
using reader::Translator;

struct Message {
  std::string bytes;
  explicit Message(char kind) : bytes(1, kind) {}
  Message& number(std::uint64_t value, unsigned size) {
    for (unsigned i = size; i > 0; --i) bytes.push_back(static_cast<char>(value >> (8 * (i - 1)) & 0xFFU));
    return *this;
  }
  Message& raw(std::string_view text) {
    bytes.append(text);
    return *this;
  }
  Message& value(char kind, std::string_view text) {
    bytes.push_back(kind);
    return number(text.size(), 4).raw(text);
  }
};

constexpr std::uint64_t kCommit = 0x16B3748;

std::string begin() { return Message('B').number(kCommit, 8).number(1, 8).number(739, 4).bytes; }
std::string commit() { return Message('C').number(0, 1).number(kCommit, 8).number(kCommit + 48, 8).number(1, 8).bytes; }
// public.t (id int4 primary key, at timestamptz, acl aclitem)
std::string relation() {
  Message message('R');
  message.number(16384, 4).raw({"public\0t\0d", 10}).number(3, 2);
  message.number(1, 1).raw({"id\0", 3}).number(23, 4).number(0xFFFFFFFF, 4);
  message.number(0, 1).raw({"at\0", 3}).number(1184, 4).number(0xFFFFFFFF, 4);
  return message.number(0, 1).raw({"acl\0", 4}).number(1033, 4).number(0xFFFFFFFF, 4).bytes;
}
std::string text_row() {
  return Message('I')
      .number(16384, 4)
      .raw("N")
      .number(3, 2)
      .value('t', "7")
      .value('t', "2000-01-01 00:00:01+00")
      .value('t', "a=r/b")
      .bytes;
}
std::string binary_row() {
  return Message('I')
      .number(16384, 4)
      .raw("N")
      .number(3, 2)
      .value('b', {"\0\0\0\7", 4})
      .value('b', {"\0\0\0\0\0\x0f\x42\x40", 8})
      .value('t', "a=r/b")
      .bytes;
}

value::BinaryShape shape(value::Layout layout, value::Kind kind) {
  value::BinaryShape shape;
  shape.layout = layout;
  shape.kind = kind;
  return shape;
}

Described described(const pgoutput::Relation& relation, value::Layout second) {
  Described described;
  described.schema.table = change::quote_table(relation.schema, relation.name);
  described.schema.relid = relation.relid;
  described.schema.identity = "default";
  for (const auto& wire : relation.columns) {
    change::Column column;
    column.name = wire.name;
    column.type = "int4";
    column.category = "X";
    described.schema.columns.push_back(column);
    described.shapes.push_back(value::shape_of({wire.type, base::Oid{}, ','}));
  }
  described.binary = {shape(value::Layout::int4, value::Kind::integer), shape(second, value::Kind::timestamptz),
                      shape(value::Layout::sent_as_text, value::Kind::text)};
  return described;
}

std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++count;
  return count;
}

TEST(BinaryRow, BecomesTheLineOfItsText) {
  const auto lines_of = [](const std::string& row) {
    Translator translator(
        [](const pgoutput::Relation& said, base::Xid) { return described(said, value::Layout::timestamptz); });
    std::string lines;
    for (const std::string& message : {begin(), relation(), row, commit()}) translator.translate(message, lines);
    return lines;
  };
  EXPECT_EQ(lines_of(binary_row()), lines_of(text_row()));
  EXPECT_NE(lines_of(binary_row()).find(R"("after":{"id":7,"at":"2000-01-01T00:00:01.000000Z","acl":"a=r/b"})"),
            std::string::npos);
}

TEST(BinaryRow, OfATypeThatIsNotKnownComesAgainInTextAndStandsInTheStreamOnce) {
  int asked = 0;
  Translator translator([&](const pgoutput::Relation& said, base::Xid) {
    // The second time the catalog has changed: rows before it are in the stream already.
    return described(said, ++asked == 1 ? value::Layout::timestamptz : value::Layout::unknown);
  });
  std::string lines;
  for (const std::string& message : {begin(), relation(), binary_row(), relation()}) {
    translator.translate(message, lines);
  }
  try {
    translator.translate(binary_row(), lines);
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::retry);
    EXPECT_EQ(failure.slug, "binary_unknown");
    EXPECT_EQ(failure.table, "public.t");
    EXPECT_NE(failure.message.find("column at"), std::string::npos) << failure.message;
  }
  EXPECT_EQ(count_of(lines, R"({"op":"c")"), 1U);
  translator.resume();
  for (const std::string& message : {begin(), relation(), text_row(), relation(), text_row(), commit()}) {
    translator.translate(message, lines);
  }
  EXPECT_EQ(count_of(lines, R"({"op":"c")"), 2U);
  EXPECT_EQ(count_of(lines, R"("seq":0)"), 1U);
  EXPECT_EQ(count_of(lines, R"("seq":1)"), 1U);
  EXPECT_NE(lines.find(R"("rows":2,"read_rows":2)"), std::string::npos) << lines;
}

TEST(BinaryRow, WhoseFirstValueIsNotKnownLeavesTheSchemaLine) {
  Translator translator(
      [](const pgoutput::Relation& said, base::Xid) { return described(said, value::Layout::unknown); });
  std::string lines;
  for (const std::string& message : {begin(), relation()}) translator.translate(message, lines);
  EXPECT_THROW(translator.translate(binary_row(), lines), base::Failure);
  EXPECT_EQ(count_of(lines, R"({"op":"schema")"), 1U);
  EXPECT_TRUE(lines.ends_with("\n"));
  translator.resume();
  for (const std::string& message : {begin(), relation(), text_row(), commit()}) translator.translate(message, lines);
  EXPECT_EQ(count_of(lines, R"({"op":"schema")"), 1U);
  EXPECT_EQ(count_of(lines, R"({"op":"c")"), 1U);
  EXPECT_EQ(count_of(lines, R"("seq":0)"), 1U);
}

TEST(BinaryRow, WithoutShapesInBinaryIsNotReadAsText) {
  Translator translator([](const pgoutput::Relation& said, base::Xid) {
    Described without = described(said, value::Layout::timestamptz);
    without.binary.clear();
    return without;
  });
  std::string lines;
  for (const std::string& message : {begin(), relation()}) translator.translate(message, lines);
  EXPECT_THROW(translator.translate(binary_row(), lines), base::Failure);
  EXPECT_EQ(count_of(lines, R"({"op":"c")"), 0U);
}

std::string logical_message(char flags, const std::string& prefix, std::string_view content) {
  return Message('M')
      .number(static_cast<unsigned char>(flags), 1)
      .number(kCommit - 8, 8)
      .raw(prefix + std::string(1, '\0'))
      .number(content.size(), 4)
      .raw(content)
      .bytes;
}

TEST(LogicalMessage, OfThePrefixAskedForCountsAsARowAndIsPassedOverLikeOne) {
  Translator translator(
      [](const pgoutput::Relation& said, base::Xid) { return described(said, value::Layout::timestamptz); }, "mine");
  const std::string mine = logical_message(1, "mine", "one \"quoted\"");
  std::string lines;
  translator.translate(logical_message(0, "mine", "of no transaction"), lines);
  EXPECT_EQ(lines, "");
  for (const std::string& message :
       {begin(), relation(), mine, logical_message(1, "mine too", "x"), logical_message(0, "mine", "x"), text_row()}) {
    translator.translate(message, lines);
  }
  EXPECT_NE(
      lines.find(R"("seq":0,"ts":"2000-01-01T00:00:00.000001Z","xid":739,"prefix":"mine","content":"one \"quoted\""})"),
      std::string::npos)
      << lines;
  translator.resume();
  for (const std::string& message :
       {begin(), relation(), mine, text_row(), logical_message(1, "mine", "\xff"), commit()}) {
    translator.translate(message, lines);
  }
  EXPECT_EQ(count_of(lines, R"({"op":"m")"), 2U);
  EXPECT_EQ(count_of(lines, R"({"op":"c")"), 1U);
  EXPECT_NE(lines.find(R"("prefix":"mine","base64":"/w=="})"), std::string::npos) << lines;
  EXPECT_NE(lines.find(R"("rows":3,"read_rows":3)"), std::string::npos) << lines;
}

TEST(LogicalMessage, IsNothingUnlessAskedFor) {
  Translator translator(
      [](const pgoutput::Relation& said, base::Xid) { return described(said, value::Layout::timestamptz); });
  std::string lines;
  for (const std::string& message : {begin(), logical_message(1, "", "x"), commit()})
    translator.translate(message, lines);
  EXPECT_EQ(lines, "");
}

}  // namespace
