// cdc-policy: the sub-commands. Whatever cdc-mask does with a value is done by the same functions here, so that a look-up
// finds what the mask wrote.
// Must not know files or streams; must not keep a key after its file's text was made.
#include "cdc-policy/commands.hpp"

#include <array>
#include <map>
#include <span>
#include <utility>

#include "crypto/digest.hpp"
#include "policy/lower_case.hpp"

namespace cdc_policy {

std::string new_keys_file() {
  std::array<unsigned char, 32> bytes{};
  crypto::random_bytes(bytes);
  std::string secret(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  bytes.fill(0);
  // The id stands in the clear beside the data it made, so it must not be made from the key.
  const std::string id = "k" + crypto::random_id().substr(0, 6);
  std::string file =
      "# pgcdc keys: id, state, key. Whoever reads this file can undo hashes by trying values. See cdc-policy(5).\n";
  std::string line = policy::Keys::format_line(id, secret);
  file.reserve(file.size() + line.size());
  file.append(line);
  crypto::wipe(line);
  crypto::wipe(secret);
  return file;
}

std::string summary(const policy::Policy& policy) {
  std::map<std::pair<policy::Action, policy::Class>, std::size_t> counts;
  for (const policy::Rule& rule : policy.rules()) ++counts[{rule.action, rule.residue}];
  std::string text;
  for (const auto& [what, rules] : counts) {
    text.append(policy::word_of(what.first)).append("\t").append(policy::word_of(what.second)).append("\t");
    text.append(std::to_string(rules)).append("\n");
  }
  return text + "sha256\t-\t" + policy.sha256() + "\n";
}

LookUp::LookUp(const policy::Keys& keys, std::string_view domain, bool exact, bool wide)
    : hasher_(keys.hasher(domain)), canonical_(domain == policy::kEmailDomain && !exact), wide_(wide) {}

void LookUp::append(std::string_view value, std::string& into) {
  if (canonical_) {
    policy::canonical_email(value, canonical_text_);
    value = canonical_text_;
  }
  char digits[policy::Hasher::kWideDigits];
  into.append(digits, hasher_(value, wide_, digits));
}

}  // namespace cdc_policy
