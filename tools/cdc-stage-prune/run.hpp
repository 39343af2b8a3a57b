// cdc-stage-prune: one run: asks the warehouses, has the log emptied and swept, tells what was freed. Knows clocks, engines and stores.
// Must not know which object may go.
// Its metrics are written by a run that succeeded only, so that the time of the last success stays when one fails.
#pragma once

#include "base/failure.hpp"
#include "cdc-stage-prune/options.hpp"
#include "tool/metrics.hpp"

namespace cdc_stage_prune {

/// in   options  complete
/// out  done; one line on standard output: `epochs=N chunks=N objects=N bytes=N`
/// err  retry/no_warehouse, and whatever a warehouse says when it is asked: nothing was removed then; refused/no_source,
///      refused/other_source, refused/other_stage; those of the store, denied/store_denied: some may be removed, all that is left is whole
[[nodiscard]] base::Exit run(const Options& options, tool::Metrics& metrics);

}  // namespace cdc_stage_prune
