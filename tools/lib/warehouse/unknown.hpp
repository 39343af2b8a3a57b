// warehouse: rows with values that have not arrived, by their keys, for a program that reads them again at the source. Knows the
// state's tables and a row's own columns; not the source, nor how a value gets into a row.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "engine/database.hpp"
#include "warehouse/state.hpp"

namespace warehouse {

/// More rows than this, and the whole table is wanted: reading it once is cheaper than looking for them all.
inline constexpr std::uint64_t kMostKeys = 100'000;

/// A row's key as quarantine has it: the JSON array of its parts as they stood in the stream.
/// in   rows, column  a row that begins there with the key's columns by Dialect::key_text
[[nodiscard]] std::string quarantine_key(const Shape& shape, const engine::Statement& rows, int column);

/// Tells what is to be read again so that tables can become ready. Whole tables: those that have a key and were never copied, are doubted, or are parked
/// for another reason than a lock; but none that the source no longer has. Rows: of the others that have a key; without values that do not fit their column and wait in quarantine, which would not fit again.
///
/// in   line  called with each line, JSON text without its break: `{"table":NAME,"key":{COLUMN:TEXT,...}}`, columns by their names at
///            the source; `"key":null` for a whole table: the policy has replaced its key, or more than `most` rows are wanted. With
///            `"since":LSN` where a copy that began there or later will do
///      most  usually kMostKeys
void each_unknown(engine::Database& database, const State& state, std::uint64_t most,
                  const std::function<void(std::string_view)>& line);

/// Notes that the source no longer publishes these tables, of those that wait for something: nothing is asked for them any more.
///
/// in   lines  as each_unknown has them, of which only the table counts
/// err  data/invalid_json, data/missing_key; those of the engine. In one transaction, before anything is loaded: what is loaded afterwards is newer
void mark_gone(engine::Database& database, State& state, std::string_view lines);

}  // namespace warehouse
