// cdc-load: what its words mean and what it reports. Knows the names of its metrics.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "engine/database.hpp"
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
  std::string print;  ///< what to print instead of loading; empty: load
  std::string erase;  ///< a file that names what to take out instead of loading; empty: load
};

/// The warehouse that `--warehouse` names.
/// in   create  make what is missing; store: of the stage, for a warehouse that reads rows from there
/// out  nullptr when there is none yet and `create` is not said. err  those of engine::open
[[nodiscard]] std::unique_ptr<engine::Database> open_warehouse(const Options& options, bool create,
                                                               const std::shared_ptr<stage::Store>& store = nullptr);

/// Turns a loader's totals into metrics.
class Report {
 public:
  explicit Report(tool::Metrics& metrics);
  /// in   totals  of this run so far; what was added before is not added again
  void add(const warehouse::Totals& totals);
  void failed(const base::Failure& failure);
  /// The end of a run: states, unknown and quarantined values of each table, time.
  void finish(const warehouse::Totals& totals, warehouse::State& state, std::int64_t now_us);

 private:
  tool::Metrics& metrics_;
  warehouse::Totals told_;
};

}  // namespace cdc_load
