// What the process was given.
#include "io/environment.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace {

TEST(Environment, a_variable_that_is_not_set_is_nothing_and_one_that_is_empty_is_empty) {
  ::unsetenv("PGCDC_TEST");
  EXPECT_EQ(io::variable("PGCDC_TEST"), std::nullopt);
  ::setenv("PGCDC_TEST", "", 1);
  EXPECT_EQ(io::variable("PGCDC_TEST"), "");
  ::unsetenv("PGCDC_TEST");
}

TEST(Environment, without_a_folder_for_temporary_files_there_is_another_one) {
  ::setenv("TMPDIR", "/scratch", 1);
  EXPECT_EQ(io::temporary_folder(), "/scratch");
  ::setenv("TMPDIR", "", 1);
  EXPECT_EQ(io::temporary_folder("/var/tmp"), "/var/tmp");
  ::unsetenv("TMPDIR");
  EXPECT_EQ(io::temporary_folder(), "/tmp");
}

}  // namespace
