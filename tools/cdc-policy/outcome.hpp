// cdc-policy: what a policy makes of one column, in words. Knows rules and what a column is.
// Must not know where tables come from, and sees no value. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "change/types.hpp"
#include "policy/rule.hpp"

namespace cdc_policy {

/// From what shows most to what shows least.
enum class Leaves : std::uint8_t {
  clear,        ///< as it is
  residue,      ///< something of it
  conditional,  ///< depends on the row
  hashed,
  hidden,    ///< null or a constant
  dropped,   ///< by a rule
  withheld,  ///< for lack of a rule
};
[[nodiscard]] std::string_view word_of(Leaves leaves);

/// A column as it leaves under one name.
///
/// name    in the warehouse
/// how     the action, of conditional ones all of them; for withheld ones why
/// klass   what is left is of this class, as the rule says it: of clear, residue and conditional ones
/// rules   those that may decide, the strictest of each step first
struct Outcome {
  std::string name;
  Leaves leaves = Leaves::withheld;
  std::string how;
  policy::Class klass = policy::Class::red;
  std::vector<const policy::Rule*> rules;
};

/// out  the column under its own name, then its second outputs. A rule that cannot be carried out on the column (cdc-mask would refuse
///      the table) is told as withheld, with its reason in `how`
[[nodiscard]] std::vector<Outcome> outcomes_of(const policy::Policy& policy, const std::string& source,
                                               const std::string& table, const change::Column& column);

}  // namespace cdc_policy
