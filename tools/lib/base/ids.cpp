// base: text forms of log positions. Written by hand because every row line carries one. Pure.
#include "base/ids.hpp"

namespace base {
namespace {

constexpr char kDigits[] = "0123456789ABCDEF";

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::uint64_t> half(std::string_view text) {
  if (text.empty() || text.size() > 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const int d = digit(c);
    if (d < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(d);
  }
  return value;
}

}  // namespace

void format(Lsn lsn, char* into) {
  for (int i = 0; i < 8; ++i) {
    into[i] = kDigits[lsn.value >> (60 - 4 * i) & 15];
    into[9 + i] = kDigits[lsn.value >> (28 - 4 * i) & 15];
  }
  into[8] = '/';
}

std::string format(Lsn lsn) {
  std::string text(kLsnTextBytes, '\0');
  format(lsn, text.data());
  return text;
}

std::optional<Lsn> parse_lsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = half(text.substr(0, slash));
  const auto low = half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return Lsn{*high << 32 | *low};
}

}  // namespace base
