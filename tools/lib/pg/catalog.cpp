// pg: catalog look-ups. One statement per table, so that everything said about it is of one moment.
#include "pg/catalog.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace pg {
namespace {

constexpr std::uint32_t kColumnLists = 150000;         // pg_publication_rel.prattrs, pg_publication_namespace
constexpr std::uint32_t kGeneratedPublished = 180000;  // pg_publication.pubgencols

std::string_view identity_word(char identity) {
  switch (identity) {
    case 'i':
      return "index";
    case 'f':
      return "full";
    case 'n':
      return "nothing";
    default:
      return "default";
  }
}

// SQL condition: the catalog row `alias` was written by a transaction older than the horizon. age() counts modulo 2^32; a row
// so old that it looks new again is merely not settled.
std::string settled(std::string_view alias, std::optional<base::Xid> horizon) {
  if (!horizon) return "false";
  return "age(" + std::string(alias) + ".xmin) > age('" + std::to_string(horizon->value) + "'::xid)";
}

// SQL expression: is this transaction visible in the statement's snapshot? pgoutput gives 32 bits; the epoch is the one that
// brings it nearest to the snapshot's end.
std::string visible(base::Xid xid) {
  return "(SELECT pg_visible_in_snapshot(GREATEST(CASE WHEN x - e > 2147483648 THEN x - 4294967296 "
         "WHEN e - x > 2147483648 THEN x + 4294967296 ELSE x END, 0)::text::xid8, pg_current_snapshot()) FROM "
         "(SELECT e, e / 4294967296 * 4294967296 + " +
         std::to_string(xid.value) +
         " AS x FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS e) AS snapshot) AS near)";
}

std::string key_condition(std::string_view index) {
  const std::string i(index);
  return "coalesce(a.attnum = ANY ((" + i + ".indkey::int2[])[0:" + i + ".indnkeyatts - 1]), false)";
}

}  // namespace

Catalog::Catalog(Connection& session, std::string publication, std::optional<base::Xid> horizon)
    : session_(session), publication_(std::move(publication)), horizon_(horizon) {}

std::optional<Table> Catalog::table(base::Oid relid, std::optional<base::Xid> asked) {
  const std::string oid = std::to_string(relid.value) + "::oid";
  const bool lists = session_.server_version() >= kColumnLists;
  const bool generated = session_.server_version() >= kGeneratedPublished;
  const std::string namespace_settled = lists ? " WHEN pn.oid IS NOT NULL THEN " + settled("pn", horizon_) : "";
  const std::string statement =
      "WITH RECURSIVE up(oid, level) AS (SELECT " + oid +
      ", 0 UNION ALL SELECT i.inhparent, up.level + 1 FROM up JOIN pg_catalog.pg_class p ON p.oid = up.oid AND "
      "p.relispartition JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid), "
      "down(oid) AS (SELECT " +
      oid +
      " UNION ALL SELECT i.inhrelid FROM down JOIN pg_catalog.pg_class p ON p.oid = down.oid AND p.relkind = 'p' "
      "JOIN pg_catalog.pg_inherits i ON i.inhparent = down.oid), "
      "root AS (SELECT n.nspname, c.relname FROM up JOIN pg_catalog.pg_class c ON c.oid = up.oid "
      "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE up.level > 0 ORDER BY up.level DESC LIMIT 1) "
      "SELECT n.nspname, c.relname, c.relkind, c.relreplident, root.nspname, root.relname, "
      /* 6 listed */
      + (lists ? "pr.prattrs IS NOT NULL" : "false") +
      /* 7 steady */ ", CASE WHEN p.oid IS NULL THEN false WHEN p.puballtables THEN " + settled("p", horizon_) +
      " WHEN pr.oid IS NOT NULL THEN " + settled("pr", horizon_) + namespace_settled + " ELSE false END" +
      /* 8 kept */
      ", coalesce((SELECT bool_and(s.relfilenode = s.oid) FROM down JOIN pg_catalog.pg_class s ON s.oid = "
      "down.oid WHERE s.relkind = 'r'), true)" +
      /* 9 visible */ ", " + (asked ? visible(*asked) : "true") +
      /* 10 */
      ", a.attnum, a.attname, a.attisdropped, a.atttypid, a.atttypmod, a.attnotnull"
      /* 16 has_default */
      ", a.atthasdef OR a.atthasmissing OR a.attidentity <> '' OR a.attgenerated <> ''"
      /* 17 generated */ ", CASE WHEN a.attgenerated = '' THEN 'plain' WHEN a.attgenerated = 's' THEN " +
      (generated ? "CASE WHEN p.pubgencols = 's' OR pr.prattrs IS NOT NULL THEN 'plain' ELSE 'unpublished' END"
                 : "'unpublished'") +
      " ELSE 'unpublished' END" +
      /* 18 in the list */ ", " + (lists ? "coalesce(a.attnum = ANY (pr.prattrs::int2[]), true)" : "true") +
      /* 19 */ ", " + key_condition("pk") + /* 20 */ ", " + key_condition("ri") +
      /* 21 */ ", " + settled("a", horizon_) +
      " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "LEFT JOIN root ON true "
      "LEFT JOIN pg_catalog.pg_publication p ON p.pubname = " +
      literal(publication_) +
      " LEFT JOIN pg_catalog.pg_publication_rel pr ON pr.prpubid = p.oid AND pr.prrelid = c.oid " +
      (lists ? "LEFT JOIN pg_catalog.pg_publication_namespace pn ON pn.pnpubid = p.oid AND pn.pnnspid = c.relnamespace "
             : "") +
      "LEFT JOIN pg_catalog.pg_index pk ON pk.indrelid = c.oid AND pk.indisprimary "
      "LEFT JOIN pg_catalog.pg_index ri ON ri.indrelid = c.oid AND ri.indisreplident "
      "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
      "WHERE c.oid = " +
      oid + " ORDER BY a.attnum";
  const Result result = session_.query(statement, "read the catalog");
  if (result.rows() == 0) return std::nullopt;

  Table table;
  table.relid = relid;
  table.schema = result.text(0, 0);
  table.name = result.text(0, 1);
  table.kind = result.text(0, 2).front();
  table.identity = result.text(0, 3).front();
  if (!result.is_null(0, 5)) table.root = change::quote_table(result.text(0, 4), result.text(0, 5));
  table.listed = result.truth(0, 6);
  table.steady = result.truth(0, 7);
  table.kept = result.truth(0, 8);
  table.visible = result.truth(0, 9);
  for (std::size_t row = 0; row < result.rows() && !result.is_null(row, 10); ++row) {
    Attribute attribute;
    attribute.attnum = static_cast<std::uint32_t>(result.number(row, 10));
    attribute.settled = result.truth(row, 21);
    if (result.truth(row, 12)) {
      // A column list holds its columns fast: one that is dropped takes the table out of the publication.
      attribute.presence = attribute.settled || (table.listed && table.steady) ? Presence::never : Presence::perhaps;
      table.attributes.push_back(std::move(attribute));
      continue;
    }
    attribute.name = result.text(row, 11);
    attribute.type = base::Oid{static_cast<std::uint32_t>(result.number(row, 13))};
    attribute.typmod = static_cast<std::int32_t>(result.number(row, 14));
    attribute.nullable = !result.truth(row, 15);
    attribute.has_default = result.truth(row, 16);
    attribute.presence = result.text(row, 17) == "plain" && result.truth(row, 18) ? Presence::always : Presence::never;
    attribute.pk = result.truth(row, 19);
    attribute.identity = table.identity == 'f' || (table.identity == 'd' && attribute.pk) ||
                         (table.identity == 'i' && result.truth(row, 20));
    table.attributes.push_back(std::move(attribute));
  }
  return table;
}

std::vector<ColumnType> Catalog::types(std::span<const base::Oid> wanted) {
  std::string unknown;
  for (const base::Oid oid : wanted) {
    if (types_.contains(oid.value)) continue;
    unknown += (unknown.empty() ? "" : ",") + std::to_string(oid.value);
  }
  if (!unknown.empty()) {
    // Two chains from domain to base type: of the type itself, then of the element, when the base is a true array (its
    // element's typarray is the type itself; int2vector, point and name have elements too, and a text of their own).
    const Result result = session_.query(
        "WITH RECURSIVE base(want, oid, typmod) AS ("
        "SELECT t.oid, t.oid, -1 FROM pg_catalog.pg_type t WHERE t.oid IN (" +
            unknown +
            ") UNION ALL SELECT base.want, d.typbasetype, CASE WHEN base.typmod <> -1 THEN base.typmod ELSE "
            "d.typtypmod END "
            "FROM base JOIN pg_catalog.pg_type d ON d.oid = base.oid AND d.typtype = 'd'), "
            "plain AS (SELECT base.want, base.typmod, t.oid, t.typname, t.typnamespace, t.typcategory, e.oid AS "
            "element "
            "FROM base JOIN pg_catalog.pg_type t ON t.oid = base.oid AND t.typtype <> 'd' "
            "LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid), "
            "part(want, oid) AS (SELECT plain.want, plain.element FROM plain WHERE plain.element IS NOT NULL "
            "UNION ALL SELECT part.want, d.typbasetype FROM part JOIN pg_catalog.pg_type d ON d.oid = part.oid AND "
            "d.typtype = 'd') "
            "SELECT plain.want, plain.oid, plain.typmod, plain.typcategory, n.nspname, plain.typname, "
            "e.oid, e.typdelim, en.nspname, ea.typname, e.oid = plain.element "
            "FROM plain JOIN pg_catalog.pg_namespace n ON n.oid = plain.typnamespace "
            "LEFT JOIN (part JOIN pg_catalog.pg_type e ON e.oid = part.oid AND e.typtype <> 'd' "
            "LEFT JOIN pg_catalog.pg_type ea ON ea.oid = e.typarray "
            "LEFT JOIN pg_catalog.pg_namespace en ON en.oid = ea.typnamespace) ON part.want = plain.want",
        "read the catalog");
    const auto name_of = [](std::string_view schema, std::string_view name) {
      return schema == "pg_catalog" ? std::string(name) : change::quote_table(schema, name);
    };
    for (std::size_t row = 0; row < result.rows(); ++row) {
      ColumnType type;
      value::Type base_type{base::Oid{static_cast<std::uint32_t>(result.number(row, 1))}, base::Oid{}, ','};
      type.typmod = static_cast<std::int32_t>(result.number(row, 2));
      type.category = result.text(row, 3);
      type.name = name_of(result.text(row, 4), result.text(row, 5));
      if (!result.is_null(row, 6)) {
        base_type.element = base::Oid{static_cast<std::uint32_t>(result.number(row, 6))};
        base_type.delimiter = result.text(row, 7).front();
        // An array over a domain has a name of its own; like the domain it stands for its base. Not so when the base is itself
        // an array: there are no arrays of arrays.
        const bool element_is_base = result.truth(row, 10);
        if (!element_is_base && !result.is_null(row, 9)) type.name = name_of(result.text(row, 8), result.text(row, 9));
      }
      type.shape = value::shape_of(base_type);
      types_.insert_or_assign(static_cast<std::uint32_t>(result.number(row, 0)), std::move(type));
    }
  }
  std::vector<ColumnType> found;
  found.reserve(wanted.size());
  for (const base::Oid oid : wanted) {
    const auto type = types_.find(oid.value);
    found.push_back(type == types_.end() ? ColumnType{} : type->second);
  }
  return found;
}

namespace {

// What the catalog says of a column whose attribute is known.
void bind(change::Column& column, const Table& table, const Attribute& attribute) {
  column.attnum = attribute.attnum;
  column.bind = std::to_string(table.relid.value) + "." + std::to_string(attribute.attnum);
  // A default that was dropped again may have filled older rows, unless they lie where they were first written.
  if (attribute.has_default) {
    column.has_default = true;
  } else if (table.kept) {
    column.has_default = false;
  }
}

void take_type(Description& into, change::Column& column, const ColumnType& type, std::int32_t typmod) {
  column.type = type.name;
  column.typmod = typmod != -1 ? typmod : type.typmod;
  column.category = type.category;
  into.shapes.push_back(type.shape);
}

}  // namespace

Description Catalog::describe(const Relation& relation, base::Xid xid) {
  Description description;
  change::Schema& schema = description.schema;
  schema.table = change::quote_table(relation.schema, relation.name);
  schema.relid = relation.relid;
  schema.identity = identity_word(relation.identity);

  std::vector<base::Oid> oids;
  std::vector<std::string_view> names;
  for (const RelationColumn& column : relation.columns) {
    oids.push_back(column.type);
    names.push_back(column.name);
  }
  const std::optional<Table> table = this->table(relation.relid, xid);
  const std::vector<ColumnType> types = this->types(oids);
  std::vector<std::optional<std::size_t>> found(relation.columns.size());
  if (table) {
    schema.root = table->root;
    description.visible = table->visible;
    if (table->visible && (table->steady || !table->listed)) {
      std::vector<Candidate> candidates;
      const Seen& seen = seen_[relation.relid.value];
      for (const Attribute& attribute : table->attributes) {
        Candidate candidate{attribute.name, attribute.presence};
        if (seen.gone.contains(attribute.attnum)) candidate.presence = Presence::never;
        if (candidate.presence == Presence::always && (attribute.settled || attribute.attnum <= seen.greatest)) {
          candidate.presence = Presence::certain;
          candidate.same_name = attribute.settled;
        }
        candidates.push_back(candidate);
      }
      found = align(names, candidates);
    }
  }

  // The key is bound whole or not at all: a part of it would fold rows into one.
  std::size_t key_parts = 0;
  std::size_t key_parts_bound = 0;
  if (table) {
    for (const Attribute& attribute : table->attributes) key_parts += attribute.pk ? 1 : 0;
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) continue;
    const Attribute& attribute = table->attributes[*found[i]];
    // Where a column list may have been taken away since, only a name that still fits is proof.
    if (!table->steady && attribute.name != names[i]) {
      found[i].reset();
    } else if (attribute.pk) {
      ++key_parts_bound;
    }
  }

  for (std::size_t i = 0; i < relation.columns.size(); ++i) {
    const RelationColumn& said = relation.columns[i];
    change::Column column;
    column.name = said.name;
    column.identity = said.key;
    take_type(description, column, types[i], said.typmod);
    if (relation.identity == 'd') {
      column.pk = said.key;
      if (said.key) column.nullable = false;
    }
    if (found[i]) {
      const Attribute& attribute = table->attributes[*found[i]];
      bind(column, *table, attribute);
      if (relation.identity != 'd' && key_parts_bound == key_parts) column.pk = attribute.pk;
      if (attribute.nullable) {
        column.nullable = true;
      } else if (attribute.settled) {
        column.nullable = false;
      }
    }
    schema.columns.push_back(std::move(column));
  }
  if (table) remember(*table, found);
  return description;
}

void Catalog::remember(const Table& table, std::span<const std::optional<std::size_t>> found) {
  Seen& seen = seen_[table.relid.value];
  std::unordered_set<std::size_t> present;
  for (const auto& index : found) {
    if (!index) continue;
    seen.greatest = std::max(seen.greatest, table.attributes[*index].attnum);
    present.insert(*index);
  }
  if (present.size() != found.size()) return;
  for (std::size_t i = 0; i < table.attributes.size(); ++i) {
    const Attribute& attribute = table.attributes[i];
    if (attribute.presence == Presence::perhaps && attribute.attnum <= seen.greatest && !present.contains(i)) {
      seen.gone.insert(attribute.attnum);
    }
  }
}

Description Catalog::describe(const Table& table) {
  Description description;
  change::Schema& schema = description.schema;
  schema.table = change::quote_table(table.schema, table.name);
  schema.relid = table.relid;
  schema.root = table.root;
  schema.identity = identity_word(table.identity);
  std::vector<base::Oid> oids;
  bool whole_key = true;
  for (const Attribute& attribute : table.attributes) {
    if (attribute.presence == Presence::always) oids.push_back(attribute.type);
    if (attribute.presence != Presence::always && attribute.pk) whole_key = false;
  }
  const std::vector<ColumnType> types = this->types(oids);
  std::size_t next_type = 0;
  for (const Attribute& attribute : table.attributes) {
    if (attribute.presence != Presence::always) continue;
    change::Column column;
    column.name = attribute.name;
    column.identity = attribute.identity;
    column.pk = whole_key && attribute.pk;
    column.nullable = attribute.nullable;
    take_type(description, column, types[next_type++], attribute.typmod);
    bind(column, table, attribute);
    schema.columns.push_back(std::move(column));
  }
  return description;
}

}  // namespace pg
