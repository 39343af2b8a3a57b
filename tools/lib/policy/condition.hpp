// policy: what else of a row must hold for a rule to count: `parent_id is null`, `project_id in @internal`.
// Knows the condition's words and a value's text; must not know which row or rule it is for. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace policy {

/// One test of one column of the same row.
///
///   COLUMN is null | is not null | = VALUE | != VALUE | in (VALUE, VALUE ...) | in @FILE
///
/// A VALUE is a bare word (letters, digits, _ . - + :) or stands in single quotes, where two are one. It is compared with the
/// value's text as it stands in the stream. As in SQL a null equals nothing, and is not unlike anything either.
class Condition {
 public:
  /// in   text   the rule's sixth field
  ///      lines  what FILE of `in @FILE` holds; asked at most once
  /// out  nothing, and `why` a sentence's part, when the text is no condition or the file does not do
  [[nodiscard]] static std::optional<Condition> parse(
      std::string_view text, const std::function<std::optional<std::string>(const std::string&)>& lines,
      std::string& why);

  /// The column that is tested.
  [[nodiscard]] const std::string& column() const { return column_; }
  /// in   value  the value's text; nothing: null
  [[nodiscard]] bool holds(std::optional<std::string_view> value) const;

 private:
  enum class Test : std::uint8_t { is_null, is_not_null, one_of, none_of };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  std::string column_;
  Test test_ = Test::is_null;
  std::unordered_set<std::string, Hash, std::equal_to<>> values_;
};

}  // namespace policy
