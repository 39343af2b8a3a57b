// snowflake: what the server answers to a statement. Knows the JSON of the SQL API's answers. Must not know how they came, nor what the
// rows mean; a value is the text that it came as. Pure, like json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace snowflake {

/// type  Snowflake's word: fixed, text, boolean, timestamp_tz ...
struct Column {
  std::string name;
  std::string type;
};

/// nothing: SQL's NULL. Points in time are ISO texts with six digits behind the second, bytes are base64.
using Row = std::vector<std::optional<std::string>>;

/// How many rows a statement changed. 0: none, or not a statement that does.
struct Changed {
  std::uint64_t inserted_rows = 0;
  std::uint64_t updated_rows = 0;
  std::uint64_t deleted_rows = 0;
};

/// handle      of the request, and handles: of each statement of it, in their order, when it had several
/// partitions  in how many pieces the rows come; the first is in the answer
/// changed     as far as the answer says it; Session::changed asks for it
struct Answer {
  std::string handle;
  std::vector<std::string> handles;
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::uint64_t partitions = 1;
  Changed changed;
};

/// in   body  of an answer with status 200
/// err  data/invalid_json, data/missing_key
/// src  snowflakedb/snowflake-rest-api-specs, specifications/sqlapi.yaml, ResultSet
[[nodiscard]] Answer decode_answer(std::string_view body);

/// Appends the rows of one more piece. in  body: of GET with partition=N
void decode_partition(std::string_view body, std::vector<Row>& into);

/// What an answer without rows says: status 202, 408, 422 and others.
///
/// out  each empty when it is not there, or when the body is no JSON at all
struct Status {
  std::string code;
  std::string sql_state;
  std::string handle;
};
[[nodiscard]] Status decode_status(std::string_view body);

}  // namespace snowflake
