// warehouse: the fold: an epoch's (or a window's) changes of one table become one net row for each key, so that an engine writes
// each row once, and engines that refuse or lose duplicate keys never see one. Values stay the JSON text they came as. Knows lines
// of the stream and a table's shape; no engine, no SQL. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "change/line.hpp"
#include "warehouse/dialect.hpp"
#include "warehouse/shape.hpp"

namespace warehouse {

/// One column of a net row. size > 0: JSON text in the fold's memory. size 0: see at.
struct Cell {
  std::uint32_t at = 0;
  std::uint32_t size = 0;
  [[nodiscard]] bool known() const { return size != 0; }
  [[nodiscard]] bool keep() const { return size == 0 && at == 0; }     ///< what the row had before the window
  [[nodiscard]] bool unknown() const { return size == 0 && at == 1; }  ///< has not arrived
};

/// Where the cells that are kept come from.
///
///   self     the row that the table has under this key before the window
///   other    the row that it has under `origin`: this row's key before the window
///   nothing  nowhere: the row began in the window; no cell is kept
enum class From : std::uint8_t { self, other, nothing };

/// What a window leaves of one key.
///
/// key, origin   encoded (key.hpp), in the fold's memory
/// op            of the last line: c u d r; a key change is u for the new key and d for the old one
/// deleted       the row is gone; its cells are what it had
/// only          a back-fill: fills the known cells, never makes a row
/// lsn, seq, ts  of the last line; of an r, seq stands for -1
/// born          greatest lsn at which this row was not yet under this key, or lost a value that an older copy must not bring back; 0 never
/// taken_lsn, taken_seq   From::other: position of the key change that took the row away from `origin`
struct Net {
  std::uint32_t key_at = 0;
  std::uint32_t key_size = 0;
  std::uint32_t origin_at = 0;
  std::uint32_t origin_size = 0;
  std::uint32_t ts_at = 0;
  char op = 'c';
  bool deleted = false;
  bool copied = false;  ///< by a line of a copy
  bool only = false;
  From from = From::self;
  bool has_keep = false;     ///< set by finish()
  bool has_unknown = false;  ///< set by finish()
  std::uint64_t lsn = 0;
  std::uint64_t seq = 0;
  std::uint64_t born = 0;
  std::uint64_t taken_lsn = 0;
  std::uint64_t taken_seq = 0;
};

/// A net row's place within its transaction: what a copy says is older than every change at its position.
[[nodiscard]] inline std::int64_t seq_of(const Net& net) {
  return net.copied ? -1 : static_cast<std::int64_t>(net.seq);
}

/// A value that its column cannot hold, or (column -1) a row whose key cannot be one.
struct Unfit {
  std::int32_t column = -1;
  std::string lsn;
  std::uint64_t seq = 0;
  char op = 'c';
  std::string key;    ///< JSON array text
  std::string value;  ///< JSON text: the value, or the whole line
};

class Fold {
 public:
  /// in   shape    of the table, copied in what is needed. Without a key there is one net row, good for one line at a time
  ///      dialect  of the engine whose types have to hold the values
  explicit Fold(const Shape& shape, const Dialect& dialect);

  /// Lines from here on are written in this version. in  mapping  outlives its use
  void use(const Mapping& mapping);

  /// Takes one c, u, d or r line of the table. Lines come in stream order.
  ///
  /// out  false: the row's key is unfit; the line waits in unfit() and changed nothing but its old key, which is gone
  /// err  data/unknown_column, data/missing_key
  [[nodiscard]] bool add(const change::Line& line);

  /// Memory that the window holds.
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] bool empty() const { return nets_.empty(); }
  [[nodiscard]] std::size_t size() const { return nets_.size(); }

  /// Puts the window in order: indexes of its net rows, sorted by key; valid until add() or clear().
  [[nodiscard]] std::span<const std::uint32_t> finish();

  [[nodiscard]] const Net& net(std::uint32_t index) const { return nets_[index]; }
  [[nodiscard]] std::span<const Cell> cells(std::uint32_t index) const {
    return {cells_.data() + std::size_t{index} * width_, width_};
  }
  [[nodiscard]] std::string_view text(Cell cell) const { return {memory_.data() + cell.at, cell.size}; }
  [[nodiscard]] std::string_view key(const Net& net) const { return {memory_.data() + net.key_at, net.key_size}; }
  [[nodiscard]] std::string_view origin(const Net& net) const {
    return {memory_.data() + net.origin_at, net.origin_size};
  }
  [[nodiscard]] std::string_view ts(const Net& net) const;
  [[nodiscard]] const std::vector<Unfit>& unfit() const { return unfit_; }

  /// Forgets the window, keeps the memory.
  void clear();

 private:
  enum class Said : std::uint8_t { nothing, value, unchanged, withheld };
  struct Slice {
    const char* begin = nullptr;
    std::uint32_t size = 0;
    [[nodiscard]] std::string_view view() const { return {begin, size}; }
  };

  std::int32_t column_of(std::string_view name);
  void read_members(const change::Line& line, const json::Token* object, std::vector<Slice>& into, bool mark);
  void read_names(const change::Line& line, const json::Token* array, Said said);
  [[nodiscard]] bool fits(std::size_t column, std::string_view raw) const;
  bool encode_key(const std::vector<Slice>& row, std::string& into) const;
  std::uint32_t find(std::string_view key) const;
  void put_slot(std::uint32_t index);
  std::uint32_t find_or_add(std::string_view key);
  void grow();
  std::uint32_t store(std::string_view bytes);
  Cell* row(std::uint32_t index) { return cells_.data() + std::size_t{index} * width_; }
  void set(std::uint32_t index, std::size_t column, std::string_view raw, const change::Line& line);
  void set_all(std::uint32_t index, Cell cell);
  void set_key_cells(std::uint32_t index, const std::vector<Slice>& from, const change::Line& line);
  void stamp(std::uint32_t index, const change::Line& line, char op, bool deleted);
  void leave_marker(std::uint32_t index, const std::vector<Slice>& old_key, const change::Line& line);
  bool create(const change::Line& line);
  bool update(const change::Line& line);
  bool erase(const change::Line& line);
  bool unfit_key(const change::Line& line, char op);
  [[nodiscard]] std::string key_json(const std::vector<Slice>& row) const;

  std::size_t width_;
  std::vector<Kind> kinds_;
  std::vector<std::uint32_t> key_;
  const Dialect& dialect_;
  std::vector<const TableColumn*> limited_;  // columns whose type does not hold every value of their kind, others null
  std::vector<TableColumn> columns_;         // of those
  const Mapping* mapping_ = nullptr;
  std::unordered_map<std::string_view, std::int32_t> by_name_;
  std::size_t hint_ = 0;

  std::vector<char> memory_;
  std::vector<Net> nets_;
  std::vector<Cell> cells_;
  // Open addressing. The first eight bytes of the key stand in the slot: a number's key is compared without touching its row.
  struct Slot {
    std::uint64_t prefix = 0;
    std::uint32_t size = 0;   // of the key
    std::uint32_t index = 0;  // of the net row + 1; 0 = free
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> order_;
  std::vector<Unfit> unfit_;
  std::uint32_t last_ts_at_ = 0;

  std::uint64_t lsn_ = 0;  // of the line in hand
  std::vector<Said> said_;
  std::vector<Slice> after_;
  std::vector<Slice> before_;
  std::string new_key_;
  std::string old_key_;
};

}  // namespace warehouse
