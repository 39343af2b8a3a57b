// warehouse: versions. Several within one transaction have one time; only the last of them is ever valid, the others say so
// (_cdc_instant). Times never go back within a key: commit times of a server may.
#include "warehouse/history.hpp"

#include <algorithm>
#include <utility>

namespace warehouse {
namespace {

constexpr std::size_t kMostStatements = 64;

bool before(std::string_view lsn, std::int64_t seq, std::string_view other_lsn, std::int64_t other_seq) {
  return lsn < other_lsn || (lsn == other_lsn && seq < other_seq);
}

}  // namespace

History::History(engine::Database& database, Shape shape)
    : History(database, std::move(shape), dialect_of(database.kind())) {}

History::History(engine::Database& database, Shape shape, const Dialect& dialect)
    : database_(database),
      shape_(std::move(shape)),
      statements_(sqlite_dialect(), shape_),
      fold_(shape_, dialect),
      quoted_names_(quoted_names(shape_)) {}

std::vector<Unfit> History::take_unfit() { return std::exchange(unfit_, {}); }

History::Place History::locate(std::string_view key, std::string_view lsn, std::int64_t seq) {
  if (!versions_.prepared()) versions_ = database_.prepare(statements_.versions(), shape_.table);
  bind_key(versions_, shape_, key);
  Place place;
  while (!place.at && versions_.step()) {
    Version version;
    version.number = versions_.integer_at(0);
    version.from_lsn = versions_.text_at(1);
    version.from_seq = versions_.integer_at(2);
    version.valid_from = versions_.text_at(3);
    version.open = versions_.is_null(4);
    version.to_lsn = versions_.text_at(4);
    version.to_seq = versions_.integer_at(5);
    version.valid_to = versions_.text_at(6);
    version.born = versions_.integer_at(7) != 0;
    version.unknown = versions_.text_at(8);
    version.to_op = versions_.text_at(9);
    if (version.from_lsn == lsn && version.from_seq == seq) {
      place.exact = true;
    } else if (before(version.from_lsn, version.from_seq, lsn, seq)) {
      place.ends_here = !version.open && version.to_lsn == lsn && version.to_seq == seq;
      place.covers = version.open || before(lsn, seq, version.to_lsn, version.to_seq);
      place.at = std::move(version);
    } else {
      place.newer.push_back(std::move(version));
    }
  }
  versions_.reset();
  return place;
}

void History::end(std::int64_t version, std::string_view lsn, std::int64_t seq, std::string_view ts, char op) {
  if (!end_.prepared()) end_ = database_.prepare(statements_.end_version(), shape_.table);
  end_.text(number(Own::lsn), lsn).integer(number(Own::seq), seq).text(number(Own::committed_at), ts);
  end_.text(number(Own::op), {&op, 1}).integer(number(Own::extra), version);
  end_.run();
}

std::int64_t History::add_version(std::uint32_t index, const Version* kept_from, std::string_view not_before,
                                  std::string_view loaded_at) {
  const Net& net = fold_.net(index);
  const auto cells = fold_.cells(index);
  Columns was_unknown(cells.size());
  if (kept_from != nullptr) was_unknown = columns_of(quoted_names_, kept_from->unknown);
  std::vector<bool> is_key(cells.size());
  for (const std::uint32_t column : shape_.key) is_key[column] = true;
  Columns kept(cells.size());
  Columns unknown(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].known() || is_key[i]) continue;
    kept[i] = cells[i].keep() && kept_from != nullptr;
    unknown[i] = !kept[i] || was_unknown[i];
  }
  auto found = add_.find(kept);
  if (found == add_.end()) {
    if (add_.size() >= kMostStatements) add_.clear();
    found = add_.emplace(kept, database_.prepare(statements_.add_version(kept), shape_.table)).first;
  }
  engine::Statement& statement = found->second;
  const std::string lsn = base::format(base::Lsn{net.lsn});
  const std::string_view since = std::max(fold_.ts(net), not_before);
  const std::string list = list_of(quoted_names_, unknown);
  statement.text(number(Own::lsn), lsn).integer(number(Own::seq), seq_of(net)).text(number(Own::committed_at), since);
  statement.text(number(Own::op), {&net.op, 1})
      .integer(number(Own::deleted), net.from == From::self && net.op == 'u' ? 0 : 1);
  statement.text(number(Own::loaded_at), loaded_at);
  list.empty() ? statement.null(number(Own::unknown)) : statement.text(number(Own::unknown), list);
  if (std::find(kept.begin(), kept.end(), true) != kept.end()) statement.integer(number(Own::born), kept_from->number);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!kept[i]) bind_cell(statement, shape_, i, cells[i], fold_);
  }
  statement.run();
  return database_.last_row();
}

// The line's place among the key's versions: usually behind all of them, but a copy of a later position may have come before it.
void History::write(std::uint32_t index, std::string_view loaded_at) {
  const Net& net = fold_.net(index);
  const std::string lsn = base::format(base::Lsn{net.lsn});
  const Place place = locate(fold_.key(net), lsn, seq_of(net));
  if (place.exact || (net.deleted && place.ends_here)) return;  // a replay
  // The row's values before this line: under its old key when it had another. That one's end may be this very line.
  std::optional<Version> source;
  if (net.from == From::self && place.covers) source = place.at;
  if (net.from == From::other && net.has_keep) {
    Place origin = locate(fold_.origin(net), lsn, seq_of(net));
    if (origin.covers || origin.ends_here) source = std::move(origin.at);
  }
  if (place.covers) end(place.at->number, lsn, seq_of(net), fold_.ts(net), net.op);
  if (net.deleted) {
    // The end of a row that nobody has seen: a version without length, so that a copy that comes late knows where its row ends.
    if (!place.covers) end(add_version(index, nullptr, {}, loaded_at), lsn, seq_of(net), fold_.ts(net), net.op);
    return;
  }
  const std::int64_t number =
      add_version(index, source ? &*source : nullptr, place.at ? place.at->valid_from : "", loaded_at);
  end_like_before(number, place);
}

// A version that was put between others ends where the one that it cuts ended, or where the next begins.
void History::end_like_before(std::int64_t number, const Place& place) {
  if (place.covers) {
    const Version& at = *place.at;
    if (!at.open) end(number, at.to_lsn, at.to_seq, at.valid_to, at.to_op.empty() ? 'u' : at.to_op[0]);
  } else if (!place.newer.empty()) {
    const Version& next = place.newer.back();
    end(number, next.from_lsn, next.from_seq, next.valid_from, 'u');
  }
}

// A copied row says what the row was at its position. Where that is not known it becomes a version, and the versions after it that
// are still the same row learn from it.
void History::write_copied(std::uint32_t index, std::string_view loaded_at) {
  const Net& net = fold_.net(index);
  const std::string lsn = base::format(base::Lsn{net.lsn});
  const Place place = locate(fold_.key(net), lsn, -1);
  if (place.exact) return;
  for (auto newer = place.newer.rbegin(); newer != place.newer.rend() && !newer->born; ++newer) fill(*newer, index);
  if (net.only || (stream_passed_ && place.covers && place.at->unknown.empty())) return;
  if (place.covers) end(place.at->number, lsn, -1, fold_.ts(net), net.op);
  const std::int64_t number = add_version(index, nullptr, place.at ? place.at->valid_from : "", loaded_at);
  end_like_before(number, place);
}

void History::fill(const Version& version, std::uint32_t index) {
  if (version.unknown.empty()) return;
  const auto cells = fold_.cells(index);
  Columns unknown = columns_of(quoted_names_, version.unknown);
  Columns written(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!unknown[i] || !cells[i].known()) continue;
    written[i] = true;
    unknown[i] = false;
  }
  const std::string list = list_of(quoted_names_, unknown);
  if (list == version.unknown) return;
  engine::Statement statement = database_.prepare(statements_.fill_version(written), shape_.table);
  list.empty() ? statement.null(number(Own::unknown)) : statement.text(number(Own::unknown), list);
  statement.integer(number(Own::extra), version.number);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (written[i]) bind_cell(statement, shape_, i, cells[i], fold_);
  }
  statement.run();
}

bool History::add(const change::Line& line, std::string_view loaded_at) {
  fold_.clear();
  const bool fitted = fold_.add(line);
  const auto order = fold_.finish();
  if (shape_.key.empty()) {
    for (const std::uint32_t index : order) add_version(index, nullptr, {}, loaded_at);
  } else {
    // Ends before beginnings: the old key's version must be there to be read, ended or not.
    for (const std::uint32_t index : order) {
      if (fold_.net(index).deleted) {
        write(index, loaded_at);
      } else if (line.op == change::Op::read) {
        write_copied(index, loaded_at);
      }
    }
    for (const std::uint32_t index : order) {
      if (line.op != change::Op::read && !fold_.net(index).deleted) write(index, loaded_at);
    }
  }
  if (shape_.key.empty()) unfit_.insert(unfit_.end(), fold_.unfit().begin(), fold_.unfit().end());
  return fitted;
}

void History::end_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts) {
  end_older_versions(database_, shape_, lsn, seq, op, ts);
}

}  // namespace warehouse
