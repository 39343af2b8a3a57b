// pgcdc-read: what real servers stream of transactions in progress (tests/wire/MAJOR/streamed.hex) becomes the very lines that
// the same transactions become when they are sent whole (streamed-not.lines).
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "pgcdc-read/open_transactions.hpp"
#include "pgcdc-read/translate.hpp"
#include "wire.hpp"

namespace {

using reader::OpenTransactions;
using reader::Spool;
using reader::StreamedTransaction;
using reader::Translator;

// What the reader does with them, without a server, an output or a clock.
class Taking {
 public:
  std::string lines;
  void take(const std::string& payload) {
    const char type = payload.front();
    const bool control = type == 'S' || type == 'E' || type == 'c' || type == 'A';
    if (!control && open_.in_block()) return open_.add(payload);
    if (!control) {
      translator_.arrived(++arrivals_);
      return translator_.translate(payload, lines);
    }
    const pgoutput::Message& message = decoder_.decode(payload);
    if (type == 'S') {
      open_.start(message.stream_start.xid, message.stream_start.first, ++arrivals_);
      ++blocks;
    } else if (type == 'E') {
      open_.stop();
    } else if (type == 'A') {
      open_.abort(message.stream_abort.xid, message.stream_abort.subxid);
    } else {
      const pgoutput::StreamCommit end = message.stream_commit;
      const std::unique_ptr<StreamedTransaction> transaction = open_.commit(end.xid);
      translator_.begin_streamed({end.commit.lsn, end.commit.ts, end.xid});
      for (StreamedTransaction::Entry entry; transaction->take(entry);) {
        translator_.arrived(entry.arrival);
        translator_.translate(entry.message, lines);
      }
      translator_.end_streamed(end.commit, lines);
    }
  }
  [[nodiscard]] bool nothing_open() const { return open_.count() == 0 && spool_.bytes() == 0; }
  int blocks = 0;

 private:
  Spool spool_{testing::TempDir(), 64U << 20U};
  OpenTransactions open_{spool_};
  Translator translator_{without_catalog};
  pgoutput::Decoder decoder_;
  std::uint64_t arrivals_ = 0;
};

class Streamed : public testing::TestWithParam<std::string> {};

// When a schema line comes depends on what was described before; the rows and commits do not.
std::string without_schemas(const std::string& lines) {
  std::string kept;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(R"({"op":"schema")")) kept += line + '\n';
  }
  return kept;
}

TEST_P(Streamed, transactions_in_progress_become_the_lines_of_whole_ones) {
  Taking taking;
  for (const std::string& message : messages_of(GetParam())) taking.take(message);
  EXPECT_GT(taking.blocks, 3);
  EXPECT_TRUE(taking.nothing_open());
  Translator whole(without_catalog);
  std::string expected;
  const std::string folder = GetParam().substr(0, GetParam().find('/'));
  for (const std::string& message : messages_of(folder + "/streamed-not")) whole.translate(message, expected);
  EXPECT_EQ(without_schemas(taking.lines), without_schemas(expected));
  EXPECT_NE(without_schemas(expected), "");
}

TEST_P(Streamed, a_message_that_is_cut_is_refused) {
  // The last byte of a Stream Start says whether it is the first, of a commit it belongs to a time: none may be missing.
  for (const std::string& whole : messages_of(GetParam())) {
    if (whole.front() != 'S' && whole.front() != 'c' && whole.front() != 'A') continue;
    pgoutput::Decoder decoder;
    EXPECT_THROW(static_cast<void>(decoder.decode(std::string_view(whole).substr(0, whole.size() - 1))), base::Failure);
  }
}

INSTANTIATE_TEST_SUITE_P(Captured, Streamed,
                         testing::Values("14/streamed", "15/streamed", "16/streamed", "16/streamed-parallel",
                                         "17/streamed", "17/streamed-parallel", "18/streamed", "18/streamed-parallel"),
                         [](const auto& chosen) {
                           std::string name = chosen.param;
                           for (char& c : name) c = c == '/' || c == '-' ? '_' : c;
                           return name;
                         });

// --- by hand ---

void put(std::string& into, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    into.push_back(static_cast<char>(value >> static_cast<unsigned>(shift)));
  }
}

std::string begin(std::uint64_t lsn) {
  std::string bytes = "B";
  put(bytes, lsn, 8);
  put(bytes, 0, 8);
  put(bytes, 7, 4);
  return bytes;
}

std::string commit(std::uint64_t lsn) {
  std::string bytes("C\0", 2);
  put(bytes, lsn, 8);
  put(bytes, lsn + 8, 8);
  put(bytes, 0, 8);
  return bytes;
}

// A table of text columns, all of its key.
std::string relation(const std::vector<std::string>& columns) {
  std::string bytes = "R";
  put(bytes, 16384, 4);
  bytes += std::string("public\0t\0d", 10);
  put(bytes, columns.size(), 2);
  for (const std::string& column : columns) {
    bytes += '\1' + column + '\0';
    put(bytes, 25, 4);
    put(bytes, 0xffffffff, 4);
  }
  return bytes;
}

std::string insert(const std::vector<std::string>& values) {
  std::string bytes = "I";
  put(bytes, 16384, 4);
  bytes += 'N';
  put(bytes, values.size(), 2);
  for (const std::string& value : values) {
    bytes += 't';
    put(bytes, value.size(), 4);
    bytes += value;
  }
  return bytes;
}

TEST(Resumed, a_description_counts_in_the_order_it_came_not_in_the_order_of_commits) {
  Translator translator(without_catalog);
  std::string lines;
  // The streamed transaction's description came first (1), the other's later (2), and the commits the other way round.
  translator.arrived(2);
  for (const std::string& message : {begin(100), relation({"a", "b"}), insert({"1", "2"}), commit(100)}) {
    translator.translate(message, lines);
  }
  translator.begin_streamed({base::Lsn{200}, base::Time{}, base::Xid{5}});
  translator.arrived(1);
  translator.translate(relation({"a"}), lines);
  translator.translate(insert({"3"}), lines);
  translator.end_streamed({base::Lsn{200}, base::Lsn{208}, base::Time{}}, lines);
  translator.arrived(3);
  // The server believes that we know the later one, and sends none again.
  for (const std::string& message : {begin(300), insert({"4", "5"}), commit(300)}) translator.translate(message, lines);
  EXPECT_NE(lines.find(R"("after":{"a":"3"})"), std::string::npos) << lines;
  EXPECT_NE(lines.find(R"("after":{"a":"4","b":"5"})"), std::string::npos) << lines;
}

TEST(Resumed, a_transaction_that_comes_a_second_time_goes_on_where_it_was) {
  Translator translator(without_catalog);
  std::string once;
  for (const std::string& message :
       {begin(100), relation({"a"}), insert({"1"}), insert({"2"}), insert({"3"}), commit(100)}) {
    translator.translate(message, once);
  }
  Translator cut(without_catalog);
  std::string lines;
  for (const std::string& message : {begin(100), relation({"a"}), insert({"1"}), insert({"2"})}) {
    cut.translate(message, lines);
  }
  cut.resume();
  for (const std::string& message :
       {begin(100), relation({"a"}), insert({"1"}), insert({"2"}), insert({"3"}), commit(100)}) {
    cut.translate(message, lines);
  }
  EXPECT_EQ(lines, once);
}

TEST(Broken, a_row_that_is_cut_or_unknown_names_its_table_its_position_and_the_offset) {
  const std::string whole = insert({"1", "2"});
  for (std::size_t size = 5; size < whole.size(); ++size) {
    Translator translator(without_catalog);
    std::string lines;
    for (const std::string& message : {begin(100), relation({"a", "b"}), insert({"0", "0"})}) {
      translator.translate(message, lines);
    }
    const std::string before = lines;
    try {
      translator.translate(std::string_view(whole).substr(0, size), lines);
      FAIL() << size;
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.exit, base::Exit::data);
      EXPECT_EQ(failure.table, "public.t");
      EXPECT_EQ(failure.lsn, base::Lsn{100});
      EXPECT_NE(failure.message.find("at offset "), std::string::npos) << failure.message;
    }
    EXPECT_EQ(lines, before);
  }
}

TEST(Resumed, another_transaction_or_fewer_rows_than_were_written_are_a_bug) {
  const auto slug = [](const std::vector<std::string>& second) {
    Translator translator(without_catalog);
    std::string lines;
    for (const std::string& message : {begin(100), relation({"a"}), insert({"1"}), insert({"2"})}) {
      translator.translate(message, lines);
    }
    translator.resume();
    try {
      for (const std::string& message : second) translator.translate(message, lines);
    } catch (const base::Failure& failure) {
      return failure.slug;
    }
    return std::string("nothing");
  };
  EXPECT_EQ(slug({begin(92)}), "resumed_elsewhere");
  EXPECT_EQ(slug({begin(100), relation({"a"}), insert({"1"}), commit(100)}), "resumed_elsewhere");
}

}  // namespace
