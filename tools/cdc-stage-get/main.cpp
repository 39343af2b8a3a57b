// cdc-stage-get: command line and standard output.
// Must not know: what is written, and in which order; that is in get.cpp.
// Must not know the log's rules, nor the order of lines.
#include "base/failure.hpp"
#include "cdc-stage-get/get.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"
#include "stage/read_ahead.hpp"
#include "stage/store.hpp"
#include "tool/command.hpp"

int main(int argc, char** argv) {
  std::string stage;
  std::string from;
  std::string to;
  std::vector<std::string> tables;
  std::string era;
  cdc_stage_get::Wanted wanted;
  tool::Command command("cdc-stage-get", "Writes what a stage holds as a change stream.");
  command
      .text("stage", "FOLDER", stage,
            "file:///FOLDER, a path, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX")
      .required();
  command.text("source", "NAME", wanted.source, "which one (default: the only one)");
  command.text("from", "LSN", from, "transactions from this position on (default: the log's start)");
  command.text("to", "LSN", to, "transactions before this position (default: the log's end)");
  command.text("era", "N", era, "of which era (default: the newest)");
  command.flag("copy", wanted.copy, "the copied rows too, before the changes");
  command.flag("chunks", wanted.chunks,
               "only what was copied, as the closing line of each chunk: for pgcdc-snapshot --done");
  command.flag("end", wanted.end, "only where the log ends: one line; status 1 when it has not begun");
  command.flag("kept", wanted.kept,
               "only where the log begins that is still there: one line; status 1 when nothing was removed");
  command.words("TABLE", tables, 0, 10000, "only these tables, named as in the stream");

  return tool::main_of(argc, argv, command, [&] {
    wanted.era = cdc_stage_get::parse_era(era);
    wanted.from = cdc_stage_get::parse_position("from", from);
    wanted.to = cdc_stage_get::parse_position("to", to);
    wanted.tables.insert(tables.begin(), tables.end());
    const auto store = stage::open_store(stage, false);
    io::LineWriter out(1);
    io::widen_pipe(1);
    std::optional<stage::ReadAhead> ahead;
    if (stage::is_remote(stage)) {
      ahead.emplace(
          *store, [&] { return stage::open_store(stage, false); },
          [tables = wanted.tables](std::string_view table) { return tables.empty() || tables.contains(table); });
    }
    cdc_stage_get::Get get(ahead ? *ahead : *store, std::move(wanted));
    const bool found = get.write_wanted(out);
    out.flush();
    return found ? base::Exit::done : base::Exit::no;
  });
}
