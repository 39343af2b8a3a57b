// cdc-load: what `--erase FILE` does instead of loading. Knows a warehouse, the stage's list of files and standard output.
// Must not know SQL.
#pragma once

#include "cdc-load/options.hpp"

namespace cdc_load {

/// Takes out what the file names, all of it in one transaction, and prints one line for each, seven fields with one tab between them:
/// `erased`, table, column, rows, versions of history, values in quarantine, `-` or `no such column`; then `stage` and the name of each
/// object of the stage that holds rows of such a table: its lines were written before, and stay until the stage's retention ends.
///
/// err  usage/bad_erasure; refused/key_erased; retry/warehouse_busy; those of the warehouse and the stage
[[nodiscard]] base::Exit erase(const Options& options);

}  // namespace cdc_load
