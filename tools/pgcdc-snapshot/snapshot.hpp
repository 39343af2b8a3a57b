// pgcdc-snapshot: the run: checks, then rounds: one consistent point, and pieces of tables copied in it by several workers, until its
// time is over or nothing is left. Knows the order of things; rows are written by copy_row, the point found by consistent_point, the
// tables by plan, pieces handed out by work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace snapshot {

/// standby      server that the rows are read from; empty: the slot's
/// hold_s       how long a snapshot is held open before a new one is taken; pieces that have begun are finished
/// chunk_bytes  of a table on the server's disk
/// done, unknown   files to read, `-` is standard input; empty: none
/// gone         file to write: the tables of `unknown` that the publication does not have; empty: none
/// max_rate     bytes in a second; 0: no limit
/// part         `K/N`, of tables whose primary key is one whole number; all others are in the first. Empty: all
/// tables       names; empty = all of the publication
struct Options {
  std::string source;
  std::string dsn;
  std::string standby;
  std::string slot;
  std::string publication;
  std::uint64_t wait_s = 60;
  std::uint64_t hold_s = 300;
  std::uint64_t chunk_bytes = std::uint64_t{1024} * 1024 * 1024;
  std::uint64_t jobs = 2;
  std::uint64_t max_rate = 0;
  std::string part;
  std::string done;
  std::string unknown;
  std::string gone;
  std::string metrics;
  std::vector<std::string> tables;
};

/// Copies the tables to standard output as a change stream.
///
/// out  done when every table was copied and has left
/// err  refused/slot_... (pg::refuse_slot), refused/slot_ahead (the slot begins after the copy: changes in between would be
///      lost), refused/no_publication, refused/not_published, refused/wrong_cluster (what was done was done elsewhere),
///      refused/standby (before 16), denied/no_select, denied/row_security, retry/blocked, retry/standby_behind,
///      retry/publication_changed, retry/interrupted (asked to stop: chunks finished before stand complete in the output), data/bad_done, data/bad_unknown, and those of the session
[[nodiscard]] base::Exit copy_tables(const Options& options);

}  // namespace snapshot
