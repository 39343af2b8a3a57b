// warehouse: tables that wait, the part of Loader that takes them along again. A table that somebody else keeps locked waits by itself and is
// tried again with each run; one whose change of shape did not fit waits until a copy that began after it is whole in the stage, and
// then begins anew with that. In both cases the epochs that went by are read once more, for this table alone, up to where all others
// are, in one transaction.
#include <algorithm>

#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "logging/event.hpp"
#include "stage/names.hpp"
#include "warehouse/statements.hpp"
#include "warehouse/work.hpp"

namespace warehouse {
namespace {

using base::Exit;
using base::Failure;

// Versions of the table from a position on: the one that holds there, and what came after it.
std::vector<std::string> versions_from(const std::vector<std::string>& schemas, const std::string& table,
                                       base::Lsn from) {
  std::vector<std::string> versions;
  for (const std::string& line : schemas) {
    if (stage::table_of_schema(line) != table) continue;
    json::Tokenizer tokenizer;
    if (change::decode_schema(json::Value(tokenizer.tokens_of_copy(line), 0)).lsn <= from) versions.clear();
    versions.push_back(line);
  }
  return versions;
}

}  // namespace

// An epoch could not be applied because one table was locked: the others do not wait for it.
bool Loader::stall(const Failure& failure) {
  if (failure.slug != "warehouse_busy" || state_->find(failure.table) == nullptr) return false;
  writers_.clear();
  state_->reload();
  return stalled_.insert(failure.table).second;
}

bool Loader::is_stalled(const std::string& table, base::Lsn from, std::string_view loaded_at) {
  if (!stalled_.contains(table)) return false;
  const Table* there = state_->find(table);
  if (there == nullptr || !there->parked.empty()) return there != nullptr;
  state_->park(*there, kHeld, from, loaded_at);
  logging::event(logging::Level::warn, "table held by somebody else, its rows wait",
                 {{"err", "table_held"}, {"table", table}, {"lsn", base::format(from)}});
  return true;
}

bool Loader::is_waiting(const std::string& object) const {
  return std::any_of(waiting_chunks_.begin(), waiting_chunks_.end(),
                     [&](const auto& table) { return table.second.contains(object); });
}

// The newest copy that began where the table began to wait, or later, of which every range is in the stage.
std::optional<base::Lsn> Loader::whole_copy(const Table& table) const {
  const auto chunks = waiting_chunks_.find(table.shape.table);
  if (chunks == waiting_chunks_.end()) return std::nullopt;
  std::map<base::Lsn, std::multimap<std::string, std::string>, std::greater<>> copies;
  for (const auto& [object, chunk] : chunks->second) {
    if (!chunk.keys && chunk.copy >= table.parked_at) copies[chunk.copy].emplace(chunk.from_key, chunk.to_key);
  }
  for (const auto& [copy, ranges] : copies) {
    if (is_closed(ranges)) return copy;
  }
  return std::nullopt;
}

bool Loader::mend_tables(const std::function<void(const Totals&)>& on_progress) {
  std::vector<std::pair<std::string, base::Lsn>> mended;
  for (const auto& [name, table] : state_->tables()) {
    if (table.parked.empty() || !state_->position()) continue;
    if (table.parked == kHeld) {
      // Once in a run: waiting for the lock keeps the others waiting too.
      if (!stalled_.contains(name)) mended.emplace_back(name, base::Lsn{});
    } else if (const auto copy = whole_copy(table); copy && *copy <= state_->position()->applied_to) {
      mended.emplace_back(name, *copy);
    }
  }
  bool any = false;
  for (const auto& [name, copy] : mended) {
    if (stop_()) break;
    try {
      any = mend(name, copy) || any;
    } catch (const Failure& failure) {
      if (!stall(failure)) throw;
      continue;
    }
    on_progress(totals_);
  }
  return any;
}

// in   copy  with which the table begins anew; 0: as it is
// out  false: it waits still, or another loader was here
bool Loader::mend(const std::string& name, base::Lsn copy) {
  std::unique_ptr<engine::Transaction> transaction;
  begin(transaction);
  const Table* there = state_->find(name);
  if (there == nullptr || there->parked.empty()) return false;
  const Table old = *there;
  // Whoever held the table may do so still, and nobody else is to wait for that.
  if (old.parked == kHeld) database_.hurry();
  if (copy.value != 0) begin_anew(old);
  state_->unpark(name);
  const auto chunks = waiting_chunks_.find(name);
  if (copy.value != 0) {
    for (const auto& [object, chunk] : chunks->second) {
      if (chunk.copy != copy || chunk.keys) continue;
      if (apply_chunk(object, chunk)) continue;
      transaction.reset();
      state_->reload();
      return false;
    }
  }
  catch_up(name, old.parked_at, copy);
  transaction->commit();
  if (chunks != waiting_chunks_.end()) waiting_chunks_.erase(chunks);
  const Table* now = state_->find(name);
  logging::event(logging::Level::info, now->parked.empty() ? "table goes on" : "table goes on, and waits again",
                 {{"table", name}, {"lsn", base::format(state_->position()->applied_to)}});
  return now->parked.empty();
}

// The table goes, its names stay for the one that comes. Versions cannot be had again: they are set aside.
void Loader::begin_anew(const Table& old) {
  const Statements statements(dialect_, old.shape);
  writers_.erase(old.shape.table);
  if (options_.unite != nullptr) options_.unite->let_go(old.shape);
  if (!old.shape.key.empty()) {
    database_.define(statements.drop_view());
    database_.define(statements.drop_table());
  }
  if (old.history) {
    const std::string aside =
        state_->free_table_name(statements.history_name() + "__" + std::to_string(old.parked_at.value));
    // An attempt that failed may have done it where definitions are not part of the transaction, and somebody may have dropped it.
    if (!database_.columns_of(statements.history_name()).empty()) {
      for (const std::string& statement : statements.set_history_aside(aside)) database_.define(statement);
    }
    logging::event(logging::Level::warn, "the table begins anew, its versions until now are in another one",
                   {{"err", "history_set_aside"}, {"table", old.shape.table}, {"lsn", base::format(old.parked_at)}});
  }
  state_->forget(old.shape.table);
}

Standing Loader::standing() const {
  Standing standing{identity_, std::nullopt, last_from_, last_sha256_, seen_chunks_, false};
  if (state_->position()) standing.applied_to = state_->position()->applied_to;
  for (const auto& [name, table] : state_->tables()) standing.table_held = standing.table_held || table.parked == kHeld;
  return standing;
}

// Reads the epochs from where the table began to wait to where the others are. What was counted as waiting is counted as what becomes of it.
void Loader::catch_up(const std::string& name, base::Lsn from, base::Lsn not_before) {
  const std::string loaded_at = now();
  const base::Lsn end = state_->position()->applied_to;
  for (base::Lsn at = from; at < end && state_->find(name)->parked.empty();) {
    auto stored = log_.at(at);
    if (!stored) stored = log_.lost_around(at);
    if (!stored) stored = log_.next(at);
    if (stored && stored->epoch.pruned) stored = log_.next(at);
    if (!stored) {
      throw Failure(Exit::refused, "gap", "the stage does not hold the epochs that a table waits for").at_table(name);
    }
    const stage::Epoch& epoch = stored->epoch;
    at = epoch.to;
    std::vector<const stage::FileEntry*> parts;
    std::uint64_t rows = 0;
    for (const stage::FileEntry& file : epoch.files) {
      if (file.table != name) continue;
      parts.push_back(&file);
      rows += file.rows;
    }
    if (epoch.lost && epoch.to > not_before) say_lost(name, epoch.to);
    std::sort(parts.begin(), parts.end(), [](const auto* a, const auto* b) { return a->part < b->part; });
    const std::vector<std::string> versions = versions_from(epoch.schemas, name, not_before);
    Counts counts;
    if (epoch.to <= not_before) {
      counts.rows = counts.applied = rows;  // the copy has what became of them
    } else if (!versions.empty()) {
      Work work;
      work.not_before = not_before;
      if (!prepare(work, name, versions, epoch.policy, epoch.from, loaded_at)) return;
      load_rows(work, parts, epoch.from, epoch.to, counts, loaded_at);
      if (!parts.empty()) finish(work, loaded_at);
    }
    if (counts.rows != rows || counts.rows != counts.applied + counts.quarantined + counts.lost) {
      throw Failure(Exit::refused, "wrong_rows", "a manifest states another number of rows than its files hold")
          .at_table(name);
    }
    if (counts.lost > 0) say_lost(name, epoch.to);
    counts.rows -= counts.lost;
    if (rows > 0) state_->count_waited(name, epoch.era, epoch.from, counts);
  }
}

}  // namespace warehouse
