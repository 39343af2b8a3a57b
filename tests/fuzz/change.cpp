// Fuzz target: change::Parser and change::Checker, the door of every filter. The input is a stream of lines.
// Knows: that whatever is not a stream ends in a Failure of class data (or retry for a cut tail), and nothing else.
// Must not know: the grammar; the unit tests hold that.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "change/line.hpp"
#include "change/types.hpp"

namespace {

void expect(bool kept) {
  if (!kept) std::abort();
}

// What a line says about itself must be read, encoded and read again with the same result.
void round_trip(const change::Line& line) {
  std::string text;
  change::Parser parser;
  if (line.op == change::Op::source) {
    change::encode(text, change::decode_source(line.root()));
  } else if (line.op == change::Op::schema) {
    change::encode(text, change::decode_schema(line.root()));
  } else {
    return;
  }
  expect(!text.empty() && text.back() == '\n');
  text.pop_back();
  const change::Line& again = parser.parse_copy(text);
  expect(again.op == line.op && again.table == line.table);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  change::Parser parser;
  change::Checker checker;
  try {
    while (!rest.empty()) {
      const std::size_t at = rest.find('\n');
      if (at == std::string_view::npos) break;
      const change::Line& line = parser.parse_copy(rest.substr(0, at));
      expect(line.raw == rest.substr(0, at));
      checker.check(line);
      round_trip(line);
      rest.remove_prefix(at + 1);
    }
    checker.end();
  } catch (const base::Failure& failure) {
    expect(failure.exit == base::Exit::data || failure.exit == base::Exit::retry);
  }
  return 0;
}
