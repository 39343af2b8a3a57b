// pgcdc-read: one run, from connecting to the last confirmation. Knows the order of things; the parts are
// elsewhere: pg (sessions), translate (messages to lines), output (back-pressure), pace (answers), ack (what may be
// confirmed).
#pragma once

#include <cstdint>
#include <string>

#include "base/failure.hpp"

namespace reader {

struct Options {
  std::string source;
  std::string dsn;
  std::string slot;
  std::string publication;
  std::string start;     ///< an LSN or empty: the slot's own position
  std::string until;     ///< `now`, an LSN, or empty: never
  std::string ack;       ///< empty: the slot never moves
  std::string messages;  ///< prefix of the logical messages to write; empty: none
  std::string spool;     ///< folder
  std::uint64_t max_bytes = std::uint64_t{1} << 30;
  std::string metrics;
};

/// Reads the slot and writes the change stream to standard output until the end asked for, a stop signal or trouble.
///
/// out  done
/// err  usage/bad_start, usage/bad_until; io::Broken; refused/... of pg::refuse_slot, refused/publication_missing,
///      refused/publication_skipped, refused/beyond_log; retry/server_silent, retry/server_stopping, retry/spool_full;
///      and what the parts throw
[[nodiscard]] base::Exit read_slot(const Options& options);

}  // namespace reader
