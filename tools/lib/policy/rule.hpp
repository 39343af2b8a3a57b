// policy: the text of a policy into rules, and the rule that decides over a column. Order of lines never matters.
// Knows cdc-policy.5; opens no file (it is given what the policy's own files hold), sees no value.
// Must not know the stream beyond what a column is. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "change/types.hpp"
#include "policy/buckets.hpp"
#include "policy/condition.hpp"
#include "policy/kind.hpp"
#include "policy/pattern.hpp"

namespace policy {

enum class Class : std::uint8_t { green, yellow, orange, red };
[[nodiscard]] std::string_view word_of(Class klass);

/// From the mildest to the strictest: of several rules the greatest wins.
enum class Action : std::uint8_t { keep, truncate, month, year, email_domain, map, hash, constant, null, drop };
[[nodiscard]] std::string_view word_of(Action action);
/// Something of the value itself leaves: `keep`, and those that leave a residue.
[[nodiscard]] constexpr bool lets_through(Action action) { return action < Action::hash; }

/// How a hash is made. short_hmac: 128 bits; long_hmac: 256; compat: sha256(trim(lower(value || salt))), all of it
enum class HashForm : std::uint8_t { short_hmac, long_hmac, compat };

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
/// parameter  hash: the domain, empty = one of the column's own; constant: the text; map: the file's name
/// exact_text hash: of the value's text as it stands, also where equal values may have several
/// length     truncate: characters that are left
/// buckets    map: what becomes of each value
/// output     the column's name in the warehouse when the rule makes a second one (`as NAME`); else empty
/// when       what else of the row must hold; nothing: always
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
  HashForm form = HashForm::short_hmac;
  bool exact_text = false;
  std::size_t length = 0;
  std::shared_ptr<const Buckets> buckets;
  std::string output;
  std::optional<Condition> when;
  std::string class_text;
  std::string action_text;
  std::string when_text;
  std::string why;

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
  pattern_wrong_type,   ///< a pattern's action is not for the column's type
};

/// A rule that may win, and whether it could then be carried out: Ground::rule, or why the column would be withheld.
struct Candidate {
  const Rule* rule = nullptr;
  Ground ground = Ground::rule;
};

/// What happens with a column under one name.
///
/// rule    what decides when no condition does; nullptr: it is withheld for `ground`
/// ground  Ground::rule when there is a rule
/// steps   in order, each from the strictest rule to the mildest: the first rule of the first step that has one whose condition
///         holds decides. A condition that cannot be told (its column is not in the line) makes the strictest of all decide
struct Decision {
  const Rule* rule = nullptr;
  Ground ground = Ground::no_rule;
  std::vector<std::vector<Candidate>> steps = {};
};

/// Gives what a file beside the policy holds; nothing when there is no such file.
using Files = std::function<std::optional<std::string>(const std::string& name)>;

class Policy {
 public:
  /// in   text       the file's content
  ///      file_name  for messages
  ///      clear      classes that may leave in clear
  ///      files      for `map:FILE` and `in @FILE`
  /// err  usage/bad_policy, `FILE:LINE: FIELD: what is wrong`: fields, words, names, equal rules, a class in clear that
  ///      `clear` does not hold, a file that is not there or not in its form, a last line without its end, no rule at all
  [[nodiscard]] static Policy read(std::string_view text, std::string file_name, const ClearClasses& clear,
                                   const Files& files = {});

  /// What happens with one column under its own name: exact beats pattern, a condition that holds beats none, then the
  /// strictest wins, then the one whose text sorts first.
  ///
  /// in   source  name of the pipeline's source
  ///      table   as the catalog has it
  /// err  refused/cannot_hash when an exact rule would hash a type that has no text to hash; refused/wrong_type when an exact
  ///      rule's action is not for the column's type
  [[nodiscard]] Decision decide(std::string_view source, const change::TableName& table,
                                const change::Column& column) const;
  /// The same for each second output (`as NAME`) of the column, by its name.
  [[nodiscard]] std::map<std::string, Decision> second_outputs(std::string_view source, const change::TableName& table,
                                                               const change::Column& column) const;

  /// A rule names this table without a pattern.
  [[nodiscard]] bool names(std::string_view source, const change::TableName& table) const;
  /// A rule lets logical messages with this prefix through.
  [[nodiscard]] bool passes_message(std::string_view source, std::string_view prefix) const;

  /// Digest of the policy's meaning: the first six fields of its rules and the digests of the files they name, sorted;
  /// comments, reasons and order do not count.
  /// src  cdc-policy.5, DIGEST
  [[nodiscard]] const std::string& sha256() const { return sha256_; }
  [[nodiscard]] bool has_hash() const;
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
  /// `FILE:LINE`
  [[nodiscard]] std::string place_of(const Rule& rule) const { return file_name_ + ":" + std::to_string(rule.line); }

 private:
  using Rules = std::vector<std::uint32_t>;
  /// What kinds of rules are there for an output, before patterns are looked at.
  [[nodiscard]] Decision decide_among(std::string_view source, const change::Column& column, const Rules& exact,
                                      const Rules& patterns) const;
  [[nodiscard]] Candidate judge(const Rule& rule, const change::Column& column) const;
  [[nodiscard]] Rules patterns_for(const change::TableName& table, const change::Column& column) const;

  std::string file_name_;
  std::string sha256_;
  std::vector<Rule> rules_;
  // Exact rules by `schema NUL table NUL column`, the others in one list; tables that some rule names, by `schema NUL table`.
  std::unordered_map<std::string, Rules> exact_;
  Rules patterns_;
  std::unordered_map<std::string, Rules> named_;
  std::vector<std::pair<Pattern, Pattern>> messages_;  // source, prefix
  std::unordered_set<std::string> outputs_;            // every second output that some rule makes
};

}  // namespace policy
