// value: texts of single values. One function per layout, with the layout above it where it is not plain from the code. Written for
// rows of twenty columns: no allocation, no locale, no printf. Pure.
#include "value/scalar.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/encoding.hpp"
#include "json/write.hpp"
#include "value/float_text.hpp"
#include "value/moment.hpp"
#include "value/wire.hpp"

namespace value {
namespace {

template <typename Float>
void append_any_float(std::string& into, Float value) {
  if (std::isfinite(value)) {
    char text[kFloatTextBytes];
    into.append(text, static_cast<std::size_t>(write_shortest(text, value) - text));
  } else {
    into.append(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }
}

// Digits to the base of 10,000; weight is the power of the first; the scale is how many decimal digits are shown.
void append_numeric(std::string& into, std::string_view bytes) {
  constexpr std::uint16_t kNegative = 0x4000;
  constexpr std::uint16_t kNaN = 0xC000;
  constexpr std::uint16_t kInfinity = 0xD000;
  constexpr std::uint16_t kMinusInfinity = 0xF000;
  constexpr std::uint16_t kMostScale = 0x3FFF;
  Wire wire(bytes);
  const int count = wire.u16();
  const int weight = wire.i16();
  const std::uint16_t sign = wire.u16();
  const int scale = wire.u16();
  if (sign == kNaN || sign == kInfinity || sign == kMinusInfinity) {
    wire.done();
    into.append(sign == kNaN ? "NaN" : sign == kInfinity ? "Infinity" : "-Infinity");
    return;
  }
  expect((sign == 0 || sign == kNegative) && scale <= kMostScale);
  const std::string_view groups = wire.bytes(2 * static_cast<std::size_t>(count));
  wire.done();
  const auto group = [&](int index) -> unsigned {
    if (index < 0 || index >= count) return 0;
    const auto* at = reinterpret_cast<const unsigned char*>(groups.data()) + 2 * static_cast<std::ptrdiff_t>(index);
    const unsigned value = static_cast<unsigned>(at[0]) << 8 | at[1];
    expect(value < 10'000);
    return value;
  };
  const std::size_t before = into.size();
  const int whole_groups = weight < 0 ? 1 : weight + 1;
  const std::size_t most = 1 + 4 * static_cast<std::size_t>(whole_groups) + 1 + static_cast<std::size_t>(scale) + 4;
  char small[64];
  if (most > sizeof small) into.resize(before + most);
  char* const begin = most > sizeof small ? into.data() + before : small;
  char* out = begin;
  if (sign == kNegative) *out++ = '-';
  int next = 0;
  if (weight < 0) {
    *out++ = '0';
    next = weight + 1;
  } else {
    const unsigned first = group(0);
    out = first < 1000 ? write_small(out, first) : write_four(out, first);
    for (next = 1; next <= weight; ++next) out = write_four(out, group(next));
  }
  if (scale > 0) {
    *out++ = '.';
    char* const end = out + scale;
    while (out < end) out = write_four(out, group(next++));
    out = end;
  }
  if (begin == small) {
    into.append(small, static_cast<std::size_t>(out - small));
  } else {
    into.resize(static_cast<std::size_t>(out - into.data()));
  }
}

// As lc_monetary C has it, which our sessions set: -$1,234.56
void append_money(std::string& into, std::string_view bytes) {
  const auto cents = whole<std::int64_t, &Wire::i64>(bytes);
  const std::uint64_t size = cents < 0 ? 0 - static_cast<std::uint64_t>(cents) : static_cast<std::uint64_t>(cents);
  char digits[20];
  const auto count = std::to_chars(digits, digits + sizeof digits, size / 100).ptr - digits;
  Short out;
  out.put_all(cents < 0 ? "-$" : "$");
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    if (i > 0 && (count - i) % 3 == 0) out.put(',');
    out.put(digits[i]);
  }
  out.put('.');
  out.advance(write_two(out.here(), static_cast<unsigned>(size % 100)));
  out.append_to(into);
}

// One byte; 0 is the empty text. Beyond ASCII as \ooo.
void append_byte_char(std::string& into, std::string_view bytes) {
  const unsigned byte = whole<std::uint8_t, &Wire::u8>(bytes);
  if (byte == 0) return;
  if (byte < 0x80) {
    into.push_back(static_cast<char>(byte));
    return;
  }
  into.push_back('\\');
  for (const int shift : {6, 3, 0}) into.push_back(static_cast<char>('0' + (byte >> shift & 7)));
}

void append_uuid(std::string& into, std::string_view bytes) {
  expect(bytes.size() == 16);
  char text[] = "00000000-0000-0000-0000-000000000000";
  const std::uint64_t groups[] = {hex_of_four(bytes.data()), hex_of_four(bytes.data() + 4),
                                  hex_of_four(bytes.data() + 8), hex_of_four(bytes.data() + 12)};
  // Straight from registers: a piece that is read back right after it was written costs as much as all the rest.
  const auto put_half = [&text](std::size_t at, std::uint64_t digits) {
    const auto half = static_cast<std::uint32_t>(digits);
    std::memcpy(text + at, &half, sizeof half);
  };
  std::memcpy(text, &groups[0], 8);
  put_half(9, groups[1]);
  put_half(14, groups[1] >> 32);
  put_half(19, groups[2]);
  put_half(24, groups[2] >> 32);
  std::memcpy(text + 28, &groups[3], 8);
  into.append(text, 36);
}

void append_macaddr(std::string& into, std::string_view bytes) {
  expect(bytes.size() == 6 || bytes.size() == 8);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) into.push_back(':');
    into.append(kPairs.hex + 2 * static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])), 2);
  }
}

void put_ipv4(Short& out, std::string_view address) {
  char* end = out.here();
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) *end++ = '.';
    end = write_small(end, static_cast<unsigned char>(address[i]));
  }
  out.advance(end);
}

// The first of the longest runs of two or more zero words becomes `::`; addresses that hold one of IPv4 end as such.
void put_ipv6(Short& out, std::string_view address) {
  unsigned words[8];
  std::size_t run_begin = 8;
  std::size_t run_size = 0;
  for (std::size_t i = 0, begin = 0; i < 8; ++i) {
    words[i] = static_cast<unsigned>(static_cast<unsigned char>(address[2 * i])) << 8 |
               static_cast<unsigned char>(address[2 * i + 1]);
    if (words[i] != 0) {
      begin = i + 1;
    } else if (i + 1 - begin > run_size && i + 1 - begin >= 2) {
      run_begin = begin;
      run_size = i + 1 - begin;
    }
  }
  for (std::size_t i = 0; i < 8; ++i) {
    if (i >= run_begin && i < run_begin + run_size) {
      if (i == run_begin) out.put(':');
      continue;
    }
    if (i > 0) out.put(':');
    if (i == 6 && run_begin == 0 && (run_size == 6 || (run_size == 5 && words[5] == 0xFFFF))) {
      return put_ipv4(out, address.substr(12));
    }
    out.number(std::uint64_t{words[i]}, 16);
  }
  if (run_begin + run_size == 8 && run_size > 0) out.put(':');
}

void append_inet(std::string& into, std::string_view bytes) {
  constexpr unsigned kIpv4 = 2;
  constexpr unsigned kIpv6 = 3;
  Wire wire(bytes);
  const unsigned family = wire.u8();
  const unsigned bits = wire.u8();
  const bool cidr = wire.u8() != 0;
  const unsigned size = wire.u8();
  expect((family == kIpv4 && size == 4) || (family == kIpv6 && size == 16));
  expect(bits <= size * 8);
  const std::string_view address = wire.bytes(size);
  wire.done();
  Short out;
  if (family == kIpv4) {
    put_ipv4(out, address);
  } else {
    put_ipv6(out, address);
  }
  if (cidr || bits != size * 8) {
    out.put('/');
    out.advance(write_small(out.here(), bits));
  }
  out.append_to(into);
}

void append_bits(std::string& into, std::string_view bytes) {
  Wire wire(bytes);
  const std::int32_t count = wire.i32();
  expect(count >= 0);
  const std::string_view packed = wire.bytes((static_cast<std::size_t>(count) + 7) / 8);
  wire.done();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    into.push_back((static_cast<unsigned char>(packed[i / 8]) >> (7 - i % 8) & 1U) != 0 ? '1' : '0');
  }
}

void append_pg_lsn(std::string& into, std::string_view bytes) {
  const auto position = whole<std::uint64_t, &Wire::u64>(bytes);
  char text[20];
  char* out = std::to_chars(text, text + sizeof text, position >> 32, 16).ptr;
  *out++ = '/';
  out = std::to_chars(out, text + sizeof text, position & 0xFFFFFFFFU, 16).ptr;
  for (char* c = text; c != out; ++c) {
    if (*c >= 'a') *c = static_cast<char>(*c - 'a' + 'A');
  }
  into.append(text, static_cast<std::size_t>(out - text));
}

void append_tid(std::string& into, std::string_view bytes) {
  Wire wire(bytes);
  Short out;
  out.put('(');
  out.number(std::uint64_t{wire.u32()});
  out.put(',');
  out.number(std::uint64_t{wire.u16()});
  out.put(')');
  wire.done();
  out.append_to(into);
}

// xmin:xmax:xip,xip,...
void append_snapshot(std::string& into, std::string_view bytes) {
  Wire wire(bytes);
  const std::uint32_t count = wire.u32();
  expect(count <= wire.left() / 8);
  json::append_number(into, wire.u64());
  into.push_back(':');
  json::append_number(into, wire.u64());
  into.push_back(':');
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i > 0) into.push_back(',');
    json::append_number(into, wire.u64());
  }
  wire.done();
}

void append_points(std::string& into, Wire& wire, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    into.append(i > 0 ? ",(" : "(");
    append_float_text(into, wire.f64());
    into.push_back(',');
    append_float_text(into, wire.f64());
    into.push_back(')');
  }
}

void append_geometry(std::string& into, Layout layout, std::string_view bytes) {
  Wire wire(bytes);
  const auto counted = [&wire] {
    const std::uint32_t count = wire.u32();
    expect(count <= wire.left() / 16);
    return count;
  };
  switch (layout) {
    case Layout::point:
      append_points(into, wire, 1);
      break;
    case Layout::box:
      append_points(into, wire, 2);
      break;
    case Layout::lseg:
      into.push_back('[');
      append_points(into, wire, 2);
      into.push_back(']');
      break;
    case Layout::line:
      for (const char before : {'{', ',', ','}) {
        into.push_back(before);
        append_float_text(into, wire.f64());
      }
      into.push_back('}');
      break;
    case Layout::path: {
      const bool closed = wire.u8() != 0;
      into.push_back(closed ? '(' : '[');
      append_points(into, wire, counted());
      into.push_back(closed ? ')' : ']');
      break;
    }
    case Layout::polygon:
      into.push_back('(');
      append_points(into, wire, counted());
      into.push_back(')');
      break;
    default:  // circle
      into.push_back('<');
      append_points(into, wire, 1);
      into.push_back(',');
      append_float_text(into, wire.f64());
      into.push_back('>');
      break;
  }
  wire.done();
}

void append_hstore(std::string& into, std::string_view bytes) {
  Wire wire(bytes);
  const std::uint32_t count = wire.u32();
  expect(count <= wire.left() / 8);
  const auto quoted = [&into](std::string_view text) {
    into.push_back('"');
    for (const char c : text) {
      if (c == '"' || c == '\\') into.push_back('\\');
      into.push_back(c);
    }
    into.push_back('"');
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i > 0) into.append(", ");
    std::string_view text;
    expect(wire.part(text));
    quoted(text);
    into.append("=>");
    if (wire.part(text)) {
      quoted(text);
    } else {
      into.append("NULL");
    }
  }
  wire.done();
}

// 'lexeme':1A,2 'lexeme' ...
void append_tsvector(std::string& into, std::string_view bytes) {
  constexpr unsigned kPosition = 0x3FFF;
  constexpr std::string_view kWeights = " CBA";  // the lowest is not written
  Wire wire(bytes);
  const std::uint32_t count = wire.u32();
  expect(count <= wire.left() / 3);
  for (std::uint32_t i = 0; i < count; ++i) {
    into.append(i > 0 ? " '" : "'");
    for (const char c : wire.text_to_zero()) {
      if (c == '\'' || c == '\\') into.push_back(c);
      into.push_back(c);
    }
    into.push_back('\'');
    const unsigned positions = wire.u16();
    for (unsigned k = 0; k < positions; ++k) {
      const unsigned position = wire.u16();
      into.push_back(k == 0 ? ':' : ',');
      json::append_number(into, std::uint64_t{position & kPosition});
      if (const unsigned weight = position >> 14; weight != 0) into.push_back(kWeights[weight]);
    }
  }
  wire.done();
}

}  // namespace

void append_float_text(std::string& into, double value) { append_any_float(into, value); }
void append_float_text(std::string& into, float value) { append_any_float(into, value); }

std::string_view text_behind_version(std::string_view bytes) {
  Wire wire(bytes);
  expect(wire.u8() == 1);
  return wire.rest();
}

void append_scalar_text(std::string& into, Layout layout, std::string_view bytes) {
  switch (layout) {
    case Layout::text:
      into.append(bytes);
      return;
    case Layout::versioned_text:
      into.append(text_behind_version(bytes));
      return;
    case Layout::boolean:
      into.push_back(whole<std::uint8_t, &Wire::u8>(bytes) != 0 ? 't' : 'f');
      return;
    case Layout::int2:
      json::append_number(into, std::int64_t{whole<std::int16_t, &Wire::i16>(bytes)});
      return;
    case Layout::int4:
      json::append_number(into, std::int64_t{whole<std::int32_t, &Wire::i32>(bytes)});
      return;
    case Layout::int8:
      json::append_number(into, whole<std::int64_t, &Wire::i64>(bytes));
      return;
    case Layout::uint4:
      json::append_number(into, std::uint64_t{whole<std::uint32_t, &Wire::u32>(bytes)});
      return;
    case Layout::uint8:
      json::append_number(into, whole<std::uint64_t, &Wire::u64>(bytes));
      return;
    case Layout::float4:
      append_float_text(into, whole<float, &Wire::f32>(bytes));
      return;
    case Layout::float8:
      append_float_text(into, whole<double, &Wire::f64>(bytes));
      return;
    case Layout::numeric:
      append_numeric(into, bytes);
      return;
    case Layout::money:
      append_money(into, bytes);
      return;
    case Layout::byte_char:
      append_byte_char(into, bytes);
      return;
    case Layout::bytea:
      into.append("\\x");
      base::append_hex(into, bytes);
      return;
    case Layout::uuid:
      append_uuid(into, bytes);
      return;
    case Layout::date:
    case Layout::time:
    case Layout::timetz:
    case Layout::timestamp:
    case Layout::timestamptz: {
      Short out;
      put_moment(out, layout, bytes, Style::server);
      out.append_to(into);
      return;
    }
    case Layout::interval:
    case Layout::finite_interval: {
      Short out;
      put_interval(out, layout, bytes);
      out.append_to(into);
      return;
    }
    case Layout::inet:
      append_inet(into, bytes);
      return;
    case Layout::macaddr:
      append_macaddr(into, bytes);
      return;
    case Layout::bits:
      append_bits(into, bytes);
      return;
    case Layout::pg_lsn:
      append_pg_lsn(into, bytes);
      return;
    case Layout::tid:
      append_tid(into, bytes);
      return;
    case Layout::snapshot:
      append_snapshot(into, bytes);
      return;
    case Layout::point:
    case Layout::line:
    case Layout::lseg:
    case Layout::box:
    case Layout::path:
    case Layout::polygon:
    case Layout::circle:
      append_geometry(into, layout, bytes);
      return;
    case Layout::tsvector:
      append_tsvector(into, bytes);
      return;
    case Layout::hstore:
      append_hstore(into, bytes);
      return;
    default:
      throw base::Failure(base::Exit::bug, "no_scalar", "a type that holds others was taken for one that does not");
  }
}

}  // namespace value
