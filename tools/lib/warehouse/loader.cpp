// warehouse: one run of a loader. Every number that a manifest states is counted again here before a commit; whatever is off, the
// transaction rolls back as a whole, so that the position never moves on a claim.
#include "warehouse/loader.hpp"

#include <algorithm>
#include <utility>

#include "base/failure.hpp"
#include "base/time.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"
#include "logging/event.hpp"
#include "stage/names.hpp"
#include "stage/retention.hpp"
#include "warehouse/statements.hpp"
#include "warehouse/work.hpp"

namespace warehouse {
namespace {

using base::Exit;
using base::Failure;

constexpr std::size_t kMostWriters =
    64;  // with their prepared statements; a warehouse has more tables than a batch touches

std::string json_string(std::string_view text) {
  std::string quoted;
  json::append_string(quoted, text);
  return quoted;
}

// A stub is met by a warehouse of which house-keeping was not told, or by an old copy of one.
[[noreturn]] void refuse_pruned(stage::Log& log, Failure failure) {
  const std::string kept = stage::words_on_kept(log);
  failure.message += (kept.empty() ? "" : ", " + kept) +
                     "; repair: a later backup of the warehouse, or an empty one and cdc-run --repair; and "
                     "cdc-stage-prune has to know of it";
  throw failure;
}

}  // namespace

Loader::Loader(stage::Log& log, engine::Database& database, LoaderOptions options, std::function<std::int64_t()> clock,
               std::function<bool()> stop)
    : log_(log),
      database_(database),
      dialect_(dialect_of(database.kind())),
      options_(options),
      clock_(std::move(clock)),
      stop_(std::move(stop)),
      state_(std::make_unique<State>(database, log.source())) {}

Loader::~Loader() = default;

std::string Loader::now() const { return base::format(base::Time{clock_()}); }

// Begins a transaction; when another loader has written since the last one, what is known of the warehouse is read again.
void Loader::begin(std::unique_ptr<engine::Transaction>& transaction) {
  transaction = std::make_unique<engine::Transaction>(database_);
  if (!transaction->stale()) return;
  writers_.clear();
  losses_.reset();
  state_->reload();
}

void Loader::check_belongs(const stage::Common& manifest) const {
  const auto& position = state_->position();
  if (manifest.system_id != identity_->system_id || (position && manifest.system_id != position->system_id)) {
    throw Failure(Exit::refused, "other_source", "the stage holds changes of another cluster than the warehouse");
  }
  if (position && manifest.era != position->era) {
    throw Failure(Exit::refused, "other_source", "the stage holds another era than the warehouse");
  }
}

// A manifest names the one before it; the warehouse knows which that was.
void Loader::check_chain(const stage::Epoch& epoch) {
  engine::Statement last = database_.prepare(
      "SELECT manifest_sha256 FROM _cdc_epochs WHERE era=?1 AND \"to\"=?2 AND \"from\"<?2 "
      "ORDER BY \"from\" DESC LIMIT 1");
  last.integer(1, static_cast<std::int64_t>(epoch.era)).copied_text(2, base::format(epoch.from));
  if (last.step() && !epoch.prev.empty() && last.view_at(0) != epoch.prev) {
    // What was applied last may have been lost since, together with the manifest that said it.
    const auto around = log_.lost_around(epoch.from);
    if (around && around->sha256 == epoch.prev) return;
    throw Failure(Exit::refused, "broken_chain", "the epoch does not follow the one that the warehouse has applied")
        .at_lsn(epoch.from);
  }
}

// The stage still holds the manifest that the warehouse applied last: else it was begun anew, or is another one, and the end of its log would
// look like the end of the news.
void Loader::check_standing() {
  const auto& position = state_->position();
  if (!position) return;
  engine::Statement last = database_.prepare(
      "SELECT \"from\", manifest_sha256 FROM _cdc_epochs WHERE era=?1 AND \"to\"=?2 AND \"from\"<?2 "
      "ORDER BY \"from\" DESC LIMIT 1");
  last.integer(1, static_cast<std::int64_t>(position->era)).copied_text(2, base::format(position->applied_to));
  bool same = true;
  if (last.step()) {
    last_from_ = base::parse_lsn(last.view_at(0)).value_or(base::Lsn{});
    last_sha256_ = last.view_at(1);
    const auto stored = log_.at(last_from_);
    same = stored && stored->sha256 == last_sha256_;
  } else {
    same = log_.start() == position->applied_to || position->begun_at == position->applied_to;
  }
  // What was applied last may be part of a range that was lost afterwards.
  if (!same) {
    auto around = log_.lost_around(position->applied_to);
    same = around.has_value();
    if (around && around->epoch.to > position->applied_to) {
      around->epoch.from = position->applied_to;
      jump_ = std::move(around);
    }
  }
  if (!same) {
    throw Failure(Exit::refused, "other_stage", "the stage does not hold the epoch that the warehouse applied last")
        .at_lsn(position->applied_to);
  }
}

void Loader::begin_position(const stage::Identity& identity) {
  if (state_->position()) return;
  const auto start = log_.start();
  if (!start) return;
  Position first{identity.system_id, identity.era, *start, {}};
  const std::optional<base::Lsn> late = stage::late_start(log_);
  std::vector<std::pair<std::string, stage::Chunk>> emptied;
  if (late) {
    if (!options_.begin_kept) {
      throw Failure(
          Exit::refused, "pruned",
          "the warehouse holds nothing yet, and data were removed by house-keeping, what is still there begins at " +
              base::format(*late) + "; repair: cdc-run --repair, which copies every table");
    }
    first.applied_to = first.begun_at = *late;
    for (const std::string& object : log_.chunks()) {
      stage::Chunk chunk = log_.chunk(object);
      if (chunk.pruned) emptied.emplace_back(object, std::move(chunk));
    }
  }
  std::unique_ptr<engine::Transaction> transaction;
  begin(transaction);
  if (state_->position()) return;  // another loader was quicker
  state_->begin_at(first, now());
  for (auto& [object, chunk] : emptied) state_->pass_chunk(object, std::move(chunk), now());
  transaction->commit();
  state_->reload();
  if (late) {
    logging::event(logging::Level::warn, "house-keeping has removed what was before: only later copies count",
                   {{"err", "begun_late"}, {"lsn", base::format(*late)}});
  }
}

void Loader::run(const std::function<void(const Totals&)>& on_progress) {
  const auto newest = stage::Log::identity(log_.store(), log_.source());
  if (!newest) {
    // Nobody has written yet: that is no error, unless the warehouse is further than that.
    if (state_->position()) {
      throw Failure(Exit::refused, "other_stage",
                    "the stage is empty, and the warehouse is not; repair: cdc-run --repair, if it is the right one");
    }
    return;
  }
  for (bool more = true; more && !stop_();) {
    const auto& position = state_->position();
    const std::uint64_t era = position ? position->era : newest->era;
    log_.use_era(era);
    identity_ = stage::Log::identity(log_.store(), log_.source(), era);
    if (!identity_ || (position && position->system_id != identity_->system_id)) {
      throw Failure(Exit::refused, "other_source", "stage and warehouse belong to different clusters or eras");
    }
    load_era(on_progress);
    more = !stop_() && era < newest->era && enter_era(*newest);
  }
  identity_ = newest;
}

// Everything that the log of one era has.
void Loader::load_era(const std::function<void(const Totals&)>& on_progress) {
  check_standing();
  park_vanished();
  for (bool more = true; more && !stop_();) {
    begin_position(*identity_);
    try {
      more = load_chunks(on_progress);
      more = load_epochs(on_progress) || more;
      more = mend_tables(on_progress) || more;
    } catch (const Failure& failure) {
      if (failure.exit != Exit::refused || !learn_losses()) throw;
      writers_.clear();
      state_->reload();
    }
  }
  if (totals_.epochs > 0) state_->forget_epochs(clock_());
}

// What the source said in the last era is another history: its tables stay as they are, to be asked, until copies of this one are here.
// out  false: it has not begun yet, or another loader was here
bool Loader::enter_era(const stage::Identity& next) {
  log_.use_era(next.era);
  const auto start = log_.start();
  if (!start) return false;
  std::unique_ptr<engine::Transaction> transaction;
  begin(transaction);
  const bool entered =
      state_->enter_era({next.system_id, next.era, *start, {}}, "the source goes on with another history", now());
  if (entered) transaction->commit();
  transaction.reset();
  writers_.clear();
  waiting_chunks_.clear();
  seen_chunks_.clear();
  stalled_.clear();
  lost_.clear();
  losses_.reset();
  last_from_ = {};
  last_sha256_.clear();
  state_->reload();
  if (entered) {
    logging::event(logging::Level::warn, "the source goes on with another history: every table waits for a copy",
                   {{"err", "other_era"}, {"lsn", base::format(*start)}});
  }
  return true;
}

// A table that somebody has dropped here begins anew from its next copy, like one whose shape did not fit.
void Loader::park_vanished() {
  if (state_->vanished().empty()) return;
  std::unique_ptr<engine::Transaction> transaction;
  begin(transaction);
  const base::Lsn at = state_->position() ? state_->position()->applied_to : base::Lsn{};
  const std::string loaded_at = now();
  std::vector<std::string> parked;
  for (const std::string& name : state_->vanished()) {
    const Table* table = state_->find(name);
    if (table == nullptr || !table->parked.empty()) continue;
    state_->park(*table, "it is not in the warehouse any more", at, loaded_at);
    parked.push_back(name);
  }
  transaction->commit();
  for (const std::string& name : parked) {
    logging::event(logging::Level::warn, "table parked, its rows wait: it is not in the warehouse any more",
                   {{"err", "table_parked"}, {"table", name}, {"lsn", base::format(at)}});
  }
}

// Something of the stage is missing or broken. out  true: it is noted to be lost, and that is news
bool Loader::learn_losses() {
  losses_ = stage::read_losses(log_);
  const std::size_t before = lost_.size();
  for (const auto& [object, lost] : losses_->objects) lost_.insert(object);
  return lost_.size() > before;
}

// A copy may have been loaded ahead of what led up to a loss. What came after it, of changes from before it, it could not end, and that it was
// deleted is lost: all that the copy did not see is ended now. Of a loss that is newer than the copy the next copy tells.
void Loader::end_unseen(std::string_view name, base::Lsn at) {
  const Table* table = state_->find(name);
  if (table == nullptr || table->copied < at || !table->parked.empty() || table->shape.key.empty()) return;
  const std::string ended_at = now();
  writer(*table).mark_older(table->copied, -1, 'd', ended_at, ended_at);
  if (table->history) make_history(database_, table->shape)->end_older(table->copied, -1, 'd', ended_at);
  if (table->may_have_unknown) state_->count_unknown(table->shape);
}

// The log does not tell that a partition has gone, and the look at them that a copy brought along is newer than those of the log that leads up
// to it: rows that log brings of such a partition are ended where the copy is passed.
void Loader::end_lost_leaves(const stage::Epoch& epoch) {
  for (const auto& [name, table] : state_->tables()) {
    if (table.copied <= epoch.from || table.copied > epoch.to || !state_->last_with_leaves(name)) continue;
    end_unseen(name, table.copied);
  }
}

void Loader::say_lost(std::string_view table, base::Lsn at) {
  state_->doubt(table, at);
  end_unseen(table, at);
  logging::event(logging::Level::warn, "changes of it are lost in the stage, copy the table again",
                 {{"err", "table_doubted"}, {"table", table}, {"lsn", base::format(at)}});
}

bool Loader::load_chunks(const std::function<void(const Totals&)>& on_progress) {
  bool any = false;
  for (const std::string& object : log_.chunks()) {
    if (stop_()) return any;
    seen_chunks_.insert(object);
    if (state_->has_chunk(object) || is_waiting(object)) continue;
    try {
      if (!load_chunk(object)) continue;
    } catch (const Failure& failure) {
      if (!stall(failure)) throw;
      continue;
    }
    any = true;
    on_progress(totals_);
  }
  return any;
}

bool Loader::load_epochs(const std::function<void(const Totals&)>& on_progress) {
  bool any = false;
  while (state_->position() && !stop_()) {
    std::optional<stage::Stored> stored = std::exchange(jump_, std::nullopt);
    try {
      if (!stored) stored = log_.next(state_->position()->applied_to);
    } catch (const Failure& failure) {
      if (failure.slug != "pruned") throw;
      refuse_pruned(log_, failure);
    }
    if (!stored) break;
    try {
      any = (stored->epoch.lost ? load_lost(*stored) : load_epoch(*stored)) || any;
    } catch (const Failure& failure) {
      if (!stall(failure)) throw;
    }
    on_progress(totals_);
  }
  return any;
}

void Loader::create_view(const Statements& statements) {
  database_.define(statements.create_view());
  for (const std::string& comment : statements.comments()) database_.define(comment);
}

void Loader::create(const Table& table) {
  const Statements statements(dialect_, table.shape);
  if (!table.shape.key.empty()) {
    database_.define(statements.create_table());
    create_view(statements);
  }
  if (table.history) {
    database_.define(statements.create_history());
    if (const std::string index = statements.create_history_index(); !table.shape.key.empty() && !index.empty()) {
      database_.define(index);
    }
  }
}

// Where definitions are not part of the transaction, an attempt that failed may have renamed or dropped a column already.
bool Loader::lacks_column(const std::string& table, const std::string& name) {
  if (!database_.deferred()) return false;
  const std::vector<std::string> columns = database_.columns_of(table);
  return std::find(columns.begin(), columns.end(), name) == columns.end();
}

// in  old      as the warehouse has it
//     now      what it shall be: the same columns, some under other names, then more
//     unknown  for each column of `now`: what is right in it is not known in rows that are there
// out  how the lists of unknown columns of versions change with it
std::vector<UnknownEdit> Loader::alter(const Table& old, const Shape& now_shape, const std::vector<bool>& unknown) {
  std::vector<UnknownEdit> edits;
  // DuckDB cannot alter a table that the same transaction has changed rows of: all definitions come first.
  std::vector<std::pair<std::string, std::vector<std::string>>> updates;
  const Statements statements(dialect_, now_shape);
  const bool current = !now_shape.key.empty();
  if (options_.unite != nullptr) options_.unite->let_go(old.shape);
  if (current) database_.define(statements.drop_view());
  for (std::uint32_t i = 0; i < now_shape.columns.size(); ++i) {
    const bool is_new = i >= old.shape.columns.size();
    const std::string name = json_string(now_shape.columns[i].name);
    if (is_new) {
      if (current) database_.define(statements.add_column(i));
      if (old.history) database_.define(statements.add_history_column(i));
    } else if (now_shape.columns[i].name != old.shape.columns[i].name) {
      const std::string& old_name = old.shape.columns[i].name;
      const std::string quoted = json_string(old_name);
      if (current) {
        if (!lacks_column(old.shape.name, old_name)) database_.define(statements.rename_column(old_name, i));
        updates.emplace_back(statements.rename_unknown(), std::vector{quoted, name});
      }
      if (old.history) {
        if (!lacks_column(statements.history_name(), old_name))
          database_.define(statements.rename_history_column(old_name, i));
        updates.emplace_back(statements.rename_history_unknown(), std::vector{quoted, name});
        edits.push_back({quoted, name});
      }
    }
    if (!is_new && dialect_.type_of(now_shape.columns[i]) != dialect_.type_of(old.shape.columns[i])) {
      const std::string column = dialect_.quote(now_shape.columns[i].name);
      for (const bool history : {false, true}) {
        if (history ? !old.history : !current) continue;
        const std::string& table = history ? statements.history_name() : now_shape.name;
        const std::vector<std::string> steps =
            dialect_.retype(dialect_.quote(table), column, dialect_.type_of(now_shape.columns[i]));
        // An attempt that failed may have left the new column, filled, and without its name.
        const bool named_only = lacks_column(table, now_shape.columns[i].name) && !lacks_column(table, kRetyped);
        for (const std::string& step : steps) {
          if (!named_only || &step == &steps.back()) database_.define(step);
        }
      }
    }
    if (!unknown[i]) continue;
    if (current) updates.emplace_back(statements.add_unknown(), std::vector{name});
    if (!old.history || !is_new) continue;
    updates.emplace_back(statements.add_history_unknown(), std::vector{name});
    edits.push_back({"", name});
  }
  if (current) create_view(statements);
  for (const auto& [sql, parameters] : updates) {
    engine::Statement update = database_.prepare(sql, now_shape.table);
    for (std::size_t i = 0; i < parameters.size(); ++i) update.text(static_cast<int>(i + 1), parameters[i]);
    update.run();
  }
  return edits;
}

// Makes the table fit its schema lines.
//
// in   policy  by which they were made
// out  false when it is parked: its rows wait
bool Loader::prepare(Work& work, std::string_view name, const std::vector<std::string>& lines, std::string_view policy,
                     base::Lsn at, std::string_view loaded_at) {
  work.table = state_->find(name);
  if (work.table != nullptr && !work.table->parked.empty()) return false;
  json::Tokenizer tokenizer;
  std::vector<change::Schema> versions;
  for (const std::string& line : lines) {
    versions.push_back(change::decode_schema(json::Value(tokenizer.tokens_of_copy(line), 0)));
  }
  if (versions.empty())
    throw Failure(Exit::data, "no_schema", "a manifest has rows of a table that it does not describe")
        .at_table(std::string(name));

  const bool is_new = work.table == nullptr;
  std::string parked;
  Table next;
  if (is_new) {
    const State::Names names = state_->names_for(name, versions[0].relid);
    next.shape = first_shape(versions[0], names.name, names.view).shape;
    next.history = options_.history || next.shape.key.empty();
    const auto other = state_->table_with_relid(versions[0].relid, name);
    if (other && !state_->begins_anew(name)) parked = "the table was called " + *other + " before";
  } else {
    next = *work.table;
  }
  const Table old = next;
  std::vector<std::vector<std::int32_t>> columns;
  std::vector<bool> unknown(next.shape.columns.size(), false);
  for (const change::Schema& version : versions) {
    if (!parked.empty()) break;
    Evolution evolution = evolve(next.shape, version);
    parked = evolution.parked;
    if (!parked.empty()) break;
    next.shape = std::move(evolution.shape);
    columns.push_back(std::move(evolution.column));
    unknown.resize(next.shape.columns.size(), false);
    for (const Step& step : evolution.steps) {
      // A column that comes with another policy was there all the time: rows that are here hold something in it.
      if (step.what == Step::What::add) {
        const bool by_policy = !is_new && !old.policy.empty() && old.policy != policy;
        unknown[step.column] = step.unknown || by_policy;
        if (!by_policy) work.added.push_back({step.column, version.lsn, version.seq});
      }
      if (step.what == Step::What::restate) unknown[step.column] = true;
    }
  }
  if (!parked.empty()) {
    if (is_new) {
      work.table = &state_->save(old);
      create(old);
    }
    state_->park(*work.table, parked, at, loaded_at);
    logging::event(logging::Level::warn, "table parked, its rows wait: " + parked,
                   {{"err", "table_parked"}, {"table", name}, {"lsn", base::format(at)}});
    return false;
  }

  std::vector<UnknownEdit> edits;
  base::Lsn begins_doubted;
  const bool begins_history = options_.history && !next.history;
  next.policy = policy;
  const bool changed = is_new || next.shape != old.shape || next.policy != old.policy;
  if (is_new) {
    create(next);
    // Copies of it that began before something was lost lack that.
    if (!losses_) losses_ = stage::read_losses(log_);
    begins_doubted = losses_->complete_from(name);
  } else if (changed) {
    writers_.erase(std::string(name));
    edits = alter(old, next.shape, unknown);
    if (std::find(unknown.begin(), unknown.end(), true) != unknown.end()) next.may_have_unknown = true;
  }
  if (begins_history) {
    next.history = true;
    const Statements statements(dialect_, next.shape);
    database_.define(statements.create_history());
    if (const std::string index = statements.create_history_index(); !index.empty()) database_.define(index);
    database_.define(statements.seed_history());
  }
  if (changed || begins_history) work.table = &state_->save(next);
  if (begins_doubted.value != 0) state_->doubt(name, begins_doubted);
  if (is_new && state_->position() && state_->position()->begun_at.value != 0) {
    state_->set_purged(name, state_->position()->begun_at);
  }
  if (changed && options_.unite != nullptr) options_.unite->take(next.shape);
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (versions[i].leaves) compare_leaves(name, versions[i], lines[i]);
    if (versions[i].file) compare_file(work, versions[i], lines[i]);
    if (changed || begins_history) state_->save_version(versions[i], lines[i]);
  }
  const Shape& shape = work.table->shape;
  // Older lines than the whole epoch's shape see it through their own version.
  for (std::size_t i = 0; i < versions.size(); ++i) {
    columns[i].resize(versions[i].columns.size(), -1);
    work.mappings.push_back(mapping_of(shape, versions[i], columns[i]));
  }
  work.fold = std::make_unique<Fold>(shape, dialect_);
  work.fold->use(work.mappings[0]);
  if (work.table->history) {
    work.history = make_history(database_, shape);
    if (database_.deferred()) work.history->expect(edits);
    work.history->use(work.mappings[0]);
  }
  if (!shape.key.empty()) {
    work.writer = &writer(*work.table);
    if (work.table->may_have_unknown) work.writer->expect_unknown();
  }
  return true;
}

// What the log tells of a table that is published by its root are the changes of its partitions' rows, not which partitions there
// are. Between two looks at them: one that is gone took its rows along, one that lies in another file was truncated or written anew,
// one that was attached may have brought rows.
void Loader::compare_leaves(std::string_view name, const change::Schema& version, const std::string& line) {
  const std::optional<change::Schema> before = state_->last_with_leaves(std::string(name));
  if (before && (version.lsn <= before->lsn || *version.leaves == *before->leaves)) return;
  state_->save_version(version, line);
  if (!before) return;
  const auto find = [](const std::vector<change::Leaf>& leaves, base::Oid relid) {
    return std::find_if(leaves.begin(), leaves.end(), [&](const change::Leaf& leaf) { return leaf.relid == relid; });
  };
  std::string words;
  const auto tell = [&](base::Oid relid, const char* what) {
    words += (words.empty() ? "" : ", ") + std::to_string(relid.value) + what;
  };
  for (const change::Leaf& leaf : *before->leaves) {
    const auto now = find(*version.leaves, leaf.relid);
    if (now == version.leaves->end()) {
      tell(leaf.relid, " is gone");
    } else if (now->file != leaf.file) {
      tell(leaf.relid, " was truncated or written anew");
    }
  }
  for (const change::Leaf& leaf : *version.leaves) {
    if (find(*before->leaves, leaf.relid) != before->leaves->end()) continue;
    if (leaf.attached || leaf.file != leaf.relid) tell(leaf.relid, leaf.attached ? " was attached" : " was truncated");
  }
  if (!words.empty()) say_untold(name, version.lsn, "partitions changed in a way that the log does not tell", words);
}

// ALTER TABLE ... TYPE ... USING writes other values into every row, and the log tells at most that the type is another one. Between
// two looks at the catalog: the rows lie in another file, and a column was altered. Without the second nothing but space was
// written anew (VACUUM FULL), or the log told of it (TRUNCATE).
void Loader::compare_file(const Work& work, const change::Schema& version, const std::string& line) {
  const std::string& name = version.table;
  const std::optional<change::Schema> before = state_->last_with_file(name);
  if (before && version.lsn <= before->lsn) return;
  state_->save_version(version, line);
  // A table that was never looked at and came by itself began in a file of its own number, with no column altered since.
  if (before ? version.file == before->file
             : work.is_copy || state_->was_copied(name) || *version.file == version.relid)
    return;
  std::string words;
  for (const change::Column& column : version.columns) {
    const auto was = before
                         ? std::find_if(before->columns.begin(), before->columns.end(),
                                        [&](const change::Column& one) { return one.bind && one.bind == column.bind; })
                         : version.columns.end();
    const bool altered = before ? was != before->columns.end() && was->xmin != column.xmin : column.xmin.has_value();
    if (altered) words += (words.empty() ? "" : ", ") + column.name;
  }
  if (!words.empty()) say_untold(name, version.lsn, "its rows were written anew, with these columns altered", words);
}

// A table without a key is a list of what the log and its copies have told: that its rows are others now changes nothing of that, and another
// copy would be all of them once more.
void Loader::say_untold(std::string_view name, base::Lsn at, const std::string& what, const std::string& words) {
  const Table* table = state_->find(name);
  if (table != nullptr && table->shape.key.empty()) {
    logging::event(logging::Level::warn, what + ", of a table without a key, which keeps what it has: " + words,
                   {{"err", "untold"}, {"table", name}, {"lsn", base::format(at)}});
    return;
  }
  state_->doubt(name, at);
  logging::event(logging::Level::warn, what + ", copy the table again: " + words,
                 {{"err", "table_doubted"}, {"table", name}, {"lsn", base::format(at)}});
}

TableWriter& Loader::writer(const Table& table) {
  const auto found = writers_.find(table.shape.table);
  if (found != writers_.end()) return *found->second;
  if (writers_.size() >= kMostWriters) writers_.clear();
  return *writers_.emplace(table.shape.table, make_writer(database_, table.shape)).first->second;
}

void Loader::quarantine(const Work& work, const std::vector<Unfit>& unfit, std::string_view loaded_at) {
  for (const Unfit& one : unfit) {
    state_->add_quarantine(*work.table, one, loaded_at);
    const std::string column =
        one.column < 0 ? "(key)" : work.table->shape.columns[static_cast<std::size_t>(one.column)].name;
    logging::event(logging::Level::warn, "value does not fit, kept in quarantine",
                   {{"err", "unfit_value"}, {"table", work.table->shape.table}, {"column", column}, {"lsn", one.lsn}});
  }
}

void Loader::flush(Work& work, std::string_view loaded_at) {
  if (work.history) work.history->flush(loaded_at);
  if (work.writer != nullptr && !work.fold->empty()) work.writer->write(*work.fold, work.table->cut, loaded_at);
  quarantine(work, work.fold->unfit(), loaded_at);
  work.fold->clear();
}

void Loader::finish(Work& work, std::string_view loaded_at) {
  flush(work, loaded_at);
  // The table has had its new columns since the epoch's beginning; what ended before they came has nothing in them.
  for (const auto& [column, from, seq] : work.added) {
    const Shape& shape = work.table->shape;
    const std::string position = base::format(from);
    const std::string name = json_string(shape.columns[column].name);
    for (const bool history : {false, true}) {
      if (history ? work.history == nullptr : work.writer == nullptr) continue;
      database_.prepare(Statements(dialect_, shape).forget_unknown(history), shape.table)
          .text(1, name)
          .text(2, position)
          .integer(3, static_cast<std::int64_t>(seq))
          .run();
    }
  }
  if (work.writer != nullptr && work.writer->may_have_unknown()) state_->count_unknown(work.table->shape);
}

// The version in which a line is written: the last that begins at it or before.
void Loader::use_version_at(Work& work, const change::Line& line) {
  const auto begins_later = [&](const Mapping& mapping) {
    const base::Lsn lsn = line.lsn_value();
    return mapping.lsn > lsn || (mapping.lsn == lsn && mapping.seq > line.seq);
  };
  std::size_t used = work.used;
  while (used + 1 < work.mappings.size() && !begins_later(work.mappings[used + 1])) ++used;
  if (used == work.used) return;
  work.used = used;
  work.fold->use(work.mappings[used]);
  if (work.history) work.history->use(work.mappings[used]);
}

// Reads the files of one table, in order, and folds them. Lines of an epoch: from <= lsn < to; of a chunk: lsn == from == to.
void Loader::load_rows(Work& work, const std::vector<const stage::FileEntry*>& files, base::Lsn from, base::Lsn to,
                       Counts& counts, std::string_view loaded_at) {
  const std::string name = work.table->shape.table;
  const std::string from_text = base::format(from);
  const std::string to_text = base::format(to);
  const bool copied = from == to;
  // A copy that is ahead of the stream splits the windows: see Writer::write.
  std::vector<base::Lsn> splits;
  if (!copied) splits = state_->copies_between(name, from, to);
  auto split = splits.begin();
  const auto wrong = [&](const char* slug, const char* what) { throw Failure(Exit::data, slug, what).at_table(name); };
  const auto load_file = [&](const stage::FileEntry& entry) {
    stage::LineFile file = stage::LineFile::open(log_, entry);
    for (std::string_view text; file.next(text);) {
      const change::Line& line = parser_.parse(text);
      if (line.table != name) wrong("wrong_table", "a file holds a line of another table");
      if (copied ? line.op != change::Op::read || line.lsn != from_text
                 : !change::is_row(line.op) || line.op == change::Op::read || line.lsn < from_text ||
                       line.lsn >= to_text) {
        wrong("wrong_order", "a file holds a line that does not belong to its range");
      }
      if (!copied) {
        if (line.lsn < work.last_lsn || (line.lsn == work.last_lsn && line.seq <= work.last_seq)) {
          wrong("wrong_order", "a file's lines are not in stream order");
        }
        if (line.lsn != work.last_lsn) {
          work.last_lsn = line.lsn;
          if (split != splits.end() && *split <= line.lsn_value()) {
            flush(work, loaded_at);
            while (split != splits.end() && *split <= line.lsn_value()) ++split;
          }
        }
        use_version_at(work, line);
        work.last_seq = line.seq;
      }
      ++counts.rows;
      if (line.lsn_value() < work.not_before) {
        ++counts.applied;
        continue;
      }
      if (line.op == change::Op::truncate) {
        flush(work, loaded_at);
        const Cut cut{line.lsn_value().value, line.seq};
        const Cut had = work.table->cut;
        if (cut.lsn > had.lsn || (cut.lsn == had.lsn && cut.seq > had.seq)) {
          const auto seq = static_cast<std::int64_t>(line.seq);
          if (work.writer != nullptr) work.writer->mark_older(line.lsn_value(), seq, 't', line.ts, loaded_at);
          if (work.history) work.history->end_older(line.lsn_value(), seq, 't', line.ts);
          state_->set_cut(name, cut);
        }
        ++counts.applied;
        continue;
      }
      if (work.history) {
        const bool cut_off =
            line.lsn_value().value < work.table->cut.lsn ||
            (line.lsn_value().value == work.table->cut.lsn && (copied || line.seq <= work.table->cut.seq));
        const bool fitted = cut_off || work.history->add(line, loaded_at);
        if (work.writer == nullptr) {
          quarantine(work, work.history->take_unfit(), loaded_at);
          ++(fitted ? counts.applied : counts.quarantined);
          if (work.history->bytes() > options_.window_bytes) work.history->flush(loaded_at);
          continue;
        }
      }
      ++(work.fold->add(line) ? counts.applied : counts.quarantined);
      const std::size_t waiting = work.history ? work.history->bytes() : 0;
      if (work.fold->bytes() + waiting > options_.window_bytes) flush(work, loaded_at);
    }
  };
  for (const stage::FileEntry* entry : files) {
    if (is_lost(*entry)) {
      counts.rows += entry->rows;
      counts.lost += entry->rows;
      continue;
    }
    try {
      load_file(*entry);
    } catch (Failure& failure) {
      if (failure.table.empty()) failure.table = name;
      // A line that makes no sense in a file that is not the one of the manifest: then that is the news.
      if (failure.exit == Exit::data) stage::verify(log_, *entry);
      throw;
    }
  }
}

// Logical messages are of no table: they are kept as they are, in one list.
void Loader::load_messages(const std::vector<const stage::FileEntry*>& files, base::Lsn from, base::Lsn to,
                           Counts& counts) {
  state_->expect_messages();
  for (const stage::FileEntry* entry : files) {
    if (is_lost(*entry)) {
      counts.rows += entry->rows;
      counts.lost += entry->rows;
      continue;
    }
    stage::LineFile file = stage::LineFile::open(log_, *entry);
    for (std::string_view text; file.next(text);) {
      const change::Line& line = parser_.parse(text);
      if (line.op != change::Op::message || line.lsn_value() < from || line.lsn_value() >= to) {
        throw Failure(Exit::data, "wrong_order", "the file of messages holds a line that does not belong there");
      }
      state_->add_message(line);
      ++counts.rows;
      ++counts.applied;
    }
  }
}

bool Loader::load_chunk(const std::string& object) {
  const stage::Chunk chunk = log_.chunk(object);
  check_belongs(chunk);
  if (chunk.pruned) {
    refuse_pruned(log_, Failure(Exit::refused, "pruned", "the rows of a copied chunk were removed by house-keeping")
                            .at_lsn(chunk.lsn)
                            .at_table(chunk.table));
  }
  if (stalled_.contains(chunk.table)) return false;  // held: the next run tries again
  if (std::any_of(chunk.files.begin(), chunk.files.end(), [&](const auto& file) { return is_lost(file); }))
    return false;
  std::unique_ptr<engine::Transaction> transaction;
  begin(transaction);
  if (state_->has_chunk(object)) return true;  // another loader's work
  const Table* there = state_->find(chunk.table);
  const bool is_back = there != nullptr && there->gone && chunk.lsn > *there->gone;
  if (is_back) state_->come_back(chunk.table);
  if (there != nullptr && !there->parked.empty()) {
    if (is_back) transaction->commit();
    waiting_chunks_[chunk.table].emplace(object, chunk);
    return false;
  }
  const bool applied = apply_chunk(object, chunk);
  transaction->commit();
  if (!applied) waiting_chunks_[chunk.table].emplace(object, chunk);
  return applied;
}

// out  false: the table was parked instead
bool Loader::apply_chunk(const std::string& object, const stage::Chunk& chunk) {
  const std::string loaded_at = now();
  Work work;
  work.is_copy = true;
  const base::Lsn at = state_->position() ? state_->position()->applied_to : chunk.lsn;
  if (!prepare(work, chunk.table, chunk.schemas, chunk.policy, at, loaded_at)) return false;
  // A newer copy is whole: it has what became of these rows, and that one of them is gone nobody may tell again.
  // Nor may a copy from before rows went whose marks are not kept any more.
  work.not_before = std::max(work.table->copied, work.table->purged);
  if (work.history) work.history->stream_passed(state_->position() && state_->position()->applied_to >= chunk.lsn);
  std::vector<const stage::FileEntry*> files;
  for (const stage::FileEntry& file : chunk.files) files.push_back(&file);
  Counts counts;
  load_rows(work, files, chunk.lsn, chunk.lsn, counts, loaded_at);
  flush(work, loaded_at);
  if (counts.rows != chunk.rows || counts.rows != counts.applied + counts.quarantined) {
    throw Failure(Exit::refused, "wrong_rows", "a chunk's manifest states another number of rows than its files hold")
        .at_table(chunk.table);
  }
  state_->add_chunk(object, chunk, loaded_at);
  if (!chunk.keys && chunk.copy >= work.table->purged && state_->is_copied(chunk.table, chunk.copy)) {
    // What the whole copy did not see and nobody touched since it began is gone: whatever was there is in one of its chunks, or was
    // changed on the way, which the stream tells.
    const std::string ts = chunk.ts.empty() ? loaded_at : chunk.ts;
    if (work.writer != nullptr) work.writer->mark_older(chunk.copy, -1, 'd', ts, loaded_at);
    if (work.history && work.writer != nullptr) work.history->end_older(chunk.copy, -1, 'd', ts);
    state_->finish_copy(chunk.table, chunk.copy);
  }
  finish(work, loaded_at);
  ++totals_.chunks;
  totals_.counts.rows += counts.rows;
  totals_.counts.applied += counts.applied;
  totals_.counts.quarantined += counts.quarantined;
  totals_.rows[chunk.table] += counts.rows;
  logging::event(logging::Level::info, "chunk loaded",
                 {{"table", chunk.table}, {"lsn", base::format(chunk.lsn)}, {"rows", std::to_string(counts.rows)}});
  return true;
}

// Changes that nobody has any more: the position moves past them, and every table is doubted until a copy that began behind them is whole.
bool Loader::load_lost(const stage::Stored& stored) {
  const stage::Epoch& epoch = stored.epoch;
  std::unique_ptr<engine::Transaction> transaction;
  begin(transaction);
  if (state_->position()->applied_to != epoch.from) return false;
  const std::string loaded_at = now();
  if (!state_->advance(epoch.from, epoch.to, "", loaded_at)) {
    throw Failure(Exit::retry, "position_moved", "could not move the position: another loader has moved it")
        .at_lsn(epoch.from);
  }
  stage::Epoch record = epoch;
  record.era = log_.era();
  record.run = "lost";
  state_->doubt_all(epoch.to);
  for (const auto& [name, table] : state_->tables()) end_unseen(name, epoch.to);
  // A table that begins from now on is not among those: the note of this loss was there before its manifest.
  losses_.reset();
  state_->add_epoch(record, stored.sha256, {}, loaded_at);
  transaction->commit();
  ++totals_.epochs;
  totals_.applied_to = epoch.to;
  last_from_ = epoch.from;
  last_sha256_ = stored.sha256;
  logging::event(logging::Level::warn, "changes are lost in the stage: every table is to be copied again",
                 {{"err", "epoch_lost"}, {"lsn", base::format(epoch.from)}, {"to", base::format(epoch.to)}});
  return true;
}

bool Loader::load_epoch(const stage::Stored& stored) {
  const stage::Epoch& epoch = stored.epoch;
  check_belongs(epoch);
  std::unique_ptr<engine::Transaction> transaction;
  begin(transaction);
  if (state_->position()->applied_to != epoch.from) return false;  // another loader was here: go on from where it is
  const std::string loaded_at = now();
  if (!state_->advance(epoch.from, epoch.to, epoch.last_ts, loaded_at)) {
    throw Failure(Exit::retry, "position_moved", "could not move the position: another loader has moved it")
        .at_lsn(epoch.from);
  }
  try {
    check_chain(epoch);
    // Tables in the order in which the stream described them: who is first has the plain name.
    std::vector<std::string> order;
    std::map<std::string, std::vector<const stage::FileEntry*>> files;
    std::map<std::string, std::vector<std::string>> schemas;
    for (const std::string& line : epoch.schemas) {
      const std::string table = stage::table_of_schema(line);
      if (!schemas.contains(table)) order.push_back(table);
      schemas[table].push_back(line);
    }
    for (const stage::FileEntry& file : epoch.files) {
      if (!schemas.contains(file.table) && !files.contains(file.table)) order.push_back(file.table);
      files[file.table].push_back(&file);
    }
    Counts counts;
    std::map<std::string, std::uint64_t> rows;
    for (const std::string& table : order) {
      auto& parts = files[table];
      std::sort(parts.begin(), parts.end(), [](const auto* a, const auto* b) { return a->part < b->part; });
      Counts of_table;
      Work work;
      state_->come_back(table);
      if (table == stage::kMessages) {
        load_messages(parts, epoch.from, epoch.to, of_table);
      } else if (!is_stalled(table, epoch.from, loaded_at) &&
                 prepare(work, table, schemas[table], epoch.policy, epoch.from, loaded_at)) {
        load_rows(work, parts, epoch.from, epoch.to, of_table, loaded_at);
        if (!parts.empty()) finish(work, loaded_at);
      } else {
        for (const stage::FileEntry* file : parts) of_table.rows += file->rows;
        for (const stage::FileEntry* file : parts) of_table.lost += is_lost(*file) ? file->rows : 0;
        of_table.waiting = of_table.rows - of_table.lost;
        if (of_table.waiting > 0) state_->add_waiting(table, of_table.waiting);
      }
      if (of_table.lost > 0 && table != stage::kMessages) say_lost(table, epoch.to);
      rows[table] += of_table.rows;
      counts.rows += of_table.rows;
      counts.applied += of_table.applied;
      counts.quarantined += of_table.quarantined;
      counts.waiting += of_table.waiting;
      counts.lost += of_table.lost;
    }
    if (epoch.commits && !is_lost(*epoch.commits)) stage::verify(log_, *epoch.commits);
    if (counts.rows != epoch.rows ||
        counts.rows != counts.applied + counts.quarantined + counts.waiting + counts.lost) {
      throw Failure(Exit::refused, "wrong_rows", "a manifest states another number of rows than its files hold")
          .at_lsn(epoch.from);
    }
    end_lost_leaves(epoch);
    state_->add_epoch(epoch, stored.sha256, counts, loaded_at);
    transaction->commit();
    ++totals_.epochs;
    totals_.counts.rows += counts.rows;
    totals_.counts.applied += counts.applied;
    totals_.counts.quarantined += counts.quarantined;
    totals_.counts.waiting += counts.waiting;
    for (const auto& [table, count] : rows) totals_.rows[table] += count;
    if (!epoch.last_ts.empty()) totals_.complete_to_time = epoch.last_ts;
    totals_.applied_to = epoch.to;
    last_from_ = epoch.from;
    last_sha256_ = stored.sha256;
  } catch (Failure& failure) {
    if (!failure.lsn) failure.lsn = epoch.from;
    throw;
  }
  logging::event(logging::Level::info, "epoch loaded",
                 {{"lsn", base::format(epoch.to)}, {"rows", std::to_string(epoch.rows)}});
  return true;
}

}  // namespace warehouse
