// warehouse: erasing. See erase.hpp.
#include "warehouse/erase.hpp"

#include <algorithm>
#include <array>

#include "base/failure.hpp"
#include "json/write.hpp"
#include "warehouse/statements.hpp"
#include "warehouse/unknown.hpp"

namespace warehouse {
namespace {

using base::Exit;
using base::Failure;

bool is_key(const Shape& shape, std::size_t index) {
  return std::find(shape.key.begin(), shape.key.end(), index) != shape.key.end();
}

std::string json_of(const std::string& name) {
  std::string text;
  json::append_string(text, name);
  return text;
}

// A name as SQL's text; quoting of identifiers doubles the same way, with another sign.
std::string unquoted(std::string_view name) {
  const auto parsed = change::parse_table("x." + std::string(name));
  return parsed ? parsed->name : std::string(name);
}

Erased erase_column(engine::Database& database, State& state, const Table& table, const Erasure& erasure) {
  const Shape& shape = table.shape;
  Erased erased;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const TableColumn& column = shape.columns[i];
    if (column.source.name != erasure.column) continue;
    if (is_key(shape, i)) {
      throw Failure(Exit::refused, "key_erased",
                    "column " + column.name +
                        " is part of the key: rows could not be told apart without it; load into a new warehouse")
          .at_table(shape.table);
    }
    erased.holds = true;
    const Statements statements(dialect_of(database.kind()), shape);
    if (!shape.key.empty()) {
      erased.rows += database.prepare(statements.erase_column(i), shape.table).run();
      if (erasure.backfill && !column.dropped) {
        database.prepare(statements.add_unknown(), shape.table).text(1, json_of(column.name)).run();
      }
    }
    if (table.history) erased.versions += database.prepare(statements.erase_history_column(i), shape.table).run();
    engine::Statement quarantined =
        database.prepare("DELETE FROM _cdc_quarantine WHERE \"table\"=?1 AND \"column\"=?2", shape.table);
    erased.quarantined += quarantined.text(1, shape.table).text(2, column.name).run();
  }
  if (erasure.backfill && erased.holds && !shape.key.empty()) state.count_unknown(shape);
  return erased;
}

// What waits in quarantine for the rows in which a column holds the value: found by their keys, as the fold has written them.
std::int64_t erase_quarantine(engine::Database& database, const Shape& shape, const std::string& keys_with,
                              const std::string& value) {
  std::int64_t erased = 0;
  std::vector<std::string> keys;
  engine::Statement rows = database.prepare(keys_with, shape.table);
  rows.text(1, value);
  while (rows.step()) keys.push_back(quarantine_key(shape, rows, 0));
  rows.reset();
  engine::Statement quarantined =
      database.prepare("DELETE FROM _cdc_quarantine WHERE \"table\"=?1 AND \"key\"=?2", shape.table);
  for (const std::string& key : keys) erased += quarantined.text(1, shape.table).text(2, key).run();
  return erased;
}

Erased erase_person(engine::Database& database, const Table& table, const Erasure& erasure) {
  const Shape& shape = table.shape;
  Erased erased;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    if (shape.columns[i].source.name != erasure.column) continue;
    erased.holds = true;
    const Statements statements(dialect_of(database.kind()), shape);
    if (!shape.key.empty()) {
      erased.quarantined += erase_quarantine(database, shape, statements.keys_with(i), erasure.value);
    }
    // History first: the rows' keys tell which versions are theirs.
    if (table.history)
      erased.versions += database.prepare(statements.erase_versions(i), shape.table).text(1, erasure.value).run();
    if (!shape.key.empty())
      erased.rows += database.prepare(statements.erase_rows(i), shape.table).text(1, erasure.value).run();
  }
  return erased;
}

}  // namespace

std::vector<Erasure> read_erasures(std::string_view text, const std::string& file_name) {
  std::vector<Erasure> erasures;
  std::size_t number = 0;
  const auto bad = [&](const char* what) {
    throw Failure(Exit::usage, "bad_erasure", file_name + ":" + std::to_string(number) + ": " + what);
  };
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) bad("the last line has no end: the file may have been cut");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    std::array<std::string_view, 4> fields;
    for (std::string_view& field : fields) {
      const std::size_t tab = std::min(line.find('\t'), line.size());
      field = line.substr(0, tab);
      line.remove_prefix(std::min(tab + 1, line.size()));
    }
    const std::string_view what = fields[0];
    if (what != "erase" && what != "erase+backfill" && what != "backfill" && what != "person") {
      bad("begins with none of erase, erase+backfill, backfill, person");
    }
    if (what == "backfill") continue;
    if (!change::parse_table(fields[1]) || fields[2].empty()) bad("names no table and column");
    Erasure erasure;
    erasure.table = fields[1];
    erasure.column = unquoted(fields[2]);
    erasure.backfill = what == "erase+backfill";
    if (what == "person") {
      if (fields[3].empty()) bad("a person is found by a value, and there is none");
      erasure.what = Erasure::What::person;
      erasure.value = fields[3];
    }
    erasures.push_back(std::move(erasure));
  }
  return erasures;
}

Erased erase(engine::Database& database, State& state, const Erasure& erasure) {
  const Table* table = state.find(erasure.table);
  if (table == nullptr) return {};
  return erasure.what == Erasure::What::person ? erase_person(database, *table, erasure)
                                               : erase_column(database, state, *table, erasure);
}

void scrub(engine::Database& database) {
  if (database.kind() != engine::Kind::sqlite) return;
  // What was overwritten lies in free pages and in the log until the file is written anew and the log is emptied.
  database.run("VACUUM");
  engine::Statement checkpoint = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  const bool answered = checkpoint.step();
  if (!answered || checkpoint.integer_at(0) != 0) {
    throw Failure(
        Exit::retry, "warehouse_busy",
        "what was erased is out of all tables, but a reader keeps the file's old pages; say the same once more later");
  }
}

}  // namespace warehouse
