// pg: types in binary; the contracts are in binary_types.hpp. One statement for all types that are new, so that a database of twenty
// thousand costs a few; each is then put together from its parts. Must not know which of them are read: value::layout_of does.
#include "pg/binary_types.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "change/types.hpp"

namespace pg {
namespace {

constexpr std::uint32_t kColumnLists = 150000;  // pg_publication_rel.prattrs, pg_publication_namespace

}  // namespace

// Types and all that they are made of, in one statement. A type's functions decide what it is: extensions and users make types
// with functions of the server's own, and those are read like the server's.
void BinaryTypes::load(std::span<const base::Oid> wanted) {
  std::string unknown;
  for (const base::Oid oid : wanted) {
    if (nodes_.contains(oid.value)) continue;
    unknown += (unknown.empty() ? "" : ",") + std::to_string(oid.value);
  }
  if (unknown.empty()) return;
  const Result result = session_.query(
      "WITH RECURSIVE node(oid) AS (SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid IN (" + unknown +
          ") UNION SELECT part.oid FROM node, LATERAL ("
          "SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END FROM pg_catalog.pg_type t "
          "WHERE t.oid = node.oid AND (t.typtype = 'd' OR t.typelem <> 0) "
          "UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = node.oid "
          "UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = node.oid "
          "UNION ALL SELECT a.atttypid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_attribute a ON a.attrelid = "
          "t.typrelid WHERE t.oid = node.oid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped) part(oid)) "
          "SELECT t.oid, t.typtype = 'd', "
          /* 2 library: internal is 12, c is 13 */
          "CASE WHEN s.prolang = 12 AND o.prolang = 12 THEN '' WHEN s.prolang = 13 AND s.probin = o.probin THEN "
          "regexp_replace(s.probin, '^.*/|[.]so$', '', 'g') ELSE '?' END, s.prosrc, o.prosrc, "
          /* 5 */
          "(SELECT e.typdelim FROM pg_catalog.pg_type e WHERE e.oid = t.typelem), "
          /* 6 parts */
          "CASE t.typtype WHEN 'd' THEN t.typbasetype::text "
          "WHEN 'r' THEN (SELECT r.rngsubtype::text FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid) "
          "WHEN 'm' THEN (SELECT r.rngtypid::text FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid) "
          "WHEN 'c' THEN (SELECT string_agg(a.atttypid::text, ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a "
          "WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) "
          "ELSE nullif(t.typelem, 0)::text END "
          "FROM node JOIN pg_catalog.pg_type t ON t.oid = node.oid "
          "LEFT JOIN pg_catalog.pg_proc s ON s.oid = t.typsend LEFT JOIN pg_catalog.pg_proc o ON o.oid = t.typoutput",
      "read the catalog");
  for (std::size_t row = 0; row < result.rows(); ++row) {
    Node node;
    node.is_domain = result.truth(row, 1);
    node.layout =
        value::layout_of({result.is_null(row, 3) ? "" : result.text(row, 2), result.text(row, 3), result.text(row, 4)},
                         session_.server_version());
    if (!result.is_null(row, 5)) node.delimiter = result.text(row, 5).front();
    for (std::string_view parts = result.text(row, 6); !parts.empty();) {
      const std::size_t comma = std::min(parts.find(','), parts.size());
      base::Oid part;
      std::from_chars(parts.data(), parts.data() + comma, part.value);
      node.parts.push_back(part);
      parts.remove_prefix(std::min(comma + 1, parts.size()));
    }
    nodes_.insert_or_assign(static_cast<std::uint32_t>(result.number(row, 0)), std::move(node));
  }
}

value::BinaryShape BinaryTypes::shape_of(base::Oid type) const {
  value::BinaryShape shape;
  auto found = nodes_.find(type.value);
  base::Oid base = type;
  while (found != nodes_.end() && found->second.is_domain) {
    base = found->second.parts.front();
    found = nodes_.find(base.value);
  }
  if (found == nodes_.end()) return shape;
  const Node& node = found->second;
  shape.layout = node.layout;
  shape.oid = type;
  switch (node.layout) {
    case value::Layout::array:
      // The same as types() sees in it: that the element's array type is this one is what makes array_send its function.
      shape.kind = value::Kind::array;
      shape.delimiter = node.delimiter;
      break;
    case value::Layout::range:
    case value::Layout::multirange:
    case value::Layout::record:
      break;
    default:
      shape.kind = value::shape_of({base, {}}).kind;
      return shape;
  }
  for (const base::Oid oid : node.parts) {
    value::BinaryShape part = shape_of(oid);
    // The server cannot send these within others in binary, or we could not read them.
    if (part.layout == value::Layout::unknown || part.layout == value::Layout::sent_as_text) {
      shape.layout = value::Layout::unknown;
    }
    if (part.kind == value::Kind::array) part.kind = value::Kind::text;
    shape.parts.push_back(std::move(part));
  }
  return shape;
}

std::vector<value::BinaryShape> BinaryTypes::shapes(std::span<const base::Oid> wanted) {
  load(wanted);
  std::vector<value::BinaryShape> shapes;
  shapes.reserve(wanted.size());
  for (const base::Oid oid : wanted) shapes.push_back(shape_of(oid));
  return shapes;
}

std::optional<TextOnly> BinaryTypes::text_only(std::string_view publication) {
  // Every table but temporary ones, and what initdb made, which cannot be published.
  const bool lists = session_.server_version() >= kColumnLists;
  const std::string all_tables = "c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384";
  const std::string columns =
      "WITH published(relid, list) AS ("
      "SELECT c.oid, NULL::int2[] FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_class c ON p.puballtables AND " +
      all_tables + " WHERE p.pubname = " + literal(publication) + " UNION ALL SELECT pr.prrelid, " +
      (lists ? "pr.prattrs::int2[]" : "NULL") +
      " FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel pr ON pr.prpubid = p.oid WHERE p.pubname "
      "= " +
      literal(publication) +
      (lists ? " UNION ALL SELECT c.oid, NULL FROM pg_catalog.pg_publication p JOIN "
               "pg_catalog.pg_publication_namespace pn "
               "ON pn.pnpubid = p.oid JOIN pg_catalog.pg_class c ON c.relnamespace = pn.pnnspid AND " +
                   all_tables + " WHERE p.pubname = " + literal(publication)
             : "") +
      "), published_column AS (SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod FROM published JOIN "
      "pg_catalog.pg_attribute a ON a.attrelid = published.relid AND a.attnum > 0 AND NOT a.attisdropped AND "
      "(published.list IS NULL OR a.attnum = ANY (published.list))) ";
  const Result used = session_.query(columns + "SELECT DISTINCT atttypid FROM published_column", "read the catalog");
  std::vector<base::Oid> oids;
  for (std::size_t row = 0; row < used.rows(); ++row) {
    oids.push_back(base::Oid{static_cast<std::uint32_t>(used.number(row, 0))});
  }
  const std::vector<value::BinaryShape> found = this->shapes(oids);
  std::string unknown;
  for (std::size_t i = 0; i < oids.size(); ++i) {
    if (found[i].layout != value::Layout::unknown) continue;
    unknown += (unknown.empty() ? "" : ",") + std::to_string(oids[i].value);
  }
  if (unknown.empty()) return std::nullopt;
  const Result first = session_.query(
      columns +
          "SELECT n.nspname, c.relname, u.attname, pg_catalog.format_type(u.atttypid, u.atttypmod) FROM "
          "published_column u "
          "JOIN pg_catalog.pg_class c ON c.oid = u.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
          "WHERE u.atttypid IN (" +
          unknown + ") ORDER BY n.nspname, c.relname, u.attnum LIMIT 1",
      "read the catalog");
  // The table may have gone since the first statement.
  if (first.rows() == 0) return text_only(publication);
  return TextOnly{change::quote_table(first.text(0, 0), first.text(0, 1)), std::string(first.text(0, 2)),
                  std::string(first.text(0, 3))};
}

}  // namespace pg
