// cdc-status: which pipelines are looked at. A word stands in the section of the program that uses it, or in [pipeline].
#include "cdc-status/pipelines.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "base/failure.hpp"
#include "tool/pipeline_file.hpp"

namespace status {
namespace {

using base::Exit;
using base::Failure;

std::string setting(const tool::PipelineFile& file, std::initializer_list<const char*> sections, const char* word) {
  for (const char* section : sections) {
    const auto found = file.find(section);
    if (found == file.end()) continue;
    if (const auto value = found->second.find(word); value != found->second.end()) return value->second;
  }
  return "";
}

Pipeline read_one(const std::string& path, std::uint64_t objective_s) {
  const tool::PipelineFile file = tool::read_pipeline_file(path);
  Pipeline pipeline;
  pipeline.file = path;
  pipeline.source = setting(file, {"cdc-status", "pgcdc-read", "pipeline"}, "source");
  pipeline.dsn = setting(file, {"cdc-status", "pgcdc-read", "pipeline"}, "dsn");
  pipeline.slot = setting(file, {"cdc-status", "pgcdc-read", "pipeline"}, "slot");
  pipeline.stage = setting(file, {"cdc-status", "cdc-load", "pipeline"}, "stage");
  pipeline.warehouse = setting(file, {"cdc-status", "cdc-load", "pipeline"}, "warehouse");
  pipeline.objective_s = objective_s;
  if (pipeline.source.empty()) throw Failure(Exit::usage, "bad_config", path + " names no source");
  const std::string text = setting(file, {"cdc-status", "pipeline"}, "objective-seconds");
  if (text.empty()) return pipeline;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pipeline.objective_s);
  if (error != std::errc() || end != text.data() + text.size() || pipeline.objective_s == 0) {
    throw Failure(Exit::usage, "bad_config", path + ": objective-seconds is no number of seconds");
  }
  return pipeline;
}

}  // namespace

std::vector<Pipeline> read_pipelines(const std::vector<std::string>& words, std::uint64_t objective_s) {
  std::vector<Pipeline> pipelines;
  std::set<std::string> sources;
  const auto add = [&](const std::string& path) {
    pipelines.push_back(read_one(path, objective_s));
    if (!sources.insert(pipelines.back().source).second) {
      throw Failure(Exit::usage, "bad_config", path + ": another file has the source " + pipelines.back().source);
    }
  };
  for (const std::string& word : words) {
    std::error_code error;
    if (!std::filesystem::is_directory(word, error)) {
      add(word);
      continue;
    }
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(word, error)) {
      if (entry.path().extension() == ".ini") paths.push_back(entry.path().string());
    }
    if (error || paths.empty()) throw Failure(Exit::usage, "no_pipeline", word + " holds no pipeline file (*.ini)");
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) add(path);
  }
  return pipelines;
}

}  // namespace status
