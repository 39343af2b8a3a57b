// cdc-stage-prune: which epochs and chunks of a log nobody needs any more, and emptying them: first the manifest, durable, then its data.
// Knows the log, and what warehouses said that they need.
// Must not know how a warehouse is asked, nor objects that no manifest names: that is sweep.hpp.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "cdc-stage-prune/remover.hpp"
#include "stage/log.hpp"
#include "warehouse/needs.hpp"

namespace cdc_stage_prune {

/// A warehouse's needs are held against the stage before anything is removed by them.
///
/// err  refused/other_source: it is of another cluster or era; refused/other_stage: the stage does not hold the epoch that it applied
///      last, so its position says nothing here
void check_belongs(stage::Log& log, const stage::Identity& identity, const warehouse::Needs& needs);

class Prune {
 public:
  /// in   log, remover  outlive this
  ///      needs    of every warehouse that loads from this log; none: it is of an era that all have left
  ///      before   what was committed or copied at this time or later stays
  ///      now      which stubs will name
  Prune(stage::Log& log, std::vector<warehouse::Needs> needs, base::Time before, base::Time now, Remover& remover);

  /// Empties epochs, from the first that has its data on, up to the first that has to stay. The log's last one always stays.
  /// err  those of the log and of the store
  void epochs();
  /// Empties the chunks of every table: of a whole copy, or of one that a later whole copy came after, once every warehouse has loaded all
  /// of it; rows read again by their keys once each has loaded them. Removes what no chunk's manifest names, when it is old.
  ///
  /// in   orphans_before  by the store's clock, microseconds since 1970
  void chunks(std::int64_t orphans_before_us);

  /// Where the log ends, found by epochs().
  [[nodiscard]] base::Lsn end() const { return end_; }
  /// Epochs that were emptied by this run, by `from`.
  [[nodiscard]] const std::set<base::Lsn>& emptied() const { return emptied_; }

 private:
  void find_end();
  void chunks_of(const std::string& table, std::int64_t orphans_before_us);
  [[nodiscard]] bool is_old(const std::string& ts) const;
  [[nodiscard]] bool is_loaded(const std::string& object) const;

  stage::Log& log_;
  std::vector<warehouse::Needs> needs_;
  base::Time before_;
  base::Time now_;
  Remover& remover_;
  base::Lsn end_;
  std::set<base::Lsn> emptied_;
};

}  // namespace cdc_stage_prune
