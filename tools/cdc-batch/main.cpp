// cdc-batch: command line, spool folder, metrics. Knows the process around the filter.
// Must not know: what a line means; that is in batch.cpp.
// Must not know the stream's grammar, nor how a file is cut.

#include "base/failure.hpp"
#include "cdc-batch/batch.hpp"
#include "io/environment.hpp"
#include "io/line_reader.hpp"
#include "logging/event.hpp"
#include "stage/spool.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"
#include "tool/metrics.hpp"

int main(int argc, char** argv) {
  cdc_batch::Limits limits;
  std::string folder;
  tool::Command command("cdc-batch",
                        "Cuts a change stream into epochs: compressed files, and a manifest for each epoch.");
  command
      .text("spool", "FOLDER", folder, "where files wait for cdc-stage-put (default: a private folder below $TMPDIR)")
      .bytes("max-bytes", "BYTES", limits.max_bytes, "of lines, after which an epoch ends at the next commit")
      .number("max-seconds", "SECONDS", limits.max_seconds, "after which an epoch ends at the next commit")
      .number("level", "LEVEL", limits.level, "of zstd, 1 to 19")
      .flag("edited", limits.edited, "rows were taken out of the stream on purpose: count them anew");

  return tool::main_of(argc, argv, command, [&] {
    if (limits.level < 1 || limits.level > 19) {
      throw base::Failure(base::Exit::usage, "bad_value", "--level must be from 1 to 19");
    }
    stage::Spool spool(folder, io::temporary_folder());
    tool::Metrics metrics(command.metrics(), command.name());
    metrics.declare("cdc_batch_epochs_total", "Epochs whose manifest has left.");
    metrics.declare("cdc_batch_rows_total", "Row lines in them, and in copied chunks, by table.");
    metrics.declare("cdc_batch_raw_bytes_total", "Bytes of those lines.");
    metrics.declare("cdc_batch_bytes_total", "Bytes of the files they became.");
    const auto count = [&](const stage::Common& manifest) {
      for (const stage::FileEntry& file : manifest.files) {
        metrics.add("cdc_batch_rows_total", tool::label("table", file.table), static_cast<double>(file.rows));
        metrics.add("cdc_batch_raw_bytes_total", "", static_cast<double>(file.raw_bytes));
        metrics.add("cdc_batch_bytes_total", "", static_cast<double>(file.bytes));
      }
      metrics.write_at_intervals(tool::steady_ms());
    };
    cdc_batch::Batch batch(limits, spool);
    batch.on_source = [] { io::narrow_pipe(1); };
    batch.on_chunk = count;
    batch.on_epoch = [&](const stage::Epoch& epoch) {
      metrics.add("cdc_batch_epochs_total", "");
      count(epoch);
      logging::event(logging::Level::info, "epoch cut",
                     {{"lsn", base::format(epoch.to)}, {"rows", std::to_string(epoch.rows)}});
    };
    const base::Exit exit = tool::run_filter(batch);
    metrics.write();
    return exit;
  });
}
