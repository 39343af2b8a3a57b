// cdc-stage-put: command line, the ack file, metrics. Knows the process around the writer.
// Must not know: when something is durable; put.cpp says so.
// Must not know the log's rules: where it ends, and what to do about gaps and overlaps.

#include "cdc-stage-put/put.hpp"
#include "cdc-stage-put/report.hpp"
#include "io/environment.hpp"
#include "io/file.hpp"
#include "io/line_reader.hpp"
#include "stage/store.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"

int main(int argc, char** argv) {
  std::string stage;
  std::string ack;
  std::uint64_t parallel = 4;
  bool single_writer = false;
  tool::Command command("cdc-stage-put", "Puts epochs into a stage, appends them to its log, then acknowledges them.");
  command
      .text("stage", "FOLDER", stage,
            "file:///FOLDER or a path, made when missing; s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or "
            "gs://BUCKET/PREFIX")
      .required();
  command.text("ack", "FILE", ack, "replaced by `END RUN` whenever everything before END is durable");
  command.number("parallel", "COUNT", parallel,
                 "data files put at once, each over a connection of its own; of a folder 1");
  command.flag("single-writer", single_writer,
               "nobody else writes to this stage: take a store that cannot create an object only if it is absent");

  return tool::main_of(argc, argv, command, [&] {
    // The reader waits for our last ack for as long as we live.
    const io::Fd working = ack.empty() ? io::Fd() : io::hold(ack + ".lock");
    if (parallel < 1 || parallel > 64) {
      throw base::Failure(base::Exit::usage, "bad_value", "--parallel is from 1 to 64");
    }
    const auto store = stage::open_store(stage, true);
    if (single_writer) store->trust_single_writer();
    tool::Metrics metrics(command.metrics(), command.name());
    cdc_stage_put::Report report(metrics);
    cdc_stage_put::Put put(*store, io::temporary_folder(), stage::is_remote(stage) ? parallel : 1,
                           [&] { return stage::open_store(stage, false); });
    put.on_source = [] { io::narrow_pipe(0); };
    put.on_durable = [&](base::Lsn to, const std::string& run) {
      if (!ack.empty()) io::replace_file(ack, base::format(to) + " " + run + "\n");
    };
    put.on_epoch = [&](const stage::Epoch& epoch) { report.epoch(epoch, tool::steady_ms()); };
    put.on_chunk = [&](const stage::Chunk& chunk) { report.chunk(chunk, tool::steady_ms()); };
    const base::Exit exit = tool::run_filter(put);
    metrics.write();
    return exit;
  });
}
