// cdc-load: the command line. What is done with the stage is in load.cpp and lib/warehouse/loader.cpp.
// Must not know how an epoch is applied, or what a table of the warehouse looks like.
#include "cdc-load/check.hpp"
#include "cdc-load/erase.hpp"
#include "cdc-load/load.hpp"
#include "cdc-load/options.hpp"
#include "cdc-load/print.hpp"
#include "tool/command.hpp"
#include "tool/metrics.hpp"

int main(int argc, char** argv) {
  cdc_load::Options options;
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
  command.flag("once", options.once, "Load everything that is there, then end (the default)");
  command.flag("follow", options.follow, "Load everything that is there, then look again and again, until SIGTERM");
  command.number("poll-seconds", "N", options.poll_s, "How long --follow waits before it looks again");
  command.text("print", "WHAT", options.print,
               "Load nothing; print `unknown`: keys of rows with values that have not arrived, for pgcdc-snapshot "
               "--unknown; `dbt`: a sources file; `sql`: what an empty warehouse would be told");
  command.text("erase", "FILE", options.erase,
               "Load nothing; take out what cdc-policy diff says is to be there no longer, or a person");
  command.flag("check", options.check,
               "Load nothing; try out stage and warehouse, leave nothing behind, say what is amiss");

  return tool::main_of(argc, argv, command, [&] {
    cdc_load::check_options(options);
    if (!options.print.empty()) return cdc_load::print(options);
    if (!options.erase.empty()) return cdc_load::erase(options);
    if (options.check) return cdc_load::check(options);
    tool::Metrics metrics(command.metrics(), command.name());
    return cdc_load::load(options, metrics);
  });
}
