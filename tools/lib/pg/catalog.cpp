// pg: catalog look-ups: from what the catalog has to what a schema line says. How tables are read is in table.hpp.
#include "pg/catalog.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace pg {
namespace {

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

}  // namespace

Catalog::Catalog(Connection& session, std::string publication, Horizon horizon)
    : session_(session), publication_(publication), tables_(session, std::move(publication), std::move(horizon)) {}

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
  const std::optional<Table> table = tables_.of_message(relation.relid, xid);
  const std::vector<ColumnType> types = this->types(oids);
  std::vector<Place> found(relation.columns.size());
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
    if (!found[i].proven) continue;
    const Attribute& attribute = table->attributes[*found[i].proven];
    // Where a column list may have been taken away since, only a name that still fits is proof.
    if (!table->steady && attribute.name != names[i]) {
      found[i] = {};
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
    if (found[i].proven) {
      const Attribute& attribute = table->attributes[*found[i].proven];
      bind(column, *table, attribute);
      if (relation.identity != 'd' && key_parts_bound == key_parts) column.pk = attribute.pk;
      if (attribute.nullable) {
        column.nullable = true;
      } else if (attribute.settled) {
        column.nullable = false;
      }
    } else if (table && table->visible && !table->attributes.empty()) {
      column.greatest_attnum = table->attributes[found[i].greatest.value_or(table->attributes.size() - 1)].attnum;
    }
    schema.columns.push_back(std::move(column));
  }
  if (table) remember(*table, found);
  return description;
}

void Catalog::remember(const Table& table, std::span<const Place> found) {
  Seen& seen = seen_[table.relid.value];
  std::unordered_set<std::size_t> present;
  for (const Place& place : found) {
    if (!place.proven) continue;
    seen.greatest = std::max(seen.greatest, table.attributes[*place.proven].attnum);
    present.insert(*place.proven);
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
