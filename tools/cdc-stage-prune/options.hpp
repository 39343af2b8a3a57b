// cdc-stage-prune: what its words mean, together with what the pipeline file says elsewhere: a warehouse that stands in the loader's section
// is one that still needs the stage. Pure.
// Must not know how a warehouse is asked, nor what is removed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tool/pipeline_file.hpp"

namespace cdc_stage_prune {

/// warehouses  all that load from this stage, each once
/// keep_hours  how long after its last commit an epoch keeps its data
struct Options {
  std::string stage;
  std::string source;
  std::vector<std::string> warehouses;
  std::uint64_t keep_hours = 168;
  std::uint64_t parallel = 4;
  bool dry_run = false;
};

/// Adds what other sections say: stage and source where they are missing (those of cdc-load), and the warehouse of every section.
///
/// err  usage/missing_option: no stage, no source or no warehouse; usage/bad_value: hours or parallel out of range
[[nodiscard]] Options complete(Options options, const tool::PipelineFile& file);

}  // namespace cdc_stage_prune
