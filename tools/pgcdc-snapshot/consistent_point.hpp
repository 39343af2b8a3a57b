// pgcdc-snapshot: one moment for all tables: a position in the log such that every commit before it is in the snapshot, and
// every commit from it on comes by the stream. Knows transactions and snapshots; not tables' columns or rows.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "pg/connection.hpp"

namespace snapshot {

/// A position, and the first transaction number that was not yet given away when the position had been read.
///
/// standby  the server only replays: it gives no numbers, and next_xid is 0
struct Mark {
  base::Lsn lsn;
  std::uint64_t next_xid = 0;
  bool standby = false;
};

/// Reads the position, then takes a transaction number: whatever can have a commit record before the position has a smaller
/// one. (The end of pg_current_snapshot() would not do: it is one past the last *completed* transaction, and one that is
/// just writing its commit record has a number beyond it.)
///
/// in   session  outside of a transaction
/// err  refused/standby of a standby before 16, on which nothing can be decoded
[[nodiscard]] Mark mark(pg::Connection& session);

/// Returns when every transaction older than the mark has ended, and thus is visible or never will be. On a standby at once: there the
/// snapshot itself waits for them.
///
/// in   limit_s  how long to wait
/// err  retry/blocked after that, naming the process (or prepared transaction) that is in the way; retry/interrupted when
///      the program was asked to stop
/// src  postgres-facts: a commit record is in the log before others see its rows; a transaction older than the publication
void wait_for_older(pg::Connection& session, const Mark& mark, std::uint64_t limit_s);

/// Returns when a standby has replayed the log up to the mark.
///
/// err  retry/standby_behind after limit_s; retry/interrupted
void wait_for_replay(pg::Connection& standby, const Mark& mark, std::uint64_t limit_s);

/// A snapshot that is open in a session's transaction, for others to take over.
///
/// lsn  a transaction is in the snapshot exactly when its commit record lies before this
struct Snapshot {
  base::Lsn lsn;
  base::Lsn high;    ///< end of the log after it was taken
  std::string ts;    ///< its time, as the stream writes times; not later than the snapshot
  std::string name;  ///< as SET TRANSACTION SNAPSHOT takes it, while the session's transaction is open
};

/// Has the server decode up to a point where it knows exactly which transactions are in its snapshot (a temporary slot, which
/// is gone with its connection), and takes that snapshot over into the session's transaction. A position that is merely read
/// near a snapshot would not do: a row that got another key between the two would stand in the copy as it is, and be moved there
/// again by the stream, from a row that is another one by then.
///
/// in   session  outside of a transaction; in one that reads when this returns, until it commits
///      stream   a replication session, used for nothing else; may be closed afterwards
///      limit_s  how long to wait for transactions that are writing
/// err  retry/blocked, retry/interrupted as wait_for_older, on a standby with what the primary must do; retry/sqlstate_XX000, which the
///      server says when a table is altered just then; bug/snapshot_too_old when the snapshot does not hold the mark
/// src  postgres-facts 12, 13; PostgreSQL docs, CREATE_REPLICATION_SLOT, SNAPSHOT 'export'
[[nodiscard]] Snapshot take_snapshot(pg::Connection& session, pg::Connection& stream, const Mark& mark,
                                     std::uint64_t limit_s);

/// Begins a transaction that sees the snapshot, and locks one table against changes of its form until its end.
///
/// in   session  outside of a transaction
///      table    its SQL name
/// err  retry/sqlstate_55P03 when the table stays locked; retry/table_altered when it is not there. The transaction is to be
///      rolled back then
void enter_snapshot(pg::Connection& session, const Snapshot& snapshot, const std::string& table);

/// Makes sure that what the snapshot sees of the locked table is what is.
///
/// in   session  as enter_snapshot left it
///      present  another session, outside of a transaction: it sees what is
/// err  retry/table_rewritten: its rows were written anew since the snapshot, which would see none of them;
///      retry/table_altered: it is another table, or a column has another name or type by now
void check_form(pg::Connection& session, pg::Connection& present, base::Oid relid);

}  // namespace snapshot
