// cdc-policy: tables from a catalog, or from a stream. See tables.hpp.
#include "cdc-policy/tables.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

#include "base/failure.hpp"
#include "change/line.hpp"
#include "io/line_reader.hpp"
#include "json/tokens.hpp"
#include "pg/catalog.hpp"
#include "pg/slot.hpp"
#include "policy/kind.hpp"

namespace cdc_policy {
namespace {

using base::Exit;
using base::Failure;

constexpr std::size_t kLooked = 200;  // of a value are looked at

// A JSON array of texts, as the server made it.
std::vector<std::string> texts_of(std::string_view array) {
  json::Tokenizer tokenizer;
  std::vector<std::string> texts;
  json::Value(tokenizer.tokens_of_copy(array), 0).each_element([&](const json::Value& element) {
    texts.push_back(element.as_text());
  });
  return texts;
}

double number_of(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

SourceTable plain_table(change::Schema schema) {
  SourceTable table;
  const std::size_t count = schema.columns.size();
  table.schema = std::move(schema);
  table.comments.resize(count);
  table.distinct.resize(count);
  table.looks.assign(count, Looks::unknown);
  table.sent.assign(count, true);
  return table;
}

std::vector<SourceTable> sorted(std::map<std::string, SourceTable> tables) {
  std::vector<SourceTable> list;
  for (auto& [name, table] : tables) list.push_back(std::move(table));
  return list;
}

}  // namespace

std::vector<SourceTable> read_catalog(pg::Connection& session, const std::string& publication) {
  if (!publication.empty() && !pg::publication_exists(session, publication)) {
    throw Failure(Exit::refused, "no_publication", "publication " + publication + " does not exist");
  }
  const std::string of_publication =
      publication.empty() ? ""
                          : " AND EXISTS (SELECT FROM pg_catalog.pg_publication_tables p WHERE p.pubname = " +
                                pg::literal(publication) + " AND p.schemaname = n.nspname AND p.tablename = c.relname)";
  const std::string partitions = publication.empty() ? " AND NOT c.relispartition" : "";
  const pg::Result found = session.query(
      "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
      "c.relkind "
      "IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'" +
          partitions + of_publication,
      "list the tables");
  // Shapes as the whole tables have them; what the publication sends of them is noted beside.
  pg::Catalog whole(session, "", pg::Horizon{});
  pg::Catalog published(session, publication, pg::Horizon{});
  std::map<std::string, SourceTable> tables;
  std::map<std::uint32_t, SourceTable*> by_number;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const base::Oid relid{static_cast<std::uint32_t>(found.number(row, 0))};
    const auto table = whole.table(relid);
    if (!table) continue;
    SourceTable made = plain_table(whole.describe(*table).schema);
    if (!publication.empty()) {
      if (const auto seen = published.table(relid)) {
        const change::Schema sent = published.describe(*seen).schema;
        for (std::size_t i = 0; i < made.sent.size(); ++i) {
          made.sent[i] = std::any_of(sent.columns.begin(), sent.columns.end(), [&](const change::Column& column) {
            return column.name == made.schema.columns[i].name;
          });
        }
      }
    }
    const std::string name = made.schema.table;
    SourceTable& kept = tables[name] = std::move(made);
    by_number[relid.value] = &kept;
  }
  const auto each = [&](const pg::Result& result, const std::function<void(std::size_t, SourceTable&)>& act) {
    for (std::size_t row = 0; row < result.rows(); ++row) {
      const auto table = by_number.find(static_cast<std::uint32_t>(result.number(row, 0)));
      if (table != by_number.end()) act(row, *table->second);
    }
  };
  const auto column_at = [](const SourceTable& table, std::string_view name) {
    const auto& columns = table.schema.columns;
    return static_cast<std::size_t>(std::find_if(columns.begin(), columns.end(),
                                                 [&](const change::Column& column) { return column.name == name; }) -
                                    columns.begin());
  };
  const pg::Result comments = session.query(
      "SELECT d.objoid, a.attname, d.description FROM pg_catalog.pg_description d JOIN pg_catalog.pg_attribute a ON "
      "a.attrelid = d.objoid AND a.attnum = d.objsubid JOIN pg_catalog.pg_class k ON k.oid = d.classoid WHERE "
      "k.relname = "
      "'pg_class' AND d.objsubid > 0",
      "read comments");
  each(comments, [&](std::size_t row, SourceTable& table) {
    const std::size_t at = column_at(table, comments.text(row, 1));
    if (at < table.comments.size()) table.comments[at] = comments.text(row, 2);
  });
  const pg::Result statistics = session.query(
      "SELECT c.oid, s.attname, s.n_distinct FROM pg_catalog.pg_stats s JOIN pg_catalog.pg_namespace n ON n.nspname = "
      "s.schemaname JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename",
      "read statistics");
  each(statistics, [&](std::size_t row, SourceTable& table) {
    const std::size_t at = column_at(table, statistics.text(row, 1));
    if (at < table.distinct.size()) table.distinct[at] = number_of(statistics.text(row, 2));
  });
  const pg::Result references = session.query(
      "SELECT f.conrelid, f.conname, n.nspname, c.relname, "
      "(SELECT json_agg(a.attname ORDER BY k.at) FROM unnest(f.conkey) WITH ORDINALITY AS k(num, at) JOIN "
      "pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.num), "
      "(SELECT json_agg(a.attname ORDER BY k.at) FROM unnest(f.confkey) WITH ORDINALITY AS k(num, at) JOIN "
      "pg_catalog.pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.num) "
      "FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class c ON c.oid = f.confrelid JOIN pg_catalog.pg_namespace "
      "n ON "
      "n.oid = c.relnamespace WHERE f.contype = 'f' ORDER BY f.conname",
      "read foreign keys");
  each(references, [&](std::size_t row, SourceTable& table) {
    table.references.push_back({std::string(references.text(row, 1)), texts_of(references.text(row, 4)),
                                change::quote_table(references.text(row, 2), references.text(row, 3)),
                                texts_of(references.text(row, 5))});
  });
  return sorted(std::move(tables));
}

void sample(pg::Connection& session, std::uint64_t rows, std::vector<SourceTable>& tables) {
  // What the server says of a statement on rows may hold a value of them.
  session.show_server_words(false);
  for (SourceTable& table : tables) {
    std::string list;
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < table.schema.columns.size(); ++i) {
      const change::Column& column = table.schema.columns[i];
      if (policy::kind_of(column) != policy::Kind::text) continue;
      list += (list.empty() ? "left(" : ", left(") + change::quote_identifier(column.name) + "::pg_catalog.text, " +
              std::to_string(kLooked) + ")";
      columns.push_back(i);
    }
    if (columns.empty()) continue;
    const pg::Result found = session.query(
        "SELECT " + list + " FROM " + table.schema.table + " LIMIT " + std::to_string(rows), "look at rows");
    for (std::size_t i = 0; i < columns.size(); ++i) {
      Shape shape;
      for (std::size_t row = 0; row < found.rows(); ++row) {
        if (!found.is_null(row, i)) shape.add(found.text(row, i));
      }
      table.looks[columns[i]] = shape.looks();
    }
  }
}

namespace {

// The shapes of one table's columns, from rows of a stream.
struct Sampled {
  std::uint64_t rows = 0;
  std::map<std::string, Shape, std::less<>> columns;
};

void look_at(const change::Line& line, Sampled& sampled) {
  ++sampled.rows;
  json::Value(line.tokens, line.index_of(line.after)).each_member([&](std::string_view name, const json::Value& value) {
    if (value.kind() != json::Kind::string) return;
    auto shape = sampled.columns.find(name);
    if (shape == sampled.columns.end()) shape = sampled.columns.emplace(name, Shape{}).first;
    const std::string text = value.as_text();
    shape->second.add(std::string_view(text).substr(0, kLooked));
  });
}

}  // namespace

std::vector<SourceTable> read_stream(int descriptor, std::uint64_t rows) {
  io::LineReader reader(descriptor);
  change::Parser parser;
  std::map<std::string, SourceTable> tables;
  std::map<std::string, Sampled, std::less<>> samples;
  for (std::string_view text;;) {
    const auto status = reader.next(text);
    if (status == io::LineReader::Status::more) {
      reader.fill();
      continue;
    }
    if (status == io::LineReader::Status::cut) throw Failure(Exit::retry, "cut_short", "the input ended inside a line");
    if (status == io::LineReader::Status::end) {
      for (auto& [name, table] : tables) {
        for (std::size_t i = 0; i < table.looks.size(); ++i) {
          const auto& columns = samples[name].columns;
          const change::Column& column = table.schema.columns[i];
          const auto shape = columns.find(column.name);
          if (shape != columns.end() && policy::kind_of(column) == policy::Kind::text)
            table.looks[i] = shape->second.looks();
        }
      }
      return sorted(std::move(tables));
    }
    const change::Line& line = parser.parse(text);
    if (line.op == change::Op::policy) {
      throw Failure(Exit::data, "already_masked", "the stream has been masked: it does not have all columns any more");
    }
    if (line.op == change::Op::schema) {
      change::Schema schema = change::decode_schema(line.root());
      const std::string name = schema.table;
      tables[name] = plain_table(std::move(schema));
    }
    if (rows > 0 && line.after != nullptr) {
      Sampled& sampled = samples[std::string(line.table)];
      if (sampled.rows < rows) look_at(line, sampled);
    }
  }
}

ColumnName parse_column(const std::string& text) {
  // The last dot outside of quotes parts table and column.
  std::size_t dot = std::string::npos;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '.' && !quoted) dot = i;
  }
  const auto table = dot == std::string::npos ? std::nullopt : change::parse_table(text.substr(0, dot));
  // A column's name reads like a table's.
  const auto column = dot == std::string::npos ? std::nullopt : change::parse_table("x." + text.substr(dot + 1));
  if (!table || !column) {
    throw Failure(Exit::usage, "bad_column",
                  "cannot read a column's name: it is SCHEMA.TABLE.COLUMN, quoted as in SQL");
  }
  return {change::quote_table(table->schema, table->name), column->name};
}

}  // namespace cdc_policy
