// warehouse: handing a window over.
#include "warehouse/merger.hpp"

#include <limits>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "warehouse/key.hpp"
#include "warehouse/writer.hpp"

namespace warehouse {
namespace {

bool is_cut(const Net& net, Cut cut) {
  return net.lsn < cut.lsn || (net.lsn == cut.lsn && seq_of(net) <= static_cast<std::int64_t>(cut.seq));
}

char how_of(const Net& net) {
  if (net.only) return 'f';
  if (!net.has_keep || net.from == From::nothing) return 'w';
  return net.from == From::other ? 'o' : 's';
}

double real_of(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return text.starts_with('-') ? -infinity : infinity;
}

}  // namespace

void put_value(engine::Bulk& bulk, Kind kind, std::string_view raw) {
  if (raw == "null") {
    bulk.null();
    return;
  }
  std::int64_t integer = 0;
  double real = 0;
  std::string scratch;
  switch (kind) {
    case Kind::integer:
      if (!parse_integer(raw, integer)) break;
      bulk.integer(integer);
      return;
    case Kind::boolean:
      bulk.boolean(raw == "true");
      return;
    case Kind::real:
      bulk.real(parse_real(raw, real) ? real : real_of(plain_text(raw, scratch)));
      return;
    case Kind::bytes:
      bulk.bytes(base::decode_base64(plain_text(raw, scratch)).value_or(""));
      return;
    default:
      break;
  }
  bulk.text(plain_text(raw, scratch));
}

Merger::Merger(engine::Database& database, Shape shape)
    : TableWriter(database, std::move(shape)),
      merge_(dialect_, shape_),
      is_key_(shape_.columns.size()),
      quoted_names_(quoted_names(shape_)) {
  for (const std::uint32_t index : shape_.key) {
    is_key_[index] = true;
    key_kinds_.push_back(shape_.columns[index].kind);
  }
}

Window Merger::window_of(const Fold& fold, const std::vector<std::uint32_t>& rows) const {
  Window window;
  window.kept.resize(shape_.columns.size());
  window.lost.resize(shape_.columns.size());
  for (const std::uint32_t index : rows) {
    const Net& net = fold.net(index);
    const char how = how_of(net);
    window.keeps = window.keeps || how == 's';
    window.moves = window.moves || how == 'o';
    window.fills = window.fills || net.op == 'r';
    if (!net.has_keep && !net.has_unknown) continue;
    const auto cells = fold.cells(index);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].keep()) window.kept[i] = true;
      if (cells[i].unknown()) window.lost[i] = true;
    }
  }
  if (key_kinds_.size() == 1 && key_kinds_[0] == Kind::integer && !rows.empty()) {
    // Rows are in the order of their keys.
    window.from_key = std::to_string(decode_key(fold.key(fold.net(rows.front())), key_kinds_)[0].integer);
    window.to_key = std::to_string(decode_key(fold.key(fold.net(rows.back())), key_kinds_)[0].integer);
  }
  return window;
}

void Merger::put_key(engine::Bulk& bulk, std::string_view key) const {
  for (const KeyPart& part : decode_key(key, key_kinds_)) {
    if (part.kind == Kind::integer) {
      bulk.integer(part.integer);
    } else if (part.kind == Kind::boolean) {
      bulk.boolean(part.integer != 0);
    } else if (part.kind == Kind::bytes) {
      bulk.bytes(part.bytes);
    } else if (part.kind == Kind::real) {
      bulk.real(part.bytes.empty() ? part.real : real_of(part.bytes));
    } else {
      bulk.text(part.bytes);
    }
  }
}

void Merger::put_row(engine::Bulk& bulk, const Fold& fold, std::uint32_t index, bool moves) {
  const Net& net = fold.net(index);
  const auto cells = fold.cells(index);
  const char how = how_of(net);
  states_.clear();
  unknown_.clear();
  lost_.clear();
  if (!net.has_keep && !net.has_unknown) {
    states_.assign(net.op == 'r' ? cells.size() : 1, '.');
  } else {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      states_.push_back(cells[i].known() || is_key_[i] ? '.' : cells[i].keep() ? 'k' : 'u');
      if (states_.back() == '.') continue;
      unknown_ += (unknown_.empty() ? "[" : ",") + quoted_names_[i];
      if (states_.back() == 'u') lost_ += (lost_.empty() ? "[" : ",") + quoted_names_[i];
    }
    if (!unknown_.empty()) unknown_.push_back(']');
    if (!lost_.empty()) lost_.push_back(']');
  }
  const auto optional = [&](std::string_view text) {
    if (text.empty()) {
      bulk.null();
    } else {
      bulk.text(text);
    }
  };
  char lsn[base::kLsnTextBytes];
  base::format(base::Lsn{net.lsn}, lsn);
  bulk.text({&how, 1});
  bulk.text(states_);
  bulk.integer(net.deleted ? 1 : 0);
  bulk.text({lsn, base::kLsnTextBytes});
  bulk.integer(seq_of(net));
  bulk.text({&net.op, 1});
  optional(net.born == 0 ? "" : base::format(base::Lsn{net.born}));
  bulk.text(fold.ts(net));
  optional(unknown_);
  optional(lost_);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].known()) {
      put_value(bulk, shape_.columns[i].kind, fold.text(cells[i]));
    } else {
      bulk.null();
    }
  }
  if (moves) {
    if (how == 'o') {
      bulk.text(base::format(base::Lsn{net.taken_lsn}));
      bulk.integer(static_cast<std::int64_t>(net.taken_seq));
      put_key(bulk, fold.origin(net));
    } else {
      for (std::size_t i = 0; i < key_kinds_.size() + 2; ++i) bulk.null();
    }
  }
  bulk.end_row();
}

void Merger::write(Fold& fold, Cut cut, std::string_view loaded_at) {
  std::vector<std::uint32_t> rows;
  bool lacks = false;
  for (const std::uint32_t index : fold.finish()) {
    const Net& net = fold.net(index);
    if (is_cut(net, cut)) continue;
    rows.push_back(index);
    // A row that keeps something may turn out not to be there.
    lacks = lacks || (!net.deleted && (net.has_unknown || net.has_keep) && !net.only);
  }
  if (rows.empty()) return;
  const Window window = window_of(fold, rows);
  const std::unique_ptr<engine::Bulk> bulk =
      database_.bulk(Merge::scratch_name(), merge_.scratch_columns(window.moves), shape_.table);
  for (const std::uint32_t index : rows) put_row(*bulk, fold, index, window.moves);
  bulk->finish();
  database_.prepare(merge_.merge(window), shape_.table).text(1, loaded_at).run();
  if (lacks) expect_unknown();
}

}  // namespace warehouse
