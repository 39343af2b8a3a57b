// cdc-status: one look at some pipelines. Knows files and clock.
// Must not know how anything is asked, judged or shown: that is in the other rooms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace status {

struct Options {
  std::vector<std::string> pipelines;
  std::uint64_t objective_s = 21'600;
  bool tables = false;
  bool json = false;
  bool prometheus = false;
  std::string record;
  std::string html;
  std::uint64_t days = 30;
};

/// in   metrics  where --prometheus' text is put too; empty: nowhere
/// out  no: a pipeline is out of its objective
/// err  usage/missing_option, usage/bad_option, and those of read_pipelines; what a pipeline's parts answer is never an error
[[nodiscard]] base::Exit run(const Options& options, const std::string& metrics);

}  // namespace status
