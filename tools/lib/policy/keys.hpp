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
/// (`active`: makes hashes, exactly one; `next`: makes them too, beside those of the active one, one at most; `retired`: kept for
/// look-ups), 64 hex digits. A line DOMAIN, `key`, ID lets that key make the domain's hashes, whichever is active. A salt of
/// `hash-compat:DOMAIN` is a line DOMAIN, `salt`, TEXT. Lines with # and empty lines are comments.
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

  /// The id of the key that makes a domain's hashes.
  [[nodiscard]] const std::string& id_for(std::string_view domain) const;
  /// The id of the key that is to take over the domain; nullptr when none is.
  [[nodiscard]] const std::string* next_id_for(std::string_view domain) const;
  /// Every key that makes hashes of some domain, the active one first.
  [[nodiscard]] std::vector<std::string> ids_in_use() const;

  /// err  usage/no_such_key when the file has none of that id
  [[nodiscard]] Hasher hasher(std::string_view id, std::string_view domain) const;

  /// err  usage/missing_salt when the file has none for the domain
  [[nodiscard]] const std::string& salt(std::string_view domain) const;

  /// A line of a keys file. in  id, state, 32 random bytes
  [[nodiscard]] static std::string format_line(std::string_view id, std::string_view state, std::string_view secret);

 private:
  void wipe();
  [[nodiscard]] std::optional<std::size_t> find(std::string_view id) const;
  struct Key {
    std::string id;
    std::string secret;
  };
  std::vector<Key> keys_;
  std::map<std::string, std::string, std::less<>> salts_;
  std::map<std::string, std::size_t, std::less<>> held_;  // the key of a domain that does not follow the active one
  std::size_t active_ = 0;
  std::optional<std::size_t> next_;
};

}  // namespace policy
