// pgcdc-read: captured messages of a real server (tests/wire) become exactly the lines that stand beside them, and the
// translator holds its order. Knows no catalog: types are those whose numbers are fixed. WIRE_WRITE=1 writes the lines anew.
#include "pgcdc-read/translate.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/failure.hpp"
#include "change/line.hpp"
#include "wire.hpp"

namespace {

using reader::Described;
using reader::Translator;

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

class Wire : public testing::TestWithParam<std::string> {};

// Every capture by protocol 1 of every major version: MAJOR/NAME.
std::vector<std::string> captures() {
  std::vector<std::string> names;
  for (const char* major : {"14", "15", "16", "17", "18"}) {
    for (const char* name : {"operations", "identities", "toast", "shapes", "streamed-not"}) {
      names.push_back(std::string(major) + "/" + name);
    }
  }
  return names;
}

TEST_P(Wire, captured_messages_become_the_lines_beside_them) {
  const std::vector<std::string> messages = messages_of(GetParam());
  ASSERT_FALSE(messages.empty());
  Translator translator(without_catalog);
  std::string lines;
  for (const std::string& message : messages) translator.translate(message, lines);
  const std::string path = wire_path(GetParam() + ".lines");
  if (std::getenv("WIRE_WRITE") != nullptr) std::ofstream(path) << lines;
  EXPECT_EQ(lines, content_of(path));
  EXPECT_FALSE(translator.in_transaction());
}

TEST_P(Wire, the_lines_keep_to_the_grammar_of_the_stream) {
  Translator translator(without_catalog);
  std::string lines;
  change::encode(lines, change::Source{"x", std::string(32, 'a'), "1", 1, 0, 150000, "d", std::nullopt, base::Lsn{}});
  for (const std::string& message : messages_of(GetParam())) translator.translate(message, lines);
  change::Parser parser;
  change::Checker checker;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) checker.check(parser.parse_copy(line));
  EXPECT_NO_THROW(checker.end());
}

TEST_P(Wire, a_message_that_is_cut_writes_nothing) {
  for (const std::string& whole : messages_of(GetParam())) {
    Translator translator(without_catalog);
    std::string lines = "before";
    for (const std::string& message : messages_of(GetParam())) {
      if (message == whole) break;
      translator.translate(message, lines);
    }
    const std::string before = lines;
    EXPECT_THROW(translator.translate(std::string_view(whole).substr(0, whole.size() - 1), lines), base::Failure);
    EXPECT_EQ(lines, before);
  }
}

INSTANTIATE_TEST_SUITE_P(Captured, Wire, testing::ValuesIn(captures()), [](const auto& chosen) {
  std::string name = chosen.param;
  for (char& c : name) c = c == '/' || c == '-' ? '_' : c;
  return name;
});

TEST(Translator, a_shape_is_written_again_only_when_the_catalog_says_another) {
  int asked = 0;
  Translator translator([&](const pgoutput::Relation& relation, base::Xid xid) {
    Described described = without_catalog(relation, xid);
    described.schema.columns[0].attnum =
        ++asked < 3 ? 1 : 5;  // dropped and added under the same name: the wire is silent
    return described;
  });
  const std::vector<std::string> messages = messages_of("15/operations");
  std::string lines;
  // begin, relation, insert: then the relation again, as after an ANALYZE, each time before a row
  translator.translate(messages[0], lines);
  for (int i = 0; i < 3; ++i) {
    translator.translate(messages[1], lines);
    translator.translate(messages[2], lines);
  }
  EXPECT_EQ(asked, 3);
  std::size_t schemas = 0;
  for (std::size_t at = 0; (at = lines.find(R"("op":"schema")", at)) != std::string::npos; ++at) ++schemas;
  EXPECT_EQ(schemas, 2U);
  EXPECT_NE(lines.find(R"("version":2)"), std::string::npos);
  EXPECT_NE(lines.find(R"("attnum":5)"), std::string::npos);
  // Two rows of the transaction stand before the second shape, and it says so.
  EXPECT_EQ(lines.find(R"("from_seq":0)"), std::string::npos);
  EXPECT_NE(lines.find(R"(,"from_seq":2,"version":2)"), std::string::npos);
}

TEST(Translator, what_the_catalog_did_not_show_yet_is_asked_for_again_in_the_next_transaction_only) {
  int asked = 0;
  Translator translator([&](const pgoutput::Relation& relation, base::Xid xid) {
    Described described = without_catalog(relation, xid);
    described.final = ++asked > 1;
    return described;
  });
  const std::vector<std::string> messages = messages_of("15/operations");
  std::string lines;
  for (const int i : {0, 1, 2, 3}) translator.translate(messages[static_cast<std::size_t>(i)], lines);
  EXPECT_EQ(asked, 1);
  translator.translate(messages[7], lines);
  std::string next = messages[0];
  next[8] = static_cast<char>(next[8] + 1);  // another commit
  translator.translate(next, lines);
  for (const int i : {2, 3, 2}) translator.translate(messages[static_cast<std::size_t>(i)], lines);
  EXPECT_EQ(asked, 2);
}

TEST(Translator, rows_and_commits_out_of_order_are_refused) {
  const std::vector<std::string> messages = messages_of("15/operations");
  const auto slug_of = [&](std::initializer_list<std::size_t> order) -> std::string {
    Translator translator(without_catalog);
    std::string lines;
    try {
      for (const std::size_t i : order) translator.translate(messages[i], lines);
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.exit, base::Exit::data);
      return failure.slug;
    }
    return "";
  };
  EXPECT_EQ(slug_of({1, 2}), "wrong_order");  // a row outside of a transaction
  EXPECT_EQ(slug_of({0, 0}), "wrong_order");  // begin inside a transaction
  EXPECT_EQ(slug_of({7}), "wrong_order");     // commit of none
  EXPECT_EQ(slug_of({8, 7}), "wrong_order");  // commit of another
  EXPECT_EQ(slug_of({0, 2}), "unknown_relation");
}

TEST(Translator, a_value_that_its_type_cannot_have_is_refused_with_its_column_and_without_itself) {
  std::vector<std::string> messages = messages_of("15/operations");
  std::string& insert = messages[2];
  insert[insert.find("\0\0\0\1"
                     "1",
                     0, 5) +
         4] = 'x';
  Translator translator(without_catalog);
  std::string lines;
  translator.translate(messages[0], lines);
  translator.translate(messages[1], lines);
  const std::string before = lines;
  try {
    translator.translate(insert, lines);
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "bad_value");
    EXPECT_EQ(failure.table, "public.t");
    EXPECT_TRUE(failure.lsn.has_value());
    EXPECT_NE(failure.message.find("column id"), std::string::npos) << failure.message;
  }
  EXPECT_EQ(lines, before);
}

TEST(Translator, a_row_with_another_number_of_columns_is_refused) {
  const std::vector<std::string> messages = messages_of("15/operations");
  std::string insert = messages[2].substr(0, 6);
  insert += std::string("\0\1n", 3);
  Translator translator(without_catalog);
  std::string lines;
  translator.translate(messages[0], lines);
  translator.translate(messages[1], lines);
  EXPECT_THROW(translator.translate(insert, lines), base::Failure);
}

}  // namespace
