// cdc-stage-prune: its words. Forgetting a warehouse would cost it its data, so all that a pipeline file names count, whoever uses them.
// Must not know what a warehouse's name means.
#include "cdc-stage-prune/options.hpp"

#include <algorithm>
#include <initializer_list>

#include "base/failure.hpp"

namespace cdc_stage_prune {
namespace {

using base::Exit;
using base::Failure;

constexpr std::uint64_t kMostHours = 24 * 366 * 10;

std::string word_of(const tool::PipelineFile& file, std::initializer_list<const char*> sections, const char* word) {
  for (const char* section : sections) {
    const auto found = file.find(section);
    if (found == file.end()) continue;
    if (const auto value = found->second.find(word); value != found->second.end()) return value->second;
  }
  return "";
}

void need(const std::string& value, const char* option) {
  if (value.empty()) throw Failure(Exit::usage, "missing_option", std::string("--") + option + " is missing");
}

}  // namespace

Options complete(Options options, const tool::PipelineFile& file) {
  if (options.stage.empty()) options.stage = word_of(file, {"cdc-load", "cdc-stage-put"}, "stage");
  if (options.source.empty()) options.source = word_of(file, {"cdc-load", "pgcdc-read"}, "source");
  for (const auto& [section, words] : file) {
    if (const auto found = words.find("warehouse"); found != words.end()) options.warehouses.push_back(found->second);
  }
  std::sort(options.warehouses.begin(), options.warehouses.end());
  options.warehouses.erase(std::unique(options.warehouses.begin(), options.warehouses.end()), options.warehouses.end());
  need(options.stage, "stage");
  need(options.source, "source");
  need(options.warehouses.empty() ? "" : "some", "warehouse");
  if (options.keep_hours > kMostHours) {
    throw Failure(Exit::usage, "bad_value", "--keep-hours is from 0 to " + std::to_string(kMostHours));
  }
  if (options.parallel < 1 || options.parallel > 64) {
    throw Failure(Exit::usage, "bad_value", "--parallel is from 1 to 64");
  }
  return options;
}

}  // namespace cdc_stage_prune
