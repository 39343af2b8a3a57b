// pg: partitions and files, from plain catalogs, so that nothing here waits for an ALTER TABLE.
#include "pg/leaves.hpp"

#include "pg/slot.hpp"

namespace pg {
namespace {

constexpr std::uint32_t kSchemasInPublications = 150000;
constexpr std::uint32_t kFirstOfUsers =
    16384;  // below are the server's own tables, which FOR ALL TABLES does not publish

// A partition that was made as one is born empty in the transaction that links it; of one that was attached the row that its first
// system column has in pg_attribute is older than the link. That row is never written again, unlike the one in pg_class.
std::string select_leaves(const std::string& roots) {
  return "WITH RECURSIVE tree(root, oid, kind, attached) AS (SELECT r.oid, r.oid, 'p'::\"char\", false FROM (" + roots +
         ") AS r (oid) UNION ALL SELECT tree.root, i.inhrelid, c.relkind, tree.attached OR i.xmin <> a.xmin "
         "FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid AND tree.kind = 'p' "
         "JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid "
         "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = -1) "
         "SELECT tree.root, n.nspname, r.relname, c.oid, c.relfilenode, tree.attached FROM tree "
         "JOIN pg_catalog.pg_class r ON r.oid = tree.root JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace "
         "LEFT JOIN pg_catalog.pg_class c ON c.oid = tree.oid AND c.relkind = 'r' ORDER BY tree.root, c.oid";
}

// A condition on pg_class and the publication `p`. Not by pg_publication_tables, which from 16 on opens every table to list its columns,
// and then waits behind whoever alters one.
std::string is_published(const std::string& table, bool has_schemas) {
  return "(p.puballtables OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel m WHERE m.prpubid = p.oid AND m.prrelid "
         "= " +
         table + ".oid)" +
         (has_schemas ? " OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s WHERE s.pnpubid = p.oid AND "
                        "s.pnnspid = " +
                            table + ".relnamespace)"
                      : "") +
         ")";
}

std::string has_published_ancestor(bool has_schemas) {
  return "EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) AS l JOIN pg_catalog.pg_class a ON a.oid = "
         "l.relid WHERE a.oid <> c.oid AND " +
         is_published("a", has_schemas) + ")";
}

std::string from_publication(const std::string& publication) {
  return " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_publication p ON p.pubname = " + literal(publication);
}

// The partitioned tables by whose name a publication sends rows: in it, and no ancestor of them is.
std::string select_roots(const std::string& publication, bool has_schemas) {
  return "SELECT c.oid" + from_publication(publication) + " WHERE c.relkind = 'p' AND " +
         is_published("c", has_schemas) + " AND NOT " + has_published_ancestor(has_schemas);
}

// Tables that are sent by their own name, with the files in which they lie.
std::string select_heaps(const std::string& publication, bool has_schemas) {
  const std::string below = "(c.relispartition AND " + has_published_ancestor(has_schemas) + ")";
  return "SELECT c.oid, c.relfilenode" + from_publication(publication) +
         " WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= " + std::to_string(kFirstOfUsers) +
         " AND CASE WHEN p.pubviaroot THEN " + is_published("c", has_schemas) + " AND NOT " + below + " ELSE " +
         is_published("c", has_schemas) + " OR " + below + " END";
}

// The file and the columns in one look. The first system column's row is written with the table, and never again.
std::string select_columns(const std::string& tables) {
  return "SELECT c.oid, c.relfilenode, a.attnum, a.xmin FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute b ON "
         "b.attrelid = c.oid AND b.attnum = -1 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum "
         "> 0 "
         "AND NOT a.attisdropped AND a.xmin <> b.xmin WHERE c.oid IN (" +
         tables + ") ORDER BY c.oid, a.attnum";
}

base::Oid oid_of(const Result& result, std::size_t row, std::size_t column) {
  return base::Oid{static_cast<std::uint32_t>(result.number(row, column))};
}

std::vector<Root> roots_of(const Result& result) {
  std::vector<Root> roots;
  for (std::size_t row = 0; row < result.rows(); ++row) {
    const base::Oid relid = oid_of(result, row, 0);
    if (roots.empty() || roots.back().relid != relid) {
      roots.push_back({relid, std::string(result.text(row, 1)), std::string(result.text(row, 2)), {}});
    }
    if (result.is_null(row, 3)) continue;  // the root itself, or a partitioned table between
    roots.back().leaves.push_back({oid_of(result, row, 3), oid_of(result, row, 4), result.truth(row, 5)});
  }
  return roots;
}

std::vector<Heap> heaps_of(const Result& result) {
  std::vector<Heap> heaps;
  for (std::size_t row = 0; row < result.rows(); ++row) {
    const base::Oid relid = oid_of(result, row, 0);
    if (heaps.empty() || heaps.back().relid != relid) heaps.push_back({relid, oid_of(result, row, 1)});
    if (result.is_null(row, 2)) continue;
    heaps.back().xmins[static_cast<std::uint32_t>(result.number(row, 2))] =
        static_cast<std::uint32_t>(result.number(row, 3));
  }
  return heaps;
}

}  // namespace

Roots find_roots(Connection& session, const std::string& publication, const std::function<bool(const Heap&)>& asked) {
  Roots found;
  const bool has_schemas = session.server_version() >= kSchemasInPublications;
  const Result by_root =
      session.query("SELECT pubviaroot FROM pg_catalog.pg_publication WHERE pubname = " + literal(publication),
                    "look up the publication");
  if (by_root.rows() == 1 && by_root.truth(0, 0))
    found.roots =
        roots_of(session.query(select_leaves(select_roots(publication, has_schemas)), "look up the partitions"));
  const Result files = session.query(select_heaps(publication, has_schemas), "look up the tables' files");
  std::string tables;
  for (std::size_t row = 0; row < files.rows(); ++row) {
    const Heap heap{oid_of(files, row, 0), oid_of(files, row, 1)};
    if (asked(heap)) tables += (tables.empty() ? "" : ",") + std::to_string(heap.relid.value);
  }
  if (!tables.empty()) found.heaps = heaps_of(session.query(select_columns(tables), "look up the tables' columns"));
  // After the look: whatever it did not show commits later than this.
  found.at = end_of_log(session);
  return found;
}

std::vector<change::Leaf> find_leaves(Connection& session, base::Oid root) {
  std::vector<Root> roots = roots_of(
      session.query(select_leaves("SELECT '" + std::to_string(root.value) + "'::oid"), "look up the partitions"));
  return roots.empty() ? std::vector<change::Leaf>{} : std::move(roots.front().leaves);
}

Heap find_heap(Connection& session, base::Oid table) {
  std::vector<Heap> heaps =
      heaps_of(session.query(select_columns(std::to_string(table.value)), "look up a table's columns"));
  return heaps.empty() ? Heap{table, {}} : std::move(heaps.front());
}

void say(const Heap& heap, change::Schema& schema) {
  schema.file = heap.file;
  for (change::Column& column : schema.columns) {
    const auto xmin = column.attnum ? heap.xmins.find(*column.attnum) : heap.xmins.end();
    if (xmin != heap.xmins.end()) column.xmin = xmin->second;
  }
}

}  // namespace pg
