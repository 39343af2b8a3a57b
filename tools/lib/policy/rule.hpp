// policy: the text of a policy into rules, and the rule that decides over a column. Order of lines never matters.
// Knows cdc-policy.5; reads no file, sees no value.
// Must not know the stream beyond what a column is. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "change/types.hpp"
#include "policy/kind.hpp"
#include "policy/pattern.hpp"

namespace policy {

enum class Class : std::uint8_t { green, yellow, orange, red };
[[nodiscard]] std::string_view word_of(Class klass);

/// From the mildest to the strictest: of several rules the greatest wins. Those between keep and hash are known to the
/// language and refused by this version.
enum class Action : std::uint8_t { keep, hash, constant, null, drop };
[[nodiscard]] std::string_view word_of(Action action);

/// The classes that may leave in clear, as `--clear green,yellow` names them.
class ClearClasses {
 public:
  /// err  usage/bad_option when the text names no class or something else
  explicit ClearClasses(std::string_view text);
  [[nodiscard]] bool holds(Class klass) const { return (bits_ >> static_cast<unsigned>(klass) & 1u) != 0; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  unsigned bits_ = 0;
};

/// One line of a policy.
///
/// line       from 1
/// klass      what the column holds; residue: what is left of it after the action
/// parameter  hash: the domain, empty = one of the column's own; constant: the text
/// wide       hash: all 256 bits
struct Rule {
  std::size_t line = 0;
  Pattern source;
  Pattern schema;
  Pattern table;
  Pattern column;
  Kind kind = Kind::any;
  Class klass = Class::red;
  Class residue = Class::red;
  Action action = Action::drop;
  std::string parameter;
  bool wide = false;
  std::string class_text;
  std::string action_text;

  [[nodiscard]] bool names_table() const { return schema.exact() && table.exact(); }
  [[nodiscard]] bool exact() const { return names_table() && column.exact(); }
};

/// Why a column leaves or not.
enum class Ground : std::uint8_t {
  rule,                 ///< the rule given decides
  no_rule,              ///< no rule names the column: default deny
  other_kind,           ///< rules name it, but for another type
  pattern_too_wide,     ///< a pattern would keep a type that only an exact rule may keep
  pattern_cannot_hash,  ///< a pattern would hash a type that has no text to hash
};

struct Decision {
  const Rule* rule = nullptr;  ///< for Ground::rule only
  Ground ground = Ground::no_rule;
};

class Policy {
 public:
  /// in   text       the file's content
  ///      file_name  for messages
  ///      clear      classes that may leave in clear
  /// err  usage/bad_policy, `FILE:LINE: FIELD: what is wrong`: fields, words, names, equal rules, a class in clear that
  ///      `clear` does not hold, what this version does not know, a last line without its end, no rule at all
  [[nodiscard]] static Policy read(std::string_view text, std::string file_name, const ClearClasses& clear);

  /// The rule for one column: exact beats pattern, then the strictest wins, then the one whose text sorts first.
  ///
  /// in   source  name of the pipeline's source
  ///      table   as the catalog has it
  /// err  refused/cannot_hash when an exact rule would hash a type that has no text to hash
  [[nodiscard]] Decision decide(std::string_view source, const change::TableName& table,
                                const change::Column& column) const;

  /// A rule names this table without a pattern.
  [[nodiscard]] bool names(std::string_view source, const change::TableName& table) const;

  /// Digest of the policy's meaning: the first six fields of its rules, sorted; comments, reasons and order do not count.
  /// src  cdc-policy.5, DIGEST
  [[nodiscard]] const std::string& sha256() const { return sha256_; }
  [[nodiscard]] bool has_hash() const;
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
  /// `FILE:LINE`
  [[nodiscard]] std::string place_of(const Rule& rule) const { return file_name_ + ":" + std::to_string(rule.line); }

 private:
  std::string file_name_;
  std::string sha256_;
  std::vector<Rule> rules_;
  // Exact rules by `schema NUL table NUL column`, the others in one list; tables that some rule names, by `schema NUL table`.
  std::unordered_map<std::string, std::vector<std::uint32_t>> exact_;
  std::vector<std::uint32_t> patterns_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> named_;
};

}  // namespace policy
