// value: send formats to JSON. Here is what a value is in JSON, and the types that hold others, with the server's quoting of each.
// An allocation is made only where something is quoted. Pure.
// Must not know how a single number, date or address is written: scalar and moment do.
#include "value/binary.hpp"

#include <cmath>
#include <cstdint>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "json/write.hpp"
#include "value/moment.hpp"
#include "value/scalar.hpp"
#include "value/wire.hpp"

namespace value {
namespace {

[[noreturn]] void changed() {
  throw base::Failure(base::Exit::retry, "binary_unknown",
                      "could not read a value in binary: a type that it holds is not the one of the catalog");
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Puts the text that stands behind `from` in double quotes. doubled: quotes and backslashes stand twice; else behind a backslash.
void quote_from(std::string& into, std::size_t from, bool doubled) {
  const std::string text = into.substr(from);
  into.resize(from);
  into.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') into.push_back(doubled ? c : '\\');
    into.push_back(c);
  }
  into.push_back('"');
}

bool has_any(std::string_view text, std::string_view special) {
  for (const char c : text) {
    if (is_space(c) || special.find(c) != std::string_view::npos) return true;
  }
  return false;
}

bool is_null_word(std::string_view text) {
  if (text.size() != 4) return false;
  for (std::size_t i = 0; i < 4; ++i) {
    if ((text[i] | 0x20) != "null"[i]) return false;
  }
  return true;
}

void append_text(std::string& into, const BinaryShape& shape, std::string_view bytes);
void append_json_value(std::string& into, const BinaryShape& shape, std::string_view bytes);

// An array's head, and a walk over its elements in the order of the wire.
class Array {
 public:
  Array(const BinaryShape& shape, std::string_view bytes) : shape_(shape), wire_(bytes) {
    const std::int32_t dimensions = wire_.i32();
    expect(dimensions >= 0 && dimensions <= kMostDimensions);
    const std::uint32_t flags = wire_.u32();
    expect(flags <= 1);
    if (wire_.u32() != shape.parts.at(0).oid.value) changed();
    dimensions_ = static_cast<std::size_t>(dimensions);
    std::uint64_t items = dimensions_ == 0 ? 0 : 1;
    for (std::size_t i = 0; i < dimensions_; ++i) {
      const std::int32_t size = wire_.i32();
      lower_[i] = wire_.i32();
      expect(size >= 0);
      size_[i] = static_cast<std::uint32_t>(size);
      items *= size_[i];
      // Each has at least its size. So a wild product is noticed before it overflows, and before it is walked.
      expect(items <= wire_.left() / 4);
    }
    empty_ = items == 0;
    if (empty_) wire_.done();
  }

  // A lower bound is not 1.
  [[nodiscard]] bool has_bounds() const {
    for (std::size_t i = 0; i < dimensions_ && !empty_; ++i) {
      if (lower_[i] != 1) return true;
    }
    return false;
  }

  void append_as_json(std::string& into) {
    if (empty_) {
      into.append("[]");
      return;
    }
    walk(
        into, 0, "[]", ',', [&](std::string_view bytes) { append_json_value(into, shape_.parts[0], bytes); }, "null");
    wire_.done();
  }

  void append_as_text(std::string& into) {
    if (empty_) {
      into.append("{}");
      return;
    }
    if (has_bounds()) {
      for (std::size_t i = 0; i < dimensions_; ++i) {
        into.push_back('[');
        json::append_number(into, std::int64_t{lower_[i]});
        into.push_back(':');
        json::append_number(into, std::int64_t{lower_[i]} + size_[i] - 1);
        into.push_back(']');
      }
      into.push_back('=');
    }
    const char special[] = {'"', '\\', '{', '}', shape_.delimiter};
    const auto element = [&](std::string_view bytes) {
      const std::size_t from = into.size();
      append_text(into, shape_.parts[0], bytes);
      const std::string_view text = std::string_view(into).substr(from);
      if (text.empty() || is_null_word(text) || has_any(text, {special, sizeof special})) quote_from(into, from, false);
    };
    walk(into, 0, "{}", shape_.delimiter, element, "NULL");
    wire_.done();
  }

 private:
  static constexpr std::int32_t kMostDimensions = 6;  // MAXDIM

  template <typename Element>
  void walk(std::string& into, std::size_t dimension, std::string_view brackets, char separator, const Element& element,
            std::string_view null) {
    into.push_back(brackets[0]);
    for (std::uint32_t i = 0; i < size_[dimension]; ++i) {
      if (i > 0) into.push_back(separator);
      std::string_view bytes;
      if (dimension + 1 < dimensions_) {
        walk(into, dimension + 1, brackets, separator, element, null);
      } else if (wire_.part(bytes)) {
        element(bytes);
      } else {
        into.append(null);
      }
    }
    into.push_back(brackets[1]);
  }

  const BinaryShape& shape_;
  Wire wire_;
  std::size_t dimensions_ = 0;
  bool empty_ = true;
  std::uint32_t size_[kMostDimensions] = {};
  std::int32_t lower_[kMostDimensions] = {};
};

void append_bound(std::string& into, const BinaryShape& shape, Wire& wire) {
  std::string_view bytes;
  expect(wire.part(bytes));
  const std::size_t from = into.size();
  append_text(into, shape, bytes);
  const std::string_view text = std::string_view(into).substr(from);
  if (text.empty() || has_any(text, "\"\\()[],")) quote_from(into, from, true);
}

void append_range(std::string& into, const BinaryShape& shape, std::string_view bytes) {
  constexpr unsigned kEmpty = 0x01;
  constexpr unsigned kLowerInclusive = 0x02;
  constexpr unsigned kUpperInclusive = 0x04;
  constexpr unsigned kNoLower = 0x08 | 0x20;  // infinite, or a null
  constexpr unsigned kNoUpper = 0x10 | 0x40;
  Wire wire(bytes);
  const unsigned flags = wire.u8();
  if ((flags & kEmpty) != 0) {
    into.append("empty");
  } else {
    into.push_back((flags & kLowerInclusive) != 0 ? '[' : '(');
    if ((flags & kNoLower) == 0) append_bound(into, shape.parts.at(0), wire);
    into.push_back(',');
    if ((flags & kNoUpper) == 0) append_bound(into, shape.parts.at(0), wire);
    into.push_back((flags & kUpperInclusive) != 0 ? ']' : ')');
  }
  wire.done();
}

void append_multirange(std::string& into, const BinaryShape& shape, std::string_view bytes) {
  Wire wire(bytes);
  const std::uint32_t count = wire.u32();
  expect(count <= wire.left() / 5);
  into.push_back('{');
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i > 0) into.push_back(',');
    std::string_view range;
    expect(wire.part(range));
    append_range(into, shape.parts.at(0), range);
  }
  into.push_back('}');
  wire.done();
}

void append_record(std::string& into, const BinaryShape& shape, std::string_view bytes) {
  Wire wire(bytes);
  if (wire.u32() != shape.parts.size()) changed();
  into.push_back('(');
  for (std::size_t i = 0; i < shape.parts.size(); ++i) {
    if (i > 0) into.push_back(',');
    if (wire.u32() != shape.parts[i].oid.value) changed();
    std::string_view field;
    if (!wire.part(field)) continue;
    const std::size_t from = into.size();
    append_text(into, shape.parts[i], field);
    const std::string_view text = std::string_view(into).substr(from);
    if (text.empty() || has_any(text, "\"\\(),")) quote_from(into, from, true);
  }
  into.push_back(')');
  wire.done();
}

void append_text(std::string& into, const BinaryShape& shape, std::string_view bytes) {
  switch (shape.layout) {
    case Layout::unknown:
    case Layout::sent_as_text:
      changed();
    case Layout::array:
      Array(shape, bytes).append_as_text(into);
      return;
    case Layout::range:
      append_range(into, shape, bytes);
      return;
    case Layout::multirange:
      append_multirange(into, shape, bytes);
      return;
    case Layout::record:
      append_record(into, shape, bytes);
      return;
    default:
      append_scalar_text(into, shape.layout, bytes);
      return;
  }
}

// Digits, letters and brackets only: nothing that JSON would escape.
bool is_plain(Layout layout) {
  switch (layout) {
    case Layout::unknown:
    case Layout::sent_as_text:
    case Layout::text:
    case Layout::versioned_text:
    case Layout::byte_char:
    case Layout::bytea:
    case Layout::tsvector:
    case Layout::hstore:
    case Layout::array:
    case Layout::range:
    case Layout::multirange:
    case Layout::record:
      return false;
    default:
      return true;
  }
}

void append_string(std::string& into, const BinaryShape& shape, std::string_view bytes) {
  if (shape.layout == Layout::text) return json::append_string(into, bytes);
  if (shape.layout == Layout::versioned_text) return json::append_string(into, text_behind_version(bytes));
  into.push_back('"');
  const std::size_t from = into.size();
  if (is_plain(shape.layout)) {
    append_scalar_text(into, shape.layout, bytes);
  } else {
    append_text(into, shape, bytes);
    const std::string text = into.substr(from);
    into.resize(from);
    json::append_escaped(into, text);
  }
  into.push_back('"');
}

void append_wide(std::string& into, std::string_view bytes) {
  constexpr std::int64_t kLargestExact = std::int64_t{1} << 53;
  const auto number = whole<std::int64_t, &Wire::i64>(bytes);
  const bool exact = number >= -kLargestExact && number <= kLargestExact;
  if (!exact) into.push_back('"');
  json::append_number(into, number);
  if (!exact) into.push_back('"');
}

template <typename Float>
void append_json_float(std::string& into, Float value) {
  const bool finite = std::isfinite(value);
  if (!finite) into.push_back('"');
  append_float_text(into, value);
  if (!finite) into.push_back('"');
}

void append_json_value(std::string& into, const BinaryShape& shape, std::string_view bytes) {
  switch (shape.kind) {
    case Kind::text:
    case Kind::byte_char:
      append_string(into, shape, bytes);
      return;
    case Kind::integer:
      if (shape.layout == Layout::int4) {
        json::append_number(into, std::int64_t{whole<std::int32_t, &Wire::i32>(bytes)});
      } else {
        append_text(into, shape, bytes);
      }
      return;
    case Kind::wide:
      append_wide(into, bytes);
      return;
    case Kind::floating:
      if (shape.layout == Layout::float4) return append_json_float(into, whole<float, &Wire::f32>(bytes));
      append_json_float(into, whole<double, &Wire::f64>(bytes));
      return;
    case Kind::boolean:
      into.append(whole<std::uint8_t, &Wire::u8>(bytes) != 0 ? "true" : "false");
      return;
    case Kind::date:
    case Kind::time:
    case Kind::timetz:
    case Kind::timestamp:
    case Kind::timestamptz: {
      Short out;
      out.put('"');
      put_moment(out, shape.layout, bytes, Style::ours);
      out.put('"');
      out.append_to(into);
      return;
    }
    case Kind::interval: {
      Short out;
      out.put('"');
      put_interval(out, shape.layout, bytes);
      out.put('"');
      out.append_to(into);
      return;
    }
    case Kind::bytea:
      into.push_back('"');
      base::append_base64(into, bytes);
      into.push_back('"');
      return;
    case Kind::array: {
      Array array(shape, bytes);
      // A JSON array would lose the bounds.
      if (array.has_bounds()) return append_string(into, shape, bytes);
      array.append_as_json(into);
      return;
    }
  }
}

}  // namespace

void append_json_binary(std::string& into, const BinaryShape& shape, std::string_view bytes) {
  const std::size_t before = into.size();
  try {
    append_json_value(into, shape, bytes);
  } catch (const base::Failure&) {
    into.resize(before);
    throw;
  }
}

}  // namespace value
