// policy: one parsed line through a plan. The per-row path: bytes that stay are copied in runs, nothing is allocated, no
// value is looked at unless it is changed or a condition is on it.
// Knows a line's tokens and a plan; must not know rules. Pure.
#pragma once

#include <string>
#include <vector>

#include "change/line.hpp"
#include "policy/plan.hpp"
#include "policy/transform.hpp"

namespace policy {

/// Masks row lines (c, u, d, r; t has no values) and the keys of snapshot lines.
class RowMask {
 public:
  /// in   line  a row line of the plan's table
  ///      plan  passes is true; its counts of withheld rows rise
  /// out  false: nothing of the line changes, and nothing was appended; true: the whole new line, without its break, was
  ///      appended to `into`
  ///
  /// Where a rule's condition no longer holds in an update, the column goes to `withheld` (or gets its constant), also when the
  /// update did not send it, so that what an earlier row let through does not stay.
  ///
  /// err  data/unknown_column for a column that the table's schema line does not have (its name is not shown: it may be
  ///      anything); data/bad_value for an object or array where a value is to be changed; data/bad_order for a row with outputs
  ///      of its own whose parts do not stand at the end of the line in the order of cdc-stream.5
  [[nodiscard]] bool row(const change::Line& line, Plan& plan, std::string& into);

  /// The same for a snapshot line, whose from_key and to_key hold values of the key's columns. Unless all of them are
  /// kept every element is hashed, so that no order of the elements could let one through: such a range is opaque.
  [[nodiscard]] bool snapshot(const change::Line& line, Plan& plan, std::string& into);

 private:
  struct Cursor;
  // What a line says of one column.
  struct Said {
    const json::Token* after = nullptr;
    const json::Token* before = nullptr;
    bool unchanged = false;
    bool withheld = false;
    bool only = false;
  };
  bool plain_row(const change::Line& line, Plan& plan, std::string& into);
  void row_with_outputs(const change::Line& line, Plan& plan, std::string& into);
  void read_said(const change::Line& line, Plan& plan);
  [[nodiscard]] const Treatment& choose(const Output& output, const json::Token* Said::*image);
  void append_after(Plan& plan, std::string& into);
  void append_before(const change::Line& line, Plan& plan, std::string& into);
  void object(const change::Line& line, const json::Token& token, Plan& plan, Cursor& at, bool count);
  void names(const change::Line& line, const json::Token& token, Plan& plan, Cursor& at);
  ColumnPlan& column(Plan& plan, const json::Token& name, std::size_t& expected);
  void hash(const Treatment& treatment, const json::Token& value, std::string& into);
  void append_value(ColumnPlan& column, const Treatment& treatment, const json::Token& value, std::string& into);
  [[nodiscard]] std::string_view text_of(const json::Token& value);

  std::string unescaped_;
  std::string changed_;
  CompatHash compat_;
  std::vector<Said> said_;
  // Lists of names of the line that is being written: `"a","b"`.
  std::string unchanged_;
  std::string withheld_;
  std::string only_;
};

}  // namespace policy
