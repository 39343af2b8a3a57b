// warehouse: what of its stage a warehouse may still ask for, read without changing it: where it is, which tables wait, which chunks it has.
// Knows the state tables' columns. Must not know what becomes of what nobody needs.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "engine/database.hpp"

namespace warehouse {

/// A table for which epochs are read again from a position on.
struct Held {
  std::string table;
  std::string why;  ///< `parked` or `doubted`
  base::Lsn from;
  bool operator==(const Held&) const = default;
};

/// applied_to   everything before it has been applied, apart from what is held
/// held         tables that wait
/// chunks       the copied chunks that were loaded, by object name
/// last_from, last_sha256  the epoch that was applied last, by which a stage is told from another one; empty: none yet
struct Needs {
  std::string system_id;
  std::uint64_t era = 0;
  base::Lsn applied_to;
  std::vector<Held> held;
  std::set<std::string, std::less<>> chunks;
  base::Lsn last_from;
  std::string last_sha256;

  /// Lowest position from which on it may read epochs.
  [[nodiscard]] base::Lsn lowest() const;
};

/// in   source  whose
/// out  nothing when no loader has begun there for this source
/// err  as engine::Database; what is read may be older than what is there, never newer
[[nodiscard]] std::optional<Needs> needs_of(engine::Database& database, std::string_view source);

}  // namespace warehouse
