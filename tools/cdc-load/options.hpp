// cdc-load: what its words mean and what it reports. Knows the names of its metrics.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "engine/database.hpp"
#include "engine/snowflake.hpp"
#include "stage/store.hpp"
#include "tool/metrics.hpp"
#include "warehouse/loader.hpp"

namespace cdc_load {

/// How long another process's lock on the warehouse is waited for.
inline constexpr int kBusyMs = 10'000;

struct Options {
  std::string stage;
  std::string source;
  std::string warehouse;
  bool history = false;
  std::string print;                    ///< what to print instead of loading; empty: load
  std::string erase;                    ///< a file that names what to take out instead of loading; empty: load
  bool purge = false;                   ///< take out rows that are gone instead of loading
  std::uint64_t keep_deleted_days = 0;  ///< how long they stay; 0: for ever
  bool check = false;                   ///< say whether loading would work instead of loading
  std::string unite;                    ///< schema of views over all sources of the database; empty: none
  std::string unite_ids = "own";        ///< own or shared: whether sources have one space of keys
  std::string gone;                     ///< a file of tables that the source no longer publishes; empty: none
  bool begin_kept = false;              ///< a warehouse that holds nothing begins where the stage still has data
  bool once = false;                    ///< load what is there, then end: what is done when nothing is said
  bool follow = false;
  std::uint64_t poll_s = 5;  ///< how long a follower waits before it looks again
};

/// Words that do not go together, and numbers out of range. err  usage/bad_option, usage/bad_value
void check_options(const Options& options);

/// Where rows in bulk are named and made; nothing places them yet.
[[nodiscard]] engine::Landing landing_of(const Options& options);

/// The warehouse that `--warehouse` names.
/// in   create  make what is missing; store: of the stage, for a warehouse that reads rows from there
/// out  nullptr when there is none yet and `create` is not said. err  those of engine::open
[[nodiscard]] std::unique_ptr<engine::Database> open_warehouse(const Options& options, bool create,
                                                               const std::shared_ptr<stage::Store>& store = nullptr);

/// Turns a loader's totals into metrics.
class Report {
 public:
  explicit Report(tool::Metrics& metrics);
  /// A loader begins, with totals that begin at nothing.
  void begin() { told_ = {}; }
  /// in   totals  of this loader so far; what was added before is not added again
  void add(const warehouse::Totals& totals);
  void failed(const base::Failure& failure);
  /// The end of a run: states, unknown and quarantined values of each table, time.
  void finish(const warehouse::Totals& totals, warehouse::State& state, std::int64_t now_us);
  /// The stage had nothing that is not in the warehouse.
  void nothing_new(std::int64_t now_us);
  void purged(std::string_view table, std::int64_t rows);
  /// The end of a purge.
  void finish_purge(std::int64_t now_us);

 private:
  tool::Metrics& metrics_;
  warehouse::Totals told_;
};

}  // namespace cdc_load
