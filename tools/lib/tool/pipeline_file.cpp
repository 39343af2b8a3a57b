// tool: Boost.Program_options reads the INI syntax; which words are allowed is checked by whoever owns the section.
#include "tool/pipeline_file.hpp"

#include <sstream>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>

#include "base/failure.hpp"
#include "io/file.hpp"

namespace tool {

PipelineFile read_pipeline_file(const std::string& path) {
  const auto bad = [&](const std::string& why) {
    return base::Failure(base::Exit::usage, "bad_config", "pipeline file " + path + ": " + why);
  };
  std::optional<std::string> text;
  try {
    text = io::read_file(path);
  } catch (const base::Failure& failure) {
    throw bad(failure.message);
  }
  if (!text) throw bad("no such file");
  std::istringstream lines(*text);
  PipelineFile file;
  try {
    const boost::program_options::options_description none;
    for (const auto& option : boost::program_options::parse_config_file(lines, none, true).options) {
      const std::size_t dot = option.string_key.find('.');
      if (dot == std::string::npos) throw bad("'" + option.string_key + "' stands before the first section");
      const auto [place, is_new] =
          file[option.string_key.substr(0, dot)].emplace(option.string_key.substr(dot + 1), option.value.front());
      if (!is_new) throw bad("'" + place->first + "' stands twice in its section");
    }
  } catch (const boost::program_options::error& error) {
    throw bad(error.what());
  }
  return file;
}

}  // namespace tool
