// base: bytes as text: hex (digests, bytea from the server) and base64 (bytea in the stream). Knows nobody; pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace base {

/// Appends two lower-case hex digits per byte.
void append_hex(std::string& into, std::string_view bytes);
[[nodiscard]] std::string hex(std::string_view bytes);

/// out  the bytes, or nothing when the length is odd or a character is no hex digit (either case)
[[nodiscard]] std::optional<std::string> decode_hex(std::string_view text);

/// Appends standard base64 with padding (RFC 4648, section 4).
void append_base64(std::string& into, std::string_view bytes);

/// Appends base64 of bytes that are given as hex digits, without an intermediate copy.
/// out  false when the text is not hex; `into` then holds a prefix and must be dropped
[[nodiscard]] bool append_base64_from_hex(std::string& into, std::string_view hex_digits);

/// out  the bytes, or nothing when the text is not padded standard base64
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace base
