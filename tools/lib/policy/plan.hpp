// policy: from a schema line to what happens with each column of the table's rows, and the memory of what each column
// was when it was first seen: a rule is for what a column is, not for what it is called.
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
#include "policy/rule.hpp"

namespace policy {

/// What happens with a column's value.
enum class Way : std::uint8_t { keep, hash, constant, null, out };

/// Why a column, or the whole table, does not leave.
enum class Reason : std::uint8_t {
  none,
  dropped,              ///< a rule drops it: as wanted, not reported
  no_rule,              ///< default deny
  other_kind,           ///< rules name it for another type
  pattern_too_wide,     ///< only an exact rule may keep this type
  pattern_cannot_hash,  ///< only of the types that can be hashed
  repinned,             ///< under a rule that keeps it stands another column than at first, or one not proven the same
  retyped,              ///< the same column, but of another type than at first
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

/// One column of a plan.
///
/// inner     the name as a JSON key spells it
/// constant  JSON text for Way::constant
/// withheld_rows  rows whose value did not leave for another reason than `dropped`; counted by mask_row
struct ColumnPlan {
  std::string name;
  QuickName inner;
  Way way = Way::out;
  Reason reason = Reason::none;
  bool key = false;
  bool wide = false;
  bool canonical = false;  ///< hash the canonical form of an e-mail address
  const Hasher* hasher = nullptr;
  std::string constant;
  std::uint64_t withheld_rows = 0;
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
};

/// Makes plans, and remembers per table what its columns were.
class Planner {
 public:
  /// in   policy, keys  outlive this object; keys may be nullptr when the policy hashes nothing
  ///      source        name of the pipeline's source
  /// err  usage/missing_keys when the policy hashes and there are no keys
  Planner(const Policy& policy, const Keys* keys, std::string source);

  /// err  refused/cannot_hash, refused/key_hidden (a table that the policy names hides a column of its key);
  ///      data/bad_table (a name that is not schema.table), data/bad_schema (two columns of one name)
  [[nodiscard]] Plan plan(const change::Schema& schema);

 private:
  struct Pin {
    std::optional<std::string> bind;
    std::string type;
  };
  // One table's columns as first seen in this run: by name, and every bind that was ever seen.
  struct Pins {
    std::unordered_map<std::string, Pin> columns;
    std::unordered_set<std::string> binds;
    bool all_binds_known = true;
  };

  const Hasher& hasher(const std::string& domain);
  [[nodiscard]] static Reason compare(const Pins& pins, const change::Column& column);

  const Policy& policy_;
  const Keys* keys_;
  std::string source_;
  std::unordered_map<std::string, Pins> pins_;
  std::unordered_map<std::string, std::unique_ptr<Hasher>> hashers_;
};

/// The columns that identify a row: the replica identity's, or the primary key's under identity full or nothing, plus the
/// primary key's in any case.
/// src  cdc-policy.5, KEYS
[[nodiscard]] bool is_key(const change::Schema& schema, const change::Column& column);

}  // namespace policy
