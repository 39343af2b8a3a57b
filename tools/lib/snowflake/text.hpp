// snowflake: Snowflake's SQL over its SQL API. This file: names and values as they stand in a statement. Knows Snowflake's quoting, which
// is not PostgreSQL's: a backslash escapes in a string. Must not know statements; pure.
#pragma once

#include <string>
#include <string_view>

namespace snowflake {

/// Appends a string literal. A value that is bound instead would not reach the statements of one request that hold it.
///
/// in   value  UTF-8
/// out  in single quotes, `'` and `\` doubled; line breaks stay as they are
/// src  Snowflake docs, "String & binary data types", escape sequences in single-quoted string constants
void append_literal(std::string& into, std::string_view value);
[[nodiscard]] std::string literal(std::string_view value);

/// Appends a quoted name, its letters kept. src  Snowflake docs, "Identifier requirements", double-quoted identifiers
void append_name(std::string& into, std::string_view name);
[[nodiscard]] std::string name(std::string_view name);

}  // namespace snowflake
