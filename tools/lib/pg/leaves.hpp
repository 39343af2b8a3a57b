// pg: the partitions behind a table that is published by its root. pgoutput says nothing when one of them is attached with rows,
// detached, dropped or truncated by itself; the catalog does. Knows pg_inherits; not what follows from a difference.
#pragma once

#include <string>
#include <vector>

#include "base/ids.hpp"
#include "change/types.hpp"
#include "pg/connection.hpp"

namespace pg {

/// A partitioned table of the publication, and the tables below it that hold rows, by number.
struct Root {
  base::Oid relid;
  std::string schema;
  std::string name;
  std::vector<change::Leaf> leaves;
};

/// What the catalog shows now.
///
/// at  a position of the log that is not before it: what a commit behind this changes is not shown; what one before it
///     changed is
struct Roots {
  base::Lsn at;
  std::vector<Root> roots;
};

/// in   session      outside of a transaction
///      publication  none of its tables are found unless it publishes by the root
/// err  those of the session
/// src  postgres-facts: a truncate of a leaf, DETACH, DROP and ATTACH send nothing
[[nodiscard]] Roots find_roots(Connection& session, const std::string& publication);

/// The same for one table. in  session  within a transaction: what its snapshot shows
[[nodiscard]] std::vector<change::Leaf> find_leaves(Connection& session, base::Oid root);

}  // namespace pg
