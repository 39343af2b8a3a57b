// warehouse: every SQL text that touches a table of rows, built from its shape, for one dialect after the other. Knows how rows are
// guarded by their position; runs nothing. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "warehouse/dialect.hpp"
#include "warehouse/shape.hpp"

namespace warehouse {

/// Parameters that every statement of a table numbers alike: column i of the shape is i + 1, then these behind the columns.
enum class Own : std::size_t { lsn = 1, seq, op, deleted, unknown, born, committed_at, loaded_at, extra };
[[nodiscard]] inline std::size_t parameter_of(const Shape& shape, Own own) {
  return shape.columns.size() + static_cast<std::size_t>(own);
}

/// Which columns a statement writes (or, for moved rows, takes over): one flag for each column of the shape.
using Columns = std::vector<bool>;

/// A column of a view. index  in the shape; is_real: the floating-point number beside a numeric
struct ViewColumn {
  std::string name;
  std::size_t index = 0;
  bool is_real = false;
};

/// What people are to know of a column where they meet it: `class=orange action=hash:email type=text`, without what nobody has said.
[[nodiscard]] std::string comment_of(const TableColumn& column);

class Statements {
 public:
  Statements(const Dialect& dialect, const Shape& shape) : dialect_(dialect), shape_(shape) {}

  /// The table, its key; no view.
  [[nodiscard]] std::string create_table() const;
  /// Rows that are alive, columns that the source has now, under their names; beside each numeric a REAL.
  [[nodiscard]] std::string create_view() const;
  /// Comments on the view and its columns: of which table it is, comment_of. Empty where they stand in create_view, or nowhere.
  [[nodiscard]] std::vector<std::string> comments() const;
  [[nodiscard]] std::vector<ViewColumn> view_columns() const;
  [[nodiscard]] std::string drop_view() const;
  [[nodiscard]] std::string drop_table() const;
  /// The history table under another name; its index, which belongs to the old one, goes.
  [[nodiscard]] std::vector<std::string> set_history_aside(const std::string& name) const;
  [[nodiscard]] std::string add_column(std::uint32_t column) const;
  [[nodiscard]] std::string rename_column(std::string_view old_name, std::uint32_t column) const;
  /// A renamed or added column in the lists of unknown ones. in  parameters 1 and 2 are JSON strings: old, new
  [[nodiscard]] std::string rename_unknown() const;
  /// Adds one column (parameter 1, a JSON string) to the list of unknown ones of every row that is alive and does not have it there.
  [[nodiscard]] std::string add_unknown() const;
  /// Empty where an engine has no use for it; so is create_history_index.
  [[nodiscard]] std::string create_unknown_index() const;
  /// Number of unknown values in rows that are alive.
  [[nodiscard]] std::string count_unknown() const;

  /// A whole row; replaces an older one.
  [[nodiscard]] std::string put() const;
  /// Position, deleted, unknown and born of one row.
  [[nodiscard]] std::string look() const;
  /// Some columns of a row that is known to be older.
  [[nodiscard]] std::string change(const Columns& written) const;
  /// A row is gone: its values stay; unknown until now, it is left with its key alone.
  [[nodiscard]] std::string mark() const;
  /// Some columns of a row that is newer; only the list of unknown ones and the time of loading change with them.
  [[nodiscard]] std::string fill(const Columns& written) const;
  /// Every row older than (lsn, seq) is gone.
  [[nodiscard]] std::string mark_older() const;

  /// Rows that change their key wait here until all of a window have been read. Parameter `extra` is the row's number.
  [[nodiscard]] std::string create_moved() const;
  [[nodiscard]] std::string clear_moved() const;
  [[nodiscard]] std::string save_moved() const;
  /// A whole row, some columns of it taken from where it was.
  [[nodiscard]] std::string put_moved(const Columns& kept) const;

  // History: one row for each version. Parameters: columns as ever; lsn, seq: where it begins; committed_at: since when; op, unknown,
  // loaded_at; deleted: 1 when the row began here (created, or another key until now); born: the number of the row whose values are kept.
  [[nodiscard]] std::string history_name() const { return shape_.name + "__history"; }
  [[nodiscard]] std::string create_history() const;
  [[nodiscard]] std::string create_history_index() const;
  /// The rows that are alive, each as the version that it is since its last change: where history begins late.
  [[nodiscard]] std::string seed_history() const;
  /// Versions of one key, the newest first.
  [[nodiscard]] std::string versions() const;
  /// A version; some of its columns from the one before.
  [[nodiscard]] std::string add_version(const Columns& kept) const;
  /// Ends one version (number: parameter `extra`) at lsn, seq, committed_at by op. A copied row that comes late gives one its end at once.
  [[nodiscard]] std::string end_version() const;
  /// Ends every version that is open and began before (lsn, seq); after a copy (`swept`) only those whose rows it did not see.
  [[nodiscard]] std::string end_older(bool swept) const;
  /// Columns of one version (number: parameter `extra`) that have arrived, and what is still unknown in it.
  [[nodiscard]] std::string fill_version(const Columns& written) const;
  [[nodiscard]] std::string add_history_unknown() const;
  /// Takes a column (parameter 1, a JSON string) out of the lists of versions, or of rows, that had ended before a position (parameters 2
  /// and 3): before the column was there.
  [[nodiscard]] std::string forget_unknown(bool history) const;
  [[nodiscard]] std::string rename_history_unknown() const;
  [[nodiscard]] std::string add_history_column(std::uint32_t column) const;
  [[nodiscard]] std::string rename_history_column(std::string_view old_name, std::uint32_t column) const;

  // Taking out for ever. The first two: one column of every row or version that has something in it. The next: every column but the
  // key of rows, and of all versions of their keys, in which a column holds parameter 1. The last: the keys of such rows, as text.
  [[nodiscard]] std::string erase_column(std::size_t index) const;
  [[nodiscard]] std::string erase_history_column(std::size_t index) const;
  [[nodiscard]] std::string erase_rows(std::size_t index) const;
  [[nodiscard]] std::string erase_versions(std::size_t index) const;
  [[nodiscard]] std::string keys_with(std::size_t index) const;

  // Rows that were marked as gone before a moment (parameter 1, a time): how many there are, and the last position at which one went; the
  // second takes them out, but none that went at a position (parameter 2) or later.
  [[nodiscard]] std::string count_gone() const;
  [[nodiscard]] std::string purge() const;

 private:
  [[nodiscard]] std::string table() const { return dialect_.quote(shape_.name); }
  [[nodiscard]] std::string column(std::size_t index) const { return dialect_.quote(shape_.columns[index].name); }
  [[nodiscard]] std::string own(Own which) const { return dialect_.parameter(parameter_of(shape_, which)); }
  [[nodiscard]] std::string history_index() const;
  [[nodiscard]] std::string key_is() const;
  [[nodiscard]] std::string key_list() const;
  [[nodiscard]] std::string all_but_key_null() const;
  [[nodiscard]] std::string all_names() const;
  [[nodiscard]] std::string replace_older() const;

  const Dialect& dialect_;
  const Shape& shape_;
};

}  // namespace warehouse
