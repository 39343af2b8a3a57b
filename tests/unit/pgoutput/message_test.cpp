// pgoutput: messages by hand, byte by byte, and what happens when any byte is missing or wrong. Captured ones are replayed in
// tests/unit/pgcdc-read.
#include "pgoutput/message.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

using pgoutput::Decoder;
using pgoutput::Kind;
using pgoutput::Message;

// Builds a message field by field.
struct Wire {
  std::string bytes;
  explicit Wire(char kind) : bytes(1, kind) {}
  Wire& number(std::uint64_t value, unsigned size) {
    for (unsigned i = size; i > 0; --i) bytes.push_back(static_cast<char>(value >> (8 * (i - 1)) & 0xFFU));
    return *this;
  }
  Wire& letter(char c) {
    bytes.push_back(c);
    return *this;
  }
  Wire& text(std::string_view value) {
    bytes.append(value);
    return letter('\0');
  }
  Wire& value(std::string_view value) { return letter('t').number(value.size(), 4).raw(value); }
  Wire& raw(std::string_view value) {
    bytes.append(value);
    return *this;
  }
};

Wire relation_message() {
  Wire wire('R');
  wire.number(16384, 4).text("").text("t").letter('d').number(2, 2);
  wire.number(1, 1).text("id").number(23, 4).number(0xFFFFFFFF, 4);
  wire.number(0, 1).text("v").number(1043, 4).number(54, 4);
  return wire;
}

Wire update_message() {
  Wire wire('U');
  wire.number(16384, 4).letter('K').number(2, 2).value("1").letter('n');
  wire.letter('N').number(2, 2).value("2").letter('u');
  return wire;
}

// One message of each kind.
std::vector<std::string> all_messages() {
  return {
      Wire('B').number(0x16B3748, 8).number(1, 8).number(739, 4).bytes,
      Wire('C').number(0, 1).number(0x16B3748, 8).number(0x16B3778, 8).number(1, 8).bytes,
      Wire('O').number(1, 8).text("origin").bytes,
      relation_message().bytes,
      Wire('Y').number(16390, 4).text("public").text("mood").bytes,
      Wire('I').number(16384, 4).letter('N').number(2, 2).value("1").letter('n').bytes,
      update_message().bytes,
      Wire('D').number(16384, 4).letter('O').number(1, 2).value("x").bytes,
      Wire('T').number(2, 4).number(3, 1).number(16384, 4).number(16385, 4).bytes,
      Wire('M').number(1, 1).number(77, 8).text("prefix").number(3, 4).raw("abc").bytes,
  };
}

bool is_refused(std::string_view bytes) {
  // A copy of exact size: a read behind its end is one behind the allocation, which the sanitizers see.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  Decoder decoder;
  try {
    static_cast<void>(decoder.decode({exact.data(), exact.size()}));
    return false;
  } catch (const base::Failure& failure) {
    return failure.exit == base::Exit::data && failure.slug == "bad_message";
  }
}

TEST(Message, begin_and_commit_give_positions_time_and_transaction) {
  Decoder decoder;
  const Message& begin =
      decoder.decode(Wire('B').number(0xA3A41C8F0, 8).number(1'000'000, 8).number(4294967295, 4).bytes);
  EXPECT_EQ(begin.kind, Kind::begin);
  EXPECT_EQ(begin.begin.commit_lsn, base::Lsn{0xA3A41C8F0});
  EXPECT_EQ(base::format(begin.begin.ts), "2000-01-01T00:00:01.000000Z");
  EXPECT_EQ(begin.begin.xid, base::Xid{4294967295});
  const Message& commit = decoder.decode(Wire('C').number(0, 1).number(5, 8).number(9, 8).number(0, 8).bytes);
  EXPECT_EQ(commit.kind, Kind::commit);
  EXPECT_EQ(commit.commit.lsn, base::Lsn{5});
  EXPECT_EQ(commit.commit.end, base::Lsn{9});
}

TEST(Message, a_relation_gives_its_columns_and_an_empty_schema_is_pg_catalog) {
  Decoder decoder;
  const std::string bytes = relation_message().bytes;
  const Message& message = decoder.decode(bytes);
  ASSERT_EQ(message.kind, Kind::relation);
  EXPECT_EQ(message.relation.schema, "pg_catalog");
  EXPECT_EQ(message.relation.name, "t");
  ASSERT_EQ(message.relation.columns.size(), 2U);
  EXPECT_TRUE(message.relation.columns[0].key);
  EXPECT_EQ(message.relation.columns[0].typmod, -1);
  EXPECT_EQ(message.relation.columns[1].name, "v");
  EXPECT_EQ(message.relation.columns[1].type, base::Oid{1043});
  EXPECT_EQ(message.relation.columns[1].typmod, 54);
}

TEST(Message, values_are_views_of_the_message) {
  Decoder decoder;
  const std::string bytes = update_message().bytes;
  const Message& message = decoder.decode(bytes);
  ASSERT_EQ(message.kind, Kind::update);
  EXPECT_EQ(message.row.old_kind, 'K');
  ASSERT_EQ(message.row.new_tuple.size(), 2U);
  EXPECT_EQ(message.row.old_tuple[0].bytes, "1");
  EXPECT_EQ(message.row.new_tuple[0].bytes, "2");
  EXPECT_EQ(message.row.new_tuple[1].kind, 'u');
  EXPECT_GE(message.row.new_tuple[0].bytes.data(), bytes.data());
  EXPECT_LT(message.row.new_tuple[0].bytes.data(), bytes.data() + bytes.size());
}

TEST(Message, an_update_without_old_tuple_has_none_left_over_from_the_one_before) {
  Decoder decoder;
  const std::string with_old = update_message().bytes;
  static_cast<void>(decoder.decode(with_old));
  const std::string without = Wire('U').number(16384, 4).letter('N').number(1, 2).value("x").bytes;
  const Message& message = decoder.decode(without);
  EXPECT_EQ(message.row.old_kind, 0);
  EXPECT_TRUE(message.row.old_tuple.empty());
}

TEST(Message, truncate_and_logical_message) {
  Decoder decoder;
  const std::vector<std::string> all = all_messages();
  const Message& truncate = decoder.decode(all[8]);
  ASSERT_EQ(truncate.kind, Kind::truncate);
  ASSERT_EQ(truncate.truncate.relids.size(), 2U);
  EXPECT_TRUE(truncate.truncate.cascade);
  EXPECT_TRUE(truncate.truncate.restart_identity);
  const Message& message = decoder.decode(all[9]);
  ASSERT_EQ(message.kind, Kind::message);
  EXPECT_TRUE(message.message.transactional);
  EXPECT_EQ(message.message.prefix, "prefix");
  EXPECT_EQ(message.message.content, "abc");
}

TEST(Message, cut_anywhere_it_is_refused) {
  for (const std::string& whole : all_messages()) {
    EXPECT_FALSE(is_refused(whole)) << whole[0];
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_TRUE(is_refused(std::string_view(whole).substr(0, size))) << whole[0] << " cut at " << size;
    }
  }
}

TEST(Message, bytes_behind_the_end_are_refused) {
  for (const std::string& whole : all_messages()) EXPECT_TRUE(is_refused(whole + '\0')) << whole[0];
}

TEST(Message, unknown_kinds_and_parts_are_refused) {
  EXPECT_TRUE(is_refused("S"));  // Stream Start: not asked for
  EXPECT_TRUE(is_refused(Wire('I').number(1, 4).letter('X').number(0, 2).bytes));
  EXPECT_TRUE(is_refused(Wire('D').number(1, 4).letter('N').number(0, 2).bytes));
  EXPECT_TRUE(is_refused(Wire('I').number(1, 4).letter('N').number(1, 2).letter('x').number(0, 4).bytes));
}

TEST(Message, a_wild_count_is_refused_before_memory_is_taken) {
  EXPECT_TRUE(is_refused(Wire('T').number(0xFFFFFFFF, 4).number(0, 1).bytes));
  EXPECT_TRUE(is_refused(Wire('I').number(1, 4).letter('N').number(0xFFFF, 2).letter('n').bytes));
  EXPECT_TRUE(is_refused(Wire('I').number(1, 4).letter('N').number(1, 2).letter('t').number(0xFFFFFFFF, 4).bytes));
}

TEST(Message, a_time_beyond_all_calendars_is_refused) {
  EXPECT_FALSE(is_refused(Wire('B').number(1, 8).number(252'455'615'999'999'999, 8).number(1, 4).bytes));
  EXPECT_TRUE(is_refused(Wire('B').number(1, 8).number(252'455'616'000'000'000, 8).number(1, 4).bytes));
  EXPECT_TRUE(is_refused(Wire('B').number(1, 8).number(0x7FFFFFFFFFFFFFFF, 8).number(1, 4).bytes));
  EXPECT_TRUE(is_refused(Wire('B').number(1, 8).number(0x8000000000000000, 8).number(1, 4).bytes));
}

TEST(Message, a_refusal_tells_the_offset_and_no_content) {
  Decoder decoder;
  try {
    static_cast<void>(
        decoder.decode(Wire('I').number(1, 4).letter('N').number(1, 2).letter('t').number(99, 4).raw("hunter2").bytes));
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_NE(failure.message.find("offset 13"), std::string::npos) << failure.message;
    EXPECT_EQ(failure.message.find("hunter2"), std::string::npos);
  }
}

TEST(Message, a_row_may_hold_values_in_binary_and_in_text) {
  Decoder decoder;
  Wire wire('I');
  wire.number(16384, 4).letter('N').number(3, 2);
  wire.letter('b').number(4, 4).raw({"\0\0\0\7", 4}).value("text").letter('n');
  const Message& message = decoder.decode(wire.bytes);
  ASSERT_EQ(message.row.new_tuple.size(), 3U);
  EXPECT_EQ(message.row.new_tuple[0].kind, 'b');
  EXPECT_EQ(message.row.new_tuple[0].bytes, std::string_view("\0\0\0\7", 4));
  EXPECT_EQ(message.row.new_tuple[1].kind, 't');
  EXPECT_EQ(message.row.new_tuple[1].bytes, "text");
  EXPECT_EQ(message.row.new_tuple[2].kind, 'n');
  EXPECT_TRUE(is_refused(Wire('I').number(1, 4).letter('N').number(1, 2).letter('b').number(0xFFFFFFFF, 4).bytes));
}

}  // namespace
