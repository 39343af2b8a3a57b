// pg: what can be said of a connection without a server: the dsn's faults, and that no message repeats it.
#include "pg/connection.hpp"

#include <gtest/gtest.h>

namespace {

base::Failure failure_of(const std::string& dsn) {
  try {
    static_cast<void>(pg::Connection::open(dsn, pg::Mode::plain, "test"));
  } catch (const base::Failure& failure) {
    return failure;
  }
  return {base::Exit::done, "", ""};
}

TEST(Connection, a_dsn_that_is_none_is_usage_and_is_not_repeated) {
  for (const char* dsn : {"hunter2", "host=x password='hunter2", "nonsense=hunter2", "postgresql://u:hunter2@[::1/x"}) {
    const base::Failure failure = failure_of(dsn);
    EXPECT_EQ(failure.exit, base::Exit::usage) << dsn;
    EXPECT_EQ(failure.slug, "bad_dsn");
    EXPECT_EQ(failure.message.find("hunter2"), std::string::npos);
  }
}

TEST(Connection, no_server_is_retried_and_the_password_is_not_told) {
  const base::Failure failure = failure_of("host=/nonexistent port=1 user=u password=hunter2 dbname=d");
  EXPECT_EQ(failure.exit, base::Exit::retry);
  EXPECT_EQ(failure.slug, "connect_failed");
  EXPECT_NE(failure.message.find("/nonexistent"), std::string::npos);
  EXPECT_EQ(failure.message.find("hunter2"), std::string::npos);
}

TEST(Connection, names_and_texts_are_quoted) {
  EXPECT_EQ(pg::identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(pg::literal("it's"), "'it''s'");
}

}  // namespace
