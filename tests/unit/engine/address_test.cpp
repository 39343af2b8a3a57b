// From what --warehouse says to an engine, and statements as engines want them.
#include <gtest/gtest.h>

#include "base/failure.hpp"
#include "engine/open.hpp"

namespace {

using engine::Kind;

TEST(Address, says_which_engine_and_where) {
  const auto is = [](const char* warehouse, Kind kind, const std::string& place) {
    const engine::Address address = engine::parse_address(warehouse);
    EXPECT_EQ(address.kind, kind) << warehouse;
    EXPECT_EQ(address.place, place) << warehouse;
  };
  is("sqlite:w.db", Kind::sqlite, "w.db");
  is("sqlite:///var/w.db", Kind::sqlite, "/var/w.db");
  is("duckdb:/var/w.duckdb", Kind::duckdb, "/var/w.duckdb");
  is("postgresql://h/d?sslmode=require", Kind::postgresql, "postgresql://h/d?sslmode=require");
  is("postgresql:service=warehouse", Kind::postgresql, "service=warehouse");
  is("snowflake://a/d/s", Kind::snowflake, "snowflake://a/d/s");
}

TEST(Address, is_nothing_else) {
  for (const char* other : {"", "w.db", "sqlite:", "sqlite", "duckdb:", "mysql://h/d", "SQLITE:w.db"}) {
    EXPECT_THROW(static_cast<void>(engine::parse_address(other)), base::Failure) << other;
  }
}

std::string dollar(std::size_t place) { return "$" + std::to_string(place); }

TEST(Parameters, are_numbered_without_gaps_in_the_order_in_which_they_stand) {
  const engine::Numbered numbered = engine::number_parameters("UPDATE t SET a=?7,b=?3 WHERE a<?7 AND c=?12", &dollar);
  EXPECT_EQ(numbered.sql, "UPDATE t SET a=$1,b=$2 WHERE a<$1 AND c=$3");
  EXPECT_EQ(numbered.place(7), 1u);
  EXPECT_EQ(numbered.place(3), 2u);
  EXPECT_EQ(numbered.place(12), 3u);
  EXPECT_EQ(numbered.place(1), 0u);
  EXPECT_EQ(numbered.place(99), 0u);
}

TEST(Parameters, within_quotes_are_none) {
  EXPECT_EQ(engine::number_parameters(R"(SELECT '?1',"a?2",'it''s ?3',?4)", &dollar).sql,
            R"(SELECT '?1',"a?2",'it''s ?3',$1)");
}

TEST(Snowflake, small_names_are_quoted_words_of_the_language_and_functions_are_not) {
  EXPECT_EQ(
      engine::to_snowflake("SELECT p.source,max(t.\"a b\"),'small' FROM _cdc_tables AS t WHERE x1=?1 AND y=?2",
                           {"'v'", "7"}),
      "SELECT \"p\".\"source\",max(\"t\".\"a b\"),'small' FROM \"_cdc_tables\" AS \"t\" WHERE \"x1\"='v' AND \"y\"=7");
  EXPECT_EQ(engine::to_snowflake("CREATE TABLE _cdc_format(version NUMBER(19,0))", {}),
            "CREATE TABLE \"_cdc_format\"(\"version\" NUMBER(19,0))");
}

TEST(Snowflake, a_backslash_in_a_text_is_doubled_because_it_escapes_there) {
  EXPECT_EQ(engine::to_snowflake(R"(SELECT ',"a\"b"')", {}), R"(SELECT ',"a\\"b"')");
}

}  // namespace
