// pg: libpq behind a small interface. This file: how values of each type look when the server sends them in binary, and whether a
// publication can be read so. Knows pg_type and the functions of types; never a type by its number. Must not know when binary pays.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "pg/connection.hpp"
#include "value/layout.hpp"

namespace pg {

/// A column whose values cannot be read in binary. table: quoted; type: as format_type has it.
struct TextOnly {
  std::string table;
  std::string column;
  std::string type;
};

/// Look-ups over one session; what was found is remembered.
class BinaryTypes {
 public:
  /// in  session  a plain session; kept, and must outlive this object
  explicit BinaryTypes(Connection& session) : session_(session) {}

  // err  for all below: as Connection::query

  /// Domains are resolved; records, ranges and arrays hold their parts.
  ///
  /// out  one for each wanted. Layout::unknown: the type does not exist (any more), or it is or holds one that cannot be read
  [[nodiscard]] std::vector<value::BinaryShape> shapes(std::span<const base::Oid> wanted);

  /// Whether the publication's tables, as they are now, can be read in binary: a few statements, however many tables. Partitions
  /// are not looked at, their columns are their parent's. What was written before a type was dropped or a table changed may be
  /// another still: a reader has to be ready for Layout::unknown, and for SQLSTATE 42883 (an array of a type without send function).
  ///
  /// out  nothing when all columns can be; else the first that cannot, in the order of schema, table and column
  [[nodiscard]] std::optional<TextOnly> text_only(std::string_view publication);

 private:
  // A type as the catalog has it, and what it is made of: a domain of its base, an array of its element, and so on.
  struct Node {
    value::Layout layout = value::Layout::unknown;
    bool is_domain = false;
    char delimiter = ',';
    std::vector<base::Oid> parts;
  };

  void load(std::span<const base::Oid> wanted);
  [[nodiscard]] value::BinaryShape shape_of(base::Oid type) const;

  Connection& session_;
  std::unordered_map<std::uint32_t, Node> nodes_;
};

}  // namespace pg
