// warehouse: purging. See purge.hpp.
#include "warehouse/purge.hpp"

#include "warehouse/statements.hpp"

namespace warehouse {
namespace {

std::int64_t purge_table(engine::Database& database, State& state, const std::string& name,
                         std::string_view marked_before) {
  engine::Transaction transaction(database);
  if (transaction.stale()) state.reload();
  const Table* table = state.find(name);
  if (table == nullptr || !table->parked.empty() || table->shape.key.empty()) return 0;
  const Statements statements(dialect_of(database.kind()), table->shape);
  engine::Statement gone = database.prepare(statements.count_gone(), name);
  gone.text(1, marked_before);
  if (!gone.step() || gone.integer_at(0) == 0) return 0;
  const std::int64_t rows = gone.integer_at(0);
  // A change counts as newer than a copy at its own position.
  const base::Lsn before{base::parse_lsn(gone.view_at(1)).value_or(base::Lsn{}).value + 1};
  gone.reset();
  state.set_purged(name, before);
  database.prepare(statements.purge(), name).text(1, marked_before).copied_text(2, base::format(before)).run();
  transaction.commit();
  return rows;
}

}  // namespace

std::vector<Purged> purge(engine::Database& database, State& state, std::string_view marked_before) {
  std::vector<Purged> purged;
  for (const State::Freshness& table : state.freshness()) {
    if (table.state != "ready") continue;
    const std::int64_t rows = purge_table(database, state, table.table, marked_before);
    if (rows > 0) purged.push_back({table.table, rows});
  }
  return purged;
}

}  // namespace warehouse
