// cdc-load: what --print writes instead of loading. Knows standard output and where a warehouse is; not what its tables look like.
#pragma once

#include "base/failure.hpp"
#include "cdc-load/options.hpp"

namespace cdc_load {

/// Writes the keys of rows with values that have not arrived, one a line; nothing when there is no warehouse yet.
///
/// err  usage/bad_value when --print says something else than `unknown`; those of the warehouse
[[nodiscard]] base::Exit print(const Options& options);

}  // namespace cdc_load
