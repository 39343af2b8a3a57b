// warehouse: what differs between engines in the SQL that a warehouse is made of: types, a few functions, and which values a column can
// hold. Knows shapes; builds no statement, runs nothing. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "warehouse/shape.hpp"

namespace warehouse {

/// A column of another type that is being filled, before it takes the old one's name.
inline constexpr const char* kRetyped = "_cdc_retyped";

class Dialect {
 public:
  virtual ~Dialect() = default;
  [[nodiscard]] virtual engine::Kind kind() const = 0;

  /// A name, quoted. Parameter number n, from 1.
  [[nodiscard]] std::string quote(std::string_view name) const { return engine::quote_name(name); }
  [[nodiscard]] std::string parameter(std::size_t n) const { return "?" + std::to_string(n); }
  /// Most bytes of a table's, view's or column's name.
  [[nodiscard]] virtual std::size_t longest_name() const { return 255; }

  /// Type of a column that holds the source's values.
  [[nodiscard]] virtual std::string type_of(const TableColumn& column) const = 0;
  /// Types of our own columns. A text is compared byte by byte: positions are ordered as text.
  [[nodiscard]] virtual std::string text_type() const = 0;
  [[nodiscard]] virtual std::string integer_type() const = 0;
  /// Behind the columns of CREATE TABLE, with the key declared where the engine makes use of it. in  keys  quoted names; empty: none
  [[nodiscard]] virtual std::string table_tail(const std::vector<std::string>& keys) const = 0;
  /// Behind the columns of a state table that declares its own key.
  [[nodiscard]] virtual std::string state_tail() const { return ")"; }

  /// False for a value that the column's kind allows and its type here does not; only asked where limited().
  [[nodiscard]] virtual bool fits(const TableColumn& column, std::string_view raw) const;
  [[nodiscard]] virtual bool limited(const TableColumn& column) const;

  /// A condition: one text stands in another.
  [[nodiscard]] virtual std::string contains(const std::string& text, const std::string& part) const;
  /// The column as analysts see it.
  [[nodiscard]] virtual std::string shown(const std::string& expression, const TableColumn& column) const;
  /// A numeric column is text, so that the view has a number beside it.
  [[nodiscard]] virtual bool shows_real_beside(const TableColumn&) const { return false; }
  /// An index makes looking for few rows among many cheaper.
  [[nodiscard]] virtual bool has_indexes() const { return false; }
  /// Columns and views can bear a comment.
  [[nodiscard]] virtual bool has_comments() const { return true; }
  /// They stand in CREATE VIEW, where a view's columns can have them no other way.
  [[nodiscard]] virtual bool comments_with_view() const { return false; }
  /// A key's column as text that PostgreSQL reads as the same value: bytes as \x and hex digits.
  [[nodiscard]] virtual std::string key_text(const std::string& expression, Kind kind) const = 0;

  /// A column as text that becomes the same value again when it is put into a scratch table; booleans as 1 and 0, bytes as key_text.
  [[nodiscard]] std::string fetched(const std::string& expression, const TableColumn& column) const;

  /// Statements that give a column another type that holds all of its values. Where that takes several, kRetyped is the new column, and
  /// the last one names it. in  table, column  quoted
  [[nodiscard]] virtual std::vector<std::string> retype(const std::string& table, const std::string& column,
                                                        const std::string& type) const;

  // Scratch tables: how a value waits there, and how it becomes one of the column's type.
  [[nodiscard]] virtual std::string scratch_type(const TableColumn& column) const { return type_of(column); }
  [[nodiscard]] virtual std::string from_scratch(const std::string& expression, const TableColumn&) const {
    return expression;
  }
  /// A scratch table's name, quoted.
  [[nodiscard]] virtual std::string scratch(std::string_view name) const { return quote(name); }
};

[[nodiscard]] const Dialect& dialect_of(engine::Kind kind);
[[nodiscard]] inline const Dialect& sqlite_dialect() { return dialect_of(engine::Kind::sqlite); }

}  // namespace warehouse
