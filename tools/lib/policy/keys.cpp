// policy: reading keys, deriving the domains' keys, hex on the row path. Knows the format of a keys file and the derivation,
// both of which are an interface: hashes made years ago must still join.
// Must not show a key in a message or keep one longer than its object lives. Pure.
#include "policy/keys.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/encoding.hpp"
#include "base/failure.hpp"

namespace policy {
namespace {

constexpr std::size_t kSecretBytes = 32;

// The key of a domain: one HMAC under the master over a label and the name, as HKDF's expand step does (RFC 5869) with
// a master that is already uniformly random. The NUL keeps the label and the name apart.
crypto::Hmac derive(std::string_view master, std::string_view domain) {
  std::string info("pgcdc hash domain\0", 18);
  info.append(domain);
  crypto::Digest derived = crypto::Hmac(master)(info);
  std::string key(reinterpret_cast<const char*>(derived.data()), derived.size());
  crypto::Hmac hmac(key);
  crypto::wipe(key);
  derived.fill(0);
  return hmac;
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 16 && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

}  // namespace

Hasher::Hasher(std::string_view master, std::string_view domain) : hmac_(derive(master, domain)) {}

std::size_t Hasher::operator()(std::string_view value, bool wide, char* into) const {
  constexpr char kHex[] = "0123456789abcdef";
  const crypto::Digest digest = hmac_(value);
  const std::size_t bytes = (wide ? kWideDigits : kNarrowDigits) / 2;
  for (std::size_t i = 0; i < bytes; ++i) {
    into[2 * i] = kHex[digest[i] >> 4];
    into[2 * i + 1] = kHex[digest[i] & 15];
  }
  return 2 * bytes;
}

Keys::Keys(std::string_view text, const std::string& file_name) {
  std::size_t number = 0;
  bool has_active = false;
  std::vector<std::tuple<std::size_t, std::string, std::string>> held;  // line, domain, key: keys may stand below
  const auto bad = [&](const std::string& what) {
    wipe();
    throw base::Failure(base::Exit::usage, "bad_keys",
                        file_name + (number == 0 ? "" : ":" + std::to_string(number)) + ": " + what);
  };
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) bad("the last line has no end: the file may have been cut");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t first = line.find('\t');
    const std::size_t second = first == std::string_view::npos ? first : line.find('\t', first + 1);
    if (second == std::string_view::npos || line.find('\t', second + 1) != std::string_view::npos) {
      bad("a key has three fields with one tab between them: id, state, 64 hex digits");
    }
    const std::string_view id = line.substr(0, first);
    const std::string_view state = line.substr(first + 1, second - first - 1);
    if (state == "salt") {
      if (second + 1 == line.size()) bad("a salt is empty");
      if (!salts_.try_emplace(std::string(id), line.substr(second + 1)).second) bad("two salts are of the same domain");
      continue;
    }
    if (state == "key") {
      held.emplace_back(number, id, line.substr(second + 1));
      continue;
    }
    if (!is_id(id)) bad("an id is 1 to 16 of a-z and 0-9, and begins with a letter");
    for (const Key& key : keys_) {
      if (key.id == id) bad("two keys have the same id");
    }
    if (state != "active" && state != "next" && state != "retired") {
      bad("a key's state is active, next or retired; a salt's line says salt, a domain's key");
    }
    auto secret = base::decode_hex(line.substr(second + 1));
    if (!secret || secret->size() != kSecretBytes) bad("a key is 64 hex digits");
    keys_.push_back({std::string(id), std::move(*secret)});
    if (state == "active") {
      if (has_active) bad("two keys are active");
      has_active = true;
      active_ = keys_.size() - 1;
    } else if (state == "next") {
      if (next_) bad("two keys are next");
      next_ = keys_.size() - 1;
    }
  }
  for (const auto& [line, domain, id] : held) {
    number = line;
    const auto key = find(id);
    if (!key) bad("there is no key with the id that the domain is to have");
    if (domain.empty() || !held_.try_emplace(domain, *key).second) bad("a domain has two keys, or no name");
  }
  number = 0;
  if (!has_active) bad("no key is active");
}

Keys::~Keys() { wipe(); }

void Keys::wipe() {
  for (Key& key : keys_) crypto::wipe(key.secret);
  for (auto& [domain, salt] : salts_) crypto::wipe(salt);
}

std::optional<std::size_t> Keys::find(std::string_view id) const {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].id == id) return i;
  }
  return std::nullopt;
}

const std::string& Keys::id_for(std::string_view domain) const {
  const auto held = held_.find(domain);
  return keys_[held == held_.end() ? active_ : held->second].id;
}

const std::string* Keys::next_id_for(std::string_view domain) const {
  return next_ && !held_.contains(domain) ? &keys_[*next_].id : nullptr;
}

std::vector<std::string> Keys::ids_in_use() const {
  std::set<std::size_t> others;
  if (next_) others.insert(*next_);
  for (const auto& [domain, key] : held_) others.insert(key);
  others.erase(active_);
  std::vector<std::string> ids{keys_[active_].id};
  for (const std::size_t key : others) ids.push_back(keys_[key].id);
  return ids;
}

Hasher Keys::hasher(std::string_view id, std::string_view domain) const {
  const auto key = find(id);
  if (!key) throw base::Failure(base::Exit::usage, "no_such_key", "the keys file has no key with this id");
  return {keys_[*key].secret, domain};
}

const std::string& Keys::salt(std::string_view domain) const {
  const auto found = salts_.find(domain);
  if (found == salts_.end()) {
    throw base::Failure(base::Exit::usage, "missing_salt",
                        "the keys file has no salt for hash-compat:" + std::string(domain) +
                            "; its line is: " + std::string(domain) + ", salt, the text");
  }
  return found->second;
}

std::string Keys::format_line(std::string_view id, std::string_view state, std::string_view secret) {
  std::string line(id);
  line.append("\t").append(state).append("\t");
  base::append_hex(line, secret);
  line.push_back('\n');
  return line;
}

}  // namespace policy
