// json: writing. Appends JSON text to a buffer, fast enough for the per-row path. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace json {

/// Appends `text` as a JSON string with quotes.
///
/// in   text  UTF-8; only what JSON demands is escaped (quote, backslash, control characters), as jq does
/// src  RFC 8259, section 7
void append_string(std::string& into, std::string_view text);

/// The same without quotes, for a string that comes in pieces.
void append_escaped(std::string& into, std::string_view text);

/// Appends the decimal digits of a number.
void append_number(std::string& into, std::uint64_t value);
void append_number(std::string& into, std::int64_t value);

/// Builds one object, member by member, in the order of the calls.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& into) : into_(into) { into_.push_back('{'); }
  ObjectWriter& text(std::string_view key, std::string_view value);
  ObjectWriter& number(std::string_view key, std::uint64_t value);
  ObjectWriter& boolean(std::string_view key, bool value);
  ObjectWriter& null(std::string_view key);
  /// `value` must be valid JSON text.
  ObjectWriter& raw(std::string_view key, std::string_view value);
  void close() { into_.push_back('}'); }

 private:
  void key(std::string_view name);
  std::string& into_;
  bool first_ = true;
};

}  // namespace json
