// pgoutput: PostgreSQL's logical replication protocol, bytes to views and back. This file: big-endian numbers, taken
// from and put into byte strings with every bound checked. Knows the wire's number formats; must not know its messages.
// Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "base/time.hpp"

namespace pgoutput {

/// Takes fields off the front of a message. Views point into the message.
class Bytes {
 public:
  explicit Bytes(std::string_view message) : begin_(message.data()), at_(begin_), end_(begin_ + message.size()) {}

  // err  for all below: data/bad_message when the message ends before the field does

  [[nodiscard]] std::uint8_t take_u8() {
    need(1);
    return static_cast<std::uint8_t>(*at_++);
  }
  [[nodiscard]] char take_char() { return static_cast<char>(take_u8()); }
  [[nodiscard]] std::uint16_t take_u16() { return __builtin_bswap16(take<std::uint16_t>()); }
  [[nodiscard]] std::uint32_t take_u32() { return __builtin_bswap32(take<std::uint32_t>()); }
  [[nodiscard]] std::uint64_t take_u64() { return __builtin_bswap64(take<std::uint64_t>()); }
  [[nodiscard]] std::string_view take_bytes(std::size_t size) {
    need(size);
    const std::string_view view(at_, size);
    at_ += size;
    return view;
  }
  /// Microseconds since 2000-01-01. err  data/bad_message also for a year that is not one of 1 to 9999
  [[nodiscard]] base::Time take_time() {
    const auto pg_us = static_cast<std::int64_t>(take_u64());
    constexpr std::int64_t kYear1 = -63'082'281'600'000'000;
    constexpr std::int64_t kYear10000 = 252'455'616'000'000'000;
    if (pg_us < kYear1 || pg_us >= kYear10000) {
      throw base::Failure(base::Exit::data, "bad_message", "a message of the server has a time that cannot be one");
    }
    return base::time_from_pg(pg_us);
  }
  /// Text up to a zero byte, which is taken too.
  [[nodiscard]] std::string_view take_text() {
    const void* zero = at_ == end_ ? nullptr : std::memchr(at_, 0, static_cast<std::size_t>(end_ - at_));
    if (zero == nullptr) cut();
    const std::string_view view(at_, static_cast<std::size_t>(static_cast<const char*>(zero) - at_));
    at_ += view.size() + 1;
    return view;
  }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

 private:
  void need(std::size_t size) const {
    if (static_cast<std::size_t>(end_ - at_) < size) cut();
  }
  // One load; a loop over bytes would cost as much as all the rest of a value.
  template <typename Number>
  Number take() {
    static_assert(std::endian::native == std::endian::little);
    need(sizeof(Number));
    Number value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  [[noreturn]] void cut() const {
    throw base::Failure(base::Exit::data, "bad_message",
                        "a message of the server is cut short at offset " + std::to_string(offset()));
  }

  const char* begin_;
  const char* at_;
  const char* end_;
};

inline void put_u64(std::string& into, std::uint64_t value) {
  for (unsigned shift = 64; shift != 0; shift -= 8) into.push_back(static_cast<char>(value >> (shift - 8) & 0xFFU));
}

}  // namespace pgoutput
