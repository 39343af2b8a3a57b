// cdc-status: which pipelines are looked at. Knows files, folders and the words of the pipeline file.
// Must not know what they lead to: it asks nobody.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace status {

/// What one pipeline file says, as far as it matters here. An empty string: it does not say it, so it is not asked.
///
/// objective_s  seconds after its commit within which a change is in the warehouse
struct Pipeline {
  std::string file;
  std::string source;
  std::string dsn;
  std::string slot;
  std::string stage;
  std::string warehouse;
  std::uint64_t objective_s = 0;
};

/// in   words        pipeline files, and folders of them: every NAME.ini in one, sorted by name
///      objective_s  where a file does not say one, as `objective-seconds` of [cdc-status] or [pipeline]
/// err  usage/no_pipeline: nothing of that name, or a folder without any; usage/bad_config: as tool::read_pipeline_file, no source in it,
///      or a source that another file has as well
[[nodiscard]] std::vector<Pipeline> read_pipelines(const std::vector<std::string>& words, std::uint64_t objective_s);

}  // namespace status
