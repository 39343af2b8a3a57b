// two-formats: reads a table in text and in binary, and compares what becomes of each value: byte for byte the same JSON. The
// columns are found as a reader finds them, in the catalog. Knows COPY's binary form, which holds what a walsender would send.
// Usage: two-formats DSN table SCHEMA.TABLE        prints the columns that are text only, the first values that differ, then a count
//        two-formats DSN publication NAME          prints the first column that is text only
// Exit: 0 all the same, or all in binary; 1 not so; else as the tools.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "pg/binary_types.hpp"
#include "pg/catalog.hpp"
#include "pg/connection.hpp"
#include "value/binary.hpp"

namespace {

constexpr std::size_t kHeaderBytes = 11 + 4 + 4;
constexpr int kMostShown = 20;

struct Column {
  std::string name;
  value::Shape text;
  value::BinaryShape binary;
};

// One row of COPY's text form. out  nothing for null
std::vector<std::optional<std::string>> text_row(std::string_view row) {
  if (row.ends_with('\n')) row.remove_suffix(1);
  std::vector<std::optional<std::string>> fields(1, std::string{});
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] == '\t') {
      fields.emplace_back(std::string{});
    } else if (row[i] != '\\') {
      fields.back()->push_back(row[i]);
    } else if (row[++i] == 'N') {
      fields.back().reset();
    } else {
      constexpr std::string_view kLetters = "btnvfr";
      constexpr std::string_view kMeant = "\b\t\n\v\f\r";
      const std::size_t letter = kLetters.find(row[i]);
      fields.back()->push_back(letter == std::string_view::npos ? row[i] : kMeant[letter]);
    }
  }
  return fields;
}

std::uint32_t number(std::string_view& from, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8U | static_cast<unsigned char>(from[i]);
  from.remove_prefix(size);
  return value;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 200)) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
    text += digits;
  }
  return text;
}

std::string said(const base::Failure& failure) { return "! " + failure.slug + ": " + failure.message; }

int compare(const std::string& dsn, const std::string& table) {
  pg::Connection session = pg::Connection::open(dsn, pg::Mode::plain, "two-formats");
  session.show_server_words(true);
  const std::size_t dot = table.find('.');
  const std::string name = pg::identifier(table.substr(0, dot)) + "." + pg::identifier(table.substr(dot + 1));
  pg::Catalog catalog(session, "", pg::Horizon{});
  const pg::Result result =
      session.query("SELECT attname, atttypid FROM pg_attribute WHERE attrelid = " + pg::literal(name) +
                        "::regclass AND attnum > 0 AND NOT attisdropped",
                    "read the columns");
  std::vector<base::Oid> oids;
  for (std::size_t i = 0; i < result.rows(); ++i) {
    oids.push_back(base::Oid{static_cast<std::uint32_t>(result.number(i, 1))});
  }
  const auto types = catalog.types(oids);
  const auto shapes = pg::BinaryTypes(session).shapes(oids);
  std::vector<Column> columns;
  std::string names;
  for (std::size_t i = 0; i < oids.size(); ++i) {
    const std::string column(result.text(i, 0));
    if (shapes[i].layout == value::Layout::unknown || shapes[i].layout == value::Layout::sent_as_text) {
      std::printf("text only: %s %s\n", column.c_str(), types[i].name.c_str());
      continue;
    }
    names += (names.empty() ? "" : ", ") + pg::identifier(column);
    columns.push_back({column, types[i].shape, shapes[i]});
  }
  session.query("BEGIN ISOLATION LEVEL REPEATABLE READ", "begin");
  std::vector<std::vector<std::optional<std::string>>> texts;
  session.copy_out("COPY " + name + " (" + names + ") TO STDOUT", "copy text",
                   [&](std::string_view row) { texts.push_back(text_row(row)); });
  std::string binary;
  session.copy_out("COPY " + name + " (" + names + ") TO STDOUT (FORMAT binary)", "copy binary",
                   [&](std::string_view row) { binary += row; });

  std::string_view rest = std::string_view(binary).substr(kHeaderBytes);
  unsigned long values = 0;
  unsigned long nulls = 0;
  unsigned long different = 0;
  for (const auto& row : texts) {
    if (number(rest, 2) != columns.size() || row.size() != columns.size()) {
      throw base::Failure(base::Exit::bug, "columns", "a row has another number of columns");
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::uint32_t size = number(rest, 4);
      if (!row[i]) {
        ++nulls;
        if (size != 0xFFFFFFFFU) ++different;
        continue;
      }
      const std::string_view bytes = rest.substr(0, size);
      rest.remove_prefix(size);
      std::string from_text;
      std::string from_binary;
      try {
        value::append_json(from_text, columns[i].text, *row[i]);
      } catch (const base::Failure& failure) {
        from_text = said(failure);
      }
      try {
        value::append_json_binary(from_binary, columns[i].binary, bytes);
      } catch (const base::Failure& failure) {
        from_binary = said(failure);
      }
      ++values;
      if (from_text == from_binary && !from_text.starts_with('!')) continue;
      if (++different <= kMostShown) {
        std::printf("differs: %s\n  text   %s\n  binary %s\n  bytes  %s\n", columns[i].name.c_str(), from_text.c_str(),
                    from_binary.c_str(), hex(bytes).c_str());
      }
    }
  }
  if (number(rest, 2) != 0xFFFFU) throw base::Failure(base::Exit::bug, "rows", "there are more rows in binary");
  std::printf("compared %lu values of %zu columns, %lu nulls, %lu differ\n", values, columns.size(), nulls, different);
  return different == 0 ? 0 : 1;
}

int ask(const std::string& dsn, const std::string& publication) {
  pg::Connection session = pg::Connection::open(dsn, pg::Mode::plain, "two-formats");
  session.show_server_words(true);
  const auto found = pg::BinaryTypes(session).text_only(publication);
  if (found) {
    std::printf("text only: %s %s %s\n", found->table.c_str(), found->column.c_str(), found->type.c_str());
    return 1;
  }
  std::printf("all columns can be read in binary\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 4 ? argv[2] : "";
  if ((what != "table" || std::string_view(argv[3]).find('.') == std::string_view::npos) && what != "publication") {
    std::fprintf(stderr, "usage: two-formats DSN table SCHEMA.TABLE | two-formats DSN publication NAME\n");
    return 64;
  }
  try {
    return what == "table" ? compare(argv[1], argv[3]) : ask(argv[1], argv[3]);
  } catch (const base::Failure& failure) {
    std::fprintf(stderr, "two-formats: %s: %s\n", failure.slug.c_str(), failure.message.c_str());
    return static_cast<int>(failure.exit);
  }
}
