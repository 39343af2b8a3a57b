// One view over a table of several sources: which columns it has, and when there is none. What the engines make of its text is asked of
// them in tests/destinations.
#include "warehouse/united.hpp"

#include <gtest/gtest.h>

#include "table.hpp"

namespace {

using warehouse::Member;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Member member(const std::string& source, const change::Schema& schema, bool shared = false) {
  return {source, source, shared, warehouse::first_shape(schema, "public.t", "t").shape};
}

warehouse::United plan(const std::vector<Member>& members, engine::Kind kind = engine::Kind::postgresql) {
  return warehouse::united(warehouse::dialect_of(kind), "all", members);
}

TEST(United, a_column_that_one_does_not_have_is_null_of_its_type_there_and_the_wider_type_is_taken) {
  const auto result =
      plan({member("a", test::schema({"id:int8", "n:int4"})), member("b", test::schema({"id:int8", "at:date"}))});
  EXPECT_EQ(result.refused, "");
  EXPECT_EQ(result.view, "t");
  EXPECT_TRUE(has(result.create, "CREATE VIEW \"all\".\"t\" AS ")) << result.create;
  EXPECT_TRUE(has(result.create, "\"n\" AS \"n\",CAST(NULL AS date) AS \"at\" FROM \"a\".\"public.t\""))
      << result.create;
  EXPECT_TRUE(has(result.create, "CAST(NULL AS bigint) AS \"n\",\"at\" AS \"at\" FROM \"b\".\"public.t\""));
  EXPECT_FALSE(has(result.create, "JOIN"));
}

TEST(United, there_is_none_where_values_of_one_column_would_mean_different_things) {
  change::Schema hashed = test::schema({"id:int8", "mail:text"});
  hashed.columns[1].action = "hash:email@key1";
  const Member clear = member("a", test::schema({"id:int8", "mail:text"}));
  EXPECT_EQ(plan({clear, member("b", hashed)}).refused,
            "column mail has another treatment by the policy in b than in a");
  hashed.columns[1].action = "keep";
  EXPECT_EQ(plan({clear, member("b", hashed)}).refused, "");
  EXPECT_EQ(plan({clear, member("b", test::schema({"id:int8", "mail:bool"}))}).refused,
            "column mail has another type in b than in a");
  EXPECT_EQ(plan({clear, member("b", test::schema({"id:int8"}), true)}).refused,
            "--unite-ids says something else in b than in a");
}

TEST(United, a_shared_key_is_the_same_everywhere_or_there_is_no_view) {
  const Member one = member("a", test::schema({"id:int8", "n:int8"}), true);
  EXPECT_EQ(plan({one, member("b", test::schema({"id:int8", "n:int8"}, 2), true)}).refused,
            "the table has another key in b than in a");
  const auto result = plan({one, member("b", test::schema({"id:int8"}), true)});
  EXPECT_EQ(result.refused, "");
  EXPECT_TRUE(has(result.create, "LEFT JOIN")) << result.create;
  EXPECT_FALSE(has(plan({one}).create, "JOIN"));
}

TEST(United, names_and_sources_are_quoted_whatever_they_are) {
  Member odd = member("a'b\"c", test::schema({"i\"d:int8"}), true);
  const auto result = plan({odd, member("z", test::schema({"i\"d:int8"}), true)}, engine::Kind::snowflake);
  EXPECT_TRUE(has(result.create, "CAST('a''b\"c' AS VARCHAR) AS \"_cdc_source\"")) << result.create;
  EXPECT_TRUE(has(result.create, "FROM \"a'b\"\"c\".\"public.t\""));
  EXPECT_TRUE(has(result.create, "o.\"i\"\"d\"=r.\"i\"\"d\""));
}

TEST(United, what_is_written_of_columns_is_read_back_the_same) {
  change::Schema schema = test::schema({"i\"d\n:int8", "n:numeric"});
  schema.columns[1].typmod = 655366;
  schema.columns[1].klass = "green";
  const warehouse::Shape shape = warehouse::first_shape(schema, "public.t", "t").shape;
  warehouse::Shape read;
  warehouse::decode_columns(warehouse::encode_columns(shape), read);
  EXPECT_EQ(read.key, shape.key);
  EXPECT_EQ(warehouse::encode_columns(read), warehouse::encode_columns(shape));
  ASSERT_EQ(read.columns.size(), 2U);
  EXPECT_EQ(read.columns[1].source.typmod, 655366);
  EXPECT_EQ(read.columns[1].kind, warehouse::Kind::numeric);
}

}  // namespace
