// snowflake: quoting. See text.hpp.
#include "snowflake/text.hpp"

namespace snowflake {

void append_literal(std::string& into, std::string_view value) {
  into.push_back('\'');
  for (const char c : value) {
    if (c == '\'' || c == '\\') into.push_back(c);
    into.push_back(c);
  }
  into.push_back('\'');
}

std::string literal(std::string_view value) {
  std::string text;
  append_literal(text, value);
  return text;
}

void append_name(std::string& into, std::string_view name) {
  into.push_back('"');
  for (const char c : name) {
    if (c == '"') into.push_back(c);
    into.push_back(c);
  }
  into.push_back('"');
}

std::string name(std::string_view name) {
  std::string text;
  append_name(text, name);
  return text;
}

}  // namespace snowflake
