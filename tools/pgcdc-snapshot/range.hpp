// pgcdc-snapshot: the ranges of its key by which a large table is copied: half open, in the order of the key's own index, the
// first and the last one open. Knows keys, bounds and the SQL of a condition; not what was copied, nor when.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/part.hpp"
#include "pg/connection.hpp"
#include "pgcdc-snapshot/plan.hpp"

namespace snapshot {

/// A place between rows: a value for each column of the key, as PostgreSQL writes it.
using Bound = std::vector<std::string>;

/// Rows with from <= key < to; what is absent is open.
struct Range {
  std::optional<Bound> from;
  std::optional<Bound> to;
  [[nodiscard]] bool whole() const { return !from && !to; }
  bool operator==(const Range&) const = default;
};

/// A column of a key. All three are SQL; collation is empty where the type has none.
struct KeyColumn {
  std::string name;
  std::string type;
  std::string collation;
};

/// The key that a table is cut by: its primary key, else its replica identity's index, in the index's order; no columns: there is
/// none with the types' and columns' own order, and the table is read as a whole.
///
/// by  tells it from every other key: two copies with the same text were cut by the same order over the same rows
struct Key {
  std::vector<KeyColumn> columns;
  std::string by;
};

/// in   session  sees the table as those see it that read it
[[nodiscard]] Key read_key(pg::Connection& session, const Target& target, const std::string& publication);

/// out  an SQL condition; empty for the whole table
[[nodiscard]] std::string condition_of(const Key& key, const Range& range);
/// out  an SQL condition: the row's key is one of these
[[nodiscard]] std::string condition_of(const Key& key, std::span<const Bound> keys);

/// A query for those of some keys that no row has, their columns in the key's order.
///
/// in   keys  not empty; target  with its filter: rows that do not meet it are not there
[[nodiscard]] std::string keys_without_row(const Target& target, const Key& key, std::span<const Bound> keys);

/// The bound that has so many of the range's rows before it, looked up in the key's index.
///
/// in   session  one whose planner was told to use indexes (prefer_indexes)
/// out  nothing when the range has no more rows than that
[[nodiscard]] std::optional<Bound> bound_after(pg::Connection& session, const Target& target, const Key& key,
                                               const Range& range, std::uint64_t rows);
void prefer_indexes(pg::Connection& session);

/// Bounds in the order of the key: equal bounds have equal ranks.
[[nodiscard]] std::vector<std::uint64_t> rank_of(pg::Connection& session, const Key& key,
                                                 std::span<const Bound> bounds);

/// Rows of a part of the table, by its primary key when that is one whole number and tells rows in the warehouse as well.
/// in   session  one that prefers indexes. out  an SQL condition; empty when the table has no such parts
[[nodiscard]] std::string part_condition(pg::Connection& session, const Target& target, base::Part part);

/// The table's name in SQL, with ONLY where children by inheritance are tables of their own.
[[nodiscard]] std::string rows_of(const Target& target);

/// JSON text of a bound, an array of strings; empty for an open end. And back. err  data/bad_done
[[nodiscard]] std::string format(const std::optional<Bound>& bound);
[[nodiscard]] std::optional<Bound> parse_bound(std::string_view json);

}  // namespace snapshot
