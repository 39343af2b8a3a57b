// pgcdc-snapshot: one moment for all tables: a position in the log such that every commit before it is in the snapshot, and
// every commit from it on comes by the stream. Knows transactions and snapshots; not tables' columns or rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/ids.hpp"
#include "pg/connection.hpp"

namespace snapshot {

/// A position, and the first transaction number that was not yet given away when the position had been read.
struct Mark {
  base::Lsn lsn;
  std::uint64_t next_xid = 0;
};

/// Reads the position, then takes a transaction number: whatever can have a commit record before the position has a smaller
/// one. (The end of pg_current_snapshot() would not do: it is one past the last *completed* transaction, and one that is
/// just writing its commit record has a number beyond it.)
///
/// in   session  outside of a transaction
[[nodiscard]] Mark mark(pg::Connection& session);

/// Returns when every transaction older than the mark has ended, and thus is visible or never will be.
///
/// in   limit_s  how long to wait
/// err  retry/blocked after that, naming the process (or prepared transaction) that is in the way; retry/interrupted when
///      the program was asked to stop
/// src  postgres-facts: a commit record is in the log before others see its rows; a transaction older than the publication
void wait_for_older(pg::Connection& session, const Mark& mark, std::uint64_t limit_s);

/// A snapshot that is open in the session's transaction.
struct Snapshot {
  base::Lsn high;  ///< end of the log after it was taken
  std::string ts;  ///< its time, as the stream writes times; not later than the snapshot
};

/// Opens the transaction, locks the tables against changes of their form (a table that is rewritten after the snapshot would
/// look empty in it), and only then takes the snapshot.
///
/// in   tables  SQL names
/// err  retry/sqlstate_55P03 when a table stays locked; bug/snapshot_too_old when the snapshot does not hold the mark
[[nodiscard]] Snapshot take_snapshot(pg::Connection& session, const Mark& mark, std::span<const std::string> tables);

}  // namespace snapshot
