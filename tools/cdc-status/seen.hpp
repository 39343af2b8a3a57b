// cdc-status: what was seen of a pipeline at one moment, and what that means for its objective. Knows which causes there are and which
// is worse; must not know how anything is asked or shown. Pure: the moment comes in as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "cdc-status/pipelines.hpp"

namespace status {

/// A part of the pipeline that could not be asked. part  source, stage or warehouse; slug  as in logs
struct Trouble {
  std::string part;
  std::string slug;
  std::string words;
};

/// slot            none, idle (nobody reads), active, lost
/// behind_bytes    of the log behind what was acknowledged; only where there is a slot
/// retained_bytes  of the log that the server keeps for the slot
/// catalog_age     transactions since the oldest one whose catalog rows the slot keeps from being vacuumed away
/// clock_ahead_us  our clock before the server's: every age is told by ours, of times that are the server's
struct SourceSeen {
  std::string slot;
  std::optional<std::uint64_t> behind_bytes;
  std::optional<std::uint64_t> retained_bytes;
  std::optional<std::uint64_t> catalog_age;
  std::int64_t clock_ahead_us = 0;
};

/// to    end of the stage's log
/// time  of the newest commit or heartbeat in it, as manifests write it; empty when there is none
struct StageSeen {
  base::Lsn to;
  std::string time;
};

/// A row of _cdc_freshness. complete_to_time  empty: nothing is complete yet
struct TableSeen {
  std::string table;
  std::string state;
  std::string complete_to_time;
  std::uint64_t unknown_values = 0;
  std::uint64_t quarantined = 0;
};

/// Nothing in it: nothing has been loaded yet.
struct WarehouseSeen {
  base::Lsn applied_to;
  std::string complete_to_time;
  std::vector<TableSeen> tables;
  std::uint64_t era = 0;
};

/// What was not asked, or could not be, is absent; the latter is in `troubles`.
struct Seen {
  Pipeline pipeline;
  std::int64_t at_us = 0;
  std::optional<SourceSeen> source;
  std::optional<StageSeen> stage;
  std::optional<WarehouseSeen> warehouse;
  std::vector<Trouble> troubles;
};

/// One table against the objective. age_s  since the moment up to which it is complete; nothing while it is being copied for the first time,
/// or when the source no longer has it
struct TableVerdict {
  TableSeen seen;
  std::optional<std::int64_t> age_s;
  bool in = false;
};

/// in       within the objective: every table that is not being copied for the first time is complete to a moment not longer ago
/// cause    why not, in one word: the worst there is (the order is that of cdc-status(1)); or, while `in`, what will be the reason if it
///          goes on; empty when there is none
/// age_s    the greatest of the tables; nothing when there is none to measure
/// staged_s, loaded_s  since the moment up to which stage and warehouse are complete
struct Verdict {
  Seen seen;
  std::vector<TableVerdict> tables;
  bool in = false;
  std::string cause;
  std::optional<std::int64_t> age_s;
  std::optional<std::int64_t> staged_s;
  std::optional<std::int64_t> loaded_s;
};

[[nodiscard]] Verdict judge(Seen seen);

}  // namespace status
