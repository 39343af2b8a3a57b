// Tests of change/line.hpp and change/types.hpp: what a line says, and the grammar of a stream.
#include "change/line.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/failure.hpp"

namespace change {
namespace {

const std::string kSource =
    R"({"op":"source","format":1,"source":"s","run":"00000000000000000000000000000001","system_id":"7","timeline":1,"era":0,"server_version":150018,"database":"d","slot":"p","start":"00000000/00000010"})";
const std::string kSchema =
    R"({"op":"schema","table":"public.t","relid":5,"root":null,"lsn":"00000000/00000020","version":1,"identity":"default","columns":[{"name":"id","type":"int8","typmod":-1,"attnum":1,"bind":"5.1","identity":true,"pk":true,"nullable":false,"category":"N","default":null}]})";

std::string row(const std::string& lsn, int seq, int xid = 1, const std::string& table = "public.t") {
  return R"({"op":"c","table":")" + table + R"(","lsn":")" + lsn + R"(","seq":)" + std::to_string(seq) +
         R"(,"ts":"2026-11-22T10:53:01.123456Z","xid":)" + std::to_string(xid) + R"(,"after":{"id":1}})";
}
std::string commit(const std::string& lsn, const std::string& end, int rows, int xid = 1) {
  return R"({"op":"commit","lsn":")" + lsn + R"(","end":")" + end + R"(","ts":"2026-11-22T10:53:01.123456Z","xid":)" +
         std::to_string(xid) + R"(,"rows":)" + std::to_string(rows) + R"(,"read_rows":)" + std::to_string(rows) + "}";
}
std::string heartbeat(const std::string& end) {
  return R"({"op":"heartbeat","end":")" + end + R"(","ts":"2026-11-22T10:53:01.123456Z"})";
}
std::string chunk(const std::string& state, int rows) {
  return R"({"op":"snapshot","state":")" + state +
         R"(","table":"public.t","lsn":"00000000/00000030","chunk":0,"from_key":null,"to_key":null,"rows":)" +
         std::to_string(rows) + (state == "end" ? R"(,"high":"00000000/00000031"})" : "}");
}
const std::string kRead =
    R"({"op":"r","table":"public.t","lsn":"00000000/00000030","ts":"2026-11-22T10:53:01.123456Z","after":{"id":1}})";
const std::string kL20 = "00000000/00000020", kL28 = "00000000/00000028", kL30 = "00000000/00000030",
                  kL38 = "00000000/00000038";

// The slug of the failure that a list of lines ends in, or "" when all were taken.
std::string verdict(const std::vector<std::string>& lines, bool edited = false) {
  Parser parser;
  Checker checker(edited);
  try {
    for (const auto& line : lines) checker.check(parser.parse_copy(line));
    checker.end();
  } catch (const base::Failure& failure) {
    return failure.slug;
  }
  return "";
}

TEST(Stream, TakesTransactionsHeartbeatsAndChunks) {
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 0), row(kL20, 1), commit(kL20, kL28, 2), heartbeat(kL28),
                     heartbeat(kL28), commit(kL28, kL30, 0), row(kL30, 0, 2), commit(kL30, kL38, 1, 2)}),
            "");
  EXPECT_EQ(verdict({kSource, kSchema, chunk("begin", 0), kRead, kRead, chunk("end", 2)}), "");
}

TEST(Stream, ChunksOfSeveralWorkersAreToldApart) {
  const auto line = [](const std::string& state, int number, int rows) {
    std::string text = chunk(state, rows);
    const std::string was = R"("chunk":0)";
    return text.replace(text.find(was), was.size(), R"("chunk":)" + std::to_string(number));
  };
  EXPECT_EQ(verdict({kSource, kSchema, line("begin", 0, 0), kRead, line("begin", 1, 0), kRead, kRead,
                     line("continue", 0, 0), kRead, line("end", 1, 2), line("end", 0, 2)}),
            "");
  // Rows behind the end of one belong to nobody until it is said whose they are.
  EXPECT_EQ(verdict({kSource, kSchema, line("begin", 0, 0), line("begin", 1, 0), line("end", 1, 0), kRead}),
            "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, line("begin", 0, 0), line("begin", 0, 0)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, line("continue", 0, 0)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, line("begin", 0, 0), kRead, line("begin", 1, 0), kRead, line("end", 0, 2)}),
            "rows_off");
  EXPECT_EQ(verdict({kSource, kSchema, line("begin", 0, 0), line("begin", 1, 0), line("end", 1, 0)}), "cut_short");
  EXPECT_EQ(verdict({kSource, kSchema, line("begin", 0, 0), line("begin", 1, 0), line("end", 1, 0), row(kL20, 0)}),
            "wrong_order");
}

TEST(Stream, BeginsWithOneSource) {
  EXPECT_EQ(verdict({kSchema}), "no_source");
  EXPECT_EQ(verdict({kSource, kSource}), "two_sources");
}

TEST(Stream, PositionsNeverGoBack) {
  EXPECT_EQ(verdict({kSource, kSchema, commit(kL28, kL30, 0), commit(kL20, kL38, 0)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, commit(kL20, kL28, 0), commit(kL20, kL28, 0)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, heartbeat(kL28), heartbeat(kL20)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, commit("00000000/0000000F", kL20, 0)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 1), row(kL20, 1), commit(kL20, kL28, 2)}), "wrong_order");
}

TEST(Stream, TransactionsAreContiguous) {
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 0), row(kL28, 0, 2)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 0), commit(kL28, kL30, 1)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 0), heartbeat(kL30)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 0), chunk("begin", 0)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, chunk("begin", 0), row(kL20, 0)}), "wrong_order");
  EXPECT_EQ(verdict({kSource, kSchema, kRead}), "wrong_order");
}

TEST(Stream, RowsAreCounted) {
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 0), commit(kL20, kL28, 2)}), "rows_off");
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 3), commit(kL20, kL28, 2)}, true), "");
  EXPECT_EQ(verdict({kSource, kSchema, chunk("begin", 0), kRead, chunk("end", 2)}), "rows_off");
}

TEST(Stream, EveryTableIsDescribedFirst) {
  EXPECT_EQ(verdict({kSource, row(kL20, 0)}), "no_schema");
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 0), row(kL20, 1, 1, "public.u")}), "no_schema");
}

TEST(Stream, ATailInsideATransactionIsCut) {
  EXPECT_EQ(verdict({kSource, kSchema, row(kL20, 0)}), "cut_short");
  EXPECT_EQ(verdict({kSource, kSchema, chunk("begin", 0)}), "cut_short");
}

TEST(Line, OddLinesAreRefusedByName) {
  EXPECT_EQ(verdict({kSource, R"({"op":"x"})"}), "unknown_op");
  EXPECT_EQ(verdict({kSource, R"({"table":"public.t","op":"c"})"}), "unknown_op");
  EXPECT_EQ(verdict({kSource, R"([1])"}), "unknown_op");
  EXPECT_EQ(verdict({kSource, R"({"op":"heartbeat","end":"0/20","ts":"2026-11-22T10:53:01.123456Z"})"}), "bad_lsn");
  EXPECT_EQ(verdict({kSource, R"({"op":"heartbeat","end":"00000000/00000020","ts":"yesterday"})"}), "bad_time");
  EXPECT_EQ(verdict({kSource, R"({"op":"heartbeat","end":"00000000/00000020"})"}), "missing_key");
  EXPECT_EQ(
      verdict({kSource, R"({"op":"heartbeat","end":"00000000/00000020","ts":"2026-11-22T10:53:01.123456Z","x":1})"}),
      "unknown_key");
  EXPECT_EQ(verdict({R"({"op":"source","format":2})"}), "bad_format");
}

TEST(Line, AnEscapedTableNameIsTheSameTable) {
  Parser parser;
  EXPECT_EQ(parser.parse_copy(row(kL20, 0, 1, R"(public.\"Odd\u0020Name\")")).table, "public.\"Odd Name\"");
}

TEST(Types, EncodedLinesDecodeToThemselves) {
  json::Tokenizer tokenizer;
  std::string line;
  const Source source = decode_source(json::Value(tokenizer.tokens_of_copy(kSource), 0));
  encode(line, source);
  EXPECT_EQ(line, kSource + "\n");
  line.clear();
  const Schema schema = decode_schema(json::Value(tokenizer.tokens_of_copy(kSchema), 0));
  encode(line, schema);
  EXPECT_EQ(line, kSchema + "\n");
}

TEST(Types, ASchemaLineMayTellOfPartitions) {
  json::Tokenizer tokenizer;
  Schema schema = decode_schema(json::Value(tokenizer.tokens_of_copy(kSchema), 0));
  EXPECT_FALSE(schema.leaves.has_value());
  schema.leaves =
      std::vector<Leaf>{{base::Oid{16390}, base::Oid{16390}, false}, {base::Oid{16393}, base::Oid{4294967295}, true}};
  std::string line;
  encode(line, schema);
  EXPECT_TRUE(line.ends_with(
      R"("leaves":[{"relid":16390,"file":16390,"attached":false},{"relid":16393,"file":4294967295,"attached":true}]})"
      "\n"))
      << line;
  json::Tokenizer again;
  EXPECT_EQ(decode_schema(json::Value(again.tokens_of_copy(line.substr(0, line.size() - 1)), 0)).leaves, schema.leaves);
  schema.leaves->clear();
  line.clear();
  encode(line, schema);
  EXPECT_NE(line.find(R"("leaves":[])"), std::string::npos);
}

TEST(Names, AreQuotedAsPostgresDoes) {
  EXPECT_EQ(quote_table("public", "users"), "public.users");
  EXPECT_EQ(quote_table("public", "Odd.Na\"me"), "public.\"Odd.Na\"\"me\"");
  EXPECT_EQ(quote_identifier("order"), "\"order\"");
  EXPECT_EQ(quote_identifier("1st"), "\"1st\"");
  EXPECT_EQ(quote_identifier("ünï"), "\"ünï\"");
}

TEST(Names, ReadBackWhatWasQuoted) {
  for (const char* name : {"users", "Odd.Na\"me", "order", "ünï", " ", "a b", "\"", "\"\""}) {
    const auto parsed = parse_table(quote_table(name, "t\".\"u"));
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->schema, name);
    EXPECT_EQ(parsed->name, "t\".\"u");
  }
  for (const char* bad : {"", "a", "a.", ".a", "a.b.c", "\"a.b", "\"\".b", "a\"b.c"})
    EXPECT_FALSE(parse_table(bad)) << bad;
}

}  // namespace
}  // namespace change
