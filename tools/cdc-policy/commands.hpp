// cdc-policy: what each sub-command does, with its input and output as values. Knows policy and keys.
// Must not know the command line, files or standard streams.
// Pure but for the randomness of new keys.
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

/// A keys file on its way to another key.
///
/// in   text    the file as it is; the caller wipes it
///      finish  the next key takes over; else a next key is made
/// out  the file as it is to be, and the id of the next key; the caller wipes it
/// err  usage/bad_keys; refused/rotating (there is a next key already), refused/not_rotating (there is none)
struct Rotation {
  std::string file;
  std::string id;
};
[[nodiscard]] Rotation rotate(std::string_view text, const std::string& file_name, bool finish);

/// What a policy lets out, for people and `grep`: `ACTION<tab>CLASS<tab>RULES` for each pair that stands in it, strictest action
/// last, then `sha256<tab>-<tab>DIGEST`.
[[nodiscard]] std::string summary(const policy::Policy& policy);

/// The hash that cdc-mask writes for one value.
class LookUp {
 public:
  /// in   key     id of the key; empty: the one that makes the domain's hashes
  ///      domain  as the rule says it; `email` has a canonical form
  ///      exact   no canonical form: for columns of a key
  ///      wide    all 256 bits
  LookUp(const policy::Keys& keys, const std::string& key, std::string_view domain, bool exact, bool wide);
  /// Appends the hash's hex digits. in  value  the column's text
  void append(std::string_view value, std::string& into);

 private:
  policy::Hasher hasher_;
  bool canonical_;
  bool wide_;
  std::string canonical_text_;
};

}  // namespace cdc_policy
