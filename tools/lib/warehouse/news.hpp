// warehouse: whether the stage holds something that a run has not seen, asked of the stage alone: a warehouse that nobody has news for is not
// woken, and its file stays closed. Knows the log; no database.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/ids.hpp"
#include "stage/log.hpp"

namespace warehouse {

/// What a run has left behind.
///
/// identity    of the stage; nothing when nobody had written yet
/// applied_to  the warehouse's position; nothing when the log had not begun
/// last_from   where the last applied epoch begins, and last_sha256 of its manifest; empty: it begins where the log does
/// chunks      that are loaded, or wait for a table
/// table_held  a table waits for somebody's lock, which is tried again
struct Standing {
  std::optional<stage::Identity> identity;
  std::optional<base::Lsn> applied_to;
  base::Lsn last_from;
  std::string last_sha256;
  std::set<std::string> chunks;
  bool table_held = false;
};

/// in   log  of the source and era of `standing`
/// out  true: another run has something to do, or to complain of
/// err  those of stage::Log
[[nodiscard]] bool has_news(stage::Log& log, const Standing& standing);

}  // namespace warehouse
