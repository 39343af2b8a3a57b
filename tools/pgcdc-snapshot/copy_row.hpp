// pgcdc-snapshot: a row as COPY TO STDOUT writes it, to an `r` line. Knows COPY's text format and its escapes; not where rows
// come from. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "change/types.hpp"
#include "value/json.hpp"

namespace snapshot {

/// Writes the rows of one table.
class RowEncoder {
 public:
  /// in   schema  the table, its columns in the order in which COPY gives them
  ///      shapes  of those columns
  ///      lsn     the copy's consistent point
  ///      ts      the snapshot's time, as the stream writes times
  ///      part    `after`: rows; `before`: keys that no row has
  RowEncoder(const change::Schema& schema, std::vector<value::Shape> shapes, base::Lsn lsn, std::string_view ts,
             std::string_view part = "after");

  /// Appends one whole `r` line with its line break.
  ///
  ///   COPY text: fields separated by tabs, a line break at the end; null is \N; in values \b \f \n \r \t \v \\ stand for the
  ///   byte, every other byte for itself
  ///
  /// in   row  one row with its line break
  /// err  data/bad_copy when the number of fields is not the number of columns or the line break is missing; data/bad_value
  /// src  PostgreSQL, COPY, "Text Format"; cdc-stream.5
  void append_row(std::string& into, std::string_view row);

 private:
  std::string head_;               // everything before the first column
  std::vector<std::string> keys_;  // `"name":`, from the second on with a comma before it
  std::vector<value::Shape> shapes_;
  std::string unescaped_;  // a field whose escapes were undone; keeps its memory
};

}  // namespace snapshot
