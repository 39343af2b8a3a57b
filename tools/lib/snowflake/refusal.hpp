// snowflake: what a statement that failed means. Knows Snowflake's error codes, as one table. Must not know which statement it was, and
// never passes on the server's words: they can hold a value.
#pragma once

#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace snowflake {

/// A statement failed, and nothing of an open transaction is left.
///
/// code       six digits, `100038`; sql_state: five characters, `22018`; both empty when the server gave none
struct Refusal : base::Failure {
  Refusal(base::Exit how, std::string name, std::string text, std::string number, std::string state)
      : base::Failure(how, std::move(name), std::move(text)), code(std::move(number)), sql_state(std::move(state)) {}
  std::string code;
  std::string sql_state;
};

/// in   code       as the server sent it; leading zeros may be missing
///      sql_state  decides when the code is not in the table
///      handle     of the statement, for whoever looks it up in the query history; may be empty
/// out  retry: the same may succeed later; denied: a grant or an object is missing; refused: a value or the world as it is; bug: the
///      statement itself
[[nodiscard]] Refusal refusal(std::string_view code, std::string_view sql_state, std::string_view handle);

}  // namespace snowflake
