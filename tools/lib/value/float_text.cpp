// value: shortest text of floats. std::to_chars finds the shortest decimal that rounds to the number, bounds included; PostgreSQL
// excludes them, so that readers need not round halves to even. The two differ only where a decimal of at most 17 digits is
// exactly half way between two neighbours (1e23), which is looked for, and then a longer one is taken. Pure.
#include "value/float_text.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <system_error>
#include <type_traits>

namespace value {
namespace {

// What d2s.c and f2s.c write without an exponent: 10^-4 up to below 10^15 and 10^6.
constexpr int kSmallestPlain = -4;
template <typename Float>
constexpr int kPlainLimit = sizeof(Float) == sizeof(double) ? 15 : 6;

// digits * 10^exponent; digits have no trailing zero.
struct Decimal {
  std::uint64_t digits = 0;
  int exponent = 0;
};

// Text as to_chars writes it in scientific form, without a sign. first: of its digits; count: without trailing zeros.
struct Scientific {
  char digits[20];
  int count = 0;
  int exponent = 0;  // of the first digit
};

Scientific parse(const char* text, const char* end) {
  Scientific parsed;
  while (text != end && *text != 'e') {
    if (*text != '.') parsed.digits[parsed.count++] = *text;
    ++text;
  }
  while (parsed.count > 1 && parsed.digits[parsed.count - 1] == '0') --parsed.count;
  const bool negative = text[1] == '-';
  std::from_chars(text + 2, end, parsed.exponent);
  if (negative) parsed.exponent = -parsed.exponent;
  return parsed;
}

Decimal decimal_of(const Scientific& text) {
  Decimal decimal;
  for (int i = 0; i < text.count; ++i) {
    decimal.digits = decimal.digits * 10 + static_cast<std::uint64_t>(text.digits[i] - '0');
  }
  decimal.exponent = text.exponent - (text.count - 1);
  return decimal;
}

// 10^exponent * digits == odd * 2^power, without leaving 64 bits: both sides without their factors of two must agree.
bool equals(Decimal decimal, std::uint64_t odd, int power) {
  const int twos = std::countr_zero(decimal.digits);
  if (twos + decimal.exponent != power) return false;
  std::uint64_t left = decimal.digits >> twos;
  std::uint64_t right = odd;
  std::uint64_t& divided = decimal.exponent >= 0 ? right : left;
  for (int i = decimal.exponent >= 0 ? decimal.exponent : -decimal.exponent; i > 0; --i) {
    if (divided % 5 != 0) return false;
    divided /= 5;
  }
  return left == right;
}

// Is the decimal exactly half way between the number and a neighbour of it?
template <typename Float>
bool is_half_way(Float value, Decimal decimal) {
  using Bits = std::conditional_t<sizeof(Float) == sizeof(double), std::uint64_t, std::uint32_t>;
  constexpr int kFractionBits = std::numeric_limits<Float>::digits - 1;
  constexpr int kBias = std::numeric_limits<Float>::max_exponent - 1 + kFractionBits;
  const Bits bits = std::bit_cast<Bits>(value) << 1 >> 1;
  const std::uint64_t fraction = bits & ((Bits{1} << kFractionBits) - 1);
  const int biased = static_cast<int>(bits >> kFractionBits);
  const std::uint64_t mantissa = biased == 0 ? fraction : fraction | std::uint64_t{1} << kFractionBits;
  const int power = (biased == 0 ? 1 : biased) - kBias;
  if (equals(decimal, 2 * mantissa + 1, power - 1)) return true;
  // Below a power of two the neighbour is half as far.
  if (fraction == 0 && biased > 1) return equals(decimal, 4 * mantissa - 1, power - 2);
  return equals(decimal, 2 * mantissa - 1, power - 1);
}

template <typename Float>
bool reads_back(Float value, const Scientific& text) {
  char plain[kFloatTextBytes];
  std::memcpy(plain, text.digits, static_cast<std::size_t>(text.count));
  plain[text.count] = 'e';
  const auto end = std::to_chars(plain + text.count + 1, plain + sizeof plain, text.exponent - (text.count - 1)).ptr;
  Float read{};
  const auto result = std::from_chars(plain, end, read);
  return result.ec == std::errc{} && read == value && !is_half_way(value, decimal_of(text));
}

template <typename Float>
Scientific shortest(Float value) {
  char text[kFloatTextBytes];
  auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  Scientific found = parse(text, end);
  // Half ways are odd multiples of a power of two that have at least as many bits as a mantissa: 5 can divide them 23 times,
  // and multiply them twice without an 18th (10th) digit.
  const int exponent = found.exponent - (found.count - 1);
  if (exponent < -2 || exponent > 23 || !is_half_way(value, decimal_of(found))) return found;
  for (int digits = found.count + 1; digits <= std::numeric_limits<Float>::max_digits10; ++digits) {
    end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, digits - 1).ptr;
    // Nearest, so that when this one is not within the bounds none of as many digits is. (Not so for powers of two, whose lower
    // bound is nearer than the upper one; but none of them has a half way that is short. All were tried.)
    const Scientific longer = parse(text, end);
    if (reads_back(value, longer)) return longer;
  }
  return found;
}

char* put(char* into, const char* digits, int count) {
  std::memcpy(into, digits, static_cast<std::size_t>(count));
  return into + count;
}

char* put_zeros(char* into, int count) {
  for (int i = 0; i < count; ++i) *into++ = '0';
  return into;
}

template <typename Float>
char* write(char* into, Float value) {
  if (std::signbit(value)) {
    *into++ = '-';
    value = -value;
  }
  if (value == 0) {
    *into++ = '0';
    return into;
  }
  const Scientific text = shortest(value);
  if (text.exponent < kSmallestPlain || text.exponent >= kPlainLimit<Float>) {
    *into++ = text.digits[0];
    if (text.count > 1) {
      *into++ = '.';
      into = put(into, text.digits + 1, text.count - 1);
    }
    *into++ = 'e';
    *into++ = text.exponent < 0 ? '-' : '+';
    const int size = text.exponent < 0 ? -text.exponent : text.exponent;
    if (size < 10) *into++ = '0';
    return std::to_chars(into, into + 3, size).ptr;
  }
  if (text.exponent < 0) {
    into = put(into, "0.", 2);
    into = put_zeros(into, -text.exponent - 1);
    return put(into, text.digits, text.count);
  }
  const int whole = text.exponent + 1;
  if (text.count <= whole) {
    into = put(into, text.digits, text.count);
    return put_zeros(into, whole - text.count);
  }
  into = put(into, text.digits, whole);
  *into++ = '.';
  return put(into, text.digits + whole, text.count - whole);
}

}  // namespace

char* write_shortest(char* into, double value) { return write(into, value); }
char* write_shortest(char* into, float value) { return write(into, value); }

}  // namespace value
