// pg: slots and publications; the contracts are in slot.hpp. Knows the columns
// of the system views and the words of each refusal. Must not know which
// program asks.
#include "pg/slot.hpp"

#include <array>

namespace pg {
namespace {

using base::Exit;
using base::Failure;

constexpr std::uint32_t kConflicting = 160000;  // pg_replication_slots.conflicting
constexpr std::uint32_t kFailover = 170000;     // .failover, synced, invalidation_reason, inactive_since

std::optional<base::Lsn> lsn_of(const Result& result, std::size_t column) {
  return result.is_null(0, column) ? std::nullopt : base::parse_lsn(result.text(0, column));
}

Result with_name(Connection& session, const std::string& statement, const std::string& name, const char* doing) {
  const std::array<std::optional<std::string>, 1> parameters{name};
  return session.query(statement, parameters, doing);
}

}  // namespace

std::optional<Slot> find_slot(Connection& session, const std::string& name) {
  const std::uint32_t version = session.server_version();
  const Result found = with_name(
      session,
      std::string("SELECT plugin, slot_type = 'logical', database, temporary, active, active_pid, restart_lsn,"
                  " confirmed_flush_lsn, wal_status, two_phase, catalog_xmin,"
                  " (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
                  "  ELSE pg_current_wal_lsn() END - restart_lsn)::bigint, safe_wal_size") +
          (version >= kConflicting ? ", conflicting" : ", NULL") +
          (version >= kFailover ? ", failover, synced AND pg_is_in_recovery(), invalidation_reason,"
                                  " to_char(inactive_since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                                : ", NULL, NULL, NULL, NULL") +
          " FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
      name, "look for the slot");
  if (found.rows() == 0) return std::nullopt;
  Slot slot;
  slot.name = name;
  slot.plugin = found.text(0, 0);
  slot.logical = found.truth(0, 1);
  slot.database = found.text(0, 2);
  slot.temporary = found.truth(0, 3);
  slot.active = found.truth(0, 4);
  if (!found.is_null(0, 5)) slot.active_pid = static_cast<std::uint32_t>(found.number(0, 5));
  slot.restart_lsn = lsn_of(found, 6);
  slot.confirmed_flush = lsn_of(found, 7);
  slot.wal_status = found.text(0, 8);
  slot.two_phase = found.truth(0, 9);
  if (!found.is_null(0, 10)) slot.catalog_xmin = base::Xid{static_cast<std::uint32_t>(found.number(0, 10))};
  if (!found.is_null(0, 11)) slot.retained_bytes = found.number(0, 11);
  if (!found.is_null(0, 12)) slot.safe_wal_bytes = found.number(0, 12);
  if (!found.is_null(0, 13)) slot.conflicting = found.truth(0, 13);
  if (!found.is_null(0, 14)) slot.failover = found.truth(0, 14);
  if (!found.is_null(0, 15)) slot.synced = found.truth(0, 15);
  slot.invalidation_reason = found.text(0, 16);
  if (!found.is_null(0, 17)) slot.inactive_since = found.text(0, 17);
  return slot;
}

void refuse_slot(const std::string& name, const std::optional<Slot>& slot, const std::string& database) {
  const std::string that = "slot " + name;
  const std::string make = "pgcdc-slot create --slot " + name + ", then cdc-stage-mend and pgcdc-snapshot)";
  const std::string anew = "cdc-run --repair (by hand: pgcdc-slot drop --slot " + name + ", then " + make;
  if (!slot)
    throw Failure(Exit::refused, "slot_missing", that + " does not exist; repair: cdc-run --repair (by hand: " + make);
  if (!slot->logical) {
    throw Failure(Exit::refused, "slot_physical", that + " is a physical slot; name another with --slot");
  }
  if (slot->database != database) {
    throw Failure(Exit::refused, "slot_foreign",
                  that + " belongs to database " + slot->database + ", the dsn names " + database +
                      "; correct the dsn or --slot");
  }
  if (slot->plugin != "pgoutput") {
    throw Failure(Exit::refused, "slot_plugin",
                  that + " has the output plugin " + slot->plugin + ", needed is pgoutput; name another with --slot");
  }
  if (slot->synced.value_or(false)) {
    throw Failure(Exit::refused, "slot_synced",
                  that +
                      " is a standby's copy of the primary's slot, which cannot be read before this server is promoted;"
                      " name the primary in the dsn, or another slot with --slot");
  }
  if (slot->two_phase) {
    throw Failure(Exit::refused, "slot_two_phase",
                  that + " decodes prepared transactions (two_phase), whose rows do not come again; repair: " + anew);
  }
  if (slot->wal_status == "lost") {
    throw Failure(Exit::refused, "slot_lost",
                  that + " has lost what it needs (wal_status is lost" +
                      (slot->invalidation_reason.empty() ? "" : ", " + slot->invalidation_reason) +
                      "); repair: " + anew);
  }
}

bool publication_exists(Connection& session, const std::string& name) {
  return with_name(session, "SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = $1", name,
                   "look for the publication")
             .rows() == 1;
}

base::Lsn end_of_records(base::Lsn insert, std::uint64_t page_bytes, std::uint64_t segment_bytes) {
  // SizeOfXLogLongPHD on a segment's first page, SizeOfXLogShortPHD on the others. A record that goes on over the page's beginning ends
  // at least 8 bytes behind the header.
  const std::uint64_t header_bytes = insert.value % segment_bytes < page_bytes ? 40 : 24;
  if (insert.value % page_bytes == header_bytes) insert.value -= header_bytes;
  return insert;
}

base::Lsn end_of_log(Connection& session) {
  const Result result = session.query(
      "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END,"
      " current_setting('wal_block_size')::int, pg_size_bytes(current_setting('wal_segment_size'))",
      "read the end of the log");
  return end_of_records(lsn_of(result, 0).value_or(base::Lsn{}), static_cast<std::uint64_t>(result.number(0, 1)),
                        static_cast<std::uint64_t>(result.number(0, 2)));
}

}  // namespace pg
