// change: encoding and decoding of the lines that are not rows, and PostgreSQL's quoting of names. Pure.
#include "change/types.hpp"

#include <algorithm>
#include <array>

#include "base/failure.hpp"
#include "json/write.hpp"

namespace change {
namespace {

base::Lsn lsn_at(const json::Value& value, std::string_view key) {
  const auto lsn = base::parse_lsn(value.text(key));
  if (!lsn) throw base::Failure(base::Exit::data, "bad_lsn", "key '" + std::string(key) + "' is no log position");
  return *lsn;
}

std::optional<bool> optional_bool(const json::Value& value, std::string_view key) {
  if (value.find(key) == nullptr) return std::nullopt;
  return value.boolean(key);
}

void append_optional_bool(json::ObjectWriter& object, std::string_view key, std::optional<bool> value) {
  value ? object.boolean(key, *value) : object.null(key);
}

// PostgreSQL 15-18's words that quote_identifier() quotes (every key word that is not "unreserved"), sorted.
constexpr auto kQuotedWords = std::to_array<std::string_view>({"all",
                                                               "analyse",
                                                               "analyze",
                                                               "and",
                                                               "any",
                                                               "array",
                                                               "as",
                                                               "asc",
                                                               "asymmetric",
                                                               "authorization",
                                                               "between",
                                                               "bigint",
                                                               "binary",
                                                               "bit",
                                                               "boolean",
                                                               "both",
                                                               "case",
                                                               "cast",
                                                               "char",
                                                               "character",
                                                               "check",
                                                               "coalesce",
                                                               "collate",
                                                               "collation",
                                                               "column",
                                                               "concurrently",
                                                               "constraint",
                                                               "create",
                                                               "cross",
                                                               "current_catalog",
                                                               "current_date",
                                                               "current_role",
                                                               "current_schema",
                                                               "current_time",
                                                               "current_timestamp",
                                                               "current_user",
                                                               "dec",
                                                               "decimal",
                                                               "default",
                                                               "deferrable",
                                                               "desc",
                                                               "distinct",
                                                               "do",
                                                               "else",
                                                               "end",
                                                               "except",
                                                               "exists",
                                                               "extract",
                                                               "false",
                                                               "fetch",
                                                               "float",
                                                               "for",
                                                               "foreign",
                                                               "freeze",
                                                               "from",
                                                               "full",
                                                               "grant",
                                                               "greatest",
                                                               "group",
                                                               "grouping",
                                                               "having",
                                                               "ilike",
                                                               "in",
                                                               "initially",
                                                               "inner",
                                                               "inout",
                                                               "int",
                                                               "integer",
                                                               "intersect",
                                                               "interval",
                                                               "into",
                                                               "is",
                                                               "isnull",
                                                               "join",
                                                               "json_array",
                                                               "json_arrayagg",
                                                               "json_exists",
                                                               "json_object",
                                                               "json_objectagg",
                                                               "json_query",
                                                               "json_scalar",
                                                               "json_serialize",
                                                               "json_table",
                                                               "json_value",
                                                               "lateral",
                                                               "leading",
                                                               "least",
                                                               "left",
                                                               "like",
                                                               "limit",
                                                               "localtime",
                                                               "localtimestamp",
                                                               "merge_action",
                                                               "national",
                                                               "natural",
                                                               "nchar",
                                                               "none",
                                                               "normalize",
                                                               "not",
                                                               "notnull",
                                                               "null",
                                                               "nullif",
                                                               "numeric",
                                                               "offset",
                                                               "on",
                                                               "only",
                                                               "or",
                                                               "order",
                                                               "out",
                                                               "outer",
                                                               "overlaps",
                                                               "overlay",
                                                               "placing",
                                                               "position",
                                                               "precision",
                                                               "primary",
                                                               "real",
                                                               "references",
                                                               "returning",
                                                               "right",
                                                               "row",
                                                               "select",
                                                               "session_user",
                                                               "setof",
                                                               "similar",
                                                               "smallint",
                                                               "some",
                                                               "substring",
                                                               "symmetric",
                                                               "system_user",
                                                               "table",
                                                               "tablesample",
                                                               "then",
                                                               "time",
                                                               "timestamp",
                                                               "to",
                                                               "trailing",
                                                               "treat",
                                                               "trim",
                                                               "true",
                                                               "union",
                                                               "unique",
                                                               "user",
                                                               "using",
                                                               "values",
                                                               "varchar",
                                                               "variadic",
                                                               "verbose",
                                                               "when",
                                                               "where",
                                                               "window",
                                                               "with",
                                                               "xmlattributes",
                                                               "xmlconcat",
                                                               "xmlelement",
                                                               "xmlexists",
                                                               "xmlforest",
                                                               "xmlnamespaces",
                                                               "xmlparse",
                                                               "xmlpi",
                                                               "xmlroot",
                                                               "xmlserialize",
                                                               "xmltable"});

// Takes one identifier off the front of `text`.
std::optional<std::string> take_identifier(std::string_view& text) {
  std::string name;
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find('.'), text.size());
    name = text.substr(0, end);
    if (name.empty() || name.find('"') != std::string::npos) return std::nullopt;
    text.remove_prefix(end);
    return name;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '"') {
      name.push_back(text[i]);
    } else if (i + 1 < text.size() && text[i + 1] == '"') {
      name.push_back('"');
      ++i;
    } else {
      text.remove_prefix(i + 1);
      if (name.empty()) return std::nullopt;
      return name;
    }
  }
  return std::nullopt;
}

}  // namespace

Source decode_source(const json::Value& value) {
  if (value.number("format") != kFormat) {
    throw base::Failure(base::Exit::data, "bad_format", "the stream's format is not " + std::to_string(kFormat));
  }
  Source source;
  source.source = value.text("source");
  source.run = value.text("run");
  source.system_id = value.text("system_id");
  source.timeline = static_cast<std::uint32_t>(value.number("timeline"));
  source.era = value.number("era");
  source.server_version = static_cast<std::uint32_t>(value.number("server_version"));
  source.database = value.text("database");
  if (value.find("slot") != nullptr) source.slot = value.text("slot");
  source.start = lsn_at(value, "start");
  return source;
}

Schema decode_schema(const json::Value& value) {
  Schema schema;
  schema.table = value.text("table");
  schema.relid = base::Oid{static_cast<std::uint32_t>(value.number("relid"))};
  if (value.find("root") != nullptr) schema.root = value.text("root");
  schema.lsn = lsn_at(value, "lsn");
  if (value.find("from_seq") != nullptr) schema.seq = value.number("from_seq");
  schema.version = value.number("version");
  schema.identity = value.text("identity");
  value.at("columns").each_element([&](const json::Value& entry) {
    Column column;
    column.name = entry.text("name");
    column.type = entry.text("type");
    const json::Token* typmod = entry.find("typmod");
    if (typmod != nullptr && !typmod->raw().starts_with('-')) {
      column.typmod = static_cast<std::int32_t>(entry.number("typmod"));
    }
    if (entry.find("attnum") != nullptr) column.attnum = static_cast<std::uint32_t>(entry.number("attnum"));
    if (entry.find("greatest_attnum") != nullptr) {
      column.greatest_attnum = static_cast<std::uint32_t>(entry.number("greatest_attnum"));
    }
    if (entry.find("bind") != nullptr) column.bind = entry.text("bind");
    column.identity = optional_bool(entry, "identity").value_or(false);
    column.pk = optional_bool(entry, "pk").value_or(false);
    column.nullable = optional_bool(entry, "nullable");
    column.category = entry.text_or("category", "");
    column.has_default = optional_bool(entry, "default");
    column.action = entry.text_or("action", "");
    column.klass = entry.text_or("class", "");
    if (entry.find("xmin") != nullptr) column.xmin = static_cast<std::uint32_t>(entry.number("xmin"));
    schema.columns.push_back(std::move(column));
  });
  if (value.find("file") != nullptr) schema.file = base::Oid{static_cast<std::uint32_t>(value.number("file"))};
  if (value.find("leaves") != nullptr) {
    std::vector<Leaf>& leaves = schema.leaves.emplace();
    value.at("leaves").each_element([&](const json::Value& entry) {
      leaves.push_back({base::Oid{static_cast<std::uint32_t>(entry.number("relid"))},
                        base::Oid{static_cast<std::uint32_t>(entry.number("file"))},
                        optional_bool(entry, "attached").value_or(false)});
    });
  }
  return schema;
}

void encode(std::string& into, const Source& source) {
  json::ObjectWriter object(into);
  object.text("op", "source").number("format", kFormat).text("source", source.source).text("run", source.run);
  object.text("system_id", source.system_id).number("timeline", source.timeline).number("era", source.era);
  object.number("server_version", source.server_version).text("database", source.database);
  source.slot ? object.text("slot", *source.slot) : object.null("slot");
  object.text("start", base::format(source.start)).close();
  into.push_back('\n');
}

void encode(std::string& into, const Schema& schema) {
  std::string columns = "[";
  for (const Column& column : schema.columns) {
    if (columns.size() > 1) columns.push_back(',');
    json::ObjectWriter entry(columns);
    std::string typmod;
    json::append_number(typmod, static_cast<std::int64_t>(column.typmod));
    entry.text("name", column.name).text("type", column.type).raw("typmod", typmod);
    column.attnum ? entry.number("attnum", *column.attnum) : entry.null("attnum");
    column.bind ? entry.text("bind", *column.bind) : entry.null("bind");
    if (column.greatest_attnum) entry.number("greatest_attnum", *column.greatest_attnum);
    entry.boolean("identity", column.identity).boolean("pk", column.pk);
    append_optional_bool(entry, "nullable", column.nullable);
    entry.text("category", column.category);
    append_optional_bool(entry, "default", column.has_default);
    if (column.xmin) entry.number("xmin", *column.xmin);
    if (!column.action.empty()) entry.text("action", column.action).text("class", column.klass);
    entry.close();
  }
  columns.push_back(']');
  json::ObjectWriter object(into);
  object.text("op", "schema").text("table", schema.table).number("relid", schema.relid.value);
  schema.root ? object.text("root", *schema.root) : object.null("root");
  object.text("lsn", base::format(schema.lsn));
  if (schema.seq != 0) object.number("from_seq", schema.seq);
  object.number("version", schema.version).text("identity", schema.identity);
  object.raw("columns", columns);
  if (schema.file) object.number("file", schema.file->value);
  if (schema.leaves) {
    std::string leaves = "[";
    for (const Leaf& leaf : *schema.leaves) {
      if (leaves.size() > 1) leaves.push_back(',');
      json::ObjectWriter entry(leaves);
      entry.number("relid", leaf.relid.value).number("file", leaf.file.value).boolean("attached", leaf.attached);
      entry.close();
    }
    object.raw("leaves", leaves + "]");
  }
  object.close();
  into.push_back('\n');
}

void encode(std::string& into, const Commit& commit) {
  char lsn[base::kLsnTextBytes];
  char end[base::kLsnTextBytes];
  char ts[base::kTimeTextBytes];
  base::format(commit.lsn, lsn);
  base::format(commit.end, end);
  base::format(commit.ts, ts);
  into.append(R"({"op":"commit","lsn":")").append(lsn, sizeof lsn);
  into.append(R"(","end":")").append(end, sizeof end);
  into.append(R"(","ts":")").append(ts, sizeof ts);
  into.append(R"(","xid":)");
  json::append_number(into, std::uint64_t{commit.xid.value});
  into.append(R"(,"rows":)");
  json::append_number(into, commit.rows);
  into.append(R"(,"read_rows":)");
  json::append_number(into, commit.read_rows);
  into.append("}\n");
}

void encode_heartbeat(std::string& into, base::Lsn end, base::Time ts) {
  json::ObjectWriter object(into);
  object.text("op", "heartbeat").text("end", base::format(end)).text("ts", base::format(ts)).close();
  into.push_back('\n');
}

void encode(std::string& into, const Chunk& chunk) {
  const bool go_on = chunk.state == Chunk::State::go_on;
  const bool end = chunk.state == Chunk::State::end;
  json::ObjectWriter object(into);
  object.text("op", "snapshot").text("state", go_on ? "continue" : end ? "end" : "begin").text("table", chunk.table);
  object.text("lsn", base::format(chunk.lsn));
  if (chunk.copy.value != 0 && !go_on) object.text("copy", base::format(chunk.copy));
  object.number("chunk", chunk.chunk);
  if (!go_on) {
    if (!chunk.by.empty()) object.text("by", chunk.by);
    object.raw("from_key", chunk.from_key.empty() ? "null" : chunk.from_key);
    object.raw("to_key", chunk.to_key.empty() ? "null" : chunk.to_key);
    if (chunk.keys) object.number("keys", *chunk.keys);
    object.number("rows", chunk.rows);
    if (end) object.text("high", base::format(chunk.high));
  }
  object.close();
  into.push_back('\n');
}

std::string quote_identifier(std::string_view name) {
  bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9') && name[0] != '$';
  for (const char c : name) plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  if (plain && !std::binary_search(kQuotedWords.begin(), kQuotedWords.end(), name)) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

std::string quote_table(std::string_view schema, std::string_view name) {
  return quote_identifier(schema) + "." + quote_identifier(name);
}

std::optional<TableName> parse_table(std::string_view table) {
  auto schema = take_identifier(table);
  if (!schema || !table.starts_with('.')) return std::nullopt;
  table.remove_prefix(1);
  auto name = take_identifier(table);
  if (!name || !table.empty()) return std::nullopt;
  return TableName{std::move(*schema), std::move(*name)};
}

}  // namespace change
