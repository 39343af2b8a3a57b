// pgoutput: the replication protocol around pgoutput's messages: what a walsender puts
// into CopyData, and what it expects. Knows layouts only; must not know when to answer.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace pgoutput {

/// One CopyData from the server.
///
/// kind     data: `payload` is one message of pgoutput. keepalive: no payload
/// position data: WAL position of the change (0 for what has none). keepalive: walEnd, how far the server has sent
/// payload  points into the bytes that were decoded
struct Envelope {
  enum class Kind : std::uint8_t { data, keepalive };
  Kind kind = Kind::data;
  base::Lsn position;
  base::Time sent;
  bool reply_requested = false;
  std::string_view payload;
};

/// err  data/bad_message when cut short or of an unknown kind
/// src  PostgreSQL docs, Streaming Replication Protocol, "XLogData (B)", "Primary keepalive message (B)"
[[nodiscard]] Envelope decode_envelope(std::string_view bytes);

/// What the client tells about its progress.
struct Status {
  base::Lsn written;
  base::Lsn flushed;  ///< what the server may forget; 0 moves nothing
  base::Time now;
  bool reply_requested = false;
};

/// out  the CopyData to send; `applied` is sent equal to `flushed`
/// src  PostgreSQL docs, Streaming Replication Protocol, "Standby status update (F)"
[[nodiscard]] std::string encode(const Status& status);

}  // namespace pgoutput
