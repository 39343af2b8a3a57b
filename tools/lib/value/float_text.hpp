// value: the text that PostgreSQL writes of a floating point number. Knows how its Ryu differs from the standard library's;
// not what a float is in JSON, nor how it came. Pure.
#pragma once

#include <cstddef>

namespace value {

/// Room for the longest text: `-2.2250738585072014e-308`, and `-0.00012345678901234567`.
inline constexpr std::size_t kFloatTextBytes = 32;

/// Writes the shortest text that reads back as the same number, as the server does with extra_float_digits of 1 or more.
///
/// in   value  finite
///      into   kFloatTextBytes bytes
/// out  behind the last byte written: `0.1` `1e+20` `-0` `123456789012345` `1.2345678901234568e+15` `0.0001` `1e-05`
/// src  PostgreSQL, src/common/d2s.c and f2s.c, double_to_shortest_decimal_bufn, STRICTLY_SHORTEST 0
[[nodiscard]] char* write_shortest(char* into, double value);
[[nodiscard]] char* write_shortest(char* into, float value);

}  // namespace value
