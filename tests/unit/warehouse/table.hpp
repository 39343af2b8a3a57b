// A table of a warehouse in memory, for the tests of this room: lines go in as the loader would hand them over, rows come out as text.
// Knows fold, writer and history; no stage.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "change/line.hpp"
#include "engine/sqlite.hpp"
#include "warehouse/fold.hpp"
#include "warehouse/history.hpp"
#include "warehouse/shape.hpp"
#include "warehouse/statements.hpp"
#include "warehouse/writer.hpp"

namespace test {

inline constexpr std::string_view kLoadedAt = "2026-11-22T12:00:00.000000Z";

/// A schema of columns given as `name:type` words; the first `keys` of them are the key, attnums count from 1, binds are proven.
inline change::Schema schema(const std::vector<std::string>& columns, std::size_t keys = 1, std::uint64_t lsn = 1) {
  change::Schema schema;
  schema.table = "public.t";
  schema.relid = base::Oid{100};
  schema.lsn = base::Lsn{lsn};
  schema.version = 1;
  schema.identity = "default";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    change::Column column;
    const std::size_t colon = columns[i].find(':');
    column.name = columns[i].substr(0, colon);
    column.type = columns[i].substr(colon + 1);
    column.attnum = static_cast<std::uint32_t>(i + 1);
    column.bind = "100." + std::to_string(i + 1);
    column.identity = column.pk = i < keys;
    column.has_default = false;
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

inline std::string place(std::string_view op, std::uint64_t lsn, std::uint64_t seq) {
  return "{\"op\":\"" + std::string(op) + "\",\"table\":\"public.t\",\"lsn\":\"" + base::format(base::Lsn{lsn}) + "\"" +
         (op == "r" ? "" : ",\"seq\":" + std::to_string(seq)) + ",\"ts\":\"2026-11-22T10:00:00." +
         std::to_string(1000000 + lsn % 1000000).substr(1) + "Z\"" +
         (op == "r" ? "" : ",\"xid\":" + std::to_string(lsn));
}
/// in  rest  members after the fixed ones: `"after":{"id":1}`
inline std::string line(std::string_view op, std::uint64_t lsn, std::uint64_t seq, const std::string& rest) {
  return place(op, lsn, seq) + (rest.empty() ? "" : "," + rest) + "}";
}

class Table {
 public:
  explicit Table(const change::Schema& from, bool with_history = false) : database(":memory:", 0) {
    auto first = warehouse::first_shape(from, "public.t", "t");
    shape = first.shape;
    mapping = warehouse::mapping_of(shape, from, first.column);
    const warehouse::Statements statements(warehouse::sqlite_dialect(), shape);
    database.run(statements.create_table());
    database.run(statements.create_view());
    fold = std::make_unique<warehouse::Fold>(shape, warehouse::sqlite_dialect());
    fold->use(mapping);
    writer = std::make_unique<warehouse::Writer>(database, shape);
    if (!with_history) return;
    database.run(statements.create_history());
    database.run(statements.create_history_index());
    history = std::make_unique<warehouse::History>(database, shape);
    history->use(mapping);
  }

  bool add(const std::string& text) {
    const change::Line& line = parser.parse_copy(text);
    if (line.op == change::Op::truncate) {
      flush();
      cut = {line.lsn_value().value, line.seq};
      writer->mark_older(line.lsn_value(), static_cast<std::int64_t>(line.seq), 't', line.ts, kLoadedAt);
      if (history) history->end_older(line.lsn_value(), static_cast<std::int64_t>(line.seq), 't', line.ts);
      return true;
    }
    const std::uint64_t lsn = line.lsn_value().value;
    const bool cut_off = lsn < cut.lsn || (lsn == cut.lsn && (line.op == change::Op::read || line.seq <= cut.seq));
    if (history && !cut_off) history->add(line, kLoadedAt);
    return fold->add(line);
  }
  void flush() {
    writer->write(*fold, cut, kLoadedAt);
    unfit += fold->unfit().size();
    fold->clear();
  }
  /// A whole copy at one position, with its end.
  void copy(std::uint64_t lsn, const std::vector<std::string>& rows, bool stream_passed = true) {
    flush();
    if (history) history->stream_passed(stream_passed);
    for (const std::string& row : rows) add(line("r", lsn, 0, row));
    flush();
    writer->mark_older(base::Lsn{lsn}, -1, 'd', "2026-11-22T10:00:00.000000Z", kLoadedAt);
    if (history) history->end_older(base::Lsn{lsn}, -1, 'd', "2026-11-22T10:00:00.000000Z");
  }
  /// Each row `a|b|c`, one a line; null is empty.
  std::string query(const std::string& sql) {
    std::string out;
    engine::Statement statement = database.prepare(sql);
    while (statement.step()) {
      for (int i = 0; i < statement.columns(); ++i) out += (i > 0 ? "|" : "") + statement.text_at(i);
      out += "\n";
    }
    return out;
  }
  /// The whole table. Where nothing is unknown, born has no meaning any more.
  std::string all() {
    return query(
        "SELECT id, note, blob, number, _cdc_lsn, _cdc_seq, _cdc_op, _cdc_deleted, _cdc_unknown, _cdc_committed_at, "
        "CASE WHEN _cdc_unknown IS NOT NULL THEN _cdc_born END FROM \"public.t\" ORDER BY id");
  }
  std::string alive() { return query("SELECT * FROM t ORDER BY id"); }

  engine::Sqlite database;
  warehouse::Shape shape;
  warehouse::Mapping mapping;
  std::unique_ptr<warehouse::Fold> fold;
  std::unique_ptr<warehouse::Writer> writer;
  std::unique_ptr<warehouse::History> history;
  warehouse::Cut cut;
  std::size_t unfit = 0;
  change::Parser parser;
};

}  // namespace test
