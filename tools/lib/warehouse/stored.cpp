// warehouse: what stands in a table of SQLite. NaN and infinities stand there as text, which the engines read as what they are.
#include "warehouse/stored.hpp"

#include <charconv>

#include "base/failure.hpp"

namespace warehouse {

std::string stored(const TableColumn& column) {
  const std::string name = engine::quote_name(column.name);
  if (column.kind != Kind::real) return name;
  return "CASE typeof(" + name + ") WHEN 'real' THEN printf('%!.17g'," + name + ") ELSE " + name + " END";
}

void put_stored(engine::Bulk& bulk, Kind kind, const engine::Statement& from, int column) {
  if (from.is_null(column)) {
    bulk.null();
    return;
  }
  const std::string_view text = from.view_at(column);
  switch (kind) {
    case Kind::integer:
      bulk.integer(from.integer_at(column));
      return;
    case Kind::boolean:
      bulk.boolean(from.integer_at(column) != 0);
      return;
    case Kind::real: {
      double real = 0;
      const auto result = std::from_chars(text.data(), text.data() + text.size(), real);
      if (result.ec != std::errc() || result.ptr != text.data() + text.size()) {
        throw base::Failure(base::Exit::bug, "broken_real", "a real number could not be read back");
      }
      bulk.real(real);
      return;
    }
    case Kind::bytes:
      bulk.bytes(text);
      return;
    default:
      bulk.text(text);
  }
}

}  // namespace warehouse
