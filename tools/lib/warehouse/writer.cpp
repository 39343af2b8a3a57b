// warehouse: writing a window. First everything that moves is read and set aside (chains and swaps of keys: no row may be
// overwritten before the row that comes from it has been read), then the rows are written in key order.
#include "warehouse/writer.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"
#include "warehouse/key.hpp"

namespace warehouse {
namespace {

constexpr std::size_t kMostStatements =
    64;  // of one form; a table whose updates leave out many sets of columns prepares anew

int at(std::size_t n) { return static_cast<int>(n); }

// A copied row is older than every streamed one at its position.

}  // namespace

void bind_cell(engine::Statement& statement, const Shape& shape, std::size_t column, Cell cell, const Fold& fold) {
  const int number = at(column + 1);
  if (!cell.known()) {
    statement.null(number);
    return;
  }
  const std::string_view raw = fold.text(cell);
  if (raw == "null") {
    statement.null(number);
    return;
  }
  std::int64_t integer = 0;
  double real = 0;
  switch (shape.columns[column].kind) {
    case Kind::integer:
      if (!parse_integer(raw, integer)) break;
      statement.integer(number, integer);
      return;
    case Kind::boolean:
      statement.integer(number, raw == "true" ? 1 : 0);
      return;
    case Kind::real:
      if (!parse_real(raw, real)) break;
      statement.real(number, real);
      return;
    case Kind::bytes: {
      std::string scratch;
      statement.copied_bytes(number, base::decode_base64(plain_text(raw, scratch)).value_or(""));
      return;
    }
    default:
      break;
  }
  std::string scratch;
  const std::string_view text = plain_text(raw, scratch);
  if (scratch.empty()) {
    statement.text(number, text);
  } else {
    statement.copied_text(number, text);
  }
}

void bind_part(engine::Statement& statement, int number, const KeyPart& part) {
  if (part.kind == Kind::integer || part.kind == Kind::boolean) {
    statement.integer(number, part.integer);
  } else if (part.kind == Kind::bytes) {
    statement.copied_bytes(number, part.bytes);
  } else if (part.kind == Kind::real && part.bytes.empty()) {
    statement.real(number, part.real);
  } else {
    statement.copied_text(number, part.bytes);
  }
}

void bind_key(engine::Statement& statement, const Shape& shape, std::string_view key) {
  std::vector<Kind> kinds;
  for (const std::uint32_t column : shape.key) kinds.push_back(shape.columns[column].kind);
  const std::vector<KeyPart> parts = decode_key(key, kinds);
  for (std::size_t i = 0; i < parts.size(); ++i) bind_part(statement, at(shape.key[i] + 1), parts[i]);
}

std::vector<std::string> quoted_names(const Shape& shape) {
  std::vector<std::string> names;
  for (const TableColumn& column : shape.columns) json::append_string(names.emplace_back(), column.name);
  return names;
}

std::string list_of(const std::vector<std::string>& quoted, const Columns& columns) {
  std::string list;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]) list += (list.empty() ? "[" : ",") + quoted[i];
  }
  return list.empty() ? list : list + "]";
}

Columns columns_of(const std::vector<std::string>& quoted, std::string_view list) {
  Columns columns(quoted.size());
  if (list.empty()) return columns;
  json::Tokenizer tokenizer;
  json::Value(tokenizer.tokens_of_copy(list), 0).each_element([&](const json::Value& entry) {
    const auto found = std::find(quoted.begin(), quoted.end(), entry.raw());
    if (found == quoted.end()) {
      throw base::Failure(base::Exit::refused, "broken_warehouse",
                          "a row lists an unknown column that its table does not have");
    }
    columns[static_cast<std::size_t>(found - quoted.begin())] = true;
  });
  return columns;
}

Writer::Writer(engine::Database& database, Shape shape)
    : TableWriter(database, std::move(shape)), is_key_(shape_.columns.size()) {
  for (const std::uint32_t index : shape_.key) is_key_[index] = true;
  quoted_names_ = quoted_names(shape_);
  Columns others(is_key_.size());
  for (std::size_t i = 0; i < others.size(); ++i) others[i] = !is_key_[i];
  all_but_key_ = list_of(others);
}

const Columns& Writer::columns_of(std::string_view list) {
  const auto known = lists_.find(std::string(list));
  if (known != lists_.end()) return known->second;
  if (lists_.size() >= kMostStatements) lists_.clear();
  return lists_.emplace(std::string(list), warehouse::columns_of(quoted_names_, list)).first->second;
}

engine::Statement& Writer::cached(std::map<Columns, engine::Statement>& cache, const Columns& columns,
                                  std::string (Statements::*text)(const Columns&) const) {
  const auto found = cache.find(columns);
  if (found != cache.end()) return found->second;
  if (cache.size() >= kMostStatements) cache.clear();
  return cache.emplace(columns, database_.prepare((statements_.*text)(columns), shape_.table)).first->second;
}

void Writer::bind_own(engine::Statement& statement, const Fold& fold, const Net& net, std::string_view unknown) {
  const auto number = [&](Own own) { return at(parameter_of(shape_, own)); };
  base::format(base::Lsn{net.lsn}, lsn_text_);
  statement.text(number(Own::lsn), {lsn_text_, base::kLsnTextBytes})
      .integer(number(Own::seq), seq_of(net))
      .text(number(Own::op), {&net.op, 1})
      .integer(number(Own::deleted), net.deleted ? 1 : 0)
      .text(number(Own::committed_at), fold.ts(net))
      .text(number(Own::loaded_at), loaded_at_);
  if (unknown.empty()) {
    statement.null(number(Own::unknown));
  } else {
    expect_unknown();
    statement.text(number(Own::unknown), unknown);
  }
  if (net.born == 0) {
    statement.null(number(Own::born));
  } else {
    base::format(base::Lsn{net.born}, born_text_);
    statement.text(number(Own::born), {born_text_, base::kLsnTextBytes});
  }
}

Writer::Found Writer::look(const Fold& fold, std::uint32_t index, bool origin, std::uint64_t lsn, std::int64_t seq) {
  if (!look_.prepared()) look_ = database_.prepare(statements_.look(), shape_.table);
  if (origin) {
    bind_key(look_, shape_, fold.origin(fold.net(index)));
  } else {
    for (const std::uint32_t column : shape_.key) bind_cell(look_, shape_, column, fold.cells(index)[column], fold);
  }
  Found found;
  if (look_.step()) {
    found.there = true;
    base::format(base::Lsn{lsn}, lsn_text_);
    const std::string_view mine(lsn_text_, base::kLsnTextBytes);
    const std::string_view its = look_.view_at(0);
    found.newer = its > mine || (its == mine && look_.integer_at(1) >= seq);
    found.deleted = look_.integer_at(2) != 0;
    found.unknown = look_.text_at(3);
    found.born = look_.text_at(4);
  }
  look_.reset();
  return found;
}

// A whole row. What is kept from nowhere is unknown.
void Writer::put(const Fold& fold, std::uint32_t index, bool born_now) {
  if (!put_.prepared()) put_ = database_.prepare(statements_.put(), shape_.table);
  Net net = fold.net(index);
  if (born_now) net.born = net.lsn;
  const auto cells = fold.cells(index);
  unknown_.clear();
  if (net.has_keep || net.has_unknown) {
    Columns unknown(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) unknown[i] = !cells[i].known() && !is_key_[i];
    unknown_ = list_of(unknown);
  }
  bind_own(put_, fold, net, unknown_);
  for (std::size_t i = 0; i < cells.size(); ++i) bind_cell(put_, shape_, i, cells[i], fold);
  if (put_.run() == 0 && net.op == 'r') fill(fold, index);
}

// The row that is there is older and goes on: what the window did not touch stays, unknown where it was unknown.
void Writer::change(const Fold& fold, std::uint32_t index, const Found& found) {
  const auto cells = fold.cells(index);
  const Columns was_unknown = columns_of(found.unknown);
  Columns written(cells.size());
  Columns unknown(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (is_key_[i]) continue;
    written[i] = !cells[i].keep();
    unknown[i] = cells[i].unknown() || (cells[i].keep() && was_unknown[i]);
  }
  engine::Statement& statement = cached(change_, written, &Statements::change);
  unknown_ = list_of(unknown);
  bind_own(statement, fold, fold.net(index), unknown_);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (written[i] || is_key_[i]) bind_cell(statement, shape_, i, cells[i], fold);
  }
  statement.run();
}

void Writer::put_moved(const Fold& fold, std::uint32_t index, const std::string& unknown_at_origin) {
  const auto cells = fold.cells(index);
  const Columns was_unknown = columns_of(unknown_at_origin);
  Columns kept(cells.size());
  Columns unknown(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (is_key_[i]) continue;
    kept[i] = cells[i].keep();
    unknown[i] = cells[i].unknown() || (cells[i].keep() && was_unknown[i]);
  }
  engine::Statement& statement = cached(put_moved_, kept, &Statements::put_moved);
  unknown_ = list_of(unknown);
  bind_own(statement, fold, fold.net(index), unknown_);
  statement.integer(at(parameter_of(shape_, Own::extra)), index);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!kept[i]) bind_cell(statement, shape_, i, cells[i], fold);
  }
  statement.run();
}

// A copied row whose key has a newer one: it brings the columns that have not arrived, when it saw the same row.
void Writer::fill(const Fold& fold, std::uint32_t index) {
  const Net& net = fold.net(index);
  const Found found = look(fold, index, false, net.lsn, -1);
  if (!found.there || found.deleted || found.unknown.empty()) return;
  base::format(base::Lsn{net.lsn}, lsn_text_);
  if (!found.born.empty() && std::string_view(found.born) >= std::string_view(lsn_text_, base::kLsnTextBytes)) return;
  const auto cells = fold.cells(index);
  Columns unknown = columns_of(found.unknown);
  Columns written(cells.size());
  bool any = false;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!unknown[i] || !cells[i].known()) continue;
    written[i] = any = true;
    unknown[i] = false;
  }
  if (!any) return;
  engine::Statement& statement = cached(fill_, written, &Statements::fill);
  unknown_ = list_of(unknown);
  bind_own(statement, fold, net, unknown_);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (written[i] || is_key_[i]) bind_cell(statement, shape_, i, cells[i], fold);
  }
  statement.run();
}

// Only a delete came for this key. out  false when more is to be written than that
bool Writer::mark(const Fold& fold, std::uint32_t index) {
  const auto cells = fold.cells(index);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!is_key_[i] && !cells[i].keep()) return false;
  }
  if (!mark_.prepared()) mark_ = database_.prepare(statements_.mark(), shape_.table);
  bind_own(mark_, fold, fold.net(index), {});
  if (all_but_key_.empty()) {
    mark_.null(at(parameter_of(shape_, Own::unknown)));
  } else {
    mark_.text(at(parameter_of(shape_, Own::unknown)), all_but_key_);
  }
  for (const std::uint32_t column : shape_.key) bind_cell(mark_, shape_, column, cells[column], fold);
  mark_.run();
  return true;
}

void Writer::write(Fold& fold, Cut cut, std::string_view loaded_at) {
  loaded_at_ = loaded_at;
  const auto order = fold.finish();
  const auto is_cut = [&](const Net& net) {
    return net.lsn < cut.lsn || (net.lsn == cut.lsn && seq_of(net) <= static_cast<std::int64_t>(cut.seq));
  };

  std::unordered_map<std::uint32_t, std::string> moved;  // index -> unknown columns at its origin
  engine::Statement save;
  for (const std::uint32_t index : order) {
    const Net& net = fold.net(index);
    if (net.from != From::other || !net.has_keep || is_cut(net)) continue;
    const Found found = look(fold, index, true, net.taken_lsn, static_cast<std::int64_t>(net.taken_seq));
    if (!found.there || found.newer || found.deleted) continue;
    if (!save.prepared()) {
      database_.run(statements_.clear_moved());
      database_.run(statements_.create_moved());
      save = database_.prepare(statements_.save_moved(), shape_.table);
    }
    bind_key(save, shape_, fold.origin(net));
    save.integer(at(parameter_of(shape_, Own::extra)), index);
    save.run();
    moved.emplace(index, found.unknown);
  }

  for (const std::uint32_t index : order) {
    const Net& net = fold.net(index);
    if (is_cut(net)) continue;
    if (net.only) {
      fill(fold, index);
    } else if (!net.has_keep || net.from == From::nothing) {
      put(fold, index, false);
    } else if (net.from == From::other) {
      const auto saved = moved.find(index);
      if (saved == moved.end()) {
        put(fold, index, false);
      } else {
        put_moved(fold, index, saved->second);
      }
    } else if (!net.deleted || !mark(fold, index)) {
      const Found found = look(fold, index, false, net.lsn, seq_of(net));
      if (found.newer) continue;
      if (!found.there || (found.deleted && !net.deleted)) {
        // Unseen, or gone and back again: then nothing of the row that was there belongs to it.
        put(fold, index, found.there);
      } else {
        change(fold, index, found);
      }
    }
  }
  if (save.prepared()) {
    save = engine::Statement();
    put_moved_.clear();
    database_.run(statements_.clear_moved());
  }
}

}  // namespace warehouse
