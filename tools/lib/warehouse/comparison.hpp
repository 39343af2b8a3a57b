// warehouse: one table of a warehouse held against a reference: a warehouse in SQLite that holds nothing but a copy of the source, made
// through the same policy. Each copied row says at which position it was seen; what the warehouse has of a later position has moved on
// since, and proves nothing either way. The engine compares, so that values are equal as it sees them. Knows shapes and statements;
// not how the reference was made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/part.hpp"
#include "engine/database.hpp"
#include "warehouse/state.hpp"

namespace warehouse {

/// A row that is not as it should be. verdict  missing, differs, unknown or extra; key  its columns as text
struct Suspect {
  std::string verdict;
  std::vector<std::string> key;
};

/// Rows by what was found.
///
/// equal    every column
/// moved    changed in the warehouse after the copy saw it, or gone there since
/// missing  in the source, not in the warehouse
/// differs  in both, not equal
/// unknown  as differs, and values of it have not arrived yet; or one does not fit the engine and waits in quarantine
/// extra    alive in the warehouse since before the copy began, and the copy did not see it
/// trouble  why the table could not be compared at all; empty when it was
struct Compared {
  std::uint64_t equal = 0;
  std::uint64_t moved = 0;
  std::uint64_t missing = 0;
  std::uint64_t differs = 0;
  std::uint64_t unknown = 0;
  std::uint64_t extra = 0;
  std::vector<Suspect> suspects;
  std::string trouble;
  [[nodiscard]] bool is_equal() const { return trouble.empty() && missing + differs + unknown + extra == 0; }
};

/// in   reference  a database of SQLite; there: the table in it, copied as a whole since `copy`
///      database   the warehouse; here: the table in it
///      most       suspects that are named
///      part       the copy is of this part of a table whose key is one whole number: rows of others are not extra. A key that the
///                 policy treats says nothing of its parts: trouble
/// err  those of the engine; what it needs to write is a scratch table, nothing of the warehouse
[[nodiscard]] Compared compare(engine::Database& reference, const Table& there, base::Lsn copy,
                               engine::Database& database, const Table& here, std::size_t most,
                               std::optional<base::Part> part = std::nullopt);

/// What is to be read again so that a table becomes equal, as lines of `cdc-load --print unknown`: its suspects by their keys; the whole
/// table where it could not be compared, where the policy treats its key, or where more rows are suspect than were named.
[[nodiscard]] std::vector<std::string> to_read_again(const Table& there, const Compared& compared);

}  // namespace warehouse
