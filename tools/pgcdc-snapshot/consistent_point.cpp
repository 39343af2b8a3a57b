// pgcdc-snapshot: the consistent point. See consistent_point.hpp.
#include "pgcdc-snapshot/consistent_point.hpp"

#include <poll.h>

#include <algorithm>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "logging/event.hpp"
#include "pg/slot.hpp"
#include "tool/filter.hpp"

namespace snapshot {
namespace {

using base::Exit;
using base::Failure;

constexpr int kFirstPauseMs = 5;
constexpr int kLongestPauseMs = 200;
constexpr std::int64_t kSpeakAfterMs = 5000;  // then the wait is told about
constexpr std::int64_t kGraceMs = 500;        // lock_timeout first: it can say who was in the way
constexpr std::uint32_t kDecodingStandbys = 160000;

// The oldest transaction that is in the way, in words; empty when it has just ended.
std::string blocker(pg::Connection& session, const Mark& mark) {
  const std::string horizon = "'" + std::to_string(mark.next_xid & 0xffffffffU) + "'::xid";
  const pg::Result found = session.query(
      "SELECT l.pid, l.transactionid, a.datname, a.usename, extract(epoch FROM clock_timestamp() - "
      "a.xact_start)::bigint, "
      "p.gid FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
      "LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = l.transactionid "
      "WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted "
      "AND age(l.transactionid) > age(" +
          horizon + ") ORDER BY age(l.transactionid) DESC LIMIT 1",
      "look for the oldest transaction");
  if (found.rows() == 0) return "";
  std::string words = "transaction " + std::string(found.text(0, 1));
  if (!found.is_null(0, 5)) return words + ", prepared as '" + std::string(found.text(0, 5)) + "'";
  words += " of process " + std::string(found.text(0, 0));
  if (!found.is_null(0, 2)) words += " (database " + std::string(found.text(0, 2));
  if (!found.is_null(0, 3)) words += ", role " + std::string(found.text(0, 3));
  if (!found.is_null(0, 2)) words += ")";
  // Its age is shown to pg_read_all_stats only.
  if (!found.is_null(0, 4)) words += ", " + std::string(found.text(0, 4)) + " s old";
  return words;
}

struct Exported {
  base::Lsn lsn;
  std::string name;
};

Exported export_snapshot(pg::Connection& session, pg::Connection& stream, const Mark& since, std::uint64_t limit_s) {
  stream.show_server_words(true);
  // A standby waits for no lock, but for what the primary logs; what lasts longer is cancelled.
  const std::int64_t until_ms =
      tool::steady_ms() + static_cast<std::int64_t>(std::min<std::uint64_t>(limit_s, 1'000'000)) * 1000 + kGraceMs;
  stream.interrupt_when([&] { return tool::stop_asked() || (since.standby && tool::steady_ms() >= until_ms); });
  // Its end by this limit leaves nothing behind; statement_timeout does not act on it.
  stream.query("SET lock_timeout = " + std::to_string(std::min<std::uint64_t>(limit_s, 1'000'000) * 1000),
               "prepare the session");
  try {
    const pg::Result made =
        stream.query("CREATE_REPLICATION_SLOT " + pg::identifier("pgcdc_copy_" + crypto::random_id()) +
                         " TEMPORARY LOGICAL pgoutput " +
                         (session.server_version() >= 150000 ? "(SNAPSHOT 'export')" : "EXPORT_SNAPSHOT"),
                     "export a snapshot");
    const auto lsn = base::parse_lsn(made.text(0, 1));
    if (!lsn) throw Failure(Exit::bug, "bad_position", "the server's consistent point is no position");
    return Exported{*lsn, std::string(made.text(0, 2))};
  } catch (const Failure& failure) {
    // The server's internal error when the catalog changes just then ("... when MyProc->xmin already is valid"). Nothing was made.
    if (failure.slug == "sqlstate_XX000") {
      throw Failure(Exit::retry, failure.slug, "could not take a snapshot just now: " + failure.message);
    }
    if (since.standby && failure.slug == "sqlstate_57014" && !tool::stop_asked()) {
      throw Failure(
          Exit::retry, "blocked",
          "could not take a snapshot within " + std::to_string(limit_s) +
              " s: it waits for the primary to log which transactions run, which an idle one does not; on the "
              "primary: SELECT pg_log_standby_snapshot()");
    }
    if (failure.slug != "sqlstate_55P03") throw;
    const std::string words = blocker(session, mark(session));
    throw Failure(Exit::retry, "blocked",
                  "could not take a snapshot within " + std::to_string(limit_s) + " s: " +
                      (words.empty() ? "transactions that wrote have only just ended"
                                     : words + ", is not finished; end it, or wait longer with --max-seconds"));
  }
}

// The files that hold the table's rows, and its partitions' rows, and its name and its columns' names, types and order: two
// texts, as the session sees them.
pg::Result form_of(pg::Connection& session, base::Oid relid) {
  const std::string oid = std::to_string(relid.value);
  return session.query(
      "SELECT (SELECT string_agg(c.oid || ':' || c.relfilenode, ' ' ORDER BY c.oid) FROM pg_catalog.pg_class c "
      "WHERE c.oid = " +
          oid + " OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(" + oid +
          ") AS p)), (SELECT string_agg(format('%s %L %s %L %s', c.relnamespace, c.relname, a.attnum, a.attname, "
          "a.atttypid), ',' ORDER BY a.attnum) FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_attribute a "
          "ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.oid = " +
          oid + ")",
      "look up the table's form");
}

}  // namespace

Mark mark(pg::Connection& session) {
  Mark mark;
  mark.lsn = pg::end_of_log(session);
  mark.standby = session.query("SELECT pg_is_in_recovery()", "look whether it is a standby").truth(0, 0);
  if (mark.standby) {
    if (session.server_version() >= kDecodingStandbys) return mark;
    throw Failure(
        Exit::refused, "standby",
        "cannot copy from a standby before PostgreSQL 16: nothing says there which transactions a snapshot holds; "
        "repair: name the primary in the dsn");
  }
  mark.next_xid = static_cast<std::uint64_t>(
      session.query("SELECT pg_current_xact_id()", "take a transaction number").number(0, 0));
  return mark;
}

void wait_for_older(pg::Connection& session, const Mark& mark, std::uint64_t limit_s) {
  if (mark.standby) return;
  const std::string statement =
      "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= '" + std::to_string(mark.next_xid) + "'::xid8";
  const std::int64_t began_ms = tool::steady_ms();
  const std::int64_t limit_ms = static_cast<std::int64_t>(std::min<std::uint64_t>(limit_s, 1'000'000'000)) * 1000;
  bool spoke = false;
  for (int pause_ms = kFirstPauseMs; !session.query(statement, "wait for older transactions").truth(0, 0);
       pause_ms = std::min(pause_ms * 2, kLongestPauseMs)) {
    if (tool::stop_asked()) throw Failure(Exit::retry, "interrupted", "asked to stop before anything was copied");
    const std::int64_t waited_ms = tool::steady_ms() - began_ms;
    if (waited_ms >= limit_ms || (!spoke && waited_ms >= kSpeakAfterMs)) {
      const std::string words = blocker(session, mark);
      if (waited_ms >= limit_ms) {
        throw Failure(
            Exit::retry, "blocked",
            "could not take a snapshot within " + std::to_string(limit_s) + " s: " +
                (words.empty()
                     ? "transactions that began earlier have only just ended"
                     : words + ", began earlier and is not finished; end it, or wait longer with --max-seconds"))
            .at_lsn(mark.lsn);
      }
      if (!words.empty()) logging::event(logging::Level::warn, "waiting for " + words);
      spoke = true;
    }
    ::poll(nullptr, 0, pause_ms);
  }
}

void wait_for_replay(pg::Connection& standby, const Mark& mark, std::uint64_t limit_s) {
  const std::int64_t until_ms =
      tool::steady_ms() + static_cast<std::int64_t>(std::min<std::uint64_t>(limit_s, 1'000'000'000)) * 1000;
  for (int pause_ms = kFirstPauseMs; pg::end_of_log(standby) < mark.lsn;
       pause_ms = std::min(pause_ms * 2, kLongestPauseMs)) {
    if (tool::stop_asked()) throw Failure(Exit::retry, "interrupted", "asked to stop before anything was copied");
    if (tool::steady_ms() >= until_ms) {
      throw Failure(Exit::retry, "standby_behind",
                    "the standby has replayed the log up to " + base::format(pg::end_of_log(standby)) +
                        " only, after " + std::to_string(limit_s) + " s")
          .at_lsn(mark.lsn);
    }
    ::poll(nullptr, 0, pause_ms);
  }
}

Snapshot take_snapshot(pg::Connection& session, pg::Connection& stream, const Mark& mark, std::uint64_t limit_s) {
  const Exported exported = export_snapshot(session, stream, mark, limit_s);
  if (exported.lsn < mark.lsn) {
    throw Failure(Exit::bug, "snapshot_too_old", "the snapshot does not hold what was waited for");
  }
  session.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "begin the copy");
  session.query("SET TRANSACTION SNAPSHOT " + pg::literal(exported.name), "take the snapshot over");
  const pg::Result taken = session.query(
      "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), pg_export_snapshot()",
      "hand the snapshot on");
  return Snapshot{exported.lsn, pg::end_of_log(session), std::string(taken.text(0, 0)), std::string(taken.text(0, 1))};
}

void enter_snapshot(pg::Connection& session, const Snapshot& snapshot, const std::string& table) {
  session.query(
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + pg::literal(snapshot.name),
      "take the snapshot over");
  try {
    session.query("LOCK TABLE " + table + " IN ACCESS SHARE MODE", "lock a table against changes of its form");
  } catch (const Failure& failure) {
    // 42P01: no such table, 3F000: no such schema.
    if (failure.slug != "sqlstate_42P01" && failure.slug != "sqlstate_3F000") throw;
    throw Failure(Exit::retry, "table_altered", "a table was dropped or renamed while it was copied");
  }
}

void check_form(pg::Connection& session, pg::Connection& present, base::Oid relid) {
  const pg::Result was = form_of(session, relid);
  const pg::Result is = form_of(present, relid);
  // COPY finds columns by their present names, the rows are described as of the snapshot: now that the lock holds both still,
  // they must be the same.
  if (is.is_null(0, 1) || was.text(0, 1) != is.text(0, 1)) {
    throw Failure(Exit::retry, "table_altered", "a table's columns changed after the snapshot was taken");
  }
  // What was rewritten between the snapshot and the lock looks empty in the snapshot.
  if (was.text(0, 0) != is.text(0, 0)) {
    throw Failure(Exit::retry, "table_rewritten", "a table was rewritten or truncated after the snapshot was taken");
  }
}

}  // namespace snapshot
