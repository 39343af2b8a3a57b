// pg: libpq behind a small interface. This file: what the catalog says of a table, as a schema line and as shapes of values.
// Knows pg_class, pg_attribute, pg_type and their kin, read plainly: no regclass casts (they need USAGE), nothing that waits
// behind an ALTER TABLE. Must not know who asks: a snapshot that is the catalog's present, or a reader behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "change/types.hpp"
#include "pg/align.hpp"
#include "pg/connection.hpp"
#include "pg/table.hpp"
#include "value/json.hpp"

namespace pg {

/// A type after domains were resolved: the base type, and of an array over a domain the array over its base.
struct ColumnType {
  std::string name = "unknown";  ///< as change::Column::type
  std::int32_t typmod = -1;      ///< what the domain says, where a domain was resolved; else -1
  std::string category = "X";
  value::Shape shape;
};

/// What a relation message says. name, schema: as they stood then.
struct RelationColumn {
  std::string name;
  base::Oid type;
  std::int32_t typmod = -1;
  bool key = false;
};
struct Relation {
  base::Oid relid;
  std::string schema;
  std::string name;
  char identity = 'd';
  std::vector<RelationColumn> columns;
};

/// A schema line without `lsn` and `version`, and the shape of each column's values.
struct Description {
  change::Schema schema;
  std::vector<value::Shape> shapes;
  bool visible = true;  ///< as Table::visible; false: nothing could be bound yet, ask again when it may have changed
};

/// Catalog look-ups over one session. Types are remembered; tables are read anew, or ahead (Tables).
class Catalog {
 public:
  /// in   session      a plain session; kept, and must outlive this object
  ///      publication  whose column lists count
  ///      horizon      of the slot whose messages are described
  Catalog(Connection& session, std::string publication, Horizon horizon);

  // err  for all below: as Connection::query

  /// As Tables::read.
  [[nodiscard]] std::optional<Table> table(base::Oid relid) { return tables_.read(relid); }

  /// Resolves each type. A type that does not exist (any more) is `unknown`: its values are their own text.
  [[nodiscard]] std::vector<ColumnType> types(std::span<const base::Oid> wanted);

  /// For a reader: the schema of a relation message that stood in transaction `xid`.
  ///
  /// out  names, types, identity from the message; attnum and bind where align() proves them, else greatest_attnum; pk from the replica identity when
  ///      that is `default`, else from the catalog when each part of the key is bound, else none; nullable and default null
  ///      where the catalog cannot vouch for the time of the message
  [[nodiscard]] Description describe(const Relation& relation, base::Xid xid);

  /// For a snapshot whose session shows the table and its rows as of one moment: the columns that the publication passes,
  /// all bound.
  [[nodiscard]] Description describe(const Table& table);

 private:
  void remember(const Table& table, std::span<const Place> found);

  Connection& session_;
  std::string publication_;
  Tables tables_;
  std::unordered_map<std::uint32_t, ColumnType> types_;
  // What the messages of this run have proven of a relation. They come in commit order: what lives now and is not younger than
  // `greatest` lived at all later messages, and what was missing from a message that was proven whole never comes back.
  struct Seen {
    std::uint32_t greatest = 0;  // attnum
    std::unordered_set<std::uint32_t> gone;
  };
  std::unordered_map<std::uint32_t, Seen> seen_;
};

}  // namespace pg
