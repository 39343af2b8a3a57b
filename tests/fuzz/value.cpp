// Fuzz target: any text as a value of any kind. What append_json accepts is one valid JSON value, what it refuses leaves the
// line as it was. First byte: the kind; second: an array's element; then the text (as ASCII, the server vouches for UTF-8).
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "value/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  constexpr unsigned kKinds = static_cast<unsigned>(value::Kind::array) + 1;
  const value::Shape shape{static_cast<value::Kind>(data[0] % kKinds), static_cast<value::Kind>(data[1] % (kKinds - 1)),
                           data[1] & 0x80 ? ';' : ','};
  std::string text;
  for (std::size_t i = 2; i < size; ++i) text.push_back(static_cast<char>(data[i] & 0x7f));
  std::string line = "[";
  try {
    value::append_json(line, shape, text);
  } catch (const base::Failure&) {
    if (line != "[") std::abort();
    return 0;
  }
  line.push_back(']');
  json::Tokenizer tokenizer;
  const auto tokens = tokenizer.tokens_of_copy(line);
  if (tokens.size() < 2 || tokens[1].next != tokens.size()) std::abort();
  return 0;
}
