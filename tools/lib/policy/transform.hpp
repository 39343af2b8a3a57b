// policy: what is left of a value. Each function takes a value's text and appends another one; they know no column and no rule.
// Must not let anything through that is not of the form it expects. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/digest.hpp"

namespace policy {

/// The first characters (code points).
void append_beginning(std::string_view text, std::size_t characters, std::string& into);

/// A date or timestamp as the stream writes it, at the beginning of its month or year: `2026-11-01T00:00:00.000000Z`. `infinity` and
/// `-infinity` stay.
///
/// out  false: the text is no such thing, and nothing was appended
[[nodiscard]] bool append_month(std::string_view text, std::string& into);
[[nodiscard]] bool append_year(std::string_view text, std::string& into);

/// The domain of an e-mail address, in lower case: what stands behind the last `@`, if it looks like one: labels of a-z, 0-9 and -,
/// at least two, the last with a letter first.
///
/// out  false: it does not, and nothing was appended
[[nodiscard]] bool append_email_domain(std::string_view text, std::string& into);

/// 64 hex digits of sha256(trim(lower(value || salt))), lower case by Unicode's simple mapping, U+0020 trimmed.
///
/// What it works with is kept from call to call, and wiped when it goes.
class CompatHash {
 public:
  CompatHash() = default;
  CompatHash(const CompatHash&) = delete;
  CompatHash& operator=(const CompatHash&) = delete;
  ~CompatHash();
  void append(std::string_view value, std::string_view salt, std::string& into);

 private:
  crypto::Sha256 digest_;
  std::string salted_;
  std::string canonical_;
};

}  // namespace policy
