// pgcdc-check: what the server says of itself, read once. Knows the catalogs and the views, read plainly: nothing here waits
// behind an ALTER TABLE, and LOGIN REPLICATION is enough to read all of it. Must not know what is good or bad about it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pg/connection.hpp"
#include "pg/slot.hpp"

namespace check {

/// A row of pg_settings; value in the setting's own unit (ms, MB, ...).
struct Setting {
  std::string value;
  std::string source;  ///< `user`, `database`, ... where it was set
};

struct Role {
  std::string name;
  bool superuser = false;
  bool replication = false;
};

struct Publication {
  bool all_tables = false;
  bool inserts = true;
  bool updates = true;
  bool deletes = true;
  bool truncates = true;
  bool via_root = false;
  bool generated = false;  ///< 18: publish_generated_columns = stored
};

using Attnums = std::vector<std::uint32_t>;

/// A unique index.
///
/// primary, identity  the table's key; what REPLICA IDENTITY USING INDEX names
/// serves             it can tell rows apart in the log: valid, not deferrable, whole, over columns that are never null
struct Index {
  std::string name;
  bool primary = false;
  bool identity = false;
  bool serves = false;
  Attnums columns;
};

/// A column that somebody has to know about: generated, or of a table with a column list or row filter, or a part of one.
struct Column {
  std::string name;
  char generated = 0;  ///< 's' stored, 'v' virtual, 0 plain
};

/// A table, partition, partitioned or foreign table of a user's schema.
struct Relation {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  char kind = 'r';           ///< r, p, f
  char persistence = 'p';    ///< p, u
  char identity = 'd';       ///< d, i, f, n
  std::uint32_t parent = 0;  ///< of a partition, else 0
  bool named = false;        ///< the publication names it, or its schema
  bool listed = false;
  Attnums list;  ///< column list, when listed
  bool filtered = false;
  Attnums filter;           ///< columns that the row filter reads
  std::string filter_text;  ///< the row filter as SQL; empty when it could not be read without waiting
  bool usable = true;       ///< USAGE on its schema
  bool selectable = true;   ///< SELECT on it
  bool secured = false;     ///< row-level security applies to this role
  std::vector<Index> indexes;
  std::map<std::uint32_t, Column> columns;  ///< by attnum
};

/// A session in a transaction. Ages are of other roles' sessions only shown to pg_read_all_stats.
struct Session {
  std::int64_t pid = 0;
  std::string database;
  std::string role;
  std::string xid;  ///< its transaction's number: slots and copies wait for it; empty when it has not written
  std::optional<std::int64_t> age_s;
  std::optional<std::int64_t> query_age_s;
  std::int64_t xmin_age = 0;  ///< in transactions; 0 when it holds nothing back
};

struct Prepared {
  std::string gid;
  std::string database;
  std::string owner;
  std::int64_t age_s = 0;
};

/// Of all slots of the server.
struct OtherSlot {
  std::string name;
  bool physical = false;
  std::int64_t xmin_age = 0;  ///< the older of xmin and catalog_xmin
};

struct OddType {
  std::string name;
  std::uint32_t relation = 0;
};

struct OtherList {
  std::string publication;
  std::uint32_t relation = 0;
};

struct Facts {
  std::string slot_name;
  std::string publication_name;

  std::uint32_t server_version = 0;  ///< 150018
  bool standby = false;
  std::string encoding;
  std::string database;
  std::map<std::string, Setting, std::less<>> settings;
  Role role;
  std::int64_t senders = 0;
  std::vector<OtherSlot> slots;
  std::optional<pg::Slot> slot;
  std::optional<double> wal_bytes_per_s;  ///< mean since the server's statistics began; nothing when that was just now
  /// Those that were there at the beginning and at the end of the look.
  std::vector<Session> sessions;
  std::vector<Prepared> prepared;

  std::optional<Publication> publication;
  std::vector<Relation> relations;
  std::unordered_map<std::uint32_t, std::size_t> relation_of;  ///< oid to index in relations
  std::vector<OddType> odd_types;      ///< columns of types that have no binary form of their own
  std::vector<OtherList> other_lists;  ///< another publication has another list

  [[nodiscard]] const Relation* relation(std::uint32_t oid) const {
    const auto found = relation_of.find(oid);
    return found == relation_of.end() ? nullptr : &relations[found->second];
  }
};

/// Reads everything, in one pass of less than two seconds for 5,000 tables.
///
/// in   session  a plain session; its lock_timeout and statement_timeout are set
/// out  facts of a server older than 14 stop at server_version
/// err  as pg::Connection::query
[[nodiscard]] Facts gather(pg::Connection& session, const std::string& slot, const std::string& publication);

}  // namespace check
