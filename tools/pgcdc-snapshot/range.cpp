// pgcdc-snapshot: keys and their ranges. Only indexes with the default order of their types, which PostgreSQL itself brings, are
// used: then `<` in a condition is the order of the index, whatever search_path finds, and always the same one.
#include "pgcdc-snapshot/range.hpp"

#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"

namespace snapshot {
namespace {

constexpr std::uint32_t kColumnLists = 150000;  // pg_publication_rel.prattrs

std::string value_of(const KeyColumn& column, const std::string& text) {
  return pg::literal(text) + "::" + column.type + (column.collation.empty() ? "" : " COLLATE " + column.collation);
}

std::string row_of(const Key& key, const Bound& bound) {
  std::string row = "ROW(";
  for (std::size_t i = 0; i < key.columns.size(); ++i) row += (i == 0 ? "" : ", ") + value_of(key.columns[i], bound[i]);
  return row + ")";
}

std::string list_of_columns(const Key& key) {
  std::string list;
  for (const KeyColumn& column : key.columns) list += (list.empty() ? "" : ", ") + column.name;
  return list;
}

// One column is compared as itself: row comparison of one is the same, but no planner looks for it.
std::string comparison(const Key& key, const char* how, const Bound& bound) {
  if (key.columns.size() == 1) return key.columns[0].name + how + value_of(key.columns[0], bound[0]);
  return "ROW(" + list_of_columns(key) + ")" + how + row_of(key, bound);
}

}  // namespace

std::string rows_of(const Target& target) {
  return (target.kind == 'p' ? "" : "ONLY ") + pg::identifier(target.schema) + "." + pg::identifier(target.name);
}

Key read_key(pg::Connection& session, const Target& target, const std::string& publication) {
  const std::string relid = std::to_string(target.relid.value);
  const pg::Result found = session.query(
      "SELECT a.attnum, a.attname, tn.nspname, t.typname, cn.nspname, c.collname, "
      "o.opcdefault AND o.opcnamespace = 11 AND i.indoption[k.n - 1] = 0 AND i.indcollation[k.n - 1] = a.attcollation "
      "FROM (SELECT * FROM pg_catalog.pg_index WHERE indrelid = " +
          relid +
          " AND indisvalid AND indpred IS NULL AND indexprs IS NULL AND (indisprimary OR indisreplident) "
          "ORDER BY indisprimary DESC LIMIT 1) AS i CROSS JOIN generate_series(1, i.indnkeyatts) AS k (n) "
          "JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n - 1] "
          "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace "
          "JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[k.n - 1] "
          "LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation "
          "LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace ORDER BY k.n",
      "look up the table's key");
  Key key;
  key.by = relid;
  bool usable = true;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    KeyColumn column{pg::identifier(found.text(row, 1)),
                     pg::identifier(found.text(row, 2)) + "." + pg::identifier(found.text(row, 3)), ""};
    if (!found.is_null(row, 5))
      column.collation = pg::identifier(found.text(row, 4)) + "." + pg::identifier(found.text(row, 5));
    usable = usable && found.truth(row, 6);
    key.by += (row == 0 ? " (" : ", ") + std::string(found.text(row, 0)) + " " + column.type +
              (column.collation.empty() ? "" : " " + column.collation);
    key.columns.push_back(std::move(column));
  }
  if (!key.columns.empty()) key.by += ")";
  if (!usable) key.columns.clear();
  // Rows or columns that the publication passes only now would be missing from what was copied before.
  if (session.server_version() >= kColumnLists) {
    const pg::Result list = session.query(
        "SELECT r.prattrs FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid "
        "WHERE r.prrelid = " +
            relid + " AND r.prattrs IS NOT NULL AND p.pubname = " + pg::literal(publication),
        "look up the publication's columns");
    if (list.rows() > 0) key.by += " columns " + std::string(list.text(0, 0));
  }
  if (!target.filter.empty()) key.by += " where " + target.filter;
  return key;
}

std::string part_condition(pg::Connection& session, const Target& target, base::Part part) {
  const pg::Result found = session.query(
      "SELECT a.attname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid "
      "JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indisprimary "
      "AND i.indnkeyatts = 1 AND a.atttypid IN (20, 21, 23) AND c.relreplident IN ('d', 'f') AND i.indrelid = " +
          std::to_string(target.relid.value),
      "look up the table's key");
  if (found.rows() == 0) return "";
  const std::string name = pg::identifier(found.text(0, 0));
  const std::string exact = base::in_part(name + "::bigint", part);
  const pg::Result ends = session.query("SELECT min(" + name + "), max(" + name + ") FROM " + rows_of(target),
                                        "look for the ends of the key");
  if (ends.is_null(0, 0)) return exact;
  const std::string ranges = base::ranges_of_part(name, part, ends.number(0, 0), ends.number(0, 1));
  return ranges.empty() ? exact : "(" + exact + " AND " + ranges + ")";
}

std::string condition_of(const Key& key, const Range& range) {
  std::string condition;
  if (range.from) condition = comparison(key, " >= ", *range.from);
  if (range.to) condition += (condition.empty() ? "" : " AND ") + comparison(key, " < ", *range.to);
  return condition;
}

std::string condition_of(const Key& key, std::span<const Bound> keys) {
  std::string list;
  for (const Bound& bound : keys) {
    list += list.empty() ? "" : ", ";
    list += key.columns.size() == 1 ? value_of(key.columns[0], bound[0]) : row_of(key, bound);
  }
  return (key.columns.size() == 1 ? key.columns[0].name : "ROW(" + list_of_columns(key) + ")") + " IN (" + list + ")";
}

std::string keys_without_row(const Target& target, const Key& key, std::span<const Bound> keys) {
  std::string names;
  std::string same;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const std::string name = "k" + std::to_string(i);
    names += (i == 0 ? "" : ", ") + name;
    same += (i == 0 ? "t." : " AND t.") + key.columns[i].name + " = v." + name;
  }
  std::string rows;
  for (const Bound& bound : keys) {
    rows += rows.empty() ? "(" : ", (";
    for (std::size_t i = 0; i < key.columns.size(); ++i)
      rows += (i == 0 ? "" : ", ") + value_of(key.columns[i], bound[i]);
    rows += ")";
  }
  return "SELECT " + names + " FROM (VALUES " + rows + ") AS v (" + names +
         ") WHERE NOT EXISTS (SELECT FROM (SELECT * FROM " + rows_of(target) +
         (target.filter.empty() ? "" : " WHERE " + target.filter) + ") AS t WHERE " + same + ")";
}

void prefer_indexes(pg::Connection& session) {
  // What is switched off is counted as if it were dear, which would make it worth compiling.
  session.query("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET jit = off",
                "prepare the session");
}

std::optional<Bound> bound_after(pg::Connection& session, const Target& target, const Key& key, const Range& range,
                                 std::uint64_t rows) {
  // Qualified: a bare name behind ORDER BY would be the text that the list before it has made of the column.
  std::string columns;
  std::string order;
  for (const KeyColumn& column : key.columns) {
    columns += (columns.empty() ? "t." : ", t.") + column.name + "::text";
    order += (order.empty() ? "t." : ", t.") + column.name;
  }
  const std::string condition = condition_of(key, range);
  const pg::Result found = session.query("SELECT " + columns + " FROM " + rows_of(target) + " AS t" +
                                             (condition.empty() ? "" : " WHERE " + condition) + " ORDER BY " + order +
                                             " OFFSET " + std::to_string(rows) + " LIMIT 1",
                                         "look for the end of a chunk");
  if (found.rows() == 0) return std::nullopt;
  Bound bound;
  for (std::size_t i = 0; i < key.columns.size(); ++i) bound.emplace_back(found.text(0, i));
  return bound;
}

std::vector<std::uint64_t> rank_of(pg::Connection& session, const Key& key, std::span<const Bound> bounds) {
  std::vector<std::uint64_t> ranks;
  if (bounds.empty()) return ranks;
  std::string names;
  for (std::size_t i = 0; i < key.columns.size(); ++i) names += (i == 0 ? "k" : ", k") + std::to_string(i);
  std::string rows;
  for (std::size_t n = 0; n < bounds.size(); ++n) {
    rows += (n == 0 ? "(" : ", (") + std::to_string(n);
    for (std::size_t i = 0; i < key.columns.size(); ++i) rows += ", " + value_of(key.columns[i], bounds[n][i]);
    rows += ")";
  }
  const pg::Result found = session.query(
      "SELECT dense_rank() OVER (ORDER BY " + names + ") FROM (VALUES " + rows + ") AS v (n, " + names + ") ORDER BY n",
      "put the ends of chunks in order");
  for (std::size_t n = 0; n < found.rows(); ++n) ranks.push_back(static_cast<std::uint64_t>(found.number(n, 0)));
  return ranks;
}

std::string format(const std::optional<Bound>& bound) {
  if (!bound) return "";
  std::string json = "[";
  for (const std::string& text : *bound) {
    if (json.size() > 1) json.push_back(',');
    json::append_string(json, text);
  }
  return json + "]";
}

std::optional<Bound> parse_bound(std::string_view json) {
  if (json.empty() || json == "null") return std::nullopt;
  json::Tokenizer tokenizer;
  const json::Value value(tokenizer.tokens_of_copy(json), 0);
  Bound bound;
  value.each_element([&](const json::Value& element) { bound.push_back(element.as_text()); });
  if (bound.empty()) throw base::Failure(base::Exit::data, "bad_done", "a copied chunk's end is no list of values");
  return bound;
}

}  // namespace snapshot
