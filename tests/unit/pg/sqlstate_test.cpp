// pg: the table of SQLSTATEs holds, whole codes before classes, and what it does not know stops the pipeline.
#include "pg/sqlstate.hpp"

#include <gtest/gtest.h>

namespace {

using base::Exit;
using pg::exit_of;

TEST(Sqlstate, what_may_pass_is_retried) {
  for (const char* code : {"", "08006", "25P03", "40001", "40P01", "53300", "53400", "55006", "55P03", "57014", "57P01",
                           "57P02", "57P03", "57P05", "58000", "58030"}) {
    EXPECT_EQ(exit_of(code), Exit::retry) << code;
  }
}

TEST(Sqlstate, a_missing_right_is_denied) {
  for (const char* code : {"28000", "28P01", "42501"}) EXPECT_EQ(exit_of(code), Exit::denied) << code;
}

TEST(Sqlstate, a_name_that_cannot_be_one_is_usage) {
  EXPECT_EQ(exit_of("42602"), Exit::usage);
  EXPECT_EQ(exit_of("42622"), Exit::usage);
}

TEST(Sqlstate, what_is_gone_or_unknown_is_refused) {
  for (const char* code : {"42704", "55000", "58P01", "0A000", "3D000", "42P01", "XX000", "22P02", "99999", "5"}) {
    EXPECT_EQ(exit_of(code), Exit::refused) << code;
  }
}

}  // namespace
