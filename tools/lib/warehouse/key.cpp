// warehouse: order-preserving encoding of key parts.
//
//   integer, boolean   8 bytes, big end first, sign flipped
//   real               1 byte 0, then 8 bytes: IEEE bits, all flipped when negative, else the sign alone;
//                      1 byte 1, then as text: what is no number
//   everything else    the bytes, 00 as 00 FF, closed by 00 00
// Pure.
#include "warehouse/key.hpp"

#include <bit>
#include <charconv>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "json/tokens.hpp"

namespace warehouse {
namespace {

constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

void append_big_endian(std::string& into, std::uint64_t value) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (56 - 8 * i) & 255);
  into.append(bytes, 8);
}

std::uint64_t take_big_endian(std::string_view& from) {
  if (from.size() < 8) throw base::Failure(base::Exit::bug, "broken_key", "a key's bytes end early");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(from[i]);
  from.remove_prefix(8);
  return value;
}

void append_bytes(std::string& into, std::string_view bytes) {
  for (std::size_t zero; (zero = bytes.find('\0')) != std::string_view::npos;) {
    into.append(bytes.data(), zero + 1);
    into.push_back('\xFF');
    bytes.remove_prefix(zero + 1);
  }
  into.append(bytes);
  into.append(2, '\0');
}

std::string take_bytes(std::string_view& from) {
  std::string bytes;
  for (;;) {
    const std::size_t zero = from.find('\0');
    if (zero == std::string_view::npos || zero + 1 >= from.size()) {
      throw base::Failure(base::Exit::bug, "broken_key", "a key's bytes end early");
    }
    bytes.append(from.substr(0, zero));
    const bool closed = from[zero + 1] == '\0';
    from.remove_prefix(zero + 2);
    if (closed) return bytes;
    bytes.push_back('\0');
  }
}

bool is_string(std::string_view raw) { return raw.size() >= 2 && raw.front() == '"'; }
std::string_view inner(std::string_view raw) { return raw.substr(1, raw.size() - 2); }

bool is_no_number(std::string_view raw) { return raw == "\"NaN\"" || raw == "\"Infinity\"" || raw == "\"-Infinity\""; }

}  // namespace

bool parse_integer(std::string_view raw, std::int64_t& into) {
  if (is_string(raw)) raw = inner(raw);
  // Nearly every number is short and has no sign: it cannot overflow, so nothing needs to be looked at twice.
  if (!raw.empty() && raw.size() <= 18) {
    std::uint64_t value = 0;
    std::size_t i = 0;
    for (; i < raw.size(); ++i) {
      const auto digit = static_cast<unsigned>(raw[i] - '0');
      if (digit > 9) break;
      value = value * 10 + digit;
    }
    if (i == raw.size()) {
      into = static_cast<std::int64_t>(value);
      return true;
    }
  }
  const auto result = std::from_chars(raw.data(), raw.data() + raw.size(), into);
  return result.ec == std::errc() && result.ptr == raw.data() + raw.size();
}

bool parse_real(std::string_view raw, double& into) {
  const auto result = std::from_chars(raw.data(), raw.data() + raw.size(), into);
  return result.ec == std::errc() && result.ptr == raw.data() + raw.size() && !raw.empty() &&
         (raw.front() == '-' || (raw.front() >= '0' && raw.front() <= '9'));
}

std::string_view plain_text(std::string_view raw, std::string& scratch) {
  if (!is_string(raw)) return raw;
  const std::string_view text = inner(raw);
  if (text.find('\\') == std::string_view::npos) return text;
  scratch = json::unescape(text);
  return scratch;
}

bool fits(Kind kind, std::string_view raw) {
  if (raw == "null") return true;
  switch (kind) {
    case Kind::integer: {
      std::int64_t value = 0;
      return parse_integer(raw, value);
    }
    case Kind::boolean:
      return raw == "true" || raw == "false";
    case Kind::real: {
      double value = 0;
      return is_no_number(raw) || parse_real(raw, value);
    }
    case Kind::bytes: {
      std::string scratch;
      return is_string(raw) && base::decode_base64(plain_text(raw, scratch)).has_value();
    }
    default:
      return true;
  }
}

bool append_key(std::string& into, Kind kind, std::string_view raw) {
  if (raw == "null") return false;
  switch (kind) {
    case Kind::integer: {
      std::int64_t value = 0;
      if (!parse_integer(raw, value)) return false;
      append_big_endian(into, static_cast<std::uint64_t>(value) ^ kSign);
      return true;
    }
    case Kind::boolean:
      if (raw != "true" && raw != "false") return false;
      append_big_endian(into, (raw == "true" ? 1u : 0u) ^ kSign);
      return true;
    case Kind::real: {
      if (is_no_number(raw)) {
        into.push_back('\1');
        append_bytes(into, inner(raw));
        return true;
      }
      double value = 0;
      if (!parse_real(raw, value)) return false;
      if (value == 0) value = 0;  // -0 and 0 are one key in PostgreSQL and in SQLite
      const auto bits = std::bit_cast<std::uint64_t>(value);
      into.push_back('\0');
      append_big_endian(into, (bits & kSign) != 0 ? ~bits : bits ^ kSign);
      return true;
    }
    case Kind::bytes: {
      std::string scratch;
      if (!is_string(raw)) return false;
      const auto bytes = base::decode_base64(plain_text(raw, scratch));
      if (!bytes) return false;
      append_bytes(into, *bytes);
      return true;
    }
    default: {
      std::string scratch;
      append_bytes(into, plain_text(raw, scratch));
      return true;
    }
  }
}

std::vector<KeyPart> decode_key(std::string_view key, const std::vector<Kind>& kinds) {
  std::vector<KeyPart> parts;
  for (const Kind kind : kinds) {
    KeyPart part;
    part.kind = kind;
    switch (kind) {
      case Kind::integer:
      case Kind::boolean:
        part.integer = static_cast<std::int64_t>(take_big_endian(key) ^ kSign);
        break;
      case Kind::real: {
        const bool number = !key.empty() && key.front() == '\0';
        if (!key.empty()) key.remove_prefix(1);
        if (number) {
          const std::uint64_t bits = take_big_endian(key);
          part.real = std::bit_cast<double>((bits & kSign) != 0 ? bits ^ kSign : ~bits);
        } else {
          part.bytes = take_bytes(key);
        }
        break;
      }
      default:
        part.bytes = take_bytes(key);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace warehouse
