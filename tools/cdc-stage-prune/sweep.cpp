// cdc-stage-prune: the listing held against the manifests. An object belongs to the epoch that begins where its name says, and to no other,
// so one look at that epoch's manifest tells whether it is named.
// Must not keep the names of all objects in memory.
#include "cdc-stage-prune/sweep.hpp"

#include <algorithm>
#include <functional>

#include "stage/names.hpp"

namespace cdc_stage_prune {
namespace {

constexpr std::size_t kDigits = 16;

}  // namespace

std::optional<base::Lsn> from_of(std::string_view object) {
  const std::string_view file = object.substr(object.rfind('/') + 1);
  if (!object.starts_with("data/") || !file.ends_with(".ndjson.zst") || file.size() <= kDigits || file[kDigits] != '-')
    return std::nullopt;
  return base::parse_lsn(std::string(file.substr(0, kDigits / 2)) + "/" + std::string(file.substr(kDigits / 2, 8)));
}

const Sweep::Named& Sweep::named_at(base::Lsn from) {
  const auto known = named_.find(from);
  if (known != named_.end()) return known->second;
  Named& named = named_[from];
  const auto stored = log_.at(from);
  if (!stored) return named;
  named.is_stub = stored->epoch.pruned;
  const auto add = [&](const stage::FileEntry& file) {
    named.objects.push_back(std::hash<std::string>{}(log_.full_name(file.object)));
  };
  for (const stage::FileEntry& file : stored->epoch.files) add(file);
  if (stored->epoch.commits) add(*stored->epoch.commits);
  std::sort(named.objects.begin(), named.objects.end());
  return named;
}

void Sweep::data(std::int64_t old_us) {
  log_.store().each(log_.full_name("data"), [&](const stage::Listed& object) {
    const auto from = from_of(std::string_view(object.name).substr(log_.full_name("").size()));
    if (!from || *from >= end_ || emptied_.contains(*from)) return;
    const Named& named = named_at(*from);
    const std::size_t hash = std::hash<std::string>{}(object.name);
    if (std::binary_search(named.objects.begin(), named.objects.end(), hash)) return;
    if (named.is_stub || object.modified_us < old_us) remover_.add(object.name, object.bytes);
  });
}

void sweep_landed(stage::Store& store, std::string_view source, std::int64_t old_us, Remover& remover) {
  store.each(stage::encode_name(source) + "/net", [&](const stage::Listed& object) {
    if (object.modified_us < old_us) remover.add(object.name, object.bytes);
  });
}

}  // namespace cdc_stage_prune
