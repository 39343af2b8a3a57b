// Fuzz target: pgoutput::Decoder behind reader::Translator, what a server (or something in between) may send. The input is a
// sequence of messages, each behind its size in two bytes.
// Knows: a message becomes whole lines that our own parser takes, or a Failure of class data and not one byte.
// Must not know: what a line holds; the wire captures of the unit tests do.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "change/line.hpp"
#include "pgcdc-read/translate.hpp"
#include "pgoutput/envelope.hpp"

namespace {

void expect(bool kept) {
  if (!kept) std::abort();
}

reader::Described describe(const pgoutput::Relation& relation, base::Xid) {
  reader::Described described;
  described.schema.table = change::quote_table(relation.schema, relation.name);
  described.schema.relid = relation.relid;
  described.schema.identity = "default";
  for (const auto& wire : relation.columns) {
    change::Column column;
    column.name = wire.name;
    column.type = std::to_string(wire.type.value);
    column.category = "X";
    described.schema.columns.push_back(column);
    described.shapes.push_back(value::shape_of({wire.type, base::Oid{}, ','}));
    value::BinaryShape shape;
    if (wire.type.value == 23) shape.layout = value::Layout::int4;
    if (wire.type.value == 25) shape.layout = value::Layout::text;
    shape.kind = shape.layout == value::Layout::int4 ? value::Kind::integer : value::Kind::text;
    described.binary.push_back(std::move(shape));
  }
  return described;
}

// The server's encoding is UTF-8 by contract; only then must lines be valid.
bool is_ascii(std::string_view bytes) {
  for (const char c : bytes) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

void check_lines(std::string_view lines) {
  change::Parser parser;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    expect(end != std::string_view::npos);
    try {
      static_cast<void>(parser.parse_copy(lines.substr(0, end)));
    } catch (const base::Failure& failure) {
      // A clock or name that no server has may come out of wild bytes; broken JSON may not.
      expect(failure.slug != "invalid_json");
    }
    lines.remove_prefix(end + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  reader::Translator translator(describe);
  std::string lines;
  bool ascii = true;
  while (input.size() >= 2) {
    const std::size_t said =
        static_cast<std::size_t>(static_cast<std::uint8_t>(input[0])) << 8U | static_cast<std::uint8_t>(input[1]);
    input.remove_prefix(2);
    // A copy of exact size, so that the sanitizers see a read behind it.
    const std::vector<char> message(input.begin(),
                                    input.begin() + static_cast<std::ptrdiff_t>(std::min(said, input.size())));
    input.remove_prefix(message.size());
    const std::string_view bytes(message.data(), message.size());
    try {
      static_cast<void>(pgoutput::decode_envelope(bytes));
    } catch (const base::Failure& failure) {
      expect(failure.exit == base::Exit::data);
    }
    const std::string before = lines;
    try {
      translator.translate(bytes, lines);
    } catch (const base::Failure& failure) {
      // A type that is not known in binary is no fault of the message, and a schema line that was written stays.
      const bool in_text = failure.exit == base::Exit::retry && failure.slug == "binary_unknown";
      expect(failure.exit == base::Exit::data || in_text);
      expect(in_text ? lines.empty() || lines.ends_with('\n') : lines == before);
    }
    expect(lines.starts_with(before));
    ascii = ascii && is_ascii(std::string_view(lines).substr(before.size()));
    if (lines.size() > 1U << 20U) break;
  }
  if (ascii) check_lines(lines);
  return 0;
}
