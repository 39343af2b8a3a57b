// cdc-stage-prune: data that no manifest names: left by a writer that was killed or lost a race, or by a run of this program that was killed
// between a manifest and its data; and rows on their way into Snowflake that have arrived.
// Knows names of data objects. Must not know who needs what is named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "cdc-stage-prune/remover.hpp"
#include "stage/log.hpp"

namespace cdc_stage_prune {

/// Where the epoch begins of which a data object is. in  object  `data/TABLE/FROM-TO-PART-SHA256.ndjson.zst`
/// out  nothing when it is none
[[nodiscard]] std::optional<base::Lsn> from_of(std::string_view object);

/// How old an object must be that nothing names, in microseconds. Nobody can name it any more as soon as the log has gone past its
/// beginning; the day is for listings and clocks that are late.
inline constexpr std::int64_t kOrphanAgeUs = std::int64_t{24} * 3600 * 1'000'000;

class Sweep {
 public:
  /// in   log, remover  outlive this
  ///      end      of the log: what begins there or later is somebody's work in hand
  ///      emptied  by this run: counted already
  Sweep(stage::Log& log, base::Lsn end, const std::set<base::Lsn>& emptied, Remover& remover)
      : log_(log), end_(end), emptied_(emptied), remover_(remover) {}

  /// in   old_us  what was made before it is old
  /// err  those of the log and of the store
  void data(std::int64_t old_us);

 private:
  // What an epoch's manifest names, as hashes: two of one hash keep each other, no more.
  struct Named {
    bool is_stub = false;
    std::vector<std::size_t> objects;
  };
  const Named& named_at(base::Lsn from);

  stage::Log& log_;
  base::Lsn end_;
  const std::set<base::Lsn>& emptied_;
  Remover& remover_;
  std::map<base::Lsn, Named> named_;
};

/// The files by which rows went into Snowflake, SOURCE/net/: each is read once, within a transaction.
/// in   old_us  as Sweep::data
void sweep_landed(stage::Store& store, std::string_view source, std::int64_t old_us, Remover& remover);

}  // namespace cdc_stage_prune
