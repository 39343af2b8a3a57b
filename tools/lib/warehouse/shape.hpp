// warehouse: staged changes as tables that people query, exactly once. This file: what a table of the warehouse looks like, and
// how it follows a source table that changes its shape: columns are matched by what they are (`bind`), never guessed; what cannot
// be proven parks the table. Knows change::Schema; no engine, no SQL. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "change/types.hpp"

namespace warehouse {

/// How a column's values are kept; each dialect has a type for each.
///
///   integer    int2 int4 int8 oid           json   json jsonb: the text
///   boolean    bool                         array  JSON text
///   real       float4 float8                bytes  bytea, decoded
///   numeric    exact text of a number       date, timestamp  ISO 8601 text, ordered as text
///   text       everything else: the type's own text
enum class Kind : std::uint8_t { integer, boolean, real, numeric, text, date, timestamp, bytes, json, array };

/// The word by which state tables keep a kind, and back. err  refused/broken_warehouse for another word
[[nodiscard]] std::string_view text_of(Kind kind);
[[nodiscard]] Kind parse_kind(std::string_view text);

/// in   column  as a schema line has it: where cdc-mask replaces values it has replaced the type too
[[nodiscard]] Kind kind_of(const change::Column& column);

/// A column of a warehouse table. Columns are only ever appended, so an index names a column for ever.
struct TableColumn {
  std::string name;       ///< in the warehouse
  change::Column source;  ///< as it was last described
  Kind kind = Kind::text;
  bool dropped = false;  ///< gone from the source; kept, no longer filled
  bool operator==(const TableColumn&) const = default;
};

/// A table of the warehouse.
///
/// table    the source's, as the stream has it; relid its number there
/// name     the warehouse table's name; view  the analysts' view on it
/// key      indexes of the key's columns; empty: the table is kept as history only
/// columns  in the order of the warehouse
/// lsn      position of the newest version that was taken over
struct Shape {
  std::string table;
  base::Oid relid;
  std::string name;
  std::string view;
  std::vector<TableColumn> columns;
  std::vector<std::uint32_t> key;
  base::Lsn lsn;
  bool operator==(const Shape&) const = default;
};

/// Indexes of the columns that tell a row: the replica identity's, under `full` the primary key's; empty when there are none or
/// when the policy holds one of them back.
[[nodiscard]] std::vector<std::uint32_t> key_of(const change::Schema& schema);

/// One step that makes a warehouse table fit.
struct Step {
  /// restate: the policy does something else with the column, so what is in it is not what would come now
  enum class What : std::uint8_t { add, rename, drop, widen, restate };
  What what = What::add;
  std::uint32_t column = 0;  ///< index in the new shape
  std::string old_name;      ///< rename: the warehouse name until now
  bool unknown = false;      ///< add: rows that are already there may hold something in it that has not arrived
};

/// What a schema line means for a table.
///
/// parked  why the table cannot follow; empty when it can. The rest is then meaningless
/// shape   the table afterwards
/// steps   in order; empty when nothing changes
/// column  for each column of the schema line its index in the shape, or -1 when the warehouse does not keep it
struct Evolution {
  std::string parked;
  Shape shape;
  std::vector<Step> steps;
  std::vector<std::int32_t> column;
};

/// A table that the warehouse does not have yet.
///
/// in   name, view  chosen by the caller, free of collisions
[[nodiscard]] Evolution first_shape(const change::Schema& schema, std::string name, std::string view);

/// A schema line of a table that the warehouse has. A line older than the shape (a copy from before, a replay) changes nothing;
/// its columns find theirs by bind, else by name and type.
///
/// parked when: another relid bears the name; columns differ and their binds do not prove how; a type changes to one that does not
/// hold every old value as it is; the key changes; the policy's action makes values of another kind
/// src  cdc-warehouse.5, CHANGES OF SHAPE
[[nodiscard]] Evolution evolve(const Shape& old, const change::Schema& schema);

/// True when every value of the old type reads the same as one of the new.
[[nodiscard]] bool is_widened(const change::Column& from, const change::Column& to);

/// What a row line that does not give a column means for a row that begins with it.
enum class Absent : std::uint8_t { given, null, unknown };

/// How row lines of one schema version become cells of the shape.
///
/// names   the columns' names as they stand between the quotes of a JSON key
/// column  index in the shape for each name, -1: not kept
/// absent  for each column of the shape
/// no_default  for each column of the shape: rows from before it hold null
/// lsn, seq  rows from here on are written in this version
struct Mapping {
  std::vector<std::string> names;
  std::vector<std::int32_t> column;
  std::vector<Absent> absent;
  std::vector<bool> no_default;
  base::Lsn lsn;
  std::uint64_t seq = 0;
};

/// in   shape   after all evolutions of the epoch
///      column  as Evolution gives it for `schema`
[[nodiscard]] Mapping mapping_of(const Shape& shape, const change::Schema& schema,
                                 const std::vector<std::int32_t>& column);

/// Equal when ASCII case is folded, as SQLite and DuckDB compare names.
[[nodiscard]] bool same_folded(std::string_view a, std::string_view b);

/// A name that does not collide with `taken` when ASCII case is folded, and does not look like one of ours: `name`, else
/// `name__<number>`, else with more underscores. A name of more than `longest` bytes is cut between characters and numbered.
[[nodiscard]] std::string free_name(std::string_view name, std::uint64_t number, const std::vector<std::string>& taken,
                                    std::size_t longest = 255);

}  // namespace warehouse
