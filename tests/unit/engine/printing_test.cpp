// What an engine would be told, as lines, and what an empty warehouse answers.
#include "engine/printing.hpp"

#include <gtest/gtest.h>

namespace {

using Lines = std::vector<std::string>;

TEST(Printer, gives_a_line_for_each_statement_and_counts_repetitions) {
  Lines lines;
  engine::Printer printer([&](const std::string& line) { lines.push_back(line); });
  printer.statement("SELECT\n  1\n");
  printer.statement("SELECT 1;");
  printer.statement("SELECT 1");
  printer.statement("SELECT 'a\n  b'");
  printer.finish();
  EXPECT_EQ(lines, (Lines{"SELECT 1;", "-- 2 more of the same", "SELECT 'a\n  b';"}));
}

TEST(Printing, answers_of_its_state_and_of_no_rows) {
  Lines lines;
  engine::Printing database(engine::Kind::postgresql, "s", [&](const std::string& line) { lines.push_back(line); });
  database.define("CREATE TABLE _cdc_format(version bigint NOT NULL, name text COLLATE \"C\")");
  database.prepare("INSERT INTO _cdc_format VALUES(?2, ?1)").text(1, "x").integer(2, 7).run();
  database.run("INSERT INTO \"public.t\" SELECT 1");
  engine::Statement query = database.prepare("SELECT version FROM _cdc_format");
  ASSERT_TRUE(query.step());
  EXPECT_EQ(query.integer_at(0), 7);
  engine::Statement rows = database.prepare("SELECT strpos(a,'x') FROM \"public.t\"");
  EXPECT_FALSE(rows.step());
  EXPECT_EQ(lines[3], "INSERT INTO _cdc_format VALUES($1, $2);");
  EXPECT_EQ(lines[4], "INSERT INTO \"public.t\" SELECT 1;");
}

}  // namespace
