// warehouse: versions. Several within one transaction have one time; only the last of them is ever valid, the others say so
// (_cdc_instant). Times never go back within a key: commit times of a server may.
#include "warehouse/history.hpp"

#include <algorithm>
#include <utility>

namespace warehouse {
namespace {

constexpr std::size_t kMostStatements = 64;

std::int64_t seq_of(const Net& net) { return net.op == 'r' ? -1 : static_cast<std::int64_t>(net.seq); }

bool before(std::string_view lsn, std::int64_t seq, std::string_view other_lsn, std::int64_t other_seq) {
  return lsn < other_lsn || (lsn == other_lsn && seq < other_seq);
}

}  // namespace

History::History(Database& database, Shape shape)
    : database_(database),
      shape_(std::move(shape)),
      statements_(sqlite_dialect(), shape_),
      fold_(shape_),
      quoted_names_(quoted_names(shape_)) {}

std::vector<Unfit> History::take_unfit() { return std::exchange(unfit_, {}); }

std::vector<History::Version> History::versions(std::string_view key, std::size_t most) {
  if (!versions_.prepared()) versions_ = database_.prepare(statements_.versions(), shape_.table);
  bind_key(versions_, shape_, key);
  std::vector<Version> found;
  while (found.size() < most && versions_.step()) {
    Version version;
    version.number = versions_.integer_at(0);
    version.from_lsn = versions_.text_at(1);
    version.from_seq = versions_.integer_at(2);
    version.valid_from = versions_.text_at(3);
    version.open = versions_.is_null(4);
    version.to_lsn = versions_.text_at(4);
    version.to_seq = versions_.integer_at(5);
    version.born = versions_.integer_at(7) != 0;
    version.unknown = versions_.text_at(8);
    found.push_back(std::move(version));
  }
  versions_.reset();
  return found;
}

void History::end(const Version& version, std::string_view lsn, std::int64_t seq, std::string_view ts, char op) {
  if (!end_.prepared()) end_ = database_.prepare(statements_.end_version(), shape_.table);
  end_.text(number(Own::lsn), lsn).integer(number(Own::seq), seq).text(number(Own::committed_at), ts);
  end_.text(number(Own::op), {&op, 1}).integer(number(Own::extra), version.number);
  end_.run();
}

std::int64_t History::add_version(std::uint32_t index, const Version* kept_from, std::string_view loaded_at) {
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
  Statement& statement = found->second;
  const std::string lsn = base::format(base::Lsn{net.lsn});
  std::string since(fold_.ts(net));
  if (kept_from != nullptr) since = std::max(since, kept_from->valid_from);
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
  return statement.run();
}

void History::write(std::uint32_t index, std::string_view loaded_at) {
  const Net& net = fold_.net(index);
  const std::string lsn = base::format(base::Lsn{net.lsn});
  const auto last = versions(fold_.key(net), 1);
  if (!last.empty()) {
    const Version& version = last[0];
    // A replay: the version that this line made, or its end, is here already.
    if (!before(version.from_lsn, version.from_seq, lsn, seq_of(net))) return;
    if (!version.open && before(lsn, seq_of(net), version.to_lsn, version.to_seq + 1)) return;
  }
  const bool goes_on = !last.empty() && last[0].open;
  // The row's values before this line: under its old key when it had another.
  std::vector<Version> source;
  if (net.from == From::self && goes_on) source = last;
  if (net.from == From::other && net.has_keep) {
    source = versions(fold_.origin(net), 1);
    // The old key may have been ended by this very line already.
    if (!source.empty() && !source[0].open && (source[0].to_lsn != lsn || source[0].to_seq != seq_of(net)))
      source.clear();
  }
  if (goes_on) end(last[0], lsn, seq_of(net), fold_.ts(net), net.op);
  if (!net.deleted) add_version(index, source.empty() ? nullptr : &source[0], loaded_at);
}

// A copied row. What the stream has told after it stands; before the first version it becomes one itself.
void History::write_copied(std::uint32_t index, std::string_view loaded_at) {
  const Net& net = fold_.net(index);
  const std::string lsn = base::format(base::Lsn{net.lsn});
  std::vector<Version> all = versions(fold_.key(net), SIZE_MAX);  // newest first
  const auto older = std::find_if(all.begin(), all.end(),
                                  [&](const Version& one) { return before(one.from_lsn, one.from_seq, lsn, -1); });
  if (std::any_of(all.begin(), all.end(),
                  [&](const Version& one) { return one.from_lsn == lsn && one.from_seq == -1; }))
    return;
  const auto cells = fold_.cells(index);
  // Fills the versions from the oldest that the copy stands for, as long as the row is the same one.
  const auto fill = [&](const Version& version) {
    if (version.unknown.empty()) return;
    Columns unknown = columns_of(quoted_names_, version.unknown);
    Columns written(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!unknown[i] || !cells[i].known()) continue;
      written[i] = true;
      unknown[i] = false;
    }
    const std::string list = list_of(quoted_names_, unknown);
    if (list == version.unknown) return;
    Statement statement = database_.prepare(statements_.fill_version(written), shape_.table);
    list.empty() ? statement.null(number(Own::unknown)) : statement.text(number(Own::unknown), list);
    statement.integer(number(Own::extra), version.number);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (written[i]) bind_cell(statement, shape_, i, cells[i], fold_);
    }
    statement.run();
  };
  bool same_row = true;
  for (auto newer = std::make_reverse_iterator(older); newer != all.rend() && same_row; ++newer) {
    same_row = !newer->born;
    if (same_row) fill(*newer);
    same_row = same_row && newer->open;
  }
  const bool covered = older != all.end() && (older->open || before(lsn, -1, older->to_lsn, older->to_seq));
  if (covered) {
    fill(*older);
    return;
  }
  if (net.only) return;
  add_version(index, nullptr, loaded_at);
  if (older != all.begin()) {
    // Later versions exist: this one ends where the first of them begins.
    const Version& next = *std::prev(older);
    const auto mine = versions(fold_.key(net), SIZE_MAX);
    const auto made = std::find_if(mine.begin(), mine.end(),
                                   [&](const Version& one) { return one.from_lsn == lsn && one.from_seq == -1; });
    if (made != mine.end()) end(*made, next.from_lsn, next.from_seq, next.valid_from, 'u');
  }
}

bool History::add(const change::Line& line, std::string_view loaded_at) {
  fold_.clear();
  const bool fitted = fold_.add(line);
  const auto order = fold_.finish();
  if (shape_.key.empty()) {
    for (const std::uint32_t index : order) add_version(index, nullptr, loaded_at);
  } else {
    // Ends before beginnings: the old key's version must be there to be read, ended or not.
    for (const std::uint32_t index : order) {
      if (line.op == change::Op::read) {
        write_copied(index, loaded_at);
      } else if (fold_.net(index).deleted) {
        write(index, loaded_at);
      }
    }
    for (const std::uint32_t index : order) {
      if (line.op != change::Op::read && !fold_.net(index).deleted) write(index, loaded_at);
    }
  }
  if (shape_.key.empty()) unfit_.insert(unfit_.end(), fold_.unfit().begin(), fold_.unfit().end());
  return fitted;
}

void History::end_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts, std::string_view loaded_at) {
  (void)loaded_at;
  const std::string position = base::format(lsn);
  Statement statement = database_.prepare(statements_.end_older(op == 'd'), shape_.table);
  statement.text(number(Own::lsn), position).integer(number(Own::seq), seq).text(number(Own::committed_at), ts);
  statement.text(number(Own::op), {&op, 1});
  statement.run();
}

}  // namespace warehouse
