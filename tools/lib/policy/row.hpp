// policy: one parsed line through a plan. The per-row path: bytes that stay are copied in runs, nothing is allocated, no
// value is looked at unless it is hashed.
// Knows a line's tokens and a plan; must not know rules. Pure.
#pragma once

#include <string>

#include "change/line.hpp"
#include "policy/plan.hpp"

namespace policy {

/// Masks row lines (c, u, d, r; t has no values) and the keys of snapshot lines.
class RowMask {
 public:
  /// in   line  a row line of the plan's table
  ///      plan  passes is true; its counts of withheld rows rise
  /// out  false: nothing of the line changes, and nothing was appended; true: the whole new line, without its break, was
  ///      appended to `into`
  /// err  data/unknown_column for a column that the table's schema line does not have (its name is not shown: it may be
  ///      anything); data/bad_value for an object or array where a value is to be hashed
  [[nodiscard]] bool row(const change::Line& line, Plan& plan, std::string& into);

  /// The same for a snapshot line, whose from_key and to_key hold values of the key's columns. Unless all of them are
  /// kept every element is hashed, so that no order of the elements could let one through: such a range is opaque.
  [[nodiscard]] bool snapshot(const change::Line& line, Plan& plan, std::string& into);

 private:
  struct Cursor;
  void object(const change::Line& line, const json::Token& token, Plan& plan, Cursor& at, bool count);
  void names(const change::Line& line, const json::Token& token, Plan& plan, Cursor& at);
  ColumnPlan& column(Plan& plan, const json::Token& name, std::size_t& expected);
  void hash(const ColumnPlan& column, const json::Token& value, std::string& into);

  std::string canonical_;
};

}  // namespace policy
