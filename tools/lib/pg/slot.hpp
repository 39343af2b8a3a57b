// pg: libpq behind a small interface. This file: what the server says of a replication slot and a
// publication. Knows the views; which of it is fatal is decided in one place, refuse_slot. Must not know
// who asks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "pg/connection.hpp"

namespace pg {

/// A row of pg_replication_slots. Empty optionals are nulls.
struct Slot {
  std::string name;
  std::string plugin;  ///< empty for a physical slot
  bool logical = false;
  std::string database;
  bool temporary = false;
  bool active = false;
  std::optional<std::uint32_t> active_pid;
  std::optional<base::Lsn> restart_lsn;
  std::optional<base::Lsn> confirmed_flush;
  std::string wal_status;  ///< reserved, extended, unreserved, lost; empty when unknown
  bool two_phase = false;
  std::optional<base::Xid> catalog_xmin;
  std::optional<std::int64_t> retained_bytes;  ///< WAL kept from restart_lsn to the end of the log
  std::optional<std::int64_t> safe_wal_bytes;  ///< WAL that may still be written before it is lost; none: no limit
  // What only later servers say.
  std::optional<bool> failover;     ///< 17: the server's standbys may keep a copy of it
  std::optional<bool> synced;       ///< 17: it is such a copy, which cannot be read before the standby is promoted
  std::optional<bool> conflicting;  ///< 16: on a standby, it was invalidated by what the primary did
  std::string invalidation_reason;  ///< 17: wal_removed, rows_removed, wal_level_insufficient, idle_timeout; else empty
  std::optional<std::string> inactive_since;  ///< 17: when its last reader left, `2026-11-22T10:53:01.123456Z`
};

/// out  nothing when there is no slot of that name
[[nodiscard]] std::optional<Slot> find_slot(Connection& session, const std::string& name);

/// Passes when a stream may be read from the slot.
///
/// in   name, slot  as asked for and as found
///      database    the session's
/// err  refused/slot_missing, slot_physical, slot_foreign (of another database), slot_plugin (not pgoutput), slot_synced (a
///      standby's copy), slot_two_phase (rows sent at PREPARE do not come again), slot_lost; each with the command that repairs it
/// src  postgres-facts 9, 32
void refuse_slot(const std::string& name, const std::optional<Slot>& slot, const std::string& database);

[[nodiscard]] bool publication_exists(Connection& session, const std::string& name);

/// Where the last record ends when the next one is inserted at `insert`: a record that ends with its page ends at the next page's
/// beginning, and the one after it is inserted behind that page's header. Any other position stays as it is.
///
/// in   page_bytes, segment_bytes  wal_block_size and wal_segment_size
[[nodiscard]] base::Lsn end_of_records(base::Lsn insert, std::uint64_t page_bytes, std::uint64_t segment_bytes);

/// The end of the log as far as the server may know of commits: pg_current_wal_insert_lsn(), on a standby what is replayed; as
/// end_of_records(), because no later position of the stream need ever stand behind a header.
[[nodiscard]] base::Lsn end_of_log(Connection& session);

}  // namespace pg
