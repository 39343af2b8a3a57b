// policy: one spelling of one address: lower case by Unicode's simple mapping, the same on every machine.
// Must not ask the locale, as towlower would: a hash that depends on it does not join.
// Knows nothing of rules. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace policy {

/// The one domain of hashes that has a canonical form.
inline constexpr std::string_view kEmailDomain = "email";

/// out  the code point's simple lower-case mapping, itself when it has none
/// src  Unicode 14.0, UnicodeData.txt, field 13
[[nodiscard]] std::uint32_t lower_case(std::uint32_t code);

/// The canonical form of domain `email`: U+0020 trimmed at both ends, each code point in lower case.
///
/// in   text  UTF-8
/// out  in `into`, whose former content is lost
void canonical_email(std::string_view text, std::string& into);

}  // namespace policy
