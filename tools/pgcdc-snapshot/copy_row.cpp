// pgcdc-snapshot: COPY text to JSON in one pass; only a field that holds an escape is copied before it is encoded.
#include "pgcdc-snapshot/copy_row.hpp"

#include <cstring>

#include "base/failure.hpp"
#include "json/write.hpp"

namespace snapshot {
namespace {

[[noreturn]] void bad_copy(const char* what) {
  throw base::Failure(base::Exit::data, "bad_copy", std::string("cannot read a row of COPY: ") + what);
}

// in   at  a backslash, followed by at least one character
char unescape(const char* at) {
  switch (at[1]) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return at[1];
  }
}

const char* find(const char* from, const char* end, char wanted) {
  const void* found = std::memchr(from, wanted, static_cast<std::size_t>(end - from));
  return found == nullptr ? end : static_cast<const char*>(found);
}

}  // namespace

RowEncoder::RowEncoder(const change::Schema& schema, std::vector<value::Shape> shapes, base::Lsn lsn,
                       std::string_view ts, std::string_view part)
    : shapes_(std::move(shapes)) {
  json::ObjectWriter(head_).text("op", "r").text("table", schema.table).text("lsn", base::format(lsn)).text("ts", ts);
  head_.append(",\"").append(part).append("\":{");
  for (const change::Column& column : schema.columns) {
    std::string key = keys_.empty() ? "" : ",";
    json::append_string(key, column.name);
    key.push_back(':');
    keys_.push_back(std::move(key));
  }
}

void RowEncoder::append_row(std::string& into, std::string_view row) {
  if (!row.ends_with('\n')) bad_copy("no line break at its end");
  const char* at = row.data();
  const char* const end = row.data() + row.size() - 1;
  // The next backslash of the row: most rows have none but those of nulls.
  const char* backslash = find(at, end, '\\');

  into.append(head_);
  const std::size_t columns = keys_.size();
  for (std::size_t i = 0; i < columns; ++i) {
    const bool last = i + 1 == columns;
    const char* const field_end = find(at, end, '\t');
    if (last != (field_end == end)) bad_copy("another number of fields than columns");
    into.append(keys_[i]);
    std::string_view field(at, static_cast<std::size_t>(field_end - at));
    if (backslash >= field_end) {
      value::append_json(into, shapes_[i], field);
    } else if (field == "\\N") {
      into.append("null");
      backslash = find(field_end, end, '\\');
    } else {
      unescaped_.clear();
      const char* from = at;
      while (backslash < field_end) {
        if (backslash + 1 == field_end) bad_copy("an escape without its character");
        unescaped_.append(from, static_cast<std::size_t>(backslash - from));
        unescaped_.push_back(unescape(backslash));
        from = backslash + 2;
        backslash = find(from, end, '\\');
      }
      unescaped_.append(from, static_cast<std::size_t>(field_end - from));
      value::append_json(into, shapes_[i], unescaped_);
    }
    at = last ? end : field_end + 1;
  }
  if (at != end) bad_copy("another number of fields than columns");
  into.append("}}\n");
}

}  // namespace snapshot
