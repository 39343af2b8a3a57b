// policy: the keys file, and hashes made with it. A key never hashes a value itself: each domain has a key of its own,
// derived from it, so that one that leaks does not open the others.
// Knows HMAC; reads no file. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "crypto/digest.hpp"

namespace policy {

/// The hash of one domain under one key.
class Hasher {
 public:
  /// in   master  32 bytes
  ///      domain  its name
  Hasher(std::string_view master, std::string_view domain);

  /// Hex digits of one value's hash.
  static constexpr std::size_t kNarrowDigits = 32;
  static constexpr std::size_t kWideDigits = 64;

  /// in   value  the exact bytes to hash
  ///      wide   all 256 bits instead of the first 128
  ///      into   room for kWideDigits
  /// out  number of digits written, no terminator
  std::size_t operator()(std::string_view value, bool wide, char* into) const;

 private:
  crypto::Hmac hmac_;
};

/// The keys of a pipeline. Its memory is wiped when it goes.
///
/// A keys file has one key a line, three tab-separated fields: id (1 to 16 of a-z and 0-9, first a letter), state
/// (`active`: makes new hashes, exactly one; `retired`: kept for look-ups), 64 hex digits. A salt of `hash-compat:DOMAIN` is a
/// line DOMAIN, `salt`, TEXT. Lines with # and empty lines are comments.
class Keys {
 public:
  /// in   text       the file's content; the caller wipes it
  ///      file_name  for messages
  /// err  usage/bad_keys, `FILE:LINE: what is wrong`; never shows a field of the line
  Keys(std::string_view text, const std::string& file_name);
  ~Keys();
  Keys(Keys&&) = default;
  Keys& operator=(Keys&&) = delete;
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;

  [[nodiscard]] const std::string& active_id() const { return keys_[active_].id; }
  [[nodiscard]] Hasher hasher(std::string_view domain) const { return {keys_[active_].secret, domain}; }

  /// err  usage/missing_salt when the file has none for the domain
  [[nodiscard]] const std::string& salt(std::string_view domain) const;

  /// A line for a new keys file, active. in  id, 32 random bytes
  [[nodiscard]] static std::string format_line(std::string_view id, std::string_view secret);

 private:
  void wipe();
  struct Key {
    std::string id;
    std::string secret;
  };
  std::vector<Key> keys_;
  std::map<std::string, std::string, std::less<>> salts_;
  std::size_t active_ = 0;
};

}  // namespace policy
