// cdc-stage-prune: one run. See run.hpp. Between asking a warehouse and removing, a loader only goes on: what it needed before it needs no
// longer, and what it needs then it needed before.
// Must not open a warehouse for writing, nor make one.
#include "cdc-stage-prune/run.hpp"

#include <cinttypes>
#include <cstdio>
#include <memory>

#include "base/time.hpp"
#include "cdc-stage-prune/prune.hpp"
#include "cdc-stage-prune/sweep.hpp"
#include "engine/open.hpp"
#include "io/environment.hpp"
#include "io/line_writer.hpp"
#include "logging/event.hpp"
#include "stage/log.hpp"
#include "tool/filter.hpp"
#include "warehouse/needs.hpp"

namespace cdc_stage_prune {
namespace {

using base::Exit;
using base::Failure;

constexpr int kBusyMs = 60'000;  // a DuckDB file is open in its loader for as long as that loads
constexpr std::int64_t kHourUs = std::int64_t{3600} * 1'000'000;

warehouse::Needs ask(const std::string& where, const std::string& source) {
  const auto database = engine::open(engine::parse_address(where), source, kBusyMs, false, io::variable, {});
  std::optional<warehouse::Needs> needs;
  if (database) needs = warehouse::needs_of(*database, source);
  if (needs) return *needs;
  throw Failure(
      Exit::retry, "no_warehouse",
      "could not find what a warehouse needs: it is not there, or nothing was loaded yet; nothing is removed");
}

void tell(const warehouse::Needs& needs) {
  logging::event(logging::Level::info, "a warehouse has what lies before", {{"lsn", base::format(needs.applied_to)}});
  for (const warehouse::Held& held : needs.held) {
    logging::event(logging::Level::warn, "a table keeps the log: it is " + held.why,
                   {{"err", "log_held"}, {"table", held.table}, {"lsn", base::format(held.from)}});
  }
}

// in  needs  as Prune has it
void prune_log(stage::Log& log, std::vector<warehouse::Needs> needs, base::Time before, std::int64_t now_us,
               Remover& remover) {
  Prune prune(log, std::move(needs), before, base::Time{now_us}, remover);
  prune.epochs();
  remover.flush();
  prune.chunks(now_us - kOrphanAgeUs);
  Sweep sweep(log, prune.end(), prune.emptied(), remover);
  sweep.data(now_us - kOrphanAgeUs);
}

void measure(const Freed& freed, tool::Metrics& metrics) {
  metrics.declare("cdc_stage_prune_epochs", "Epochs emptied by the last run.");
  metrics.declare("cdc_stage_prune_chunks", "Copied chunks emptied by the last run.");
  metrics.declare("cdc_stage_prune_objects", "Objects removed by the last run.");
  metrics.declare("cdc_stage_prune_freed_bytes", "Their bytes.");
  metrics.declare("cdc_stage_prune_last_success_seconds", "When that run ended (Unix time).");
  metrics.set("cdc_stage_prune_epochs", "", static_cast<double>(freed.epochs));
  metrics.set("cdc_stage_prune_chunks", "", static_cast<double>(freed.chunks));
  metrics.set("cdc_stage_prune_objects", "", static_cast<double>(freed.objects));
  metrics.set("cdc_stage_prune_freed_bytes", "", static_cast<double>(freed.bytes));
  metrics.set("cdc_stage_prune_last_success_seconds", "", static_cast<double>(tool::wall_us()) / 1e6);
  metrics.write();
}

}  // namespace

Exit run(const Options& options, tool::Metrics& metrics) {
  for (const std::string& where : options.warehouses) static_cast<void>(engine::parse_address(where));
  const std::unique_ptr<stage::Store> store = stage::open_store(options.stage, false);
  const auto identity = stage::Log::identity(*store, options.source);
  if (!identity) {
    throw Failure(Exit::refused, "no_source", "the stage at " + store->where() + " has no source " + options.source);
  }
  stage::Log log(*store, options.source, identity->era);
  std::vector<warehouse::Needs> needs;
  for (const std::string& where : options.warehouses) {
    needs.push_back(ask(where, options.source));
    check_belongs(log, *identity, needs.back());
    tell(needs.back());
  }
  const std::int64_t now_us = tool::wall_us();
  const base::Time before{now_us - static_cast<std::int64_t>(options.keep_hours) * kHourUs};
  stage::Crew crew(*store, stage::is_remote(options.stage) ? options.parallel : 1,
                   [&] { return stage::open_store(options.stage, false); });
  Remover remover(crew, options.dry_run);
  // All warehouses are in the newest era: what is left of those before is of use only to an old copy of one.
  for (std::uint64_t era = 0; era < identity->era; ++era) {
    if (!stage::Log::identity(*store, options.source, era)) continue;
    stage::Log left(*store, options.source, era);
    prune_log(left, {}, before, now_us, remover);
  }
  prune_log(log, std::move(needs), before, now_us, remover);
  sweep_landed(*store, options.source, now_us - kOrphanAgeUs, remover);
  remover.flush();

  const Freed& freed = remover.freed;
  io::write_all(1, "epochs=" + std::to_string(freed.epochs) + " chunks=" + std::to_string(freed.chunks) +
                       " objects=" + std::to_string(freed.objects) + " bytes=" + std::to_string(freed.bytes) + "\n");
  if (!options.dry_run) measure(freed, metrics);
  return Exit::done;
}

}  // namespace cdc_stage_prune
