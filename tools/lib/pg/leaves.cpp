// pg: partitions, from plain catalogs, so that nothing here waits for an ALTER TABLE.
#include "pg/leaves.hpp"

#include "pg/slot.hpp"

namespace pg {
namespace {

constexpr std::uint32_t kSchemasInPublications = 150000;

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

// The partitioned tables by whose name a publication sends rows: in it, and no ancestor of them is. Not by pg_publication_tables,
// which from 16 on opens every table to list its columns, and then waits behind whoever alters one.
std::string select_roots(const std::string& publication, bool has_schemas) {
  const auto is_published = [&](const std::string& table) {
    return "(p.puballtables OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel m WHERE m.prpubid = p.oid AND "
           "m.prrelid "
           "= " +
           table + ".oid)" +
           (has_schemas ? " OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s WHERE s.pnpubid = p.oid AND "
                          "s.pnnspid = " +
                              table + ".relnamespace)"
                        : "") +
           ")";
  };
  return "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_publication p ON p.pubname = " +
         literal(publication) + " WHERE c.relkind = 'p' AND " + is_published("c") +
         " AND NOT EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) AS l JOIN pg_catalog.pg_class a ON "
         "a.oid = l.relid WHERE a.oid <> c.oid AND " +
         is_published("a") + ")";
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

}  // namespace

Roots find_roots(Connection& session, const std::string& publication) {
  Roots found;
  const Result by_root =
      session.query("SELECT pubviaroot FROM pg_catalog.pg_publication WHERE pubname = " + literal(publication),
                    "look up the publication");
  if (by_root.rows() == 1 && by_root.truth(0, 0))
    found.roots = roots_of(
        session.query(select_leaves(select_roots(publication, session.server_version() >= kSchemasInPublications)),
                      "look up the partitions"));
  // After the look: whatever it did not show commits later than this.
  found.at = end_of_log(session);
  return found;
}

std::vector<change::Leaf> find_leaves(Connection& session, base::Oid root) {
  std::vector<Root> roots = roots_of(
      session.query(select_leaves("SELECT '" + std::to_string(root.value) + "'::oid"), "look up the partitions"));
  return roots.empty() ? std::vector<change::Leaf>{} : std::move(roots.front().leaves);
}

}  // namespace pg
