// pgcdc-slot: create, show and drop a replication slot. Knows
// what can go wrong with each. Must not know what is read from
// a slot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/failure.hpp"
#include "pg/slot.hpp"
#include "pg/timeline.hpp"

namespace slot {

struct Options {
  std::string dsn;
  std::string slot;
  std::string publication;
  std::uint64_t wait_seconds = 60;
  bool server = false;  ///< show the history of its server too
};

/// Creates a logical slot for pgoutput and prints it as show() does.
///
/// out  done
/// err  refused/publication_missing (a slot cannot pass WAL from before its publication), refused/wal_level,
///      refused/slot_exists, refused/standby (of a server before 16); retry/slot_blocked after wait_seconds, with the pids that
///      hold it up, on a standby with what the primary must do; no half slot is left.
///      A stop signal while waiting: retry/interrupted, no half slot either
/// src  postgres-facts 13, 27
[[nodiscard]] base::Exit create(const Options& options);

/// Prints the slot as one JSON line. out  no when there is none
[[nodiscard]] base::Exit show(const Options& options);

/// Drops the slot: the server forgets the position and frees the WAL.
/// out  no when there is none. err  retry/slot_active with the pid that reads it
[[nodiscard]] base::Exit drop(const Options& options);

/// in   slot    as the server has it
///      server  whose it is, when that is wanted: cdc-stage-mend reads it
/// out  one JSON object without a line break
[[nodiscard]] std::string describe(const pg::Slot& slot, const std::optional<pg::History>& server = std::nullopt);

}  // namespace slot
