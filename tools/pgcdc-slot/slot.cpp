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

pg::Connection connect(const Options& options, pg::Mode mode) {
  pg::Connection connection = pg::Connection::open(options.dsn, mode, kTool);
  connection.show_server_words(true);
  connection.interrupt_when([] { return tool::stop_asked(); });
  return connection;
}

void print(const pg::Slot& slot) {
  io::LineWriter out(1);
  out.line(describe(slot));
  out.flush();
}

// Slot creation waits for every transaction that could write; each holds its own number as a lock.
std::string blockers(pg::Connection& session) {
  const pg::Result found = session.query(
      "SELECT DISTINCT pid FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND "
      "granted"
      " AND pid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY 1",
      "look for what holds it up");
  std::string pids;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    pids += (row == 0 ? "" : ", ") + std::string(found.text(row, 0));
  }
  const pg::Result prepared =
      session.query("SELECT count(*) FROM pg_catalog.pg_prepared_xacts", "look for what holds it up");
  const bool any_prepared = prepared.number(0, 0) != 0;
  if (pids.empty() && !any_prepared) return "transactions that have ended meanwhile";
  std::string text = pids.empty() ? "" : "the transactions of pid " + pids;
  if (any_prepared) text += std::string(pids.empty() ? "" : " and ") + "prepared transactions (pg_prepared_xacts)";
  return text;
}

}  // namespace

std::string describe(const pg::Slot& slot) {
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
  slot.retained_bytes&&* slot.retained_bytes >= 0
      ? object.number("retained_bytes", static_cast<std::uint64_t>(*slot.retained_bytes))
      : object.null("retained_bytes");
  object.boolean("two_phase", slot.two_phase).close();
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
  // A lock_timeout ends the wait and leaves no slot behind; closing the connection would leave both.
  pg::Connection stream = connect(options, pg::Mode::replication);
  stream.query("SET lock_timeout = " + std::to_string(options.wait_seconds * 1000), "prepare the session");
  try {
    // Of the two ways, the protocol's command is the one that a role with REPLICATION alone may always use.
    stream.query("CREATE_REPLICATION_SLOT " + pg::identifier(options.slot) +
                     (session.server_version() >= 150000 ? " LOGICAL pgoutput (SNAPSHOT 'nothing')"
                                                         : " LOGICAL pgoutput NOEXPORT_SNAPSHOT"),
                 "create the slot");
  } catch (const Failure& failure) {
    if (failure.slug == "sqlstate_57014" && tool::stop_asked()) {
      throw Failure(Exit::retry, "interrupted", "stopped before the slot was made; none is left behind");
    }
    if (failure.slug == "sqlstate_42710") {
      throw Failure(Exit::refused, "slot_exists", "slot " + options.slot + " exists already");
    }
    if (failure.slug != "sqlstate_55P03") throw;
    throw Failure(Exit::retry, "slot_blocked",
                  "could not create the slot within " + std::to_string(options.wait_seconds) +
                      " s: it waits for the end of " + blockers(session) + "; none is left behind");
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
  print(*found);
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
