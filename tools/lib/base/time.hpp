// base: points in time as our formats write them. Knows PostgreSQL's epoch; never asks a clock; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// Microseconds since 1970-01-01T00:00:00Z.
struct Time {
  std::int64_t unix_us = 0;
  auto operator<=>(const Time&) const = default;
};

/// Width in bytes of the text form of a Time.
inline constexpr std::size_t kTimeTextBytes = 27;

/// in   pg_us  microseconds since 2000-01-01, as pgoutput and the replication protocol send times
[[nodiscard]] constexpr Time time_from_pg(std::int64_t pg_us) { return Time{pg_us + 946'684'800'000'000}; }

/// The same, back.
[[nodiscard]] constexpr std::int64_t pg_from_time(Time time) { return time.unix_us - 946'684'800'000'000; }

/// out  `2026-11-22T10:53:01.123456Z`, years 0000 to 9999 (commit times; column values never pass here)
/// src  cdc-stream.5
[[nodiscard]] std::string format(Time time);

/// The same, into caller's memory: exactly kTimeTextBytes bytes.
void format(Time time, char* into);

/// Reads exactly the form that format writes; nothing for anything else.
[[nodiscard]] std::optional<Time> parse_time(std::string_view text);

}  // namespace base
