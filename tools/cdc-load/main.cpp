// cdc-load: the command line. What is done with the stage is in load.cpp and lib/warehouse/loader.cpp.
// Must not know how an epoch is applied, or what a table of the warehouse looks like.
#include "cdc-load/check.hpp"
#include "cdc-load/erase.hpp"
#include "cdc-load/load.hpp"
#include "cdc-load/options.hpp"
#include "cdc-load/print.hpp"
#include "cdc-load/purge.hpp"
#include "tool/command.hpp"
#include "tool/metrics.hpp"

int main(int argc, char** argv) {
  cdc_load::Options options;
  tool::Command command("cdc-load", "Load the epochs of a stage into a warehouse, each exactly once");
  command.text("stage", "FOLDER", options.stage, "Stage to load from: a folder, s3://..., az://... or gs://...")
      .required();
  command.text("source", "NAME", options.source, "Source whose epochs are loaded").required();
  command.text("warehouse", "WHERE", options.warehouse, "sqlite:FILE, duckdb:FILE, postgresql://... or snowflake://...")
      .required();
  command.flag("history", options.history, "Keep every version of every row too");
  command.text("unite", "SCHEMA", options.unite,
               "Keep views over all sources of the database that say so too, in this schema");
  command.text(
      "unite-ids", "WHOSE", options.unite_ids,
      "own: each source numbers its rows by itself; shared: a row that moves from one to another keeps its key");
  command.flag("once", options.once, "Load everything that is there, then end (the default)");
  command.flag("follow", options.follow, "Load everything that is there, then look again and again, until SIGTERM");
  command.number("poll-seconds", "N", options.poll_s, "How long --follow waits before it looks again");
  command.flag("begin-kept", options.begin_kept,
               "Where the stage's beginning was removed, an empty warehouse begins with what is still there");
  command
      .text("gone", "FILE", options.gone,
            "Tables that the source no longer publishes, by pgcdc-snapshot --gone: nothing is asked for them any more")
      .by_hand();
  command.text("print", "WHAT", options.print,
               "Load nothing; print `unknown`: rows and tables that are to be read again, for pgcdc-snapshot "
               "--unknown; `position`: how far the warehouse is; `dbt`: a sources file; `sql`: what an empty warehouse "
               "would be told");
  command.text("erase", "FILE", options.erase,
               "Load nothing; take out what cdc-policy diff says is to be there no longer, or a person");
  command.flag("purge", options.purge, "Load nothing; take out rows that have been gone for longer than they are kept");
  command.number("keep-deleted-days", "N", options.keep_deleted_days,
                 "For --purge: how long a row that is gone stays, marked as deleted; 0, the default: for ever");
  command.flag("check", options.check,
               "Load nothing; try out stage and warehouse, leave nothing behind, say what is amiss");

  return tool::main_of(argc, argv, command, [&] {
    cdc_load::check_options(options);
    if (!options.print.empty()) return cdc_load::print(options);
    if (!options.erase.empty()) return cdc_load::erase(options);
    if (options.check) return cdc_load::check(options);
    tool::Metrics metrics(command.metrics(), command.name());
    if (options.purge) return cdc_load::purge(options, metrics);
    return cdc_load::load(options, metrics);
  });
}
