// warehouse: rows with values that have not arrived, by their keys, for a program that reads them again at the source. Knows the
// state's tables and a row's own columns; not the source, nor how a value gets into a row.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "warehouse/sqlite.hpp"
#include "warehouse/state.hpp"

namespace warehouse {

/// More rows than this, and the whole table is wanted: reading it once is cheaper than looking for them all.
inline constexpr std::uint64_t kMostKeys = 100'000;

/// Tells which rows are to be read again so that their tables can become ready: of tables that were copied whole, have a key and are
/// not parked; without values that do not fit their column and wait in quarantine, which would not fit again.
///
/// in   line  called with each line, JSON text without its break: `{"table":NAME,"key":{COLUMN:TEXT,...}}`, columns by their names at
///            the source; `"key":null` for a whole table: the policy has replaced its key, or more than `most` rows are wanted
///      most  usually kMostKeys
void each_unknown(Database& database, const State& state, std::uint64_t most,
                  const std::function<void(std::string_view)>& line);

}  // namespace warehouse
