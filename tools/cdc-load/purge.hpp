// cdc-load: what `--purge` does instead of loading. Knows the clock and standard output; which rows may go is known to the room warehouse.
// Must not know a table's columns.
#pragma once

#include "base/failure.hpp"
#include "cdc-load/options.hpp"
#include "tool/metrics.hpp"

namespace cdc_load {

/// Writes a line for each table of which rows were taken out: `purged`, table, rows, with tabs between. Without --keep-deleted-days there
/// is nothing to do, and no metric.
[[nodiscard]] base::Exit purge(const Options& options, tool::Metrics& metrics);

}  // namespace cdc_load
