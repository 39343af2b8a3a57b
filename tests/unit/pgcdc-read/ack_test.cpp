// pgcdc-read: an ack confirms what it may confirm, and nothing else. The file itself is tested
// on a real server, tests/e2e/pgcdc-read.bats.
#include "pgcdc-read/ack.hpp"

#include <gtest/gtest.h>

namespace {

using base::Lsn;
using reader::Ack;
using reader::confirmable;
using reader::parse_ack;

const std::string kRun = "0123456789abcdef0123456789abcdef";
const std::string kOther = "ffffffffffffffffffffffffffffffff";

TEST(Ack, one_line_with_position_and_run) {
  const auto ack = parse_ack("0000000A/3A41C8F0 " + kRun + "\n");
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->end, Lsn{0xA3A41C8F0});
  EXPECT_EQ(ack->run, kRun);
}

TEST(Ack, anything_else_is_none) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("0/1"), "0/1 " + kRun.substr(1), "0/1 " + kRun + " more",
        "0/1  " + kRun, "x " + kRun, "0/1 " + kRun + "\n\n", std::string("0/1 0123456789ABCDEF0123456789ABCDEF")}) {
    EXPECT_FALSE(parse_ack(text).has_value()) << text;
  }
}

TEST(Confirmable, is_what_this_run_acked_and_wrote) {
  EXPECT_EQ(confirmable(Ack{Lsn{50}, kRun}, kRun, Lsn{100}, Lsn{10}), Lsn{50});
  EXPECT_EQ(confirmable(std::nullopt, kRun, Lsn{100}, Lsn{10}), Lsn{10});
  EXPECT_EQ(confirmable(Ack{Lsn{50}, kOther}, kRun, Lsn{100}, Lsn{10}), Lsn{10});
}

TEST(Confirmable, never_exceeds_what_was_written_and_never_goes_back) {
  EXPECT_EQ(confirmable(Ack{Lsn{500}, kRun}, kRun, Lsn{100}, Lsn{10}), Lsn{100});
  EXPECT_EQ(confirmable(Ack{Lsn{5}, kRun}, kRun, Lsn{100}, Lsn{10}), Lsn{10});
  EXPECT_EQ(confirmable(Ack{Lsn{500}, kRun}, kRun, Lsn{0}, Lsn{10}), Lsn{10});
}

}  // namespace
