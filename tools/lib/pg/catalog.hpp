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
#include "value/json.hpp"

namespace pg {

/// A type after domains were resolved: the base type, and of an array over a domain the array over its base.
struct ColumnType {
  std::string name = "unknown";  ///< as change::Column::type
  std::int32_t typmod = -1;      ///< what the domain says, where a domain was resolved; else -1
  std::string category = "X";
  value::Shape shape;
};

/// An attribute as the catalog has it now. The name of a dropped one is empty.
struct Attribute {
  std::uint32_t attnum = 0;
  std::string name;
  Presence presence = Presence::always;
  bool settled = false;  ///< its catalog row is older than everything the slot sends
  base::Oid type;
  std::int32_t typmod = -1;
  bool nullable = true;
  bool has_default = false;  ///< has or had a default, is an identity or generated
  bool pk = false;
  bool identity = false;  ///< of the replica identity (under `full`: all)
};

/// A table, partition or partitioned table as the catalog has it now, for one publication.
///
/// listed   a column list decides which attributes are sent
/// steady   the table's place in the publication is older than everything the slot sends, so that the list was the same
///          then; also when there can be none
/// kept     its rows were never written anew in place (no table rewrite, no truncate): no default can hide in them
/// visible  the transaction that was asked for is visible in what was read
struct Table {
  base::Oid relid;
  std::string schema;
  std::string name;
  char kind = 'r';
  char identity = 'd';
  std::optional<std::string> root;  ///< topmost parent of a partition, quoted
  bool listed = false;
  bool steady = false;
  bool kept = false;
  bool visible = true;
  std::vector<Attribute> attributes;
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

/// Catalog look-ups over one session. Types are remembered, tables are read anew each time.
class Catalog {
 public:
  /// in   session      a plain session; kept, and must outlive this object
  ///      publication  whose column lists count
  ///      horizon      the slot's catalog_xmin, read before the first transaction of this run: changes to the catalog by older
  ///                   transactions were committed before anything that the slot sends. Nothing: nothing is that old
  Catalog(Connection& session, std::string publication, std::optional<base::Xid> horizon);

  // err  for all below: as Connection::query

  /// in   asked  a transaction whose visibility is wanted
  /// out  nothing when there is no such relation now
  [[nodiscard]] std::optional<Table> table(base::Oid relid, std::optional<base::Xid> asked = std::nullopt);

  /// Resolves each type. A type that does not exist (any more) is `unknown`: its values are their own text.
  [[nodiscard]] std::vector<ColumnType> types(std::span<const base::Oid> wanted);

  /// For a reader: the schema of a relation message that stood in transaction `xid`.
  ///
  /// out  names, types, identity from the message; attnum and bind where align() proves them; pk from the replica identity when
  ///      that is `default`, else from the catalog when each part of the key is bound, else none; nullable and default null
  ///      where the catalog cannot vouch for the time of the message
  [[nodiscard]] Description describe(const Relation& relation, base::Xid xid);

  /// For a snapshot whose session shows the table and its rows as of one moment: the columns that the publication passes,
  /// all bound.
  [[nodiscard]] Description describe(const Table& table);

 private:
  void remember(const Table& table, std::span<const std::optional<std::size_t>> found);

  Connection& session_;
  std::string publication_;
  std::optional<base::Xid> horizon_;
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
