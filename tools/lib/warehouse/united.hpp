// warehouse: one table of several sources as one view, with the source's name as its first column. This file: which columns it has, of which
// type, and when it cannot be: values that mean different things are never put into one column. Knows shapes and dialects; asks no
// database. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "warehouse/dialect.hpp"
#include "warehouse/shape.hpp"

namespace warehouse {

/// One source's table.
///
/// schema  where it lies, in the same database
/// shared  its keys are one space with those of the other sources: a row that moves from one to another keeps its key
/// shape   the table; of its columns what encode_columns keeps
struct Member {
  std::string source;
  std::string schema;
  bool shared = false;
  Shape shape;
};

/// A view over all of them, or why there is none.
///
/// view     its name
/// refused  empty: it can be made
struct United {
  std::string view;
  std::string refused;
  std::string create;
  std::vector<std::string> comments;
};

/// in   place    the schema in which the view is to be
///      members  of one table, ordered by source, not empty; each has a key
///
/// A column is matched by the name that the sources' own views show; one that a source does not have is null there. It has the type
/// that holds every source's values as they are. There is no view when no such type exists, when the policies treat a column
/// differently (`action`, in which a hash's key is named), when the sources' views have different names, and, for shared keys,
/// when the keys differ.
/// Of a shared key that is alive in several sources the row committed last is shown.
[[nodiscard]] United united(const Dialect& dialect, std::string_view place, const std::vector<Member>& members);

/// What others need to know of a shape's columns, as JSON; and back, into a shape that has its names.
/// err  refused/broken_warehouse
[[nodiscard]] std::string encode_columns(const Shape& shape);
void decode_columns(std::string_view text, Shape& shape);

}  // namespace warehouse
