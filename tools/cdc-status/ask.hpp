// cdc-status: asks a pipeline's server, stage and warehouse. Knows how each is opened; changes none of them.
// Must not know what the answers mean: that is seen.hpp's.
#pragma once

#include "cdc-status/seen.hpp"

namespace status {

/// Asks all three, and never fails: a part that could not be asked is a Trouble.
///
/// in   at_us  now, microseconds since 1970
[[nodiscard]] Seen ask(const Pipeline& pipeline, std::int64_t at_us);

}  // namespace status
