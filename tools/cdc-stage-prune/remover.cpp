// cdc-stage-prune: removing. See remover.hpp. A run that is killed leaves objects that nothing names; the next one finds them by listing.
// Must not know a name's parts.
#include "cdc-stage-prune/remover.hpp"

namespace cdc_stage_prune {
namespace {

constexpr std::size_t kAtOnce = 512;

}  // namespace

void Remover::add(std::string name, std::uint64_t bytes) {
  ++freed.objects;
  freed.bytes += bytes;
  if (dry_run_) return;
  names_.push_back(std::move(name));
  if (names_.size() >= kAtOnce) flush();
}

void Remover::flush() {
  crew_.each(names_.size(), [&](stage::Store& store, std::size_t i) { store.remove(names_[i]); });
  names_.clear();
}

}  // namespace cdc_stage_prune
