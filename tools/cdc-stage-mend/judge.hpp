// cdc-stage-mend: whether a server goes on with the history that a stage's log is of. Knows timelines and positions. Must not know a store
// or a server: what they say comes in as values. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "pg/timeline.hpp"

namespace mend {

/// What `pgcdc-slot show --identify` says.
///
/// confirmed  where the slot begins
/// log_end    of the server's log
/// branches   timelines that the server's descends from, and where each was left
struct Server {
  std::string system_id;
  std::uint64_t timeline = 0;
  std::string database;
  base::Lsn confirmed;
  base::Lsn log_end;
  std::vector<pg::Branch> branches;
};

/// err  data/bad_server
[[nodiscard]] Server parse_server(std::string_view text);

/// How far a warehouse is, as `cdc-load --print position` says it.
struct Reached {
  std::uint64_t era = 0;
  base::Lsn position;
};

/// out  nothing when the text is empty: nothing was loaded. err  data/bad_position
[[nodiscard]] std::optional<Reached> parse_reached(std::string_view text);

/// goes_on        the log's changes are part of the server's history
/// other_history  some of them are not: it was restored, or the promoted server had not received them
/// other_cluster  it is another cluster
/// behind         the server is of an older timeline: one that was not promoted
enum class Verdict : std::uint8_t { goes_on, other_history, other_cluster, behind };

/// in   timeline  newest in the log; end  of the log
[[nodiscard]] Verdict judge(const Server& server, std::string_view system_id, std::uint64_t timeline, base::Lsn end);

}  // namespace mend
