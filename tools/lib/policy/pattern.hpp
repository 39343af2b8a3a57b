// policy: names and patterns of names, written as PostgreSQL writes identifiers. `*` outside quotes stands for any text,
// also none.
// Knows identifiers; must not know what is named. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace policy {

/// One name (`users`, `"Odd*Name"`) or pattern of names (`*_count`, `"Odd"*`).
class Pattern {
 public:
  /// Matches everything.
  Pattern() : pieces_{"", ""} {}

  /// Takes one identifier off the front of `text`.
  ///
  /// in   text  unquoted: a-z 0-9 _ $, bytes beyond ASCII, `*`; quoted: anything, `""` is a quote; both may follow each other
  ///      stop  ends the identifier when it stands outside quotes ('\0': only the end of the text does)
  /// out  nothing, and `why` a sentence's part, when the text is not such an identifier
  [[nodiscard]] static std::optional<Pattern> take(std::string_view& text, char stop, std::string& why);

  /// A plain pattern without quotes: source names.
  [[nodiscard]] static Pattern of(std::string_view text);

  [[nodiscard]] bool matches(std::string_view name) const;
  /// No `*`: matches one name only, which is name().
  [[nodiscard]] bool exact() const { return pieces_.size() == 1; }
  [[nodiscard]] const std::string& name() const { return pieces_.front(); }
  auto operator<=>(const Pattern&) const = default;

 private:
  // The texts between the `*`: one piece is an exact name.
  std::vector<std::string> pieces_;
};

}  // namespace policy
