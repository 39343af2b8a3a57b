// warehouse: folding lines into net rows. All values of a window lie one after the other in one piece of memory; a net row is a
// fixed number of cells of eight bytes. Nothing is allocated per value. Pure.
#include "warehouse/fold.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/failure.hpp"
#include "base/time.hpp"
#include "json/write.hpp"
#include "warehouse/key.hpp"

namespace warehouse {
namespace {

constexpr std::string_view kNull = "null";
constexpr Cell kNullCell{0, 4};  // the first bytes of the memory, shared by all
constexpr Cell kKeep{0, 0};
constexpr Cell kUnknown{1, 0};
constexpr std::uint32_t kNone = 0xFFFFFFFF;

std::uint64_t hash_of(std::string_view key) {
  std::uint64_t hash = 0x9E3779B97F4A7C15u ^ key.size();
  const auto mix = [&](std::uint64_t word) {
    const auto wide = static_cast<unsigned __int128>(hash ^ word) * 0xD6E8FEB86659FD93u;
    hash = static_cast<std::uint64_t>(wide) ^ static_cast<std::uint64_t>(wide >> 64);
  };
  while (key.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data(), 8);
    mix(word);
    key.remove_prefix(8);
  }
  if (!key.empty()) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data(), key.size());
    mix(word);
  }
  return hash;
}

// First eight bytes of a key as a number that sorts as the bytes do.
std::uint64_t prefix_of(std::string_view key) {
  std::uint64_t prefix = 0;
  if (key.size() >= 8) {
    std::memcpy(&prefix, key.data(), 8);
    return std::endian::native == std::endian::little ? __builtin_bswap64(prefix) : prefix;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    prefix = prefix << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0u);
  }
  return prefix;
}

}  // namespace

Fold::Fold(const Shape& shape, const Dialect& dialect)
    : width_(shape.columns.size()), key_(shape.key), dialect_(dialect) {
  columns_.reserve(width_);
  for (const TableColumn& column : shape.columns) {
    kinds_.push_back(column.kind);
    limited_.push_back(dialect.limited(column) ? &columns_.emplace_back(column) : nullptr);
  }
  said_.resize(width_);
  after_.resize(width_);
  before_.resize(width_);
  clear();
}

void Fold::clear() {
  memory_.assign(kNull.begin(), kNull.end());
  nets_.clear();
  cells_.clear();
  std::fill(slots_.begin(), slots_.end(), Slot{});
  order_.clear();
  unfit_.clear();
  last_ts_at_ = 0;
}

std::size_t Fold::bytes() const {
  return memory_.size() + nets_.size() * (sizeof(Net) + sizeof(std::uint32_t)) + cells_.size() * sizeof(Cell) +
         slots_.size() * sizeof(Slot);
}

void Fold::use(const Mapping& mapping) {
  mapping_ = &mapping;
  by_name_.clear();
  for (std::size_t i = 0; i < mapping.names.size(); ++i) {
    by_name_.emplace(mapping.names[i], static_cast<std::int32_t>(i));
  }
}

// Rows give their columns in the schema's order, so the next name is nearly always the one expected.
std::int32_t Fold::column_of(std::string_view name) {
  if (hint_ < mapping_->names.size() && mapping_->names[hint_] == name) return mapping_->column[hint_++];
  auto found = by_name_.find(name);
  if (found == by_name_.end() && name.find('\\') != std::string_view::npos) {
    std::string again;
    json::append_string(again, json::unescape(name));
    found = by_name_.find(std::string_view(again).substr(1, again.size() - 2));
  }
  if (found == by_name_.end()) {
    throw base::Failure(base::Exit::data, "unknown_column", "a row has a column that its schema line does not have");
  }
  hint_ = static_cast<std::size_t>(found->second) + 1;
  return mapping_->column[static_cast<std::size_t>(found->second)];
}

void Fold::read_members(const change::Line& line, const json::Token* object, std::vector<Slice>& into, bool mark) {
  if (object == nullptr) return;
  hint_ = 0;
  for (std::uint32_t i = line.index_of(object) + 1; i < object->next; i = line.tokens[i + 1].next) {
    const std::int32_t column = column_of(line.tokens[i].inner());
    if (column < 0) continue;
    const json::Token& value = line.tokens[i + 1];
    into[static_cast<std::size_t>(column)] = Slice{value.begin, value.size};
    if (mark) said_[static_cast<std::size_t>(column)] = Said::value;
  }
}

void Fold::read_names(const change::Line& line, const json::Token* array, Said said) {
  if (array == nullptr) return;
  for (std::uint32_t i = line.index_of(array) + 1; i < array->next; i = line.tokens[i].next) {
    if (line.tokens[i].kind != json::Kind::string) {
      throw base::Failure(base::Exit::data, "missing_key", "a list of columns holds something else than names");
    }
    hint_ = mapping_->names.size();
    const std::int32_t column = column_of(line.tokens[i].inner());
    if (column >= 0) said_[static_cast<std::size_t>(column)] = said;
  }
}

bool Fold::fits(std::size_t column, std::string_view raw) const {
  return warehouse::fits(kinds_[column], raw) && (limited_[column] == nullptr || dialect_.fits(*limited_[column], raw));
}

bool Fold::encode_key(const std::vector<Slice>& from, std::string& into) const {
  into.clear();
  for (const std::uint32_t column : key_) {
    if (from[column].begin == nullptr || !append_key(into, kinds_[column], from[column].view())) return false;
    if (limited_[column] != nullptr && !dialect_.fits(*limited_[column], from[column].view())) return false;
  }
  return true;
}

std::string Fold::key_json(const std::vector<Slice>& from) const {
  std::string text = "[";
  for (const std::uint32_t column : key_) {
    if (text.size() > 1) text.push_back(',');
    text.append(from[column].begin == nullptr ? kNull : from[column].view());
  }
  return text + "]";
}

std::uint32_t Fold::store(std::string_view bytes) {
  const std::size_t at = memory_.size();
  if (at + bytes.size() > 0xFFFFFFF0u) {
    throw base::Failure(base::Exit::bug, "window_full", "a window of changes has grown beyond 4 GiB");
  }
  memory_.insert(memory_.end(), bytes.begin(), bytes.end());
  return static_cast<std::uint32_t>(at);
}

std::uint32_t Fold::find(std::string_view key) const {
  if (slots_.empty()) return kNone;
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t prefix = prefix_of(key);
  for (std::size_t i = hash_of(key) & mask; slots_[i].index != 0; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.prefix != prefix || slot.size != key.size()) continue;
    if (key.size() <= 8 || this->key(nets_[slot.index - 1]) == key) return slot.index - 1;
  }
  return kNone;
}

void Fold::put_slot(std::uint32_t index) {
  const std::string_view bytes = key(nets_[index]);
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash_of(bytes) & mask;
  while (slots_[i].index != 0) i = (i + 1) & mask;
  slots_[i] = {prefix_of(bytes), static_cast<std::uint32_t>(bytes.size()), index + 1};
}

void Fold::grow() {
  slots_.assign(slots_.empty() ? 1024 : slots_.size() * 2, Slot{});
  for (std::uint32_t index = 0; index < nets_.size(); ++index) put_slot(index);
}

std::uint32_t Fold::find_or_add(std::string_view key) {
  const std::uint32_t found = find(key);
  if (found != kNone) return found;
  if (slots_.size() * 3 < (nets_.size() + 1) * 4) grow();
  const auto index = static_cast<std::uint32_t>(nets_.size());
  Net net;
  net.key_size = static_cast<std::uint32_t>(key.size());
  net.key_at = store(key);
  nets_.push_back(net);
  cells_.resize(cells_.size() + width_, kKeep);
  put_slot(index);
  return index;
}

std::string_view Fold::ts(const Net& net) const { return {memory_.data() + net.ts_at, base::kTimeTextBytes}; }

void Fold::set_all(std::uint32_t index, Cell cell) { std::fill_n(row(index), width_, cell); }

void Fold::set(std::uint32_t index, std::size_t column, std::string_view raw, const change::Line& line) {
  Cell& cell = row(index)[column];
  if (raw == kNull) {
    cell = kNullCell;
    return;
  }
  if (!fits(column, raw)) {
    unfit_.push_back({static_cast<std::int32_t>(column), std::string(line.lsn), line.seq, change::text_of(line.op)[0],
                      key_json(after_), std::string(raw)});
    cell = kUnknown;
    // A copy from before this line would bring a value from before this line.
    nets_[index].born = lsn_;
    return;
  }
  // A value that is replaced gives its place to one that is not longer: a hot row does not fill the memory.
  if (cell.at >= kNull.size() && cell.size >= raw.size()) {
    std::memcpy(memory_.data() + cell.at, raw.data(), raw.size());
    cell.size = static_cast<std::uint32_t>(raw.size());
    return;
  }
  cell = Cell{store(raw), static_cast<std::uint32_t>(raw.size())};
}

void Fold::set_key_cells(std::uint32_t index, const std::vector<Slice>& from, const change::Line& line) {
  for (const std::uint32_t column : key_) set(index, column, from[column].view(), line);
}

void Fold::stamp(std::uint32_t index, const change::Line& line, char op, bool deleted) {
  // All lines of a transaction have one time: it is stored once.
  if (last_ts_at_ == 0 || std::memcmp(memory_.data() + last_ts_at_, line.ts.data(), base::kTimeTextBytes) != 0) {
    last_ts_at_ = store(line.ts);
  }
  Net& net = nets_[index];
  net.op = op;
  net.deleted = deleted;
  net.copied = line.op == change::Op::read;
  net.lsn = lsn_;
  net.seq = line.seq;
  net.ts_at = last_ts_at_;
}

// The old key of a key change: a deleted row without values, since they went with the row.
void Fold::leave_marker(std::uint32_t index, const std::vector<Slice>& old_key, const change::Line& line) {
  set_all(index, kNullCell);
  set_key_cells(index, old_key, line);
  nets_[index].from = From::nothing;
  nets_[index].born = 0;
  stamp(index, line, 'd', true);
}

bool Fold::unfit_key(const change::Line& line, char op) {
  unfit_.push_back(
      {-1, std::string(line.lsn), line.seq, op, key_json(op == 'd' ? before_ : after_), std::string(line.raw)});
  return false;
}

bool Fold::add(const change::Line& line) {
  std::fill(said_.begin(), said_.end(), Said::nothing);
  std::fill(after_.begin(), after_.end(), Slice{});
  std::fill(before_.begin(), before_.end(), Slice{});
  lsn_ = line.lsn_value().value;
  switch (line.op) {
    case change::Op::create:
      return create(line);
    case change::Op::read:
      // A key that was asked for and that no row has.
      return line.after == nullptr ? erase(line) : create(line);
    case change::Op::update:
      return update(line);
    case change::Op::erase:
      return erase(line);
    default:
      throw base::Failure(base::Exit::bug, "not_a_row", "a line that is no row came to the fold");
  }
}

bool Fold::create(const change::Line& line) {
  const char op = line.op == change::Op::read ? 'r' : 'c';
  read_members(line, line.after, after_, true);
  read_names(line, line.withheld, Said::withheld);
  if (!encode_key(after_, new_key_)) return unfit_key(line, op);
  const std::uint32_t index = find_or_add(new_key_);
  nets_[index].from = From::nothing;
  nets_[index].born = 0;
  nets_[index].only = line.only != nullptr;
  bool unknown = false;
  for (std::size_t column = 0; column < width_; ++column) {
    Cell& cell = row(index)[column];
    if (said_[column] == Said::value) {
      set(index, column, after_[column].view(), line);
    } else if (said_[column] == Said::withheld) {
      cell = kNullCell;
    } else if (line.only != nullptr) {
      cell = kKeep;
    } else {
      const Absent absent = mapping_->absent[column];
      const bool before_column = absent == Absent::null || (absent == Absent::given && mapping_->no_default[column] &&
                                                            lsn_ == mapping_->lsn.value);
      cell = before_column ? kNullCell : kUnknown;
      unknown = unknown || !before_column;
    }
  }
  if (op == 'c' && unknown) nets_[index].born = lsn_;
  stamp(index, line, op, false);
  return true;
}

bool Fold::update(const change::Line& line) {
  read_members(line, line.after, after_, true);
  read_names(line, line.unchanged, Said::unchanged);
  read_names(line, line.withheld, Said::withheld);
  if (line.before != nullptr) read_members(line, line.before, before_, false);
  // A key column that the server did not send again is the one of the old key.
  for (const std::uint32_t column : key_) {
    if (after_[column].begin == nullptr && before_[column].begin != nullptr) {
      after_[column] = before_[column];
      said_[column] = Said::value;
    }
  }
  bool before_is_whole = line.before != nullptr;
  for (const std::uint32_t column : key_) before_is_whole = before_is_whole && before_[column].begin != nullptr;
  const bool new_fits = encode_key(after_, new_key_);
  const bool old_fits = before_is_whole ? encode_key(before_, old_key_) : new_fits;
  if (!before_is_whole) old_key_ = new_key_;

  if (!new_fits) {
    // The row has left its old key, wherever it is now.
    if (before_is_whole && old_fits) leave_marker(find_or_add(old_key_), before_, line);
    return unfit_key(line, 'u');
  }
  std::uint32_t index = kNone;
  if (old_fits && old_key_ == new_key_) {
    index = find(new_key_);
    if (index == kNone) {
      index = find_or_add(new_key_);
    } else if (nets_[index].deleted) {
      // An update of a row that is gone: it is there again, and nothing is known of it.
      set_all(index, kUnknown);
      nets_[index].from = From::nothing;
      nets_[index].born = lsn_;
    }
  } else {
    index = find_or_add(new_key_);
    const std::uint32_t old = old_fits ? find(old_key_) : kNone;
    if (!old_fits || (old != kNone && nets_[old].deleted)) {
      set_all(index, kUnknown);
      nets_[index].from = From::nothing;
    } else if (old == kNone || nets_[old].from == From::self) {
      if (old == kNone) {
        set_all(index, kKeep);
        nets_[index].origin_at = store(old_key_);
        nets_[index].origin_size = static_cast<std::uint32_t>(old_key_.size());
      } else {
        std::copy_n(row(old), width_, row(index));
        nets_[index].origin_at = nets_[old].key_at;
        nets_[index].origin_size = nets_[old].key_size;
      }
      nets_[index].from = From::other;
      nets_[index].taken_lsn = lsn_;
      nets_[index].taken_seq = line.seq;
    } else {
      std::copy_n(row(old), width_, row(index));
      nets_[index].from = nets_[old].from;
      nets_[index].origin_at = nets_[old].origin_at;
      nets_[index].origin_size = nets_[old].origin_size;
      nets_[index].taken_lsn = nets_[old].taken_lsn;
      nets_[index].taken_seq = nets_[old].taken_seq;
    }
    if (old_fits) leave_marker(find_or_add(old_key_), before_, line);
    nets_[index].born = lsn_;
  }
  for (std::size_t column = 0; column < width_; ++column) {
    switch (said_[column]) {
      case Said::value:
        set(index, column, after_[column].view(), line);
        break;
      case Said::withheld:
        row(index)[column] = kNullCell;
        break;
      case Said::unchanged:
        break;
      case Said::nothing:
        // A column of another version stays; one of this version that nobody mentions may have changed.
        if (mapping_->absent[column] == Absent::given &&
            !(mapping_->no_default[column] && lsn_ == mapping_->lsn.value)) {
          row(index)[column] = kUnknown;
          nets_[index].born = lsn_;
        }
        break;
    }
  }
  stamp(index, line, 'u', false);
  return true;
}

bool Fold::erase(const change::Line& line) {
  read_members(line, line.before, before_, false);
  if (!encode_key(before_, old_key_)) return unfit_key(line, 'd');
  const std::uint32_t index = find_or_add(old_key_);
  // Without a key the line itself is the record, so it keeps what it says.
  for (std::size_t column = 0; key_.empty() && column < width_; ++column) {
    if (before_[column].begin != nullptr) set(index, column, before_[column].view(), line);
  }
  set_key_cells(index, before_, line);
  stamp(index, line, 'd', true);
  return true;
}

std::span<const std::uint32_t> Fold::finish() {
  struct Entry {
    std::uint64_t prefix;
    std::uint32_t index;
  };
  std::vector<Entry> entries(nets_.size());
  for (std::uint32_t i = 0; i < nets_.size(); ++i) {
    entries[i] = {prefix_of(key(nets_[i])), i};
    Net& net = nets_[i];
    net.has_keep = net.has_unknown = false;
    for (const Cell cell : cells(i)) {
      net.has_keep = net.has_keep || cell.keep();
      net.has_unknown = net.has_unknown || cell.unknown();
    }
  }
  const auto less = [&](const Entry& a, const Entry& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : key(nets_[a.index]) < key(nets_[b.index]);
  };
  if (!std::is_sorted(entries.begin(), entries.end(), less)) std::sort(entries.begin(), entries.end(), less);
  order_.clear();
  for (const Entry& entry : entries) order_.push_back(entry.index);
  return order_;
}

}  // namespace warehouse
