// Fuzz target: any bytes as the send format of any type. What append_json_binary accepts is one JSON value, of bounded size; what it
// refuses leaves the line as it was. First byte: the shape; then the bytes. Only ASCII is parsed: the server vouches for UTF-8.
// Must not know what a value should become: unit tests and a real server say so.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "value/binary.hpp"

namespace {

using value::BinaryShape;
using value::Kind;
using value::Layout;

BinaryShape plain(Layout layout, Kind kind, std::uint32_t oid) {
  BinaryShape shape;
  shape.layout = layout;
  shape.kind = kind;
  shape.oid = base::Oid{oid};
  return shape;
}

// The kind that the catalog gives to such a type.
Kind kind_of(Layout layout) {
  switch (layout) {
    case Layout::boolean:
      return Kind::boolean;
    case Layout::int2:
    case Layout::int4:
      return Kind::integer;
    case Layout::int8:
      return Kind::wide;
    case Layout::float4:
    case Layout::float8:
      return Kind::floating;
    case Layout::byte_char:
      return Kind::byte_char;
    case Layout::bytea:
      return Kind::bytea;
    case Layout::date:
      return Kind::date;
    case Layout::time:
      return Kind::time;
    case Layout::timetz:
      return Kind::timetz;
    case Layout::timestamp:
      return Kind::timestamp;
    case Layout::timestamptz:
      return Kind::timestamptz;
    case Layout::interval:
    case Layout::finite_interval:
      return Kind::interval;
    default:
      return Kind::text;
  }
}

// Every layout by itself, then those that hold others. The numbers of parts are small, so that an input can hit them.
std::vector<BinaryShape> all_shapes() {
  std::vector<BinaryShape> shapes;
  for (unsigned i = 0; i < static_cast<unsigned>(Layout::array); ++i) {
    const auto layout = static_cast<Layout>(i);
    shapes.push_back(plain(layout, kind_of(layout), i));
  }
  const auto hold = [&](Layout layout, Kind kind, std::vector<BinaryShape> parts) {
    BinaryShape shape = plain(layout, kind, static_cast<std::uint32_t>(shapes.size()));
    shape.parts = std::move(parts);
    shapes.push_back(std::move(shape));
    return shapes.back();
  };
  const auto shape = [&](Layout layout) { return shapes[static_cast<std::size_t>(layout)]; };
  for (const Layout element : {Layout::int4, Layout::text, Layout::timestamptz, Layout::byte_char, Layout::bytea}) {
    hold(Layout::array, Kind::array, {shape(element)});
  }
  const BinaryShape range = hold(Layout::range, Kind::text, {shape(Layout::text)});
  hold(Layout::range, Kind::text, {shape(Layout::numeric)});
  hold(Layout::multirange, Kind::text, {range});
  BinaryShape texts = hold(Layout::array, Kind::array, {shape(Layout::text)});
  texts.kind = Kind::text;
  texts.delimiter = ';';
  const BinaryShape record =
      hold(Layout::record, Kind::text, {shape(Layout::int4), shape(Layout::bytea), texts, range});
  hold(Layout::array, Kind::array, {record});
  return shapes;
}

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<BinaryShape> shapes = all_shapes();
  if (size < 1) return 0;
  const BinaryShape& shape = shapes[data[0] % shapes.size()];
  // A copy of exact size, so that the sanitizers see a read behind it.
  const std::vector<char> exact(data + 1, data + size);
  std::string line = "[";
  try {
    value::append_json_binary(line, shape, {exact.data(), exact.size()});
  } catch (const base::Failure& failure) {
    const bool said = (failure.exit == base::Exit::data && failure.slug == "bad_value") ||
                      (failure.exit == base::Exit::retry && failure.slug == "binary_unknown");
    if (line != "[" || !said) std::abort();
    return 0;
  }
  if (line.size() > 40 * size + (std::size_t{200} << 10U) * (size / 8 + 1)) std::abort();
  if (!is_ascii(line)) return 0;
  line.push_back(']');
  json::Tokenizer tokenizer;
  const auto tokens = tokenizer.tokens_of_copy(line);
  if (tokens.size() < 2 || tokens[1].next != tokens.size()) std::abort();
  return 0;
}
