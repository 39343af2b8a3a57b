// warehouse: taking out what is to be there no longer: a column that the policy does not let through any more, or the rows of one
// person. Knows current tables, history and quarantine; must not know why something goes, nor the stage.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "warehouse/state.hpp"

namespace warehouse {

/// One thing to take out.
///
/// column    as the source calls it; of a person: the one by which the rows are found
/// value     of a person: what stands in that column, a hash say; nothing of the row stays but its key
/// backfill  the column is unknown afterwards, and will be read again
struct Erasure {
  enum class What : std::uint8_t { column, person };
  What what = What::column;
  std::string table;
  std::string column;
  std::string value;
  bool backfill = false;
};

/// Lines of `cdc-policy diff`: what is to be done (`erase`, `erase+backfill`; `backfill` alone is passed over), table, column, more;
/// and `person`, table, column, value. Tabs between; lines with # and empty lines are comments.
///
/// err  usage/bad_erasure, `FILE:LINE: what is wrong`
[[nodiscard]] std::vector<Erasure> read_erasures(std::string_view text, const std::string& file_name);

/// What one erasure took out: rows, versions of history, values in quarantine. holds: the table has such a column.
struct Erased {
  bool holds = false;
  std::int64_t rows = 0;
  std::int64_t versions = 0;
  std::int64_t quarantined = 0;
};

/// Within a transaction.
/// err  refused/key_erased for a column of the key: rows could not be told apart any more
[[nodiscard]] Erased erase(engine::Database& database, State& state, const Erasure& erasure);

/// Outside of a transaction: nothing of what was taken out stays in a page of the file.
void scrub(engine::Database& database);

}  // namespace warehouse
