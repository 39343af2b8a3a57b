// cdc-load: what --print writes instead of loading. Knows standard output and where a warehouse is; not what its tables look like.
#pragma once

#include "base/failure.hpp"
#include "cdc-load/options.hpp"

namespace cdc_load {

/// unknown  the keys of rows with values that have not arrived, one a line
/// dbt      a sources file of the views
/// sql      every statement that an empty warehouse would be told for what is in the stage; the warehouse is not asked
///
/// Of the first two nothing when there is no warehouse yet.
///
/// err  usage/bad_value when --print says something else; those of the warehouse and the stage
[[nodiscard]] base::Exit print(const Options& options);

}  // namespace cdc_load
