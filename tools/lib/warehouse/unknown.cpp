// warehouse: unknown values. A key's text is what PostgreSQL reads as the same value again: whole numbers, \x and hex digits, or the
// text as it came.
#include "warehouse/unknown.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "json/tokens.hpp"
#include "json/write.hpp"
#include "logging/event.hpp"
#include "warehouse/key.hpp"
#include "warehouse/statements.hpp"

namespace warehouse {
namespace {

bool is_kept(const TableColumn& column) { return column.source.action.empty() || column.source.action == "keep"; }

// Columns that wait in quarantine, for each key.
std::map<std::string, std::set<std::string>> quarantined(engine::Database& database, const std::string& table) {
  std::map<std::string, std::set<std::string>> columns;
  engine::Statement rows = database.prepare(
      "SELECT \"key\",\"column\" FROM _cdc_quarantine WHERE \"table\"=?1 AND \"column\" IS NOT NULL", table);
  rows.text(1, table);
  while (rows.step()) columns[rows.text_at(0)].insert(rows.text_at(1));
  return columns;
}

}  // namespace

std::string quarantine_key(const Shape& shape, const engine::Statement& rows, int column) {
  std::string key = "[";
  for (const std::uint32_t index : shape.key) {
    const std::string_view text = rows.view_at(column++);
    if (key.size() > 1) key.push_back(',');
    const Kind kind = shape.columns[index].kind;
    std::int64_t number = 0;
    // Whole numbers beyond 53 bits stand in quotes in the stream.
    constexpr std::int64_t kExact = std::int64_t{1} << 53;
    const bool plain = kind == Kind::integer && parse_integer(text, number) && number >= -kExact && number <= kExact;
    if (plain || kind == Kind::real) {
      key += text;
    } else if (kind == Kind::boolean) {
      key += text == "1" || text == "t" || text == "true" ? "true" : "false";
    } else {
      json::append_string(key, text);
    }
  }
  return key + "]";
}

void each_unknown(engine::Database& database, const State& state, std::uint64_t most,
                  const std::function<void(std::string_view)>& line) {
  // Tables that go on only with a copy: one that began where they stopped, or the first one that there is. Of a table without a key each copy
  // is further rows: it gets its first one by hand, others when it begins anew, or when changes of it were lost.
  engine::Statement stopped = database.prepare(
      "SELECT \"table\", CASE WHEN parked IS NOT NULL THEN parked_at WHEN doubted_lsn>coalesce(purged_lsn, '') THEN "
      "doubted_lsn ELSE coalesce(purged_lsn, '00000000/00000000') END FROM _cdc_tables WHERE gone_lsn IS NULL "
      "AND ((parked IS NOT NULL AND parked<>?1) OR (parked IS NULL AND "
      "((has_key=1 AND copied_lsn IS NULL) OR coalesce(copied_lsn, '')<doubted_lsn))) ORDER BY 1");
  stopped.text(1, kHeld);
  while (stopped.step()) {
    std::string text;
    json::ObjectWriter(text).text("table", stopped.text_at(0)).null("key").text("since", stopped.text_at(1)).close();
    line(text);
  }
  stopped.reset();
  const Dialect& dialect = dialect_of(database.kind());
  std::vector<std::string> wanted;
  engine::Statement copied = database.prepare(
      "SELECT \"table\" FROM _cdc_tables WHERE copied_high IS NOT NULL AND gone_lsn IS NULL AND parked IS NULL AND "
      "has_key=1 AND "
      "unknown_values>0 AND (doubted_lsn IS NULL OR copied_lsn>=doubted_lsn) ORDER BY 1");
  while (copied.step()) wanted.push_back(copied.text_at(0));
  copied.reset();
  for (const std::string& table : wanted) {
    const auto found = state.tables().find(table);
    if (found == state.tables().end()) continue;
    const Shape& shape = found->second.shape;
    bool whole = false;
    std::string texts;
    std::string order;
    for (const std::uint32_t index : shape.key) {
      whole = whole || !is_kept(shape.columns[index]);
      order += (order.empty() ? "" : ",") + dialect.quote(shape.columns[index].name);
      texts += dialect.key_text(dialect.quote(shape.columns[index].name), shape.columns[index].kind) + ",";
    }
    // A row is wanted when it lacks more than what waits in quarantine for its key, which would not fit again.
    const auto waiting = quarantined(database, table);
    engine::Statement rows =
        database.prepare("SELECT " + texts + "\"_cdc_unknown\" FROM " + dialect.quote(shape.name) +
                             " WHERE \"_cdc_unknown\" IS NOT NULL AND \"_cdc_deleted\"=0 ORDER BY " + order,
                         table);
    std::vector<std::string> lines;
    std::uint64_t count = 0;
    while (rows.step()) {
      const auto held = waiting.find(waiting.empty() ? std::string() : quarantine_key(shape, rows, 0));
      bool lacks = held == waiting.end();
      if (!lacks) {
        json::Tokenizer tokenizer;
        json::Value(tokenizer.tokens_of_copy(rows.view_at(static_cast<int>(shape.key.size()))), 0)
            .each_element([&](const json::Value& name) {
              const std::string_view raw = name.raw();
              lacks = lacks || !held->second.contains(json::unescape(raw.substr(1, raw.size() - 2)));
            });
      }
      if (!lacks) continue;
      ++count;
      if (whole || count > most) continue;
      std::string key;
      json::ObjectWriter object(key);
      for (std::size_t i = 0; i < shape.key.size(); ++i) {
        object.text(shape.columns[shape.key[i]].source.name, rows.view_at(static_cast<int>(i)));
      }
      object.close();
      std::string text;
      json::ObjectWriter(text).text("table", table).raw("key", key).close();
      lines.push_back(std::move(text));
    }
    if (count == 0) continue;
    if (whole || count > most) {
      std::string text;
      json::ObjectWriter(text).text("table", table).null("key").close();
      line(text);
      continue;
    }
    for (const std::string& text : lines) line(text);
  }
}

void mark_gone(engine::Database& database, State& state, std::string_view lines) {
  engine::Transaction transaction(database);
  json::Tokenizer tokenizer;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (line.empty()) continue;
    const std::string table(json::Value(tokenizer.tokens_of_copy(line), 0).text("table"));
    if (!state.set_gone(table)) continue;
    logging::event(logging::Level::warn, "the source no longer publishes the table: its rows stay what they are",
                   {{"err", "table_gone"}, {"table", table}});
  }
  transaction.commit();
}

}  // namespace warehouse
