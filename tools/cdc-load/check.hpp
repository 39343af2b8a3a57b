// cdc-load: what `--check` does instead of loading. Knows the stage and standard output; what a warehouse must be able to do is known to
// the room engine. Changes nothing that stays.
#pragma once

#include "base/failure.hpp"
#include "cdc-load/options.hpp"

namespace cdc_load {

/// Writes a line for each thing that was tried, three fields with a tab between them: `ok` or `no`, what, words.
///
/// out  done: loading would work; no: something is in the way
/// err  usage/unknown_warehouse, usage/bad_snowflake_url and their like: nothing was tried
[[nodiscard]] base::Exit check(const Options& options);

}  // namespace cdc_load
