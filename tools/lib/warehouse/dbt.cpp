// warehouse: the text of a sources file. Every name is quoted, in YAML and in SQL: none is ever taken for a number, a boolean or a word.
#include "warehouse/dbt.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "warehouse/statements.hpp"

namespace warehouse {
namespace {

// dbt reads values as templates of Jinja: what would begin one there is written as a template that gives it.
std::string without_template(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '{' && (next == '{' || next == '%' || next == '#')) {
      out += std::string("{{ '{") + next + "' }}";
      ++i;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// The time up to which a table has everything, as dbt compares it with now.
std::string moment(engine::Kind kind) {
  switch (kind) {
    case engine::Kind::sqlite:
      return "datetime(\"complete_to_time\")";
    case engine::Kind::postgresql:
      return "CAST(\"complete_to_time\" AS timestamp with time zone)";
    case engine::Kind::duckdb:
      return "CAST(\"complete_to_time\" AS TIMESTAMP)";
    case engine::Kind::snowflake:
      return "CAST(\"complete_to_time\" AS TIMESTAMP_TZ)";
  }
  return "";
}

std::string qualified(const Dialect& dialect, const DbtPlace& place, std::string_view name) {
  std::string text;
  if (!place.database.empty()) text += dialect.quote(place.database) + ".";
  return text + dialect.quote(place.schema) + "." + dialect.quote(name);
}

void add_column(std::string& text, const std::string& name, const TableColumn& column, bool is_real, bool is_key) {
  const std::string indent(10, ' ');
  text += "        - name: " + yaml_text(name) + "\n" + indent + "quote: true\n";
  if (is_real) text += indent + "description: \"as a floating-point number\"\n";
  std::string meta;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) {
      meta += (meta.empty() ? "" : ", ") + std::string(key) + ": " + yaml_text(without_template(value));
    }
  };
  add("class", column.source.klass);
  add("action", column.source.action);
  add("source_column", column.source.name);
  add("source_type", column.source.type);
  text += indent + "config:\n" + indent + "  meta: {" + meta + "}\n";
  if (is_key) text += indent + "data_tests: [unique, not_null]\n";
}

}  // namespace

std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  const auto escape = [&](const char* form, unsigned value) {
    std::array<char, 8> code{};
    std::snprintf(code.data(), code.size(), form, value);
    out += code.data();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto at = [&](std::size_t n) {
      return i + n < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[i + n])) : 0U;
    };
    if (byte == '"' || byte == '\\') {
      out.push_back('\\');
      out.push_back(text[i]);
    } else if (byte < 0x20 || byte == 0x7F) {
      escape("\\x%02X", byte);
    } else if (byte == 0xC2 && at(1) >= 0x80 && at(1) <= 0x9F) {
      // Control characters of the second kind; U+0085 is a line break there.
      escape("\\x%02X", at(1));
      i += 1;
    } else if (byte == 0xE2 && at(1) == 0x80 && (at(2) == 0xA8 || at(2) == 0xA9)) {
      escape("\\u%04X", 0x2000 + (at(2) & 0x3F));
      i += 2;
    } else if (byte == 0xEF && at(1) == 0xBB && at(2) == 0xBF) {
      escape("\\u%04X", 0xFEFF);
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  out.push_back('"');
  return out;
}

std::string dbt_sources(const Dialect& dialect, std::string_view source, const DbtPlace& place,
                        const std::map<std::string, Table, std::less<>>& tables) {
  std::string text = "version: 2\nsources:\n  - name: " + yaml_text(source) + "\n";
  if (!place.database.empty()) text += "    database: " + yaml_text(without_template(place.database)) + "\n";
  text += "    schema: " + yaml_text(without_template(place.schema)) + "\n";
  text += "    quoting: {database: true, schema: true, identifier: true}\n";
  text += "    config:\n      freshness:\n        warn_after: {count: 6, period: hour}\n";
  text += "        error_after: {count: 6, period: hour}\n    tables:" + std::string(tables.empty() ? " []\n" : "\n");
  for (const auto& [name, table] : tables) {
    const Shape& shape = table.shape;
    const Statements statements(dialect, shape);
    const bool has_view = !shape.key.empty();
    const std::string shown = has_view ? shape.view : statements.history_name();
    text += "      - name: " + yaml_text(shown) + "\n";
    text += "        identifier: " + yaml_text(without_template(shown)) + "\n";
    text += "        config:\n          meta: {source_table: " + yaml_text(without_template(name)) + "}\n";
    text += "          loaded_at_query: " +
            yaml_text(without_template("SELECT " + moment(dialect.kind()) + " FROM " +
                                       qualified(dialect, place, "_cdc_freshness") +
                                       " WHERE \"table\"=" + engine::quote_text(name))) +
            "\n        columns:\n";
    if (has_view) {
      for (const ViewColumn& column : statements.view_columns()) {
        const bool is_key = !column.is_real && shape.key.size() == 1 && shape.key[0] == column.index;
        add_column(text, column.name, shape.columns[column.index], column.is_real, is_key);
      }
    } else {
      for (const TableColumn& column : shape.columns) add_column(text, column.name, column, false, false);
    }
  }
  return text;
}

}  // namespace warehouse
