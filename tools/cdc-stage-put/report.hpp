// cdc-stage-put: what it reports: metrics, and one line of log for each epoch.
// Knows the names of its metrics.
// Must not know how an epoch gets into the stage.
#pragma once

#include <cstdint>

#include "stage/manifest.hpp"
#include "tool/metrics.hpp"

namespace cdc_stage_put {

class Report {
 public:
  explicit Report(tool::Metrics& metrics);
  /// in   now_ms  a clock that only goes on, for how often the file is written
  void epoch(const stage::Epoch& epoch, std::int64_t now_ms);
  void chunk(const stage::Chunk& chunk, std::int64_t now_ms);

 private:
  void count(const stage::Common& manifest, std::int64_t now_ms);
  tool::Metrics& metrics_;
};

}  // namespace cdc_stage_put
