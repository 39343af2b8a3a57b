// cdc-load: passes over the stage. Each opens the warehouse anew, so that whatever was done to it between two of them is seen.
#include "cdc-load/load.hpp"

#include <poll.h>

#include <algorithm>
#include <optional>

#include "engine/open.hpp"
#include "io/environment.hpp"
#include "io/file.hpp"
#include "stage/read_ahead.hpp"
#include "stage/store.hpp"
#include "tool/filter.hpp"
#include "warehouse/loader.hpp"
#include "warehouse/unite.hpp"
#include "warehouse/unknown.hpp"

namespace cdc_load {
namespace {

// A signal between two looks ends the wait: at once when it comes during one, after this long when it comes just before it.
constexpr std::int64_t kLongestWaitMs = 200;

void pause(std::uint64_t seconds) {
  const std::int64_t until_ms = tool::steady_ms() + static_cast<std::int64_t>(seconds) * 1000;
  for (std::int64_t now_ms = tool::steady_ms(); now_ms < until_ms && !tool::stop_asked(); now_ms = tool::steady_ms()) {
    static_cast<void>(::poll(nullptr, 0, static_cast<int>(std::min(until_ms - now_ms, kLongestWaitMs))));
  }
}

warehouse::Standing pass(const Options& options, const std::shared_ptr<stage::Store>& store, stage::Store& stage,
                         Report& report, tool::Metrics& metrics) {
  const auto identity = stage::Log::identity(stage, options.source);
  stage::Log log(stage, options.source, identity ? identity->era : 0);
  const auto database = open_warehouse(options, true, store);
  if (!options.gone.empty()) {
    const auto lines = io::read_file(options.gone);
    if (!lines) throw base::Failure(base::Exit::usage, "bad_gone", "cannot read " + options.gone);
    warehouse::State state(*database, options.source);
    warehouse::mark_gone(*database, state, *lines);
  }
  warehouse::LoaderOptions wanted;
  wanted.begin_kept = options.begin_kept;
  wanted.history = options.history;
  std::optional<warehouse::Unite> unite;
  if (!options.unite.empty()) {
    const engine::Place place =
        engine::place_of(engine::parse_address(options.warehouse), options.source, io::variable);
    unite.emplace(*database,
                  warehouse::UniteOptions{options.source, place.schema, options.unite, options.unite_ids == "shared"});
    wanted.unite = &*unite;
  }
  warehouse::Loader loader(log, *database, wanted, tool::wall_us, tool::stop_asked);
  report.begin();
  loader.run([&](const warehouse::Totals& totals) {
    report.add(totals);
    if (unite && unite->waits()) unite->settle(loader.state());
    metrics.write_at_intervals(tool::steady_ms());
  });
  if (unite) unite->settle(loader.state());
  report.finish(loader.totals(), loader.state(), tool::wall_us());
  metrics.write();
  return loader.standing();
}

}  // namespace

base::Exit load(const Options& options, tool::Metrics& metrics) {
  static_cast<void>(engine::parse_address(options.warehouse));
  tool::catch_stop_signals();
  Report report(metrics);
  try {
    const std::shared_ptr<stage::Store> store = stage::open_store(options.stage, false);
    std::optional<stage::ReadAhead> ahead;
    if (stage::is_remote(options.stage)) {
      ahead.emplace(
          *store, [&] { return stage::open_store(options.stage, false); }, [](std::string_view) { return true; });
    }
    stage::Store& stage = ahead ? *ahead : *store;
    warehouse::Standing standing = pass(options, store, stage, report, metrics);
    while (options.follow && !tool::stop_asked()) {
      pause(options.poll_s);
      if (tool::stop_asked()) break;
      stage::Log log(stage, options.source, standing.identity ? standing.identity->era : 0);
      if (warehouse::has_news(log, standing)) {
        standing = pass(options, store, stage, report, metrics);
      } else {
        report.nothing_new(tool::wall_us());
        metrics.write();
      }
    }
  } catch (const base::Failure& failure) {
    report.failed(failure);
    metrics.write();
    throw;
  }
  return base::Exit::done;
}

}  // namespace cdc_load
