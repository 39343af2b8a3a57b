// warehouse: the statements by which a window of net rows gets into a table all at once: a scratch table of net rows, then one MERGE. They
// mean exactly what writer.cpp does row by row. Knows a shape and a dialect; runs nothing. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/database.hpp"
#include "warehouse/dialect.hpp"
#include "warehouse/shape.hpp"
#include "warehouse/statements.hpp"

namespace warehouse {

/// What a window consists of, so that its MERGE says no more than it must.
///
/// kept, lost  columns that some row keeps, columns that are unknown in some
/// keeps     rows that keep something of the row that the table has under their key
/// moves     rows that keep something of the row under another key
/// fills     copied rows, which may find a newer row that lacks values
/// from_key, to_key  literals of the smallest and largest key, where that prunes what is read; else empty
struct Window {
  Columns kept;
  Columns lost;
  bool keeps = false;
  bool moves = false;
  bool fills = false;
  std::string from_key;
  std::string to_key;
};

/// A net row in the scratch table, in this order: how, states, deleted, lsn, seq, op, born, ts, unknown, lost, then the shape's columns
/// c0, c1, ...; where the window moves rows: taken_lsn, taken_seq, and o0, o1, ... for the columns of the key they had.
///
///   how      s  keeps cells of the row that is there under its key      o  of the row under its origin
///            w  is whole: keeps nothing                                 f  only fills what is unknown
///   states   one sign for each column: `.` known, `k` kept, `u` unknown; a row of which all is known has one `.`, but for a copied one
///   unknown  list of columns that are not known in the net row itself; lost: of those that are unknown whatever is there
class Merge {
 public:
  Merge(const Dialect& dialect, const Shape& shape);

  [[nodiscard]] static std::string scratch_name() { return "_cdc_net"; }
  [[nodiscard]] std::vector<engine::ScratchColumn> scratch_columns(bool moves) const;
  /// in   loaded_at  is parameter 1
  [[nodiscard]] std::string merge(const Window& window) const;

 private:
  [[nodiscard]] std::string column(std::size_t index) const { return dialect_.quote(shape_.columns[index].name); }
  [[nodiscard]] std::string value(std::size_t index, const std::string& of) const;
  [[nodiscard]] std::string state(std::size_t index, const std::string& of) const;
  [[nodiscard]] std::string lists(std::size_t index, const std::string& list) const;
  [[nodiscard]] std::string list_after(const std::string& net, const std::string& there, const Window& window) const;
  [[nodiscard]] std::string source(const Window& window) const;
  [[nodiscard]] std::string key_is(const std::string& a, const std::string& b) const;

  const Dialect& dialect_;
  const Shape& shape_;
  std::vector<bool> is_key_;
  std::vector<std::string> quoted_names_;  // as they stand in a list of unknown columns
};

}  // namespace warehouse
