// warehouse: what stands in a table of SQLite, on its way into another engine's scratch table. Knows how a kind is kept here.
// Must not know what it is handed over for.
#pragma once

#include <string>

#include "engine/database.hpp"
#include "warehouse/shape.hpp"

namespace warehouse {

/// A column in a list to select, so that put_stored can take it: as text a real number keeps every digit.
[[nodiscard]] std::string stored(const TableColumn& column);

/// Hands over one value.
/// in   from, column  a row of a query here, and the place of stored() in it
/// err  bug/broken_real
void put_stored(engine::Bulk& bulk, Kind kind, const engine::Statement& from, int column);

}  // namespace warehouse
