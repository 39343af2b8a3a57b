// base: the arithmetic of parts. A remainder has the sign of what is divided, in every database, so that it is taken twice.
// Knows SQL's signs. Must not know a dialect: what is written here all of them read alike.
// Pure.
#include "base/part.hpp"

#include <charconv>

namespace base {
namespace {

constexpr std::int64_t kMostRanges = 1000;

bool parse(std::string_view text, std::uint64_t& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

// Number of the block of a key, rounded down.
std::int64_t block_of(std::int64_t key) { return key >= 0 ? key / kPartBlock : -((-(key + 1)) / kPartBlock) - 1; }

}  // namespace

std::optional<Part> parse_part(std::string_view text) {
  const std::size_t slash = text.find('/');
  Part part;
  if (slash == std::string_view::npos || !parse(text.substr(0, slash), part.k) ||
      !parse(text.substr(slash + 1), part.n))
    return std::nullopt;
  if (part.k < 1 || part.k > part.n || part.n > kMostParts) return std::nullopt;
  return part;
}

std::string in_part(const std::string& key, Part part) {
  const auto turn = static_cast<std::int64_t>(part.n) * kPartBlock;
  const std::string all = std::to_string(turn);
  const std::string rest = "((" + key + " % " + all + " + " + all + ") % " + all + ")";
  const auto from = static_cast<std::int64_t>(part.k - 1) * kPartBlock;
  return "(" + rest + " >= " + std::to_string(from) + " AND " + rest + " < " + std::to_string(from + kPartBlock) + ")";
}

std::string ranges_of_part(const std::string& key, Part part, std::int64_t least, std::int64_t most) {
  const auto n = static_cast<std::int64_t>(part.n);
  const std::int64_t first = block_of(least);
  const std::int64_t last = block_of(most);
  if ((last - first) / n >= kMostRanges) return "";
  std::string text = key + " < " + std::to_string(least) + " OR " + key + " > " + std::to_string(most);
  const std::int64_t wanted = static_cast<std::int64_t>(part.k) - 1;
  const std::int64_t ahead = ((wanted - first) % n + n) % n;
  for (std::int64_t block = first + ahead; block <= last; block += n) {
    text += " OR (" + key + " >= " + std::to_string(block * kPartBlock);
    // The last one of all ends where numbers of 64 bits do.
    if (block < INT64_MAX / kPartBlock) text += " AND " + key + " < " + std::to_string((block + 1) * kPartBlock);
    text += ")";
  }
  return "(" + text + ")";
}

}  // namespace base
