// pgcdc-read: the clockwork of status updates; the contracts are in
// pace.hpp. Knows the intervals. Must not ask a clock: time comes in as a
// value. Pure.
#include "pgcdc-read/pace.hpp"

#include <algorithm>

namespace reader {
namespace {

constexpr std::int64_t kDefaultTimeoutMs = 60'000;  // PostgreSQL's own, where the server has none
constexpr std::int64_t kMostIntervalMs = 10'000;
constexpr std::int64_t kLeastReplyGapMs = 100;
constexpr std::int64_t kLeastNewsGapMs = 1'000;
constexpr std::int64_t kStormMs = 1'000;

}  // namespace

Pace::Pace(std::int64_t sender_timeout_ms, std::int64_t now_ms)
    : timeout_ms_(sender_timeout_ms > 0 ? sender_timeout_ms : kDefaultTimeoutMs),
      interval_ms_(std::clamp<std::int64_t>(timeout_ms_ / 3, 100, kMostIntervalMs)),
      heard_ms_(now_ms),
      told_ms_(now_ms - kMostIntervalMs) {}

void Pace::keepalive(std::int64_t now_ms, base::Lsn wal_end, bool requested) {
  heard(now_ms);
  if (!requested) return;
  requested_ = true;
  // Without a shutdown the server asks once per half of its timeout.
  if (wal_end != storm_at_ || now_ms - storm_began_ms_ > kStormMs) {
    storm_at_ = wal_end;
    storm_began_ms_ = now_ms;
    storm_ = 0;
  }
  if (timeout_ms_ > 2 * kStormMs) ++storm_;
}

void Pace::told(std::int64_t now_ms) {
  told_ms_ = now_ms;
  requested_ = false;
  news_ = false;
}

bool Pace::tell_due(std::int64_t now_ms) const {
  const std::int64_t since = now_ms - told_ms_;
  return since >= interval_ms_ || (requested_ && since >= kLeastReplyGapMs) || (news_ && since >= kLeastNewsGapMs);
}

bool Pace::ask(std::int64_t now_ms) const { return now_ms - heard_ms_ >= interval_ms_; }

bool Pace::silent(std::int64_t now_ms) const { return now_ms - heard_ms_ >= 2 * timeout_ms_ + 30'000; }

int Pace::wait_ms(std::int64_t now_ms) const {
  const std::int64_t gap = requested_ ? kLeastReplyGapMs : news_ ? kLeastNewsGapMs : interval_ms_;
  return static_cast<int>(std::clamp<std::int64_t>(told_ms_ + std::min(gap, interval_ms_) - now_ms, 0, interval_ms_));
}

}  // namespace reader
