// cdc-policy: accepting what columns are now, after somebody has looked. Knows pins and tables.
// Must not know rules: what may leave is another question. Pure.
#pragma once

#include <span>
#include <string>

#include "cdc-policy/tables.hpp"
#include "policy/pins.hpp"

namespace cdc_policy {

/// Pins columns to what they are now.
///
/// in   pins    of the source; changed
///      wanted  columns to accept; empty: all of all tables
/// out  one line for each pin that changed, four fields with one tab between them: column, what was pinned, what is pinned now, its
///      type
/// err  refused/no_such_column
[[nodiscard]] std::string accept(policy::PinBook::Tables& pins, std::span<const SourceTable> tables,
                                 std::span<const ColumnName> wanted);

}  // namespace cdc_policy
