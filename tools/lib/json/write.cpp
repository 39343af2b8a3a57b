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

// Not 0 when one of 8 bytes needs an escape: the classic tests for a byte that is less than, or equal to.
std::uint64_t special_of_8(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHigh = 0x8080808080808080U;
  const auto zero = [](std::uint64_t word) { return (word - kOnes) & ~word & kHigh; };
  const std::uint64_t control = (bytes - kOnes * 0x20) & ~bytes & kHigh;
  return control | zero(bytes ^ kOnes * '"') | zero(bytes ^ kOnes * '\\');
}

template <typename Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// True when a text of 4 to 15 bytes can be copied as it is: its two ends, which may overlap.
bool is_short_plain(const char* text, std::size_t size) {
  if (size >= 8) {
    return (special_of_8(load<std::uint64_t>(text)) | special_of_8(load<std::uint64_t>(text + size - 8))) == 0;
  }
  const std::uint64_t head = load<std::uint32_t>(text);
  return special_of_8(head << 32 | load<std::uint32_t>(text + size - 4)) == 0;
}

// Length of the longest prefix that can be copied as it is.
std::size_t plain_prefix(const char* text, std::size_t size) {
  std::size_t i = 0;
#ifdef __SSE2__
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
    if (const unsigned mask = special_at(i); mask != 0) return i + static_cast<std::size_t>(std::countr_zero(mask));
  }
  if (size >= 16 && i < size) {  // what is left: the last 16 bytes, of which the first are known to be plain
    const unsigned mask = special_at(size - 16);
    return mask == 0 ? size : size - 16 + static_cast<std::size_t>(std::countr_zero(mask));
  }
#endif
  if (i == 0 && size >= 4 && size < 16 && is_short_plain(text, size)) return size;
  while (i < size && !needs_escape(text[i])) ++i;
  return i;
}

// Writes one byte, escaped where it must be; at most 6 bytes. out  behind what was written
char* put_escaped(char* out, char c) {
  if (!needs_escape(c)) {
    *out++ = c;
    return out;
  }
  // What stands behind the backslash; 0 is \u00XX.
  constexpr char kShort[] = "\0\0\0\0\0\0\0\0btn\0fr";
  constexpr char kHex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  *out++ = '\\';
  if (byte >= 0x20) {
    *out++ = c;
  } else if (byte < sizeof kShort && kShort[byte] != 0) {
    *out++ = kShort[byte];
  } else {
    std::memcpy(out, "u00", 3);
    out[3] = kHex[byte >> 4];
    out[4] = kHex[byte & 15];
    out += 5;
  }
  return out;
}

}  // namespace

void append_escaped(std::string& into, std::string_view text) {
  while (!text.empty()) {
    const std::size_t plain = plain_prefix(text.data(), text.size());
    into.append(text.data(), plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    // Where one quote stands others are near (JSON in a column): a stretch byte by byte, appended at once.
    char escaped[6 * 64];
    char* out = escaped;
    const std::string_view stretch = text.substr(0, 64);
    for (const char c : stretch) out = put_escaped(out, c);
    into.append(escaped, static_cast<std::size_t>(out - escaped));
    text.remove_prefix(stretch.size());
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
