// cdc-load: what it does when nothing else is asked: loading, once or again and again. Knows the stage, the wall clock and signals.
// Must not know how an epoch is applied, or what a table of the warehouse looks like.
#pragma once

#include "base/failure.hpp"
#include "cdc-load/options.hpp"
#include "tool/metrics.hpp"

namespace cdc_load {

/// Loads everything that is there; to follow, looks again and again until a signal asks to stop. Between two looks no warehouse is open.
///
/// err  usage/unknown_warehouse; those of the stage, the warehouse and warehouse::Loader
[[nodiscard]] base::Exit load(const Options& options, tool::Metrics& metrics);

}  // namespace cdc_load
