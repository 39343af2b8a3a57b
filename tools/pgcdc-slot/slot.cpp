// pgcdc-slot: the three commands; the contracts are in slot.hpp. Knows that creating a slot waits for other
// transactions, and how to end that wait so that nothing is left behind. Must not know what is read from a
// slot.
#include "pgcdc-slot/slot.hpp"

#include "io/line_writer.hpp"
#include "json/write.hpp"
#include "tool/filter.hpp"

namespace slot {
namespace {

using base::Exit;
using base::Failure;

constexpr const char* kTool = "pgcdc-slot";
constexpr std::uint32_t kSnapshotWord = 150000;
constexpr std::uint32_t kStandbySlots = 160000;
constexpr std::uint32_t kFailoverSlots = 170000;
constexpr std::int64_t kGraceMs = 1000;  // for the server's own limit to come first

pg::Connection connect(const Options& options, pg::Mode mode) {
  pg::Connection connection = pg::Connection::open(options.dsn, mode, kTool);
  connection.show_server_words(true);
  connection.interrupt_when([] { return tool::stop_asked(); });
  return connection;
}

void print(const pg::Slot& slot, const std::optional<pg::History>& server = std::nullopt) {
  io::LineWriter out(1);
  out.line(describe(slot, server));
  out.flush();
}

// Slot creation waits for every transaction that could write; each holds its own number as a lock. The ages of other roles'
// transactions are shown to pg_read_all_stats only.
std::string blockers(pg::Connection& session) {
  const pg::Result found = session.query(
      "SELECT pid, datname, usename, extract(epoch FROM clock_timestamp() - xact_start)::bigint FROM "
      "pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY age(backend_xid) "
      "DESC",
      "look for what holds it up");
  std::string text;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    text += (row == 0 ? "the transactions of pid " : ", pid ") + std::string(found.text(row, 0));
    if (found.is_null(row, 1) || found.is_null(row, 2)) continue;
    text += " (database " + std::string(found.text(row, 1)) + ", role " + std::string(found.text(row, 2));
    if (!found.is_null(row, 3)) text += ", " + std::string(found.text(row, 3)) + " s old";
    text += ")";
  }
  const pg::Result prepared =
      session.query("SELECT gid FROM pg_catalog.pg_prepared_xacts ORDER BY prepared", "look for what holds it up");
  for (std::size_t row = 0; row < prepared.rows(); ++row) {
    text += (text.empty() ? "the transaction prepared as " : ", the transaction prepared as ") +
            std::string(prepared.text(row, 0));
  }
  return text.empty() ? "transactions that have ended meanwhile" : text;
}

// Who may have a slot at all, and what it is to be. out  options of CREATE_REPLICATION_SLOT
std::string slot_options(const pg::Connection& session, bool standby) {
  const std::uint32_t version = session.server_version();
  if (standby && version < kStandbySlots) {
    throw Failure(Exit::refused, "standby",
                  "cannot create a slot on a standby before PostgreSQL 16; repair: name the primary in the dsn");
  }
  // A copy on each standby that keeps copies (sync_replication_slots): where there is none it costs nothing.
  if (version >= kFailoverSlots && !standby) return " LOGICAL pgoutput (SNAPSHOT 'nothing', FAILOVER true)";
  return version >= kSnapshotWord ? " LOGICAL pgoutput (SNAPSHOT 'nothing')" : " LOGICAL pgoutput NOEXPORT_SNAPSHOT";
}

}  // namespace

std::string describe(const pg::Slot& slot, const std::optional<pg::History>& server) {
  std::string line;
  json::ObjectWriter object(line);
  const auto position = [&](const char* key, const std::optional<base::Lsn>& lsn) {
    lsn ? object.text(key, base::format(*lsn)) : object.null(key);
  };
  object.text("slot", slot.name).text("plugin", slot.plugin).text("database", slot.database);
  object.boolean("active", slot.active);
  slot.active_pid ? object.number("active_pid", *slot.active_pid) : object.null("active_pid");
  position("restart_lsn", slot.restart_lsn);
  position("confirmed_flush_lsn", slot.confirmed_flush);
  object.text("wal_status", slot.wal_status);
  const auto size = [&](const char* key, const std::optional<std::int64_t>& bytes) {
    bytes&&* bytes >= 0 ? object.number(key, static_cast<std::uint64_t>(*bytes)) : object.null(key);
  };
  const auto maybe = [&](const char* key, const std::optional<bool>& value) {
    value ? object.boolean(key, *value) : object.null(key);
  };
  size("retained_bytes", slot.retained_bytes);
  size("safe_wal_bytes", slot.safe_wal_bytes);
  object.boolean("two_phase", slot.two_phase);
  maybe("failover", slot.failover);
  maybe("synced", slot.synced);
  slot.invalidation_reason.empty() ? object.null("invalidation_reason")
                                   : object.text("invalidation_reason", slot.invalidation_reason);
  slot.inactive_since ? object.text("inactive_since", *slot.inactive_since) : object.null("inactive_since");
  if (server) {
    object.text("system_id", server->system_id).number("timeline", server->timeline);
    std::string branches = "[";
    for (const pg::Branch& branch : server->branches) {
      if (branches.size() > 1) branches.push_back(',');
      json::ObjectWriter(branches).number("timeline", branch.timeline).text("end", base::format(branch.end)).close();
    }
    object.text("log_end", base::format(server->end)).raw("branches", branches + "]");
  }
  object.close();
  return line;
}

base::Exit create(const Options& options) {
  tool::catch_stop_signals();
  pg::Connection session = connect(options, pg::Mode::plain);
  if (!pg::publication_exists(session, options.publication)) {
    throw Failure(
        Exit::refused, "publication_missing",
        "publication " + options.publication +
            " does not exist, and a slot cannot pass WAL from before its publication; repair: CREATE PUBLICATION");
  }
  if (session.query("SHOW wal_level", "read a setting").text(0, 0) != "logical") {
    throw Failure(
        Exit::refused, "wal_level",
        "cannot create a logical slot: the server's wal_level is not logical; repair: ALTER SYSTEM SET wal_level ="
        " logical, and restart it");
  }
  if (pg::find_slot(session, options.slot)) {
    throw Failure(Exit::refused, "slot_exists", "slot " + options.slot + " exists already");
  }
  const bool standby = session.query("SELECT pg_is_in_recovery()", "look whether it is a standby").truth(0, 0);
  const std::string statement =
      "CREATE_REPLICATION_SLOT " + pg::identifier(options.slot) + slot_options(session, standby);
  // A lock_timeout ends the wait and leaves no slot behind; closing the connection would leave both. It counts for one transaction
  // after the other, and a standby waits for no lock: what lasts longer is cancelled, which leaves nothing behind either.
  pg::Connection stream = connect(options, pg::Mode::replication);
  const std::uint64_t wait_ms = options.wait_seconds * 1000;
  stream.query("SET lock_timeout = " + std::to_string(wait_ms), "prepare the session");
  const std::int64_t until_ms = tool::steady_ms() + static_cast<std::int64_t>(wait_ms) + kGraceMs;
  stream.interrupt_when([&] { return tool::stop_asked() || tool::steady_ms() >= until_ms; });
  try {
    // Of the two ways, the protocol's command is the one that a role with REPLICATION alone may always use.
    stream.query(statement, "create the slot");
  } catch (const Failure& failure) {
    if (failure.slug == "sqlstate_57014" && tool::stop_asked()) {
      throw Failure(Exit::retry, "interrupted", "stopped before the slot was made; none is left behind");
    }
    if (failure.slug == "sqlstate_42710") {
      throw Failure(Exit::refused, "slot_exists", "slot " + options.slot + " exists already");
    }
    if (failure.slug != "sqlstate_55P03" && (failure.slug != "sqlstate_57014" || tool::steady_ms() < until_ms)) throw;
    throw Failure(
        Exit::retry, "slot_blocked",
        "could not create the slot within " + std::to_string(options.wait_seconds) + " s: it waits for " +
            (standby ? "the primary to log which transactions run, which an idle one does not; on the primary: "
                       "SELECT pg_log_standby_snapshot()"
                     : "the end of " + blockers(session)) +
            "; none is left behind");
  }
  const auto made = pg::find_slot(session, options.slot);
  if (!made) throw Failure(Exit::retry, "slot_gone", "the slot was dropped by somebody right after it was made");
  print(*made);
  return Exit::done;
}

base::Exit show(const Options& options) {
  pg::Connection session = connect(options, pg::Mode::plain);
  const auto found = pg::find_slot(session, options.slot);
  if (!found) return Exit::no;
  std::optional<pg::History> server;
  if (options.server) {
    pg::Connection stream = connect(options, pg::Mode::replication);
    server = pg::read_history(stream);
    // Of a server that receives somebody else's log, what it has replayed is what it knows.
    server->end = pg::end_of_log(session);
  }
  print(*found, server);
  return Exit::done;
}

base::Exit drop(const Options& options) {
  pg::Connection session = connect(options, pg::Mode::plain);
  const auto found = pg::find_slot(session, options.slot);
  if (!found) return Exit::no;
  if (found->active_pid) {
    throw Failure(Exit::retry, "slot_active",
                  "could not drop slot " + options.slot + ": pid " + std::to_string(*found->active_pid) + " reads it");
  }
  pg::Connection stream = connect(options, pg::Mode::replication);
  stream.query("DROP_REPLICATION_SLOT " + pg::identifier(options.slot), "drop the slot");
  return Exit::done;
}

}  // namespace slot
