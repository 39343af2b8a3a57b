// A sources file that is YAML whatever names are in it, and says of each column what the policy did.
#include "warehouse/dbt.hpp"

#include <gtest/gtest.h>

#include "table.hpp"

namespace {

using warehouse::yaml_text;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

warehouse::Table table_of(const change::Schema& schema, const char* name, const char* view) {
  warehouse::Table table;
  table.shape = warehouse::first_shape(schema, name, view).shape;
  return table;
}

TEST(Yaml, quotes_and_escapes_what_a_reader_would_take_for_something_else) {
  EXPECT_EQ(yaml_text("users"), "\"users\"");
  EXPECT_EQ(yaml_text("no: \"#'- {[&*!|>%@`\\"), "\"no: \\\"#'- {[&*!|>%@`\\\\\"");
  EXPECT_EQ(yaml_text("a\nb\tc\x7F"), "\"a\\x0Ab\\x09c\\x7F\"");
  EXPECT_EQ(yaml_text("\xC2\x85|\xC2\xA0|\xE2\x80\xA8|\xE2\x80\xA9|\xEF\xBB\xBF|\xC3\xA9"),
            "\"\\x85|\xC2\xA0|\\u2028|\\u2029|\\uFEFF|\xC3\xA9\"");
}

TEST(Dbt, says_class_action_and_key_of_each_column_of_each_view) {
  change::Schema schema = test::schema({"id:int8", "e\"mail:text"});
  schema.columns[1].klass = "orange";
  schema.columns[1].action = "hash:email";
  std::map<std::string, warehouse::Table, std::less<>> tables;
  tables.emplace("public.t", table_of(schema, "public.t", "t"));
  const std::string text =
      warehouse::dbt_sources(warehouse::dialect_of(engine::Kind::postgresql), "shop", {"", "shop"}, tables);
  EXPECT_TRUE(
      has(text,
          "  - name: \"shop\"\n    schema: \"shop\"\n    quoting: {database: true, schema: true, identifier: true}\n"))
      << text;
  EXPECT_TRUE(has(text,
                  "        - name: \"e\\\"mail\"\n          quote: true\n          config:\n            meta: {class: "
                  "\"orange\", action: \"hash:email\", source_column: \"e\\\"mail\", source_type: \"text\"}\n"))
      << text;
  EXPECT_TRUE(has(text, "source_column: \"id\", source_type: \"int8\"}\n          data_tests: [unique, not_null]\n"))
      << text;
  EXPECT_TRUE(has(text, "FROM \\\"shop\\\".\\\"_cdc_freshness\\\" WHERE \\\"table\\\"='public.t'\"\n")) << text;
}

TEST(Dbt, claims_nothing_of_a_key_of_two_columns_and_shows_the_history_of_a_table_without_one) {
  std::map<std::string, warehouse::Table, std::less<>> tables;
  tables.emplace("public.two", table_of(test::schema({"a:int8", "b:int8"}, 2), "public.two", "two"));
  tables.emplace("public.none", table_of(test::schema({"a:int8"}, 0), "public.none", "none"));
  const std::string text =
      warehouse::dbt_sources(warehouse::dialect_of(engine::Kind::snowflake), "s", {"CDC", "SHOP"}, tables);
  EXPECT_FALSE(has(text, "data_tests")) << text;
  EXPECT_TRUE(has(text, "identifier: \"public.none__history\"\n")) << text;
  EXPECT_TRUE(has(text, "    database: \"CDC\"\n    schema: \"SHOP\"\n")) << text;
}

TEST(Dbt, a_name_that_looks_like_a_template_is_none) {
  std::map<std::string, warehouse::Table, std::less<>> tables;
  tables.emplace("public.t", table_of(test::schema({"id:int8"}), "public.{{t}}", "{{t}}"));
  const std::string text = warehouse::dbt_sources(warehouse::dialect_of(engine::Kind::duckdb), "s", {"", "s"}, tables);
  EXPECT_TRUE(has(text, "identifier: \"{{ '{{' }}t}}\"\n")) << text;
}

TEST(Comments, say_class_action_and_type) {
  change::Schema schema = test::schema({"id:int8", "it's:text"});
  schema.columns[1].klass = "red";
  schema.columns[1].action = "null";
  const warehouse::Table table = table_of(schema, "public.t", "t");
  const warehouse::Statements postgresql(warehouse::dialect_of(engine::Kind::postgresql), table.shape);
  EXPECT_EQ(postgresql.comments(),
            (std::vector<std::string>{"COMMENT ON VIEW \"t\" IS 'source=public.t'",
                                      "COMMENT ON COLUMN \"t\".\"id\" IS 'type=int8'",
                                      "COMMENT ON COLUMN \"t\".\"it's\" IS 'class=red action=null type=text'"}));
  const warehouse::Statements snowflake(warehouse::dialect_of(engine::Kind::snowflake), table.shape);
  EXPECT_TRUE(snowflake.comments().empty());
  EXPECT_TRUE(has(snowflake.create_view(),
                  "\"t\"(\"id\" COMMENT 'type=int8',\"it's\" COMMENT 'class=red action=null "
                  "type=text') COMMENT='source=public.t' AS SELECT"));
  const warehouse::Statements sqlite(warehouse::sqlite_dialect(), table.shape);
  EXPECT_TRUE(sqlite.comments().empty());
  EXPECT_FALSE(has(sqlite.create_view(), "COMMENT"));
}

}  // namespace
