// pgcdc-read: when the server is answered, believed dead or understood to be stopping; time is a number here.
// Nothing waits.
#include "pgcdc-read/pace.hpp"

#include <gtest/gtest.h>

namespace {

using base::Lsn;
using reader::Pace;

TEST(Pace, the_first_update_is_due_at_once_then_every_third_of_the_timeout) {
  Pace pace(6'000, 1'000);
  EXPECT_TRUE(pace.tell_due(1'000));
  pace.told(1'000);
  EXPECT_FALSE(pace.tell_due(2'999));
  EXPECT_TRUE(pace.tell_due(3'000));
}

TEST(Pace, without_a_timeout_or_with_a_long_one_an_update_is_due_every_ten_seconds) {
  for (const std::int64_t timeout : {0, 3'600'000}) {
    Pace pace(timeout, 0);
    pace.told(0);
    EXPECT_FALSE(pace.tell_due(9'999));
    EXPECT_TRUE(pace.tell_due(10'000));
  }
}

TEST(Pace, a_request_is_answered_soon_but_at_most_ten_times_a_second) {
  Pace pace(60'000, 0);
  pace.told(1'000);
  pace.keepalive(1'050, Lsn{1}, true);
  EXPECT_FALSE(pace.tell_due(1'050));
  EXPECT_EQ(pace.wait_ms(1'050), 50);
  EXPECT_TRUE(pace.tell_due(1'100));
  pace.told(1'100);
  EXPECT_FALSE(pace.tell_due(1'300));
}

TEST(Pace, news_are_told_within_a_second) {
  Pace pace(60'000, 0);
  pace.told(0);
  pace.news();
  EXPECT_FALSE(pace.tell_due(999));
  EXPECT_TRUE(pace.tell_due(1'000));
}

TEST(Pace, a_quiet_server_is_asked_then_given_up_after_twice_its_timeout_and_30_s) {
  Pace pace(5'000, 0);
  EXPECT_FALSE(pace.ask(1'000));
  EXPECT_TRUE(pace.ask(2'000));
  EXPECT_FALSE(pace.silent(39'999));
  EXPECT_TRUE(pace.silent(40'000));
  pace.heard(40'000);
  EXPECT_FALSE(pace.silent(79'999));
}

TEST(Pace, requests_at_one_position_again_and_again_mean_a_server_that_stops) {
  Pace pace(60'000, 0);
  for (int i = 0; i < 4; ++i) pace.keepalive(i * 100, Lsn{7}, true);
  EXPECT_FALSE(pace.stopping());
  pace.keepalive(400, Lsn{7}, true);
  EXPECT_TRUE(pace.stopping());
}

TEST(Pace, requests_that_move_on_or_come_slowly_do_not) {
  Pace moving(60'000, 0);
  for (int i = 0; i < 20; ++i) moving.keepalive(i * 10, Lsn{static_cast<std::uint64_t>(i)}, true);
  EXPECT_FALSE(moving.stopping());
  Pace slow(60'000, 0);
  for (int i = 0; i < 20; ++i) slow.keepalive(i * 600, Lsn{7}, true);
  EXPECT_FALSE(slow.stopping());
  Pace plain(60'000, 0);
  for (int i = 0; i < 20; ++i) plain.keepalive(i, Lsn{7}, false);
  EXPECT_FALSE(plain.stopping());
}

}  // namespace
