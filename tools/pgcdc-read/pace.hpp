// pgcdc-read: when to answer the server, when to call it dead, when it means to
// stop. Knows how a walsender behaves. Must not ask a clock: time comes in as a
// value. Pure.
#pragma once

#include <cstdint>

#include "base/ids.hpp"

namespace reader {

/// All times are milliseconds of one steady clock.
class Pace {
 public:
  /// in   sender_timeout_ms  the server's wal_sender_timeout; 0 = it has none
  Pace(std::int64_t sender_timeout_ms, std::int64_t now_ms);

  /// Something came from the server.
  void heard(std::int64_t now_ms) { heard_ms_ = now_ms; }
  /// A keepalive came. in  wal_end  its position; requested  it asks for an answer
  void keepalive(std::int64_t now_ms, base::Lsn wal_end, bool requested);
  /// There is news that the server should hear of soon: a position moved.
  void news() { news_ = true; }
  /// A status update was sent.
  void told(std::int64_t now_ms);

  /// A status update is due: asked for (at most ten a second), news (at most one a second), or a third of the timeout is over.
  [[nodiscard]] bool tell_due(std::int64_t now_ms) const;
  /// The update should ask for an answer: the server has been quiet for a while.
  [[nodiscard]] bool ask(std::int64_t now_ms) const;
  /// Nothing came for 2 x wal_sender_timeout + 30 s, although asked: the peer is dead.
  [[nodiscard]] bool silent(std::int64_t now_ms) const;
  /// The server has asked again and again for an answer at the same position: it is shutting down, and waits for us.
  /// src  postgres-facts 4
  [[nodiscard]] bool stopping() const { return storm_ >= kStorm; }
  /// How long a wait may last until one of the above may change.
  [[nodiscard]] int wait_ms(std::int64_t now_ms) const;

 private:
  static constexpr int kStorm = 5;

  std::int64_t timeout_ms_;
  std::int64_t interval_ms_;
  std::int64_t heard_ms_;
  std::int64_t told_ms_;
  bool requested_ = false;
  bool news_ = false;
  base::Lsn storm_at_;
  std::int64_t storm_began_ms_ = 0;
  int storm_ = 0;
};

}  // namespace reader
