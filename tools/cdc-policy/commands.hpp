// cdc-policy: what each sub-command does, with its input and output as values. Knows policy and keys.
// Must not know the command line, files or standard streams.
// Pure but for new_keys_file's randomness.
#pragma once

#include <string>
#include <string_view>

#include "policy/keys.hpp"
#include "policy/rule.hpp"

namespace cdc_policy {

/// A keys file with one new key in it.
///
/// out  a comment line and the key's line; the caller wipes it
[[nodiscard]] std::string new_keys_file();

/// What a policy lets out, for people and `grep`: `ACTION<tab>CLASS<tab>RULES` for each pair that stands in it, strictest action
/// last, then `sha256<tab>-<tab>DIGEST`.
[[nodiscard]] std::string summary(const policy::Policy& policy);

/// The hash that cdc-mask writes for one value.
class LookUp {
 public:
  /// in   domain  as the rule says it; `email` has a canonical form
  ///      exact   no canonical form: for columns of a key
  ///      wide    all 256 bits
  LookUp(const policy::Keys& keys, std::string_view domain, bool exact, bool wide);
  /// Appends the hash's hex digits. in  value  the column's text
  void append(std::string_view value, std::string& into);

 private:
  policy::Hasher hasher_;
  bool canonical_;
  bool wide_;
  std::string canonical_text_;
};

}  // namespace cdc_policy
