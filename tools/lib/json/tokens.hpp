// json: reading and writing JSON text, never its values: a column's value stays the bytes it came as. This file: one line
// into a flat list of tokens. simdjson's stage 1 (vectorised, chosen for the processor at run time) finds the structure;
// the walk and every check of scalars are ours, because the packaged simdjson (3.0.1) returns wrong doubles. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace json {

/// Whether the bytes are UTF-8, and thus can be a JSON string's text. src  Unicode 15, table 3-7
[[nodiscard]] bool is_utf8(std::string_view bytes);

enum class Kind : std::uint8_t { object, array, key, string, number, boolean, null };

/// One piece of a line.
///
/// begin, size  the raw text where it stands in the line, quotes and brackets included; valid as long as the line is
/// next         index of the first token after this value (its children are skipped); for a key, index of its value
struct Token {
  const char* begin = nullptr;
  std::uint32_t size = 0;
  std::uint32_t next = 0;
  Kind kind = Kind::null;

  /// The raw text as it stands in the line.
  [[nodiscard]] std::string_view raw() const { return {begin, size}; }
  /// Text between the quotes of a key or string, escapes not undone.
  [[nodiscard]] std::string_view inner() const { return {begin + 1, size - 2}; }
};

/// Bytes that must be readable (their content does not matter) after a line that is tokenized.
inline constexpr std::size_t kPaddingBytes = 64;

/// Cuts lines into tokens, keeping its memory from line to line.
class Tokenizer {
 public:
  Tokenizer();
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  /// in   line  one JSON text without the line break, with kPaddingBytes readable behind it
  /// out  its tokens in text order, the root first; valid until the next call
  /// err  data/invalid_json (with the byte offset, never with content) unless the whole line is strictly valid JSON in
  ///      UTF-8; nesting deeper than 256 is refused too
  /// src  RFC 8259
  std::span<const Token> tokens(std::string_view line);

  /// The same for text without padding (it is copied): manifests, configuration, tests.
  std::span<const Token> tokens_of_copy(std::string_view text);

 private:
  struct Stage1;
  std::unique_ptr<Stage1> stage1_;
  std::vector<Token> tokens_;
  std::string copy_;
};

/// Undoes the escapes of a string's inner text.
///
/// in   inner  as Token::inner gives it (already checked by the Tokenizer)
/// out  UTF-8; a lone surrogate becomes U+FFFD
[[nodiscard]] std::string unescape(std::string_view inner);

/// A value inside a token list, to walk objects and arrays that are not on the per-row path.
class Value {
 public:
  Value(std::span<const Token> tokens, std::uint32_t index) : tokens_(tokens), index_(index) {}

  [[nodiscard]] Kind kind() const { return token().kind; }
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }
  [[nodiscard]] std::string_view raw() const { return token().raw(); }
  [[nodiscard]] const Token& token() const { return tokens_[index_]; }
  [[nodiscard]] std::uint32_t index() const { return index_; }

  /// Calls `f(key inner text, Value)` for each member of an object.
  template <typename F>
  void each_member(F&& f) const {
    if (kind() != Kind::object) return;
    for (std::uint32_t i = index_ + 1; i < token().next; i = tokens_[i + 1].next) {
      f(tokens_[i].inner(), Value(tokens_, i + 1));
    }
  }
  /// Calls `f(Value)` for each element of an array.
  template <typename F>
  void each_element(F&& f) const {
    if (kind() != Kind::array) return;
    for (std::uint32_t i = index_ + 1; i < token().next; i = tokens_[i].next) f(Value(tokens_, i));
  }

  /// err  data/missing_key for each of these when the member is absent or has another kind
  [[nodiscard]] Value at(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] std::uint64_t number(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key) const;
  /// Nothing when the member is absent or null.
  [[nodiscard]] const Token* find(std::string_view key) const;
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view otherwise) const;

  /// This value itself, as a string or number.
  [[nodiscard]] std::string as_text() const;
  [[nodiscard]] std::uint64_t as_number() const;

 private:
  std::span<const Token> tokens_;
  std::uint32_t index_;
};

/// in   raw  text of a JSON number token
/// out  its value when it is a whole number from 0 to 2^64-1 without fraction or exponent
[[nodiscard]] bool parse_whole(std::string_view raw, std::uint64_t& into);

}  // namespace json
