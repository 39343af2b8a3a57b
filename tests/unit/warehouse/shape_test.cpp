// Tables that follow their source, or are parked: what is proven is applied, what is not is never guessed.
#include "warehouse/shape.hpp"

#include <gtest/gtest.h>

#include "table.hpp"

namespace {

using warehouse::Evolution;
using warehouse::evolve;
using warehouse::Step;

warehouse::Shape shape_of(const change::Schema& schema) {
  return warehouse::first_shape(schema, "public.t", "t").shape;
}

change::Schema without_binds(change::Schema schema) {
  for (change::Column& column : schema.columns) column.bind.reset();
  return schema;
}

// The columns' own numbers, where a column is not the one that stands at its place.
change::Schema numbered(change::Schema schema, const std::vector<std::uint32_t>& attnums) {
  for (std::size_t i = 0; i < attnums.size(); ++i) {
    schema.columns[i].attnum = attnums[i];
    schema.columns[i].bind = "100." + std::to_string(attnums[i]);
  }
  return schema;
}

const change::Schema kThree = test::schema({"id:int8", "note:text", "weight:int4"});

TEST(Shape, a_line_that_says_the_same_changes_nothing) {
  const Evolution same = evolve(shape_of(kThree), kThree);
  EXPECT_EQ(same.parked, "");
  EXPECT_TRUE(same.steps.empty());
  EXPECT_EQ(same.column, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(evolve(shape_of(kThree), without_binds(kThree)).parked, "");
  EXPECT_EQ(evolve(shape_of(without_binds(kThree)), kThree).parked, "");
}

TEST(Shape, proven_changes_are_applied_each_as_what_it_is) {
  const auto renamed = evolve(shape_of(kThree), test::schema({"id:int8", "remark:text", "weight:int4"}));
  ASSERT_EQ(renamed.steps.size(), 1u);
  EXPECT_EQ(renamed.steps[0].what, Step::What::rename);
  EXPECT_EQ(renamed.steps[0].old_name, "note");
  EXPECT_EQ(renamed.shape.columns[1].name, "remark");

  const auto dropped = evolve(shape_of(kThree), numbered(test::schema({"id:int8", "weight:int4"}), {1, 3}));
  ASSERT_EQ(dropped.steps.size(), 1u);
  EXPECT_EQ(dropped.steps[0].what, Step::What::drop);
  EXPECT_TRUE(dropped.shape.columns[1].dropped);

  const auto again = evolve(dropped.shape, numbered(test::schema({"id:int8", "weight:int4", "note:text"}), {1, 3, 4}));
  ASSERT_EQ(again.steps.size(), 1u);
  EXPECT_EQ(again.steps[0].what, Step::What::add);
  EXPECT_EQ(again.shape.columns[3].name, "note__4") << "another column under the name of a dropped one";
}

TEST(Shape, an_added_column_is_unknown_in_old_rows_unless_they_hold_null) {
  change::Schema four = test::schema({"id:int8", "note:text", "weight:int4", "more:text"});
  EXPECT_FALSE(evolve(shape_of(kThree), four).steps.at(0).unknown);
  four.columns[3].has_default = true;
  EXPECT_TRUE(evolve(shape_of(kThree), four).steps.at(0).unknown);
  four.columns[3].has_default.reset();
  EXPECT_TRUE(evolve(shape_of(kThree), four).steps.at(0).unknown) << "not known is not false";
}

TEST(Shape, without_proof_only_appending_is_taken_over) {
  const auto old = shape_of(without_binds(kThree));
  const auto parked = [&](const std::vector<std::string>& columns) {
    return !evolve(old, without_binds(test::schema(columns))).parked.empty();
  };
  EXPECT_FALSE(parked({"id:int8", "note:text", "weight:int4", "more:text"}));
  EXPECT_TRUE(parked({"id:int8", "remark:text", "weight:int4"})) << "a rename looks like drop and add";
  EXPECT_TRUE(parked({"id:int8", "weight:int4"})) << "DROP note; RENAME secret TO note looks like DROP secret";
  EXPECT_TRUE(parked({"id:int8", "weight:int4", "note:text"}));
  EXPECT_TRUE(parked({"id:int8", "more:text", "note:text", "weight:int4"}));
}

TEST(Shape, what_may_have_altered_values_parks) {
  const auto old = shape_of(kThree);
  EXPECT_NE(evolve(old, test::schema({"id:int8", "note:text", "weight:text"})).parked, "");
  EXPECT_NE(evolve(old, test::schema({"id:int8", "note:varchar", "weight:int4"})).parked, "");
  EXPECT_NE(evolve(old, test::schema({"id:int8", "note:text", "weight:int2"})).parked, "");
  EXPECT_EQ(evolve(old, test::schema({"id:int8", "note:text", "weight:int8"})).parked, "");
  EXPECT_NE(evolve(old, test::schema({"id:int8", "note:text", "weight:int4"}, 2)).parked, "") << "another key";
  change::Schema other = kThree;
  other.relid = base::Oid{101};
  EXPECT_NE(evolve(old, other).parked, "") << "another table";
}

TEST(Shape, an_older_version_changes_nothing_and_finds_its_columns) {
  change::Schema newer = numbered(test::schema({"id:int8", "remark:text", "more:text"}, 1, 20), {1, 2, 4});
  const auto shape = evolve(shape_of(kThree), newer).shape;
  const auto old = evolve(shape, kThree);
  EXPECT_EQ(old.parked, "");
  EXPECT_EQ(old.shape, shape);
  EXPECT_EQ(old.column, (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(Shape, widening_is_what_reads_the_same_afterwards) {
  const auto widened = [](const char* from, std::int32_t from_typmod, const char* to, std::int32_t to_typmod) {
    change::Column a, b;
    a.type = from;
    a.typmod = from_typmod;
    b.type = to;
    b.typmod = to_typmod;
    return warehouse::is_widened(a, b);
  };
  const auto numeric = [](int precision, int scale) { return (precision << 16 | scale) + 4; };
  EXPECT_TRUE(widened("int2", -1, "int8", -1));
  EXPECT_TRUE(widened("varchar", 14, "varchar", 24));
  EXPECT_TRUE(widened("varchar", 14, "text", -1));
  EXPECT_TRUE(widened("numeric", numeric(8, 2), "numeric", numeric(12, 2)));
  EXPECT_FALSE(widened("numeric", numeric(8, 2), "numeric", numeric(12, 3)));
  EXPECT_FALSE(widened("varchar", 24, "varchar", 14));
  EXPECT_FALSE(widened("bpchar", 5, "bpchar", 9)) << "its values are padded anew";
  EXPECT_FALSE(widened("text", -1, "int4", -1));
}

TEST(Names, collide_without_case_and_never_look_like_ours) {
  EXPECT_EQ(warehouse::free_name("Duration", 3, {"duration"}), "Duration__3");
  EXPECT_EQ(warehouse::free_name("note", 3, {"note", "note__3"}), "note__3_");
  EXPECT_EQ(warehouse::free_name("_CDC_lsn", 3, {}), "x_CDC_lsn__3");
  EXPECT_EQ(warehouse::free_name("sqlite_x", 3, {}), "xsqlite_x__3");
  EXPECT_TRUE(warehouse::same_folded("ABC", "abc"));
  EXPECT_FALSE(warehouse::same_folded("Ä", "ä")) << "SQLite folds ASCII only";
}

TEST(Keys, full_identity_takes_the_primary_key_nothing_takes_none) {
  change::Schema schema = kThree;
  for (auto& column : schema.columns) column.identity = true;
  schema.identity = "full";
  EXPECT_EQ(warehouse::key_of(schema), (std::vector<std::uint32_t>{0}));
  schema.identity = "nothing";
  EXPECT_TRUE(warehouse::key_of(schema).empty());
  schema = kThree;
  schema.columns[0].action = "null";
  EXPECT_TRUE(warehouse::key_of(schema).empty()) << "a key that the policy hides tells no rows apart";
}

}  // namespace
