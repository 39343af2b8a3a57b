// cdc-policy: the sub-commands. Whatever cdc-mask does with a value is done by the same functions here, so that a look-up
// finds what the mask wrote.
// Must not know files or streams; must not keep a key after its file's text was made.
#include "cdc-policy/commands.hpp"

#include <array>
#include <map>
#include <span>
#include <utility>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "policy/lower_case.hpp"

namespace cdc_policy {

namespace {

constexpr std::size_t kLineRoom = 256;  // for a key's line, so that no copy of a file's text stays behind as it grows

// out  the new key's id
std::string append_new_key(std::string_view state, std::string& file) {
  std::array<unsigned char, 32> bytes{};
  crypto::random_bytes(bytes);
  std::string secret(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  bytes.fill(0);
  // The id stands in the clear beside the data it made, so it must not be made from the key.
  const std::string id = "k" + crypto::random_id().substr(0, 6);
  std::string line = policy::Keys::format_line(id, state, secret);
  file.append(line);
  crypto::wipe(line);
  crypto::wipe(secret);
  return id;
}

}  // namespace

std::string new_keys_file() {
  std::string file =
      "# pgcdc keys: id, state, key. Whoever reads this file can undo hashes by trying values. See cdc-policy(5).\n";
  file.reserve(file.size() + kLineRoom);
  append_new_key("active", file);
  return file;
}

Rotation rotate(std::string_view text, const std::string& file_name, bool finish) {
  static_cast<void>(policy::Keys(text, file_name));  // so that every line below is a good one
  Rotation rotation;
  rotation.file.reserve(text.size() + kLineRoom);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n') + 1);
    text.remove_prefix(line.size());
    const std::size_t tab = line.find('\t');
    const std::size_t second = line.find('\t', tab + 1);
    const std::string_view state =
        line.starts_with('#') || second == std::string_view::npos ? "" : line.substr(tab + 1, second - tab - 1);
    const bool takes_over = state == "next";
    if (takes_over) rotation.id = line.substr(0, tab);
    if (finish && (takes_over || state == "active")) {
      rotation.file.append(line.substr(0, tab + 1)).append(takes_over ? "active" : "retired");
      rotation.file.append(line.substr(second));
    } else {
      rotation.file.append(line);
    }
  }
  if (finish && rotation.id.empty()) {
    throw base::Failure(base::Exit::refused, "not_rotating", file_name + ": no key is next: rotate-key makes one");
  }
  if (!finish && !rotation.id.empty()) {
    throw base::Failure(base::Exit::refused, "rotating",
                        file_name + ": a key is next already: rotate-key --finish lets it take over");
  }
  if (!finish) rotation.id = append_new_key("next", rotation.file);
  return rotation;
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

LookUp::LookUp(const policy::Keys& keys, const std::string& key, std::string_view domain, bool exact, bool wide)
    : hasher_(keys.hasher(key.empty() ? keys.id_for(domain) : key, domain)),
      canonical_(domain == policy::kEmailDomain && !exact),
      wide_(wide) {}

void LookUp::append(std::string_view value, std::string& into) {
  if (canonical_) {
    policy::canonical_email(value, canonical_text_);
    value = canonical_text_;
  }
  char digits[policy::Hasher::kWideDigits];
  into.append(digits, hasher_(value, wide_, digits));
}

}  // namespace cdc_policy
