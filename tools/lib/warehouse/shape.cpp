// warehouse: matching columns of a schema line with columns of a table. Everything here errs on one side: parked. Pure.
#include "warehouse/shape.hpp"

#include <algorithm>
#include <array>

#include "base/failure.hpp"
#include "json/write.hpp"

namespace warehouse {
namespace {

constexpr auto kKinds = std::to_array<std::string_view>(
    {"integer", "boolean", "real", "numeric", "text", "date", "timestamp", "bytes", "json", "array"});

std::string fold_case(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

// A column that the policy drops stands in the schema line for the record only.
bool is_kept(const change::Column& column) { return column.action != "drop"; }

std::uint64_t number_of(const change::Column& column, std::size_t index) { return column.attnum.value_or(index + 1); }

std::vector<std::string> column_names(const Shape& shape) {
  std::vector<std::string> names;
  for (const TableColumn& column : shape.columns) names.push_back(column.name);
  return names;
}

void append_column(Shape& shape, const change::Column& column, std::size_t index) {
  TableColumn added;
  added.name = free_name(column.name, number_of(column, index), column_names(shape));
  added.source = column;
  added.kind = kind_of(column);
  shape.columns.push_back(std::move(added));
}

// Index of the shape's column with this bind, -1 when there is none.
std::int32_t by_bind(const Shape& shape, const change::Column& column) {
  if (!column.bind) return -1;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    if (shape.columns[i].source.bind == column.bind) return static_cast<std::int32_t>(i);
  }
  return -1;
}

// Index of the live column of this name whose identity is not proven to be another.
std::int32_t by_name(const Shape& shape, const change::Column& column) {
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const TableColumn& there = shape.columns[i];
    if (!there.dropped && there.source.name == column.name && !(there.source.bind && column.bind)) {
      return static_cast<std::int32_t>(i);
    }
  }
  return -1;
}

std::vector<std::uint32_t> key_in_shape(const change::Schema& schema, const std::vector<std::int32_t>& column) {
  std::vector<std::uint32_t> key;
  for (const std::uint32_t index : key_of(schema)) {
    if (column[index] < 0) return {};
    key.push_back(static_cast<std::uint32_t>(column[index]));
  }
  std::sort(key.begin(), key.end());
  return key;
}

Evolution parked(const Shape& shape, std::string reason) {
  Evolution evolution;
  evolution.parked = std::move(reason);
  evolution.shape = shape;
  return evolution;
}

// Lines of a version older than the shape: found by bind (dropped columns too), else by name and type.
Evolution older_version(const Shape& old, const change::Schema& schema) {
  Evolution evolution;
  evolution.shape = old;
  for (const change::Column& column : schema.columns) {
    std::int32_t found = is_kept(column) ? by_bind(old, column) : -1;
    if (found < 0 && is_kept(column)) found = by_name(old, column);
    if (found >= 0 && old.columns[static_cast<std::size_t>(found)].kind != kind_of(column)) found = -1;
    evolution.column.push_back(found);
  }
  if (key_in_shape(schema, evolution.column) != old.key) {
    return parked(old, "an older version of the table has another key");
  }
  return evolution;
}

}  // namespace

std::string_view text_of(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

Kind parse_kind(std::string_view text) {
  const auto found = std::find(kKinds.begin(), kKinds.end(), text);
  if (found == kKinds.end()) {
    throw base::Failure(base::Exit::refused, "broken_warehouse",
                        "a column in the warehouse's state has an unknown kind");
  }
  return static_cast<Kind>(found - kKinds.begin());
}

Kind kind_of(const change::Column& column) {
  const std::string& type = column.type;
  if (type == "int8" || type == "int4" || type == "int2" || type == "oid") return Kind::integer;
  if (type == "bool") return Kind::boolean;
  if (type == "float8" || type == "float4") return Kind::real;
  if (type == "numeric") return Kind::numeric;
  if (type == "bytea") return Kind::bytes;
  if (type == "json" || type == "jsonb") return Kind::json;
  if (type == "date") return Kind::date;
  if (type == "timestamp" || type == "timestamptz") return Kind::timestamp;
  if (column.category == "A") return Kind::array;
  return Kind::text;
}

std::vector<std::uint32_t> key_of(const change::Schema& schema) {
  std::vector<std::uint32_t> key;
  if (schema.identity == "nothing") return key;
  const bool full = schema.identity == "full";
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const change::Column& column = schema.columns[i];
    if (!(full ? column.pk : column.identity)) continue;
    if (!is_kept(column) || column.action == "null" || column.action == "const") return {};
    key.push_back(static_cast<std::uint32_t>(i));
  }
  return key;
}

bool same_folded(std::string_view a, std::string_view b) { return fold_case(a) == fold_case(b); }

std::string free_name(std::string_view name, std::uint64_t number, const std::vector<std::string>& taken,
                      std::size_t longest) {
  std::vector<std::string> folded;
  for (const std::string& one : taken) folded.push_back(fold_case(one));
  const auto is_free = [&](const std::string& candidate) {
    return std::find(folded.begin(), folded.end(), fold_case(candidate)) == folded.end();
  };
  const std::string start = fold_case(name);
  const bool ours = start.starts_with("_cdc_") || start.starts_with("sqlite_") || start.empty();
  if (!ours && name.size() <= longest && is_free(std::string(name))) return std::string(name);
  // "_cdc_x" must not begin with our prefix even with a number behind it.
  const std::string whole = (ours ? "x" : "") + std::string(name);
  std::string tail = "__" + std::to_string(number);
  for (;; tail += "_") {
    std::size_t size = std::min(whole.size(), longest - tail.size());
    while (size < whole.size() && size > 0 && (static_cast<unsigned char>(whole[size]) & 0xC0) == 0x80) --size;
    std::string candidate = whole.substr(0, size) + tail;
    if (is_free(candidate)) return candidate;
  }
}

bool is_widened(const change::Column& from, const change::Column& to) {
  const auto rank = [](const std::string& type) {
    return type == "int2" ? 1 : type == "int4" ? 2 : type == "int8" ? 3 : 0;
  };
  if (rank(from.type) > 0 && rank(to.type) >= rank(from.type)) return true;
  if (from.type == "float4" && to.type == "float8") return true;
  if (from.type == "varchar" && to.type == "text") return true;
  if (from.type != to.type) return false;
  if (from.typmod == to.typmod || to.typmod < 0) return from.type != "bpchar" || from.typmod == to.typmod;
  if (from.type == "varchar" || from.type == "varbit") return from.typmod >= 0 && to.typmod > from.typmod;
  // numeric(p,s): typmod is (p << 16 | s) + 4; another scale rewrites the digits.
  if (from.type == "numeric") {
    const std::int32_t a = from.typmod - 4;
    const std::int32_t b = to.typmod - 4;
    return from.typmod >= 0 && (a & 0xFFFF) == (b & 0xFFFF) && b >> 16 > a >> 16;
  }
  return false;
}

Evolution first_shape(const change::Schema& schema, std::string name, std::string view) {
  Evolution evolution;
  Shape& shape = evolution.shape;
  shape.table = schema.table;
  shape.relid = schema.relid;
  shape.name = std::move(name);
  shape.view = std::move(view);
  shape.lsn = schema.lsn;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (!is_kept(schema.columns[i])) {
      evolution.column.push_back(-1);
      continue;
    }
    evolution.column.push_back(static_cast<std::int32_t>(shape.columns.size()));
    append_column(shape, schema.columns[i], i);
  }
  shape.key = key_in_shape(schema, evolution.column);
  return evolution;
}

Evolution evolve(const Shape& old, const change::Schema& schema) {
  if (old.relid != schema.relid) return parked(old, "another table bears this name now");
  if (schema.lsn < old.lsn) return older_version(old, schema);

  Evolution evolution;
  Shape& shape = evolution.shape;
  shape = old;
  shape.lsn = schema.lsn;

  // Who is who. A match by name alone is evidence only as long as nothing else moved.
  std::vector<bool> matched(old.columns.size(), false);
  bool by_name_only = false;
  for (const change::Column& column : schema.columns) {
    std::int32_t found = is_kept(column) ? by_bind(old, column) : -1;
    if (found < 0 && is_kept(column)) {
      found = by_name(old, column);
      by_name_only = by_name_only || found >= 0;
    }
    if (found >= 0) {
      if (matched[static_cast<std::size_t>(found)]) return parked(old, "two columns claim to be the same one");
      matched[static_cast<std::size_t>(found)] = true;
    }
    evolution.column.push_back(found);
  }
  bool missing = false;
  bool missing_unproven = false;
  for (std::size_t i = 0; i < old.columns.size(); ++i) {
    if (matched[i] || old.columns[i].dropped) continue;
    missing = true;
    missing_unproven = missing_unproven || !old.columns[i].source.bind;
  }
  bool added_unproven = false;
  std::int32_t last = -1;
  bool in_order = true;
  bool appended_only = true;
  bool seen_new = false;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (!is_kept(schema.columns[i])) continue;
    const std::int32_t found = evolution.column[i];
    if (found < 0) {
      seen_new = true;
      added_unproven = added_unproven || !schema.columns[i].bind;
      continue;
    }
    appended_only = appended_only && !seen_new;
    in_order = in_order && found > last;
    last = found;
  }
  if (missing && (missing_unproven || added_unproven || by_name_only)) {
    return parked(old, "columns went, and it is not proven which");
  }
  if (by_name_only && !in_order) return parked(old, "columns moved, and it is not proven which");
  if (seen_new && (added_unproven || by_name_only) && !appended_only) {
    return parked(old, "columns came between others, and it is not proven which");
  }

  // Columns that stay: type, action, name.
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (evolution.column[i] < 0) continue;
    const change::Column& now = schema.columns[i];
    const auto index = static_cast<std::uint32_t>(evolution.column[i]);
    TableColumn& there = shape.columns[index];
    if (kind_of(now) != there.kind) return parked(old, "column " + there.name + " has values of another kind now");
    if (now.type != there.source.type || now.typmod != there.source.typmod) {
      if (!is_widened(there.source, now)) {
        return parked(old, "column " + there.name + " has another type now, which may have altered its values");
      }
      evolution.steps.push_back({Step::What::widen, index, "", false});
    }
    const auto treatment = [](const change::Column& column) {
      return column.action.empty() ? std::string("keep") : column.action;
    };
    if (treatment(now) != treatment(there.source) && treatment(now) != "null") {
      evolution.steps.push_back({Step::What::restate, index, "", true});
    }
    const std::string source_name = there.source.name;
    const auto bind = now.bind ? now.bind : there.source.bind;
    there.source = now;
    there.source.bind = bind;
    there.dropped = false;
    if (source_name != now.name) {
      std::vector<std::string> taken = column_names(shape);
      taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(index));
      const std::string name = free_name(now.name, number_of(now, i), taken);
      if (name != there.name) {
        evolution.steps.push_back({Step::What::rename, index, there.name, false});
        there.name = name;
      }
    }
  }
  // Columns that went, then columns that came.
  for (std::size_t i = 0; i < old.columns.size(); ++i) {
    if (matched[i] || old.columns[i].dropped) continue;
    shape.columns[i].dropped = true;
    evolution.steps.push_back({Step::What::drop, static_cast<std::uint32_t>(i), "", false});
  }
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (evolution.column[i] >= 0 || !is_kept(schema.columns[i])) continue;
    const auto index = static_cast<std::uint32_t>(shape.columns.size());
    evolution.column[i] = static_cast<std::int32_t>(index);
    append_column(shape, schema.columns[i], i);
    evolution.steps.push_back({Step::What::add, index, "", schema.columns[i].has_default.value_or(true)});
  }
  if (key_in_shape(schema, evolution.column) != old.key) return parked(old, "the table has another key now");
  return evolution;
}

Mapping mapping_of(const Shape& shape, const change::Schema& schema, const std::vector<std::int32_t>& column) {
  Mapping mapping;
  mapping.lsn = schema.lsn;
  mapping.seq = schema.seq;
  for (const TableColumn& there : shape.columns) {
    const bool null_before = there.dropped || !there.source.has_default.value_or(true);
    mapping.no_default.push_back(null_before);
    mapping.absent.push_back(null_before ? Absent::null : Absent::unknown);
  }
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    std::string quoted;
    json::append_string(quoted, schema.columns[i].name);
    mapping.names.push_back(quoted.substr(1, quoted.size() - 2));
    mapping.column.push_back(column[i]);
    if (column[i] >= 0) mapping.absent[static_cast<std::size_t>(column[i])] = Absent::given;
  }
  return mapping;
}

}  // namespace warehouse
