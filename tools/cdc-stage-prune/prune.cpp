// cdc-stage-prune: emptying. A manifest is emptied before its data go, so that whoever reads it never misses a file: it meets a stub and
// says so. Killed in between, the data are nobody's, and the next run removes them.
// Must not know a warehouse's tables.
#include "cdc-stage-prune/prune.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "logging/event.hpp"
#include "stage/names.hpp"
#include "stage/retention.hpp"
#include "warehouse/state.hpp"

namespace cdc_stage_prune {
namespace {

using base::Exit;
using base::Failure;

constexpr base::Lsn kLast{std::numeric_limits<std::uint64_t>::max()};
constexpr std::string_view kManifest = ".json";

// A chunk's manifest, and what lies beside it under its number.
struct Found {
  std::optional<stage::Chunk> chunk;
  std::vector<stage::Listed> data;
};

// The manifest that a chunk's data object belongs to: `copy/TABLE/LSN/CHUNK-PART-SHA256.ndjson.zst` has `copy/TABLE/LSN/CHUNK.json`.
std::string manifest_of(const std::string& below_era) {
  const std::size_t file = below_era.rfind('/') + 1;
  return below_era.substr(0, below_era.find_first_of("-.", file)) + std::string(kManifest);
}

// LSN of such a name; nothing when it is none.
std::optional<base::Lsn> position_of(std::string_view manifest) {
  const std::string_view folder = manifest.substr(0, manifest.rfind('/'));
  const std::string_view lsn = folder.substr(folder.rfind('/') + 1);
  if (lsn.size() != 16) return std::nullopt;
  return base::parse_lsn(std::string(lsn.substr(0, 8)) + "/" + std::string(lsn.substr(8)));
}

}  // namespace

void check_belongs(stage::Log& log, const stage::Identity& identity, const warehouse::Needs& needs) {
  if (needs.system_id != identity.system_id || needs.era != identity.era) {
    throw Failure(Exit::refused, "other_source", "stage and warehouse belong to different clusters or eras");
  }
  bool same = false;
  if (needs.last_sha256.empty()) {
    // One that came late began where an epoch begins.
    same = log.start() == needs.applied_to || log.at(needs.applied_to).has_value();
  } else {
    const auto stored = log.at(needs.last_from);
    same = stored && stored->sha256 == needs.last_sha256;
  }
  if (same) return;
  throw Failure(Exit::refused, "other_stage", "the stage does not hold the epoch that the warehouse applied last")
      .at_lsn(needs.applied_to);
}

Prune::Prune(stage::Log& log, std::vector<warehouse::Needs> needs, base::Time before, base::Time now, Remover& remover)
    : log_(log), needs_(std::move(needs)), before_(before), now_(now), remover_(remover) {}

bool Prune::is_old(const std::string& ts) const {
  const auto time = base::parse_time(ts);
  return !time || *time < before_;  // of what says no time its neighbours decide
}

bool Prune::is_loaded(const std::string& object) const {
  return std::all_of(needs_.begin(), needs_.end(),
                     [&](const warehouse::Needs& one) { return one.chunks.contains(object); });
}

void Prune::find_end() {
  end_ = base::Lsn{};
  base::Lsn about;
  for (const warehouse::Needs& one : needs_) about = std::max(about, one.applied_to);
  auto at = log_.last(about);
  while (at) {
    end_ = *at;
    const auto stored = log_.at(end_);
    at = stored ? std::optional(stored->epoch.to) : std::nullopt;
  }
}

void Prune::epochs() {
  find_end();
  base::Lsn lowest = kLast;
  for (const warehouse::Needs& one : needs_) lowest = std::min(lowest, one.lowest());
  auto at = stage::first_kept(log_);
  while (at && *at < end_) {
    const auto stored = log_.at(*at);
    if (!stored) return;
    const stage::Epoch& epoch = stored->epoch;
    // The last one tells the next writer, and whoever asks how fresh the stage is, more than a stub does.
    if (epoch.to > lowest || epoch.to >= end_ || !is_old(epoch.last_ts)) return;
    at = epoch.to;
    if (epoch.pruned) continue;
    if (!remover_.dry_run()) {
      log_.store().replace(log_.full_name(stage::log_object(epoch.from)),
                           stage::encode_stub(epoch, stored->sha256, base::format(now_)));
    }
    ++remover_.freed.epochs;
    emptied_.insert(epoch.from);
    for (const stage::FileEntry& file : epoch.files) remover_.add(log_.full_name(file.object), file.bytes);
    if (epoch.commits) remover_.add(log_.full_name(epoch.commits->object), epoch.commits->bytes);
  }
}

void Prune::chunks(std::int64_t orphans_before_us) {
  for (const std::string& table : log_.store().list_one_level(log_.full_name("copy"), "")) {
    chunks_of(table, orphans_before_us);
  }
}

void Prune::chunks_of(const std::string& table, std::int64_t orphans_before_us) {
  std::map<std::string, Found> all;  // by the manifest's name
  bool has_data = false;
  log_.store().each(log_.full_name("copy/" + table), [&](const stage::Listed& object) {
    const std::string name = object.name.substr(log_.full_name("").size());
    Found& found = all[manifest_of(name)];
    if (name.ends_with(kManifest)) return;
    found.data.push_back(object);
    has_data = true;
  });
  if (!has_data) return;  // mostly: all of it was emptied long ago

  std::map<base::Lsn, std::multimap<std::string, std::string>> ranges;  // of each copy
  std::map<base::Lsn, bool> loaded;
  for (auto& [object, found] : all) {
    if (log_.store().read(log_.full_name(object))) found.chunk = log_.chunk(object);
    if (!found.chunk || found.chunk->keys) continue;
    const stage::Chunk& chunk = *found.chunk;
    ranges[chunk.copy].emplace(chunk.from_key, chunk.to_key);
    loaded.try_emplace(chunk.copy, true).first->second &= chunk.pruned || is_loaded(object);
  }
  base::Lsn whole;  // the newest copy of which all is there
  for (const auto& [copy, of_copy] : ranges) {
    if (warehouse::is_closed(of_copy)) whole = copy;
  }

  for (const auto& [object, found] : all) {
    std::set<std::string> named;
    bool is_emptied = found.chunk && found.chunk->pruned;
    if (found.chunk && !found.chunk->pruned) {
      const stage::Chunk& chunk = *found.chunk;
      const bool is_whole = chunk.copy <= whole && loaded[chunk.copy];
      const bool is_done = needs_.empty() || (chunk.keys ? is_loaded(object) : is_whole);
      if (is_done && is_old(chunk.ts) && !chunk.files.empty()) {
        const std::string name = log_.full_name(object);
        const auto text = log_.store().read(name);
        if (!remover_.dry_run() && text) {
          log_.store().replace(name, stage::encode_stub(chunk, crypto::sha256_hex(*text), base::format(now_)));
        }
        ++remover_.freed.chunks;
        is_emptied = true;
      } else {
        for (const stage::FileEntry& file : chunk.files) named.insert(log_.full_name(file.object));
      }
    }
    // Named by nothing: of a chunk that was emptied at once, of one that is not there (yet) or has other files when it is old.
    const auto position = position_of(object);
    for (const stage::Listed& data : found.data) {
      if (named.contains(data.name)) continue;
      const bool is_left = position && *position < end_ && data.modified_us < orphans_before_us;
      if (is_emptied || is_left) remover_.add(data.name, data.bytes);
    }
  }
}

}  // namespace cdc_stage_prune
