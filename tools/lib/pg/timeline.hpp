// pg: libpq behind a small interface. This file: which history a server's log is of: cluster, timeline, and where its timelines branched
// off from the ones before. Knows the replication protocol's two commands for that; must not know what anybody concludes from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "pg/connection.hpp"

namespace pg {

/// A timeline that this one descends from, and the position at which it was left.
struct Branch {
  std::uint64_t timeline = 0;
  base::Lsn end;
};

/// end  of the server's log when it was asked
struct History {
  std::string system_id;
  std::uint64_t timeline = 0;
  base::Lsn end;
  std::vector<Branch> branches;
};

/// in   session  a replication connection
/// src  PostgreSQL docs, Streaming Replication Protocol, IDENTIFY_SYSTEM and TIMELINE_HISTORY
[[nodiscard]] History read_history(Connection& session);

/// A history file's lines: `1<tab>0/3000148<tab>why`; others are comments. Pure. err  data/bad_history
[[nodiscard]] std::vector<Branch> parse_history(std::string_view text);

}  // namespace pg
