// Fuzz target: json::Tokenizer. Whatever the bytes are, it refuses them with a Failure or gives tokens that lie inside them.
// Knows: what a token list promises (order, bounds, sizes). Must not know: how the tokenizer finds them.
// The first use has exactly the padding that the contract asks for, so a read behind it is seen by AddressSanitizer.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/failure.hpp"
#include "json/tokens.hpp"

namespace {

void expect(bool kept) {
  if (!kept) std::abort();
}

void check(std::span<const json::Token> tokens, std::string_view text) {
  expect(!tokens.empty());
  expect(tokens[0].next == tokens.size());
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const json::Token& token = tokens[i];
    expect(token.begin >= text.data() && token.begin + token.size <= end && token.size > 0);
    expect(token.next > i && token.next <= tokens.size());
    if (token.kind == json::Kind::string || token.kind == json::Kind::key) {
      expect(token.size >= 2);
      static_cast<void>(json::unescape(token.inner()));
    }
    if (token.kind == json::Kind::number) {
      std::uint64_t whole = 0;
      static_cast<void>(json::parse_whole(token.raw(), whole));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static json::Tokenizer tokenizer;
  const std::unique_ptr<char[]> padded(new char[size + json::kPaddingBytes]());
  if (size > 0) std::memcpy(padded.get(), data, size);
  const std::string_view line(padded.get(), size);
  bool accepted = false;
  std::size_t count = 0;
  try {
    const auto tokens = tokenizer.tokens(line);
    check(tokens, line);
    count = tokens.size();
    accepted = true;
    // A value's own text is JSON too, and has as many tokens by itself as it has here.
    for (std::size_t i = 0; i < tokens.size() && i < 4; ++i) {
      if (tokens[i].kind == json::Kind::key) continue;
      json::Tokenizer again;
      expect(again.tokens_of_copy(tokens[i].raw()).size() == tokens[i].next - i);
    }
  } catch (const base::Failure& failure) {
    expect(failure.exit == base::Exit::data);
  }
  // What stands in the padding does not matter, and a tokenizer that was used before answers like a new one.
  std::memset(padded.get() + size, '"', json::kPaddingBytes);
  json::Tokenizer fresh;
  try {
    expect(fresh.tokens(line).size() == count && accepted);
  } catch (const base::Failure&) {
    expect(!accepted);
  }
  return 0;
}
