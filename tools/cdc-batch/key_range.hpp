// cdc-batch: bounds of a file's keys, so that a warehouse need not look at all of a big table. Only of one-column keys that are
// integers, dates, timestamps or uuids and pass by `keep`: never of text, and never of what a policy hides. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "change/line.hpp"
#include "change/types.hpp"

namespace cdc_batch {

/// The one column whose values have bounds; kind none when the table has no such key.
struct KeyColumn {
  enum class Kind : std::uint8_t { none, integer, fixed_text };
  Kind kind = Kind::none;
  std::string name;  ///< as it stands in JSON, between the quotes
  std::size_t text_bytes =
      0;  ///< fixed_text: values of another length (BC, infinity, year 10000) have no order as text
  bool operator==(const KeyColumn&) const = default;
};

/// in   schema  of the table, with the policy's actions
[[nodiscard]] KeyColumn key_column(const change::Schema& schema);

/// Smallest and largest key seen.
class KeyRange {
 public:
  /// in   line  a row of the table; a truncate, a key that is missing or has no order makes the bounds unknown for good
  void add(const KeyColumn& column, const change::Line& line);
  void forget() { unknown_ = true; }
  /// JSON text, empty when unknown or nothing was added.
  [[nodiscard]] std::string min() const;
  [[nodiscard]] std::string max() const;

 private:
  void add_from(const KeyColumn& column, const change::Line& line, const json::Token& object);

  bool unknown_ = false;
  bool any_ = false;
  KeyColumn::Kind kind_ = KeyColumn::Kind::none;
  std::int64_t min_integer_ = 0;
  std::int64_t max_integer_ = 0;
  std::string min_text_;
  std::string max_text_;
};

}  // namespace cdc_batch
