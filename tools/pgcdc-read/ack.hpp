// pgcdc-read: what may be confirmed to the server. Knows the ack file, which the last durable program replaces, and the
// rule that nothing is confirmed beyond what has left us. Must not know how the server is told. All but the last
// two are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace reader {

/// What the last durable program says: this `end` of this run is durable.
struct Ack {
  base::Lsn end;
  std::string run;
};

/// in   text  content of an ack file: `END RUN`, one line
/// out  nothing when it is anything else
/// src  cdc-stage-put(1), ACK FILE
[[nodiscard]] std::optional<Ack> parse_ack(std::string_view text);

/// Greatest position that the server may forget.
///
/// in   ack      what the file says, if it says anything
///      run      ours: an ack of another run (a copied file, another stage) confirms nothing
///      written  end of the last transaction or heartbeat whose bytes have left this process
///      before   what was confirmable until now
/// out  never less than `before`, never more than `written` unless that is less than `before`
[[nodiscard]] base::Lsn confirmable(const std::optional<Ack>& ack, std::string_view run, base::Lsn written,
                                    base::Lsn before);

/// out  what the file says now; nothing when there is none or it holds something else
/// err  denied/permission, retry/file_failed
[[nodiscard]] std::optional<Ack> read_ack(const std::string& path);

/// Somebody who writes this ack file is at work.
/// err  denied/permission, retry/file_failed
/// src  cdc-stage-put(1), --ack
[[nodiscard]] bool is_ack_awaited(const std::string& path);

}  // namespace reader
