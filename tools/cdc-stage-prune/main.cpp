// cdc-stage-prune: the command line, the warehouses' answers, the line that it prints. What may go is decided in prune.cpp and sweep.cpp.
// Must not know why an epoch is kept.
// Nothing is removed before every warehouse has answered.
#include "base/failure.hpp"
#include "cdc-stage-prune/options.hpp"
#include "cdc-stage-prune/run.hpp"
#include "tool/command.hpp"
#include "tool/metrics.hpp"

int main(int argc, char** argv) {
  cdc_stage_prune::Options options;
  tool::Command command("cdc-stage-prune", "Removes data from a stage that no warehouse needs any more.");
  command.text("stage", "FOLDER", options.stage,
               "file:///FOLDER, a path, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX");
  command.text("source", "NAME", options.source, "whose data");
  command.texts(
      "warehouse", "WHERE", options.warehouses,
      "a warehouse that loads from this stage, besides those of the pipeline file; may be said several times");
  command.number("keep-hours", "N", options.keep_hours, "what is younger stays, though everybody has it");
  command.number("parallel", "COUNT", options.parallel, "objects removed at once; of a folder 1");
  command.flag("dry-run", options.dry_run, "remove nothing, say what would be");
  return tool::main_of(argc, argv, command, [&] {
    const tool::PipelineFile file =
        command.config().empty() ? tool::PipelineFile{} : tool::read_pipeline_file(command.config());
    tool::Metrics metrics(command.metrics(), command.name());
    return cdc_stage_prune::run(cdc_stage_prune::complete(options, file), metrics);
  });
}
