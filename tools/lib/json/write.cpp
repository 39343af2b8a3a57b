// json: string escaping, 16 bytes at a time where the processor allows, and small numbers. Pure.
// Knows RFC 8259's escapes; must not know what a string means or which key comes next.
#include "json/write.hpp"

#include <bit>
#include <charconv>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace json {
namespace {

bool needs_escape(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

// Length of the longest prefix that can be copied as it is.
std::size_t plain_prefix(const char* text, std::size_t size) {
  std::size_t i = 0;
#ifdef __SSE2__
  if (size >= 16) {
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i last_control = _mm_set1_epi8(0x1F);
    const auto special_at = [&](std::size_t at) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + at));
      const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
      const __m128i special =
          _mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
      return static_cast<unsigned>(_mm_movemask_epi8(special));
    };
    for (; i + 16 <= size; i += 16) {
      const unsigned mask = special_at(i);
      if (mask != 0) return i + static_cast<std::size_t>(std::countr_zero(mask));
    }
    if (i == size) return size;
    // The rest with the bytes before it, which are known to be plain.
    const unsigned mask = special_at(size - 16);
    return mask != 0 ? size - 16 + static_cast<std::size_t>(std::countr_zero(mask)) : size;
  }
#endif
  // Eight bytes in one word: a byte's high bit is set where it is below 0x20, a quote or a backslash. A byte behind one that is
  // special may be marked wrongly; the first one never is.
  for (; i + 8 <= size; i += 8) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    constexpr std::uint64_t kHigh = 0x8080808080808080;
    std::uint64_t word;
    std::memcpy(&word, text + i, 8);
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t backslash = word ^ (kOnes * '\\');
    const std::uint64_t special =
        (((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) & kHigh;
    if (special != 0) break;
  }
  while (i < size && !needs_escape(text[i])) ++i;
  return i;
}

}  // namespace

void append_escaped(std::string& into, std::string_view text) {
  for (;;) {
    const std::size_t plain = plain_prefix(text.data(), text.size());
    into.append(text.data(), plain);
    if (plain == text.size()) break;
    const char c = text[plain];
    text.remove_prefix(plain + 1);
    switch (c) {
      case '"':
        into.append("\\\"");
        break;
      case '\\':
        into.append("\\\\");
        break;
      case '\b':
        into.append("\\b");
        break;
      case '\f':
        into.append("\\f");
        break;
      case '\n':
        into.append("\\n");
        break;
      case '\r':
        into.append("\\r");
        break;
      case '\t':
        into.append("\\t");
        break;
      default: {
        constexpr char kHex[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        into.append("\\u00");
        into.push_back(kHex[byte >> 4]);
        into.push_back(kHex[byte & 15]);
      }
    }
  }
}

void append_string(std::string& into, std::string_view text) {
  into.push_back('"');
  append_escaped(into, text);
  into.push_back('"');
}

void append_number(std::string& into, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  into.append(digits, static_cast<std::size_t>(end - digits));
}

void append_number(std::string& into, std::int64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  into.append(digits, static_cast<std::size_t>(end - digits));
}

void ObjectWriter::key(std::string_view name) {
  if (!first_) into_.push_back(',');
  first_ = false;
  append_string(into_, name);
  into_.push_back(':');
}

ObjectWriter& ObjectWriter::text(std::string_view name, std::string_view value) {
  key(name);
  append_string(into_, value);
  return *this;
}

ObjectWriter& ObjectWriter::number(std::string_view name, std::uint64_t value) {
  key(name);
  append_number(into_, value);
  return *this;
}

ObjectWriter& ObjectWriter::boolean(std::string_view name, bool value) {
  key(name);
  into_.append(value ? "true" : "false");
  return *this;
}

ObjectWriter& ObjectWriter::null(std::string_view name) {
  key(name);
  into_.append("null");
  return *this;
}

ObjectWriter& ObjectWriter::raw(std::string_view name, std::string_view value) {
  key(name);
  into_.append(value);
  return *this;
}

}  // namespace json
