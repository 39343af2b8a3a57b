// base: parts of a table by its whole-number key, the same wherever they are computed: blocks of 65536 keys, dealt out to N parts in turn.
// Knows arithmetic, and how it is written in SQL. Must not know databases or tables. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// The K-th of N parts, from 1.
struct Part {
  std::uint64_t k = 1;
  std::uint64_t n = 1;
};

inline constexpr std::int64_t kPartBlock = 65536;
inline constexpr std::uint64_t kMostParts = 10'000;

/// in   text  `K/N`, 1 <= K <= N <= kMostParts. out  nothing for any other text
[[nodiscard]] std::optional<Part> parse_part(std::string_view text);

/// out  a condition in SQL that is true for keys of the part; every integer is in one of the N
/// in   key  an expression of a type of 64 bits
[[nodiscard]] std::string in_part(const std::string& key, Part part);

/// A weaker condition, ranges of keys that an index finds: true for every key of the part, and for all keys outside of [least, most].
/// out  empty when these would be more than a planner likes to see
[[nodiscard]] std::string ranges_of_part(const std::string& key, Part part, std::int64_t least, std::int64_t most);

}  // namespace base
