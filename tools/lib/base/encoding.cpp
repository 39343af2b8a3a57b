// base: hex and base64. Pure.
// One table each way; input that is no hex or base64 is said to be none, never guessed.
#include "base/encoding.hpp"

#include <array>
#include <cstdint>

namespace base {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> reverse_of(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  for (auto& entry : table) entry = -1;
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}

constexpr std::array<std::int8_t, 256> hex_values() {
  auto table = reverse_of("0123456789abcdef");
  for (int i = 0; i < 6; ++i) table[static_cast<std::size_t>('A' + i)] = static_cast<std::int8_t>(10 + i);
  return table;
}

constexpr auto kHexValue = hex_values();
constexpr auto kBase64Value = reverse_of(std::string_view(kBase64, 64));

int hex_value(char c) { return kHexValue[static_cast<unsigned char>(c)]; }

// Encodes a stream of bytes that `next` yields (-1 at its end).
template <typename Next>
void encode_base64(std::string& into, Next next) {
  for (;;) {
    const int a = next();
    if (a < 0) return;
    const int b = next();
    const int c = b < 0 ? -1 : next();
    const auto word = static_cast<std::uint32_t>(a << 16 | (b < 0 ? 0 : b) << 8 | (c < 0 ? 0 : c));
    into.push_back(kBase64[word >> 18]);
    into.push_back(kBase64[word >> 12 & 63]);
    into.push_back(b < 0 ? '=' : kBase64[word >> 6 & 63]);
    into.push_back(c < 0 ? '=' : kBase64[word & 63]);
    if (c < 0) return;
  }
}

}  // namespace

void append_hex(std::string& into, std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    into.push_back(kHex[byte >> 4]);
    into.push_back(kHex[byte & 15]);
  }
}

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  append_hex(text, bytes);
  return text;
}

std::optional<std::string> decode_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

void append_base64(std::string& into, std::string_view bytes) {
  std::size_t at = 0;
  encode_base64(into, [&] { return at < bytes.size() ? static_cast<unsigned char>(bytes[at++]) : -1; });
}

bool append_base64_from_hex(std::string& into, std::string_view hex_digits) {
  if (hex_digits.size() % 2 != 0) return false;
  std::size_t at = 0;
  bool good = true;
  encode_base64(into, [&]() -> int {
    if (at >= hex_digits.size()) return -1;
    const int high = hex_value(hex_digits[at]);
    const int low = hex_value(hex_digits[at + 1]);
    at += 2;
    if (high < 0 || low < 0) {
      good = false;
      return -1;
    }
    return high << 4 | low;
  });
  return good;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const int padding = !last ? 0 : text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const bool padded = static_cast<int>(k) >= 4 - padding;
      const int value = padded ? 0 : kBase64Value[static_cast<unsigned char>(text[i + k])];
      if (value < 0) return std::nullopt;
      word = word << 6 | static_cast<std::uint32_t>(value);
    }
    bytes.push_back(static_cast<char>(word >> 16));
    if (padding < 2) bytes.push_back(static_cast<char>(word >> 8 & 255));
    if (padding < 1) bytes.push_back(static_cast<char>(word & 255));
  }
  return bytes;
}

}  // namespace base
