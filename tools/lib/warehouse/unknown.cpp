// warehouse: unknown values. A key's text is what PostgreSQL reads as the same value again: whole numbers, \x and hex digits, or the
// text as it came.
#include "warehouse/unknown.hpp"

#include <string>

#include "json/write.hpp"
#include "warehouse/statements.hpp"

namespace warehouse {
namespace {

bool is_kept(const TableColumn& column) { return column.source.action.empty() || column.source.action == "keep"; }

// The condition by which a row's missing values are more than what waits in quarantine for its key.
std::string wanted_rows(const std::string& name, const std::string& keys) {
  return " FROM " + name +
         " AS t WHERE \"_cdc_unknown\" IS NOT NULL AND \"_cdc_deleted\"=0 AND EXISTS(SELECT 1 FROM "
         "json_each(t.\"_cdc_unknown\") AS u WHERE NOT EXISTS(SELECT 1 FROM _cdc_quarantine AS q WHERE q.\"table\"=?1 "
         "AND q.\"column\"=u.value AND q.\"key\"=json_array(" +
         keys + ")))";
}

}  // namespace

void each_unknown(Database& database, const State& state, std::uint64_t most,
                  const std::function<void(std::string_view)>& line) {
  Statement copied = database.prepare(
      "SELECT \"table\" FROM _cdc_tables WHERE copied_high IS NOT NULL AND parked IS NULL AND has_key=1 AND "
      "unknown_values>0 ORDER BY 1");
  while (copied.step()) {
    const auto found = state.tables().find(copied.view_at(0));
    if (found == state.tables().end()) continue;
    const Shape& shape = found->second.shape;
    const std::string name = sqlite_dialect().quote(shape.name);
    bool whole = false;
    std::string texts;
    std::string keys;
    for (const std::uint32_t index : shape.key) {
      const std::string column = "t." + sqlite_dialect().quote(shape.columns[index].name);
      whole = whole || !is_kept(shape.columns[index]);
      texts += (texts.empty() ? "" : ",") + std::string("CASE typeof(") + column + ") WHEN 'blob' THEN '\\x'||hex(" +
               column + ") WHEN 'real' THEN printf('%!.17g'," + column + ") ELSE CAST(" + column + " AS TEXT) END";
      keys += (keys.empty() ? "" : ",") + std::string("CASE typeof(") + column + ") WHEN 'blob' THEN NULL ELSE " +
              column + " END";
    }
    Statement count = database.prepare("SELECT count(*)" + wanted_rows(name, keys), shape.table);
    count.text(1, shape.table);
    if (!count.step() || count.integer_at(0) == 0) continue;
    whole = whole || static_cast<std::uint64_t>(count.integer_at(0)) > most;
    std::string text;
    if (whole) {
      json::ObjectWriter(text).text("table", shape.table).null("key").close();
      line(text);
      continue;
    }
    Statement rows = database.prepare("SELECT " + texts + wanted_rows(name, keys), shape.table);
    rows.text(1, shape.table);
    while (rows.step()) {
      std::string key;
      json::ObjectWriter object(key);
      for (std::size_t i = 0; i < shape.key.size(); ++i) {
        object.text(shape.columns[shape.key[i]].source.name, rows.view_at(static_cast<int>(i)));
      }
      object.close();
      text.clear();
      json::ObjectWriter(text).text("table", shape.table).raw("key", key).close();
      line(text);
    }
  }
}

}  // namespace warehouse
