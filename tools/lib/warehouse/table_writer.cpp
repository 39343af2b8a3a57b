// warehouse: what all engines do alike with a table, and the choice between the ways.
#include "warehouse/table_writer.hpp"

#include "warehouse/bulk_history.hpp"
#include "warehouse/history.hpp"
#include "warehouse/merger.hpp"
#include "warehouse/writer.hpp"

namespace warehouse {
namespace {

int at(std::size_t n) { return static_cast<int>(n); }

}  // namespace

TableWriter::TableWriter(engine::Database& database, Shape shape)
    : database_(database),
      dialect_(dialect_of(database.kind())),
      shape_(std::move(shape)),
      statements_(dialect_, shape_) {}

void TableWriter::expect_unknown() {
  if (may_have_unknown_) return;
  may_have_unknown_ = true;
  if (const std::string index = statements_.create_unknown_index(); !index.empty()) database_.define(index);
}

void TableWriter::mark_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts,
                             std::string_view loaded_at) {
  engine::Statement statement = database_.prepare(statements_.mark_older(), shape_.table);
  const std::string position = base::format(lsn);
  const auto number = [&](Own own) { return at(parameter_of(shape_, own)); };
  statement.text(number(Own::lsn), position)
      .integer(number(Own::seq), seq)
      .text(number(Own::op), {&op, 1})
      .text(number(Own::committed_at), ts)
      .text(number(Own::loaded_at), loaded_at);
  statement.run();
}

void end_older_versions(engine::Database& database, const Shape& shape, base::Lsn lsn, std::int64_t seq, char op,
                        std::string_view ts) {
  const Statements statements(dialect_of(database.kind()), shape);
  const std::string position = base::format(lsn);
  engine::Statement statement = database.prepare(statements.end_older(op == 'd'), shape.table);
  const auto number = [&](Own own) { return at(parameter_of(shape, own)); };
  statement.text(number(Own::lsn), position).integer(number(Own::seq), seq).text(number(Own::committed_at), ts);
  statement.text(number(Own::op), {&op, 1});
  statement.run();
}

std::unique_ptr<TableWriter> make_writer(engine::Database& database, const Shape& shape) {
  if (database.kind() == engine::Kind::sqlite) return std::make_unique<Writer>(database, shape);
  return std::make_unique<Merger>(database, shape);
}

std::unique_ptr<TableHistory> make_history(engine::Database& database, const Shape& shape) {
  if (database.kind() == engine::Kind::sqlite) return std::make_unique<History>(database, shape);
  return std::make_unique<BulkHistory>(database, shape);
}

}  // namespace warehouse
