// warehouse: keys as bytes. Equal keys have equal bytes, and bytes sort as the engine sorts, so that rows are written in the order
// in which they lie. Also the one check of whether a value fits its column. Knows Kind and JSON text; no engine. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "warehouse/shape.hpp"

namespace warehouse {

/// in   raw  JSON text of a value, `null` included
/// out  true when a column of this kind can hold exactly this value
[[nodiscard]] bool fits(Kind kind, std::string_view raw);

/// A whole number as JSON number or string, of 64 bits with sign. out  false for anything else
[[nodiscard]] bool parse_integer(std::string_view raw, std::int64_t& into);
/// A JSON number. out  false for anything else, also for the strings NaN and Infinity
[[nodiscard]] bool parse_real(std::string_view raw, double& into);

/// in   raw      JSON text of any value but an object
///      scratch  used when escapes must be undone
/// out  a string's text, else the raw text itself; valid as long as both
[[nodiscard]] std::string_view plain_text(std::string_view raw, std::string& scratch);

/// Appends one part of a key.
///
/// out  false when the value is null or does not fit: `into` then holds a prefix and must be dropped
[[nodiscard]] bool append_key(std::string& into, Kind kind, std::string_view raw);

/// One part of a key, back as a value: an integer, a real, or bytes.
struct KeyPart {
  Kind kind = Kind::text;
  std::int64_t integer = 0;
  double real = 0;
  std::string bytes;  ///< text, decoded bytes, or a real that is no number (`NaN`)
};
[[nodiscard]] std::vector<KeyPart> decode_key(std::string_view key, const std::vector<Kind>& kinds);

}  // namespace warehouse
