// policy: types to kinds. Knows PostgreSQL's type names and categories as a schema line gives them.
// Must not guess: what it does not know is `other`, which passes nothing by a pattern and cannot be hashed.
// Runs once per column and schema line. Pure.
#include "policy/kind.hpp"

#include <array>
#include <utility>

namespace policy {
namespace {

constexpr auto kWords =
    std::to_array<std::string_view>({"any", "int", "numeric", "float", "bool", "time", "enum", "text", "uuid", "inet",
                                     "json", "bytea", "xml", "array", "other"});

// Types of pg_catalog by name. A type of another schema has a dot in its name and never meets these.
constexpr auto kTypes = std::to_array<std::pair<std::string_view, Kind>>({
    {"int2", Kind::integer},    {"int4", Kind::integer},    {"int8", Kind::integer},     {"oid", Kind::integer},
    {"xid", Kind::integer},     {"numeric", Kind::numeric}, {"money", Kind::numeric},    {"float4", Kind::floating},
    {"float8", Kind::floating}, {"bool", Kind::boolean},    {"date", Kind::time},        {"time", Kind::time},
    {"timetz", Kind::time},     {"timestamp", Kind::time},  {"timestamptz", Kind::time}, {"interval", Kind::time},
    {"text", Kind::text},       {"varchar", Kind::text},    {"bpchar", Kind::text},      {"char", Kind::text},
    {"name", Kind::text},       {"uuid", Kind::uuid},       {"inet", Kind::inet},        {"cidr", Kind::inet},
    {"macaddr", Kind::inet},    {"macaddr8", Kind::inet},   {"json", Kind::json},        {"jsonb", Kind::json},
    {"bytea", Kind::bytea},     {"xml", Kind::xml},
});

}  // namespace

std::string_view word_of(Kind kind) { return kWords[static_cast<std::size_t>(kind)]; }

std::optional<Kind> parse_kind(std::string_view word) {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

Kind kind_of(const change::Column& column) {
  // Arrays first: `_int4` is no int4, whatever a category says.
  if (column.category == "A" || column.type.starts_with('_')) return Kind::array;
  for (const auto& [type, kind] : kTypes) {
    if (type == column.type) return kind;
  }
  // Beyond pg_catalog only two categories say enough: an enum's words are in the catalog, a string type (citext) is text.
  if (column.category == "E") return Kind::enumeration;
  if (column.category == "S") return Kind::text;
  return Kind::other;
}

}  // namespace policy
