// warehouse: taking the rows out of current tables that were marked as gone long ago. A mark keeps an older copy of its row away, so
// the table remembers up to where marks are missing, and takes nothing from a copy that began before. Must not know the stage, nor a clock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "warehouse/state.hpp"

namespace warehouse {

struct Purged {
  std::string table;
  std::int64_t rows = 0;
};

/// One transaction for each table that has such rows. A table that is not ready keeps all of them: what it waits for may be older than
/// they are. History keeps every version.
///
/// in   marked_before  rows that were marked as gone before, by the clock of the loader that did it; as base::format writes times
/// out  the tables of which rows were taken out
/// err  as engine::Database
std::vector<Purged> purge(engine::Database& database, State& state, std::string_view marked_before);

}  // namespace warehouse
