// Promises around a statement: a value stays one literal whatever is in it, an error's code decides what its exit means, and what the
// server sent is read to the letter.
#include <gtest/gtest.h>

#include "base/failure.hpp"
#include "snowflake/answer.hpp"
#include "snowflake/refusal.hpp"
#include "snowflake/text.hpp"

namespace {

using base::Exit;

TEST(Literal, NoValueEndsItEarly) {
  EXPECT_EQ(snowflake::literal(""), "''");
  EXPECT_EQ(snowflake::literal("it's"), "'it''s'");
  EXPECT_EQ(snowflake::literal("\\"), "'\\\\'");
  EXPECT_EQ(snowflake::literal("\\' OR 1=1 --"), "'\\\\'' OR 1=1 --'");
  EXPECT_EQ(snowflake::literal("a\nb\t\xC3\xBC"), "'a\nb\t\xC3\xBC'");
  EXPECT_EQ(snowflake::name("T"), "\"T\"");
  EXPECT_EQ(snowflake::name("a\"b\\c'd"), "\"a\"\"b\\c'd\"");
}

TEST(Refusal, TheCodeDecidesAndElseTheState) {
  const auto exit = [](const char* code, const char* state) { return snowflake::refusal(code, state, "").exit; };
  EXPECT_EQ(exit("000625", "57014"), Exit::retry);
  EXPECT_EQ(exit("000604", "57014"), Exit::retry);
  EXPECT_EQ(exit("604", ""), Exit::retry) << "zeros in front are filled up";
  EXPECT_EQ(exit("100090", "42P18"), Exit::bug);
  EXPECT_EQ(exit("000008", "0A000"), Exit::bug);
  EXPECT_EQ(exit("391911", ""), Exit::bug);
  EXPECT_EQ(exit("001003", "42000"), Exit::bug);
  EXPECT_EQ(exit("002003", "02000"), Exit::denied);
  EXPECT_EQ(exit("002003", "42S02"), Exit::denied);
  EXPECT_EQ(exit("003001", "42501"), Exit::denied);
  EXPECT_EQ(exit("000606", "57P03"), Exit::denied) << "the code before the state";
  EXPECT_EQ(exit("100038", "22018"), Exit::refused);
  EXPECT_EQ(exit("999999", "22023"), Exit::refused);
  EXPECT_EQ(exit("999999", "42501"), Exit::denied);
  EXPECT_EQ(exit("999999", "42601"), Exit::bug);
  EXPECT_EQ(exit("999999", "57P01"), Exit::retry);
  EXPECT_EQ(exit("999999", "ZZZZZ"), Exit::refused) << "what nobody knows stops";
  EXPECT_EQ(exit("", ""), Exit::refused);
}

TEST(Refusal, ItsMessageHasCodesAndNothingElseOfTheServers) {
  const snowflake::Refusal failure = snowflake::refusal("100038", "22018", "01b2-3");
  EXPECT_EQ(failure.code, "100038");
  EXPECT_EQ(failure.sql_state, "22018");
  EXPECT_EQ(failure.slug, "snowflake_value");
  EXPECT_EQ(failure.message,
            "a text is not the number that it was to be: Snowflake's error 100038, SQL state 22018, statement 01b2-3");
  const snowflake::Refusal odd = snowflake::refusal("'secret'\nx=1", "\"", "\n");
  EXPECT_EQ(odd.message.find_first_of("'\n\"=", odd.message.find("error")), std::string::npos) << odd.message;
}

TEST(Answer, RowsAreTextsAndNulls) {
  const snowflake::Answer answer = snowflake::decode_answer(
      R"({"code":"090001","statementHandle":"h-1","resultSetMetaData":{"numRows":3,"rowType":[{"name":"A","type":"fixed"},)"
      R"({"name":"b\"","type":"text"}],"partitionInfo":[{"rowCount":2},{"rowCount":1}]},"data":[["1.10",null],["-0","\u00e9\n"]],)"
      R"("stats":{"numRowsInserted":"3","numRowsUpdated":2}})");
  EXPECT_EQ(answer.handle, "h-1");
  ASSERT_EQ(answer.columns.size(), 2U);
  EXPECT_EQ(answer.columns[1].name, "b\"");
  EXPECT_EQ(answer.columns[0].type, "fixed");
  EXPECT_EQ(answer.partitions, 2U);
  ASSERT_EQ(answer.rows.size(), 2U);
  EXPECT_EQ(answer.rows[0], (snowflake::Row{"1.10", std::nullopt}));
  EXPECT_EQ(answer.rows[1], (snowflake::Row{"-0", "\xC3\xA9\n"}));
  EXPECT_EQ(answer.changed.inserted_rows, 3U);
  EXPECT_EQ(answer.changed.updated_rows, 2U);
  EXPECT_EQ(answer.changed.deleted_rows, 0U);

  std::vector<snowflake::Row> rows = answer.rows;
  snowflake::decode_partition(R"({"data":[["7",null]]})", rows);
  snowflake::decode_partition(R"([["8","x"]])", rows);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[2][0], "7");
  EXPECT_EQ(rows[3][1], "x");
}

TEST(Answer, OfSeveralStatementsHasAHandleEach) {
  const snowflake::Answer answer = snowflake::decode_answer(
      R"({"statementHandle":"p","statementHandles":["a","b"],"data":[["Multiple statements executed successfully."]]})");
  EXPECT_EQ(answer.handles, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(answer.partitions, 1U);
}

TEST(Answer, WhatIsNoneIsAFailureAndAStatusWithoutJsonIsEmpty) {
  for (const char* body : {"", "[]", "{}", "{\"statementHandle\":1}", "{\"statementHandle\":\"h\"", "<html>"}) {
    EXPECT_THROW(static_cast<void>(snowflake::decode_answer(body)), base::Failure) << body;
  }
  EXPECT_EQ(snowflake::decode_status("<html>busy</html>").code, "");
  EXPECT_EQ(snowflake::decode_status("[]").code, "");
  const snowflake::Status status =
      snowflake::decode_status(R"({"code":"100038","sqlState":"22018","message":"x","statementHandle":"h"})");
  EXPECT_EQ(status.code, "100038");
  EXPECT_EQ(status.sql_state, "22018");
  EXPECT_EQ(status.handle, "h");
}

}  // namespace
