// tool: the pipeline file, an INI file with a section per program, read by Boost.Program_options. Knows sections and words;
// not what they mean.
#pragma once

#include <map>
#include <string>

namespace tool {

/// Section -> word -> value.
using PipelineFile = std::map<std::string, std::map<std::string, std::string>>;

/// in   path  an INI file: `[section]`, `word = value`, `#` comments
/// err  usage/bad_config: cannot be read, a line that is neither, a word before the first section, a word twice
/// src  cdc.7, THE PIPELINE FILE
[[nodiscard]] PipelineFile read_pipeline_file(const std::string& path);

}  // namespace tool
