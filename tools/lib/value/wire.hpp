// value: the two tools of whoever reads send formats: fields, taken off the front of a value with every bound checked, and small
// texts, put together in place. Knows how numbers stand on the wire (big-endian).
// Must not know any type. Pure.
#pragma once

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace value {

/// err  data/bad_value
[[noreturn]] inline void bad_bytes() {
  throw base::Failure(base::Exit::data, "bad_value",
                      "cannot read a value: its bytes are not what the send function of its type writes");
}

/// err  data/bad_value unless `good`
inline void expect(bool good) {
  if (!good) bad_bytes();
}

/// Takes fields off the front of one value.
///
/// err  for all below: data/bad_value when the value ends before the field does; done(): when it does not end here
class Wire {
 public:
  explicit Wire(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(*bytes(1).data()); }
  std::uint16_t u16() { return __builtin_bswap16(take<std::uint16_t>()); }
  std::uint32_t u32() { return __builtin_bswap32(take<std::uint32_t>()); }
  std::uint64_t u64() { return __builtin_bswap64(take<std::uint64_t>()); }
  std::int16_t i16() { return static_cast<std::int16_t>(u16()); }
  std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
  std::int64_t i64() { return static_cast<std::int64_t>(u64()); }
  float f32() { return std::bit_cast<float>(u32()); }
  double f64() { return std::bit_cast<double>(u64()); }
  std::string_view bytes(std::size_t size) {
    expect(left() >= size);
    const std::string_view view(at_, size);
    at_ += size;
    return view;
  }
  /// A part behind its size. out  false for null
  bool part(std::string_view& into) {
    const std::int32_t size = i32();
    if (size == -1) return false;
    expect(size >= 0);
    into = bytes(static_cast<std::size_t>(size));
    return true;
  }
  /// Text up to a zero byte, which is taken too.
  std::string_view text_to_zero() {
    const std::string_view all(at_, left());
    const std::size_t zero = all.find('\0');
    expect(zero != std::string_view::npos);
    at_ += zero + 1;
    return all.substr(0, zero);
  }
  std::string_view rest() { return bytes(left()); }
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  void done() const { expect(at_ == end_); }

 private:
  template <typename Number>
  Number take() {
    static_assert(std::endian::native == std::endian::little);
    expect(left() >= sizeof(Number));
    Number number;
    std::memcpy(&number, at_, sizeof number);
    at_ += sizeof number;
    return number;
  }

  const char* at_;
  const char* end_;
};

/// A value of one field.
template <typename Number, Number (Wire::*take)()>
Number whole(std::string_view bytes) {
  Wire wire(bytes);
  const Number number = (wire.*take)();
  wire.done();
  return number;
}

/// `00` to `99`, and `00` to `ff`.
struct Pairs {
  char decimal[200];
  char hex[512];
};
constexpr Pairs pairs() {
  constexpr char kDigits[] = "0123456789abcdef";
  Pairs table{};
  for (std::size_t i = 0; i < 256; ++i) {
    table.hex[2 * i] = kDigits[i / 16];
    table.hex[2 * i + 1] = kDigits[i % 16];
    if (i >= 100) continue;
    table.decimal[2 * i] = kDigits[i / 10];
    table.decimal[2 * i + 1] = kDigits[i % 10];
  }
  return table;
}
inline constexpr Pairs kPairs = pairs();

/// Four bytes as eight hex digits, in the order of memory, all at once: each nibble into a byte of its own, then to its letter.
inline std::uint64_t hex_of_four(const char* bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  std::uint32_t number = 0;
  std::memcpy(&number, bytes, sizeof number);
  std::uint64_t spread = number;
  spread = (spread | spread << 16) & 0x0000FFFF0000FFFFU;
  spread = (spread | spread << 8) & 0x00FF00FF00FF00FFU;
  spread = (spread >> 4 | spread << 8) & 0x0F0F0F0F0F0F0F0FU;
  const std::uint64_t letters = (spread + kOnes * 6) >> 4 & kOnes;
  return spread + kOnes * '0' + letters * ('a' - '0' - 10);
}
// out  behind what was written, for all below

/// Below 100, with two digits.
inline char* write_two(char* into, unsigned value) {
  std::memcpy(into, kPairs.decimal + 2 * static_cast<std::size_t>(value), 2);
  return into + 2;
}
/// Below 10,000, with four digits.
inline char* write_four(char* into, unsigned value) { return write_two(write_two(into, value / 100), value % 100); }
/// Below 1,000, without leading zeros.
inline char* write_small(char* into, unsigned value) {
  if (value >= 10) {
    if (value >= 100) {
      *into++ = static_cast<char>('0' + value / 100);
      value %= 100;
    }
    return write_two(into, value);
  }
  *into++ = static_cast<char>('0' + value);
  return into;
}

/// A text of at most 96 bytes. The longest is an interval: P-178956970Y-11M-2147483648DT-2562047788H-59M-59.999999S.
class Short {
 public:
  void put(char c) { buffer_[size_++] = c; }
  void put_all(std::string_view text) {
    std::memcpy(buffer_ + size_, text.data(), text.size());
    size_ += text.size();
  }
  void number(std::int64_t value) { advance(std::to_chars(here(), end(), value).ptr); }
  void number(std::uint64_t value, int base = 10) { advance(std::to_chars(here(), end(), value, base).ptr); }
  void append_to(std::string& into) const { into.append(buffer_, size_); }

  /// Where the next byte goes; and behind what was written there.
  [[nodiscard]] char* here() { return buffer_ + size_; }
  void advance(const char* to) { size_ = static_cast<std::size_t>(to - buffer_); }

 private:
  char* end() { return buffer_ + sizeof buffer_; }

  char buffer_[96];
  std::size_t size_ = 0;
};

}  // namespace value
