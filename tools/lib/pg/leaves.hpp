// pg: what the rows of published tables lie in: the partitions behind a table that is published by its root, the file of any other.
// pgoutput says nothing when a partition is attached with rows, detached, dropped or truncated by itself, nor when ALTER TABLE ... USING
// writes other values; the catalog does. Knows pg_inherits and file numbers; not what follows from a difference.
#pragma once

#include <functional>
#include <map>
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

/// A table of the publication that is no partitioned one.
///
/// file   another one after whatever wrote its rows anew
/// xmins  by attnum: the transaction that last altered a column, of those that were altered since the table was made
struct Heap {
  base::Oid relid;
  base::Oid file;
  std::map<std::uint32_t, std::uint32_t> xmins = {};
};

/// What the catalog shows now.
///
/// heaps  of tables that came to lie in another file than the one with which they were made, and of those that were asked for
/// at  a position of the log that is not before it: what a commit behind this changes is not shown; what one before it
///     changed is
struct Roots {
  base::Lsn at;
  std::vector<Root> roots;
  std::vector<Heap> heaps = {};
};

/// in   session      outside of a transaction
///      publication  roots are found only when it publishes by them
///      asked        says of a heap whose file is known, and not yet its columns, whether it is asked for
/// err  those of the session
/// src  postgres-facts: a truncate of a leaf, DETACH, DROP and ATTACH send nothing
[[nodiscard]] Roots find_roots(Connection& session, const std::string& publication,
                               const std::function<bool(const Heap&)>& asked);

/// The same for one table. in  session  within a transaction: what its snapshot shows
[[nodiscard]] std::vector<change::Leaf> find_leaves(Connection& session, base::Oid root);
[[nodiscard]] Heap find_heap(Connection& session, base::Oid table);

/// Says in a schema what a table's rows lie in.
void say(const Heap& heap, change::Schema& schema);

}  // namespace pg
