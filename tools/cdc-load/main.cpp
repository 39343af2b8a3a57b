// cdc-load: command line, metrics, and the choice of a warehouse. What it does with the stage is in lib/warehouse/loader.cpp.
// Must not know how an epoch is applied, or what a table of the warehouse looks like.
#include "base/time.hpp"
#include "cdc-load/erase.hpp"
#include "cdc-load/options.hpp"
#include "cdc-load/print.hpp"
#include "engine/open.hpp"
#include "stage/read_ahead.hpp"
#include "stage/store.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"
#include "tool/metrics.hpp"
#include "warehouse/loader.hpp"

int main(int argc, char** argv) {
  cdc_load::Options options;
  bool once = false;
  tool::Command command("cdc-load", "Load the epochs of a stage into a warehouse, each exactly once");
  command
      .text(
          "stage", "FOLDER", options.stage,
          "Stage to load from: file:///FOLDER, a path, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX")
      .required();
  command.text("source", "NAME", options.source, "Source whose epochs are loaded").required();
  command
      .text("warehouse", "WHERE", options.warehouse,
            "Warehouse: sqlite:FILE, duckdb:FILE, postgresql://... or snowflake://...")
      .required();
  command.flag("history", options.history, "Keep every version of every row too");
  command.text("print", "unknown", options.print,
               "Load nothing; print the keys of rows with values that have not arrived, for pgcdc-snapshot --unknown");
  command.text("erase", "FILE", options.erase,
               "Load nothing; take out what cdc-policy diff says is to be there no longer, or a person");
  command.flag("once", once, "Load everything that is there, then end (always so in this version)");

  return tool::main_of(argc, argv, command, [&] {
    if (!options.print.empty()) return cdc_load::print(options);
    if (!options.erase.empty()) return cdc_load::erase(options);
    static_cast<void>(engine::parse_address(options.warehouse));
    tool::catch_stop_signals();
    const std::shared_ptr<stage::Store> store = stage::open_store(options.stage, false);
    std::optional<stage::ReadAhead> ahead;
    if (stage::is_remote(options.stage)) {
      ahead.emplace(
          *store, [&] { return stage::open_store(options.stage, false); }, [](std::string_view) { return true; });
    }
    stage::Store& stage = ahead ? *ahead : *store;
    const auto identity = stage::Log::identity(stage, options.source);
    stage::Log log(stage, options.source, identity ? identity->era : 0);
    const auto database = cdc_load::open_warehouse(options, true, store);
    warehouse::LoaderOptions wanted;
    wanted.history = options.history;
    warehouse::Loader loader(log, *database, wanted, tool::wall_us, tool::stop_asked);
    tool::Metrics metrics(command.metrics(), command.name());
    cdc_load::Report report(metrics);
    try {
      loader.run([&](const warehouse::Totals& totals) {
        report.add(totals);
        metrics.write_at_intervals(tool::steady_ms());
      });
    } catch (const base::Failure& failure) {
      report.failed(failure);
      metrics.write();
      throw;
    }
    report.finish(loader.totals(), loader.state(), tool::wall_us());
    metrics.write();
    return base::Exit::done;
  });
}
