// policy: a file that puts many values into few: `map:jobs.tsv`.
// Knows the file's form and a value's text; must not know which column it is for. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/pattern.hpp"

namespace policy {

/// One bucket a line, two fields with one tab between them: a value, or a pattern of values with `*`, and what it becomes; `-` for
/// null. One line is for `*`: it says what all else becomes. Exact beats pattern, the pattern with more text beats the other, then
/// the one that sorts first: order never matters.
class Buckets {
 public:
  /// in   text  the file's content
  /// out  nothing, and `why` a sentence's part, when it is not in its form
  [[nodiscard]] static std::optional<Buckets> read(std::string_view text, std::string& why);

  /// out  what the value becomes; nullptr for null. Valid as long as this object
  [[nodiscard]] const std::string* find(std::string_view value) const;

 private:
  struct Bucket {
    Pattern pattern;
    std::optional<std::string> name;
    std::size_t weight = 0;  // bytes of text in the pattern
  };
  std::map<std::string, std::optional<std::string>, std::less<>> exact_;
  std::vector<Bucket> patterns_;  // as they are tried
};

}  // namespace policy
