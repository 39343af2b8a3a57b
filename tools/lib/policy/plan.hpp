// policy: from a schema line to what happens with each column of the table's rows.
// Knows rules and schemas; must not see a value. Pure.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "change/types.hpp"
#include "policy/keys.hpp"
#include "policy/pins.hpp"
#include "policy/rule.hpp"

namespace policy {

/// What happens with a column's value.
enum class Way : std::uint8_t { keep, truncate, month, year, email_domain, map, hash, compat, constant, null, out };

/// Why a column, or the whole table, does not leave.
enum class Reason : std::uint8_t {
  none,
  dropped,              ///< a rule drops it: as wanted, not reported
  no_rule,              ///< default deny
  other_kind,           ///< rules name it for another type
  pattern_too_wide,     ///< only an exact rule may keep this type
  pattern_cannot_hash,  ///< only of the types that can be hashed
  pattern_wrong_type,   ///< a pattern's action is not for this type
  condition_unknown,    ///< a condition's column is not there, or not proven the same: the strictest rule counts
  repinned,             ///< under a rule that keeps it stands another column than at first, or one not proven the same
  retyped,              ///< the same column, but of another type than at first
  key_rotates,          ///< it is hashed and part of a key, and another key is to take over its domain
  key_withheld,         ///< table: a column of its key has no rule that lets it through
};
/// A half sentence for people: `no rule names it`.
[[nodiscard]] std::string_view text_of(Reason reason);

/// A name that is compared with one key after another, by two loads instead of a call.
class QuickName {
 public:
  QuickName() = default;
  /// in   inner  the name as it stands between the quotes of a JSON key
  explicit QuickName(std::string inner);
  /// in   inner  of a token: 8 bytes from its beginning may be read, whatever its length (a line's padding)
  [[nodiscard]] bool is(std::string_view inner) const {
    if (inner.size() != inner_.size()) return false;
    if (inner.size() < sizeof mask_) return (load(inner.data()) & mask_) == first_;
    if (load(inner.data()) != first_ || load(inner.data() + inner.size() - sizeof mask_) != last_) return false;
    return inner.size() <= 2 * sizeof mask_ || inner == inner_;
  }

 private:
  static std::uint64_t load(const char* bytes) {
    std::uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
  std::string inner_;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t mask_ = 0;
};

/// One thing that may be done to a value, ready to be done.
///
/// reason    why nothing leaves, for Way::out
/// strict    the greater the stricter
/// wide      all 256 bits of a hash; canonical: of an e-mail address's canonical form; exact_text: of whatever stands there
/// hasher    for Way::hash, with the key of key_id; salt: for Way::compat; buckets: for Way::map; length: for Way::truncate
/// constant  JSON text for Way::constant
struct Treatment {
  Way way = Way::out;
  Reason reason = Reason::none;
  std::uint8_t strict = 255;
  bool wide = false;
  bool canonical = false;
  bool exact_text = false;
  const Hasher* hasher = nullptr;
  const std::string* key_id = nullptr;
  const std::string* salt = nullptr;
  const Buckets* buckets = nullptr;
  std::size_t length = 0;
  std::string constant;
};

/// A treatment that counts when a condition on another column of the row holds.
///
/// column  which of the plan's columns; nothing: it cannot be told which, so the condition can never be told
struct Case {
  const Condition* condition = nullptr;
  std::optional<std::size_t> column;
  Treatment treatment;
};

/// A column as it leaves, under one name, depending on the row. As Decision: the first case of the first step that holds.
///
/// lead    `"name":`
/// leaves  in some rows at least: only then the schema has it
struct Output {
  std::string name;
  std::string lead;
  std::vector<std::vector<Case>> steps;
  Treatment otherwise;
  bool leaves = false;
};

/// One column of a plan.
///
/// inner    the name as a JSON key spells it; lead: `"name":`
/// outputs  empty: the treatment is always the same, and under the column's own name. Else what it leaves as; the treatment above
///          is then none
/// withheld_rows  rows whose value did not leave for another reason than `dropped`; counted by RowMask
/// unfit_rows     rows whose value had no residue of the kind asked for (an address without a domain) and left as null
struct ColumnPlan : Treatment {
  std::string name;
  QuickName inner;
  std::string lead;
  bool key = false;
  std::vector<Output> outputs;
  std::uint64_t withheld_rows = 0;
  std::uint64_t unfit_rows = 0;
};

/// What happens with a table's lines from one schema line to the next.
///
/// passes   false: no line of it leaves; `reason` and `reason_column` say why
/// schema   the rewritten schema; its columns are those that leave, in order
struct Plan {
  bool passes = false;
  Reason reason = Reason::none;
  std::string reason_column;
  std::vector<ColumnPlan> columns;
  change::Schema schema;
  bool keeps_all = false;  ///< every column is kept: rows leave as they came
  bool keeps_key = true;   ///< every column of the key is kept
  bool plain = true;       ///< no column has outputs of its own
};

/// Makes plans.
class Planner {
 public:
  /// in   policy, keys  outlive this object; keys may be nullptr when the policy hashes nothing
  ///      source        name of the pipeline's source
  ///      pins          of its tables; outlives this object, and plan() remembers there what it has seen
  /// err  usage/missing_keys when the policy hashes and there are no keys
  Planner(const Policy& policy, const Keys* keys, std::string source, PinBook::Tables& pins);

  /// A hash's column says by its action and its bind which key made it. While another key is to take over its domain, it leaves a
  /// second time, as NAME__ID, with that key's hashes.
  ///
  /// err  refused/cannot_hash, refused/wrong_type; refused/key_rotates (as key_hidden, for a hash whose key is to change); refused/key_hidden (a table that the policy names hides a column of its key, or
  ///      has a condition on it); refused/mixed_types (what leaves of a column would be now a text, now none);
  ///      refused/name_taken (a second output bears a column's name); usage/missing_salt; data/bad_table (a name that is not schema.table), data/bad_schema (two columns of one name)
  [[nodiscard]] Plan plan(const change::Schema& schema);

 private:
  /// Which key makes hashes: the one that does, or the one that is to take over.
  enum class Turn : std::uint8_t { now, next };
  const Hasher& hasher(const std::string& key_id, const std::string& domain);
  [[nodiscard]] Treatment treat(const Candidate& candidate, const change::Schema& schema, const change::Column& column,
                                bool key, Reason known, Turn turn, change::Column& leaving);
  [[nodiscard]] Output output(const Decision& decision, const change::Schema& schema, const change::Column& column,
                              Reason known, const std::string& name, Turn turn, change::Column& leaving);
  /// The key that is to take over a domain in which the column is hashed; nullptr: none is.
  [[nodiscard]] const std::string* rotates_to(const Decision& decision, const change::Schema& schema,
                                              const change::Column& column) const;
  const Policy& policy_;
  const Keys* keys_;
  std::string source_;
  PinBook::Tables& pins_;
  std::unordered_map<std::string, std::unique_ptr<Hasher>> hashers_;  // by key and domain
};

/// The domain of a column's hash: the rule's, or the column's own, `schema.table.column`.
[[nodiscard]] std::string hash_domain(const Rule& rule, const change::Schema& schema, const change::Column& column);

/// The columns that identify a row: the replica identity's, or the primary key's under identity full or nothing, plus the
/// primary key's in any case.
/// src  cdc-policy.5, KEYS
[[nodiscard]] bool is_key(const change::Schema& schema, const change::Column& column);

}  // namespace policy
