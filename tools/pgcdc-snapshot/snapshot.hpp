// pgcdc-snapshot: the run: checks, one consistent point, then table after table. Knows the order of things; rows are written
// by copy_row, the point found by consistent_point, the tables by plan.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace snapshot {

struct Options {
  std::string source;
  std::string dsn;
  std::string slot;
  std::string publication;
  std::uint64_t wait_s = 60;
  std::string metrics;
  std::vector<std::string> tables;  ///< names; empty = all of the publication
};

/// Copies the tables to standard output as a change stream.
///
/// out  done when every table was copied and has left
/// err  refused/slot_... (pg::refuse_slot), refused/slot_ahead (the slot begins after the copy: changes in between would be
///      lost), refused/no_publication, refused/not_published, denied/no_select, denied/row_security, retry/blocked,
///      retry/publication_changed, retry/interrupted (asked to stop: tables finished before stand complete in the output),
///      and those of the session
[[nodiscard]] base::Exit copy_tables(const Options& options);

}  // namespace snapshot
