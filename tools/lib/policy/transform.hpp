// policy: what is left of a value. Each function takes a value's text and appends another one; they know no column and no rule.
// Must not let anything through that is not of the form it expects. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

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
/// in   scratch  memory that is kept from call to call; holds value and salt afterwards, the caller wipes it in the end
void append_compat_hash(std::string_view value, std::string_view salt, std::string& scratch, std::string& into);

}  // namespace policy
