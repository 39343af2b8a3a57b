// Fuzz target: any bytes as a row of COPY. What RowEncoder accepts is one line that the change parser takes, with as many
// values as the table has columns. Text only in ASCII: the server vouches for UTF-8.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/failure.hpp"
#include "change/line.hpp"
#include "pgcdc-snapshot/copy_row.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  change::Schema schema;
  schema.table = "public.t";
  for (const char* name : {"a", "b", "c"}) {
    schema.columns.emplace_back();
    schema.columns.back().name = name;
  }
  snapshot::RowEncoder encoder(
      schema, {{value::Kind::text}, {value::Kind::array, value::Kind::text}, {value::Kind::timestamptz}}, base::Lsn{1},
      "2026-11-22T10:53:01.123456Z");
  std::string row;
  for (std::size_t i = 0; i < size; ++i) row.push_back(static_cast<char>(data[i] & 0x7f));
  row.push_back('\n');
  std::string line;
  try {
    encoder.append_row(line, row);
  } catch (const base::Failure&) {
    return 0;
  }
  if (line.empty() || line.back() != '\n') std::abort();
  line.pop_back();
  change::Parser parser;
  const change::Line& parsed = parser.parse_copy(line);
  std::size_t members = 0;
  json::Value(parsed.tokens, parsed.index_of(parsed.after)).each_member([&](std::string_view, const json::Value&) {
    ++members;
  });
  if (members != schema.columns.size()) std::abort();
  return 0;
}
