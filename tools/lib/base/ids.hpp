// base: the words everybody uses. This file: the identifiers that PostgreSQL gives things, as types of their own,
// so that a position can never be passed where a transaction number is meant. Knows nobody; pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// A position in the write-ahead log, in bytes since the cluster's birth. 0 is "none".
struct Lsn {
  std::uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
};

/// A transaction number as pgoutput sends it (32 bits, wraps around).
struct Xid {
  std::uint32_t value = 0;
  auto operator<=>(const Xid&) const = default;
};

/// An object's number in the catalog.
struct Oid {
  std::uint32_t value = 0;
  auto operator<=>(const Oid&) const = default;
};

/// Width in bytes of the text form of an Lsn.
inline constexpr std::size_t kLsnTextBytes = 17;

/// The text form used everywhere in our formats: zero-padded, so that text order is log order.
///
/// in   lsn  any value
/// out  `0000000A/3A41C8F0`
/// src  cdc-stream.5, POSITIONS
[[nodiscard]] std::string format(Lsn lsn);

/// The same, into caller's memory: exactly kLsnTextBytes bytes, no terminator.
void format(Lsn lsn, char* into);

/// Reads both our padded form and PostgreSQL's own (`A/3A41C8F0`).
///
/// in   text  hex digits, a slash, hex digits; at most 8 on each side, at least 1
/// out  the position, or nothing when the text is anything else
[[nodiscard]] std::optional<Lsn> parse_lsn(std::string_view text);

}  // namespace base
