// What a window leaves of each key, before any engine sees it.
#include "warehouse/fold.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"
#include "table.hpp"

namespace {

using warehouse::From;

class FoldTest : public ::testing::Test {
 protected:
  FoldTest() : schema_(test::schema({"id:int8", "note:text", "weight:int4"})) {
    const auto first = warehouse::first_shape(schema_, "public.t", "t");
    mapping_ = warehouse::mapping_of(first.shape, schema_, first.column);
    fold_ = std::make_unique<warehouse::Fold>(first.shape, warehouse::sqlite_dialect());
    fold_->use(mapping_);
  }
  bool add(std::string_view op, std::uint64_t seq, const std::string& rest) {
    return fold_->add(parser_.parse_copy(test::line(op, 100, seq, rest)));
  }
  // Each net row as `op from note weight`; a kept cell is =, an unknown one ?.
  std::string nets() {
    std::string out;
    for (const std::uint32_t index : fold_->finish()) {
      const auto& net = fold_->net(index);
      out += net.op;
      out += net.from == From::self ? " self" : net.from == From::other ? " other" : " nothing";
      for (const auto cell : fold_->cells(index)) {
        out += cell.keep() ? " =" : cell.unknown() ? " ?" : " " + std::string(fold_->text(cell));
      }
      out += "\n";
    }
    return out;
  }
  change::Schema schema_;
  warehouse::Mapping mapping_;
  std::unique_ptr<warehouse::Fold> fold_;
  change::Parser parser_;
};

TEST_F(FoldTest, a_value_that_only_an_earlier_line_carried_is_not_lost) {
  add("u", 0, R"("after":{"id":1,"note":"long","weight":1})");
  add("u", 1, R"("after":{"id":1,"weight":2},"unchanged":["note"])");
  EXPECT_EQ(nets(), "u self 1 \"long\" 2\n");
}

TEST_F(FoldTest, what_no_line_gave_is_kept_from_the_row_that_is_there) {
  add("u", 0, R"("after":{"id":1,"weight":2},"unchanged":["note"])");
  EXPECT_EQ(nets(), "u self 1 = 2\n");
}

TEST_F(FoldTest, withheld_is_null_and_no_later_unchanged_revives_it) {
  add("u", 0, R"("after":{"id":1,"note":"secret","weight":1})");
  add("u", 1, R"("after":{"id":1,"weight":2},"withheld":["note"])");
  add("u", 2, R"("after":{"id":1,"weight":3},"unchanged":["note"])");
  EXPECT_EQ(nets(), "u self 1 null 3\n");
}

TEST_F(FoldTest, a_chain_of_keys_knows_where_the_row_was_before_the_window) {
  add("u", 0, R"("after":{"id":2,"weight":2},"before":{"id":1},"unchanged":["note"])");
  add("u", 1, R"("after":{"id":3,"weight":2},"before":{"id":2},"unchanged":["note"])");
  EXPECT_EQ(nets(), "d nothing 1 null null\nd nothing 2 null null\nu other 3 = 2\n");
  const auto order = fold_->finish();
  EXPECT_EQ(fold_->origin(fold_->net(order[2])), fold_->key(fold_->net(order[0])));
}

TEST_F(FoldTest, a_row_deleted_and_inserted_again_keeps_nothing) {
  add("d", 0, R"("before":{"id":1})");
  add("c", 1, R"("after":{"id":1,"note":null,"weight":1})");
  EXPECT_EQ(nets(), "c nothing 1 null 1\n");
}

TEST_F(FoldTest, a_toasted_key_that_was_sent_as_old_key_only_is_the_new_key_too) {
  add("u", 0, R"("after":{"weight":1},"before":{"id":1},"unchanged":["id","note"])");
  EXPECT_EQ(nets(), "u self 1 = 1\n");
}

TEST_F(FoldTest, an_unfit_value_is_unknown_and_told_an_unfit_key_takes_the_row) {
  EXPECT_TRUE(add("c", 0, R"("after":{"id":1,"note":"a","weight":"much"})"));
  EXPECT_FALSE(add("u", 1, R"("after":{"id":"x","note":"a","weight":1},"before":{"id":1})"));
  EXPECT_EQ(nets(), "d nothing 1 null null\n");
  ASSERT_EQ(fold_->unfit().size(), 2u);
  EXPECT_EQ(fold_->unfit()[0].column, 2);
  EXPECT_EQ(fold_->unfit()[0].value, "\"much\"");
  EXPECT_EQ(fold_->unfit()[1].column, -1);
}

TEST_F(FoldTest, columns_in_any_order_and_escaped_names_are_found) {
  add("c", 0, R"("after":{"weight":1,"n\u006fte":"a","id":1})");
  EXPECT_EQ(nets(), "c nothing 1 \"a\" 1\n");
  EXPECT_THROW(add("c", 1, R"("after":{"id":2,"other":1})"), base::Failure);
}

TEST_F(FoldTest, a_hot_row_does_not_fill_the_memory) {
  for (std::uint64_t i = 0; i < 10000; ++i) {
    add("u", i, R"("after":{"id":1,"note":")" + std::string(100, static_cast<char>('a' + i % 26)) + R"(","weight":1})");
  }
  EXPECT_LT(fold_->bytes(), 200'000u);
}

}  // namespace
