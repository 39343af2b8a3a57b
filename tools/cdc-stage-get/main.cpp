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

namespace {

std::optional<base::Lsn> position(const char* option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto lsn = base::parse_lsn(text);
  if (!lsn) throw base::Failure(base::Exit::usage, "bad_value", std::string("--") + option + " is no log position");
  return lsn;
}

}  // namespace

int main(int argc, char** argv) {
  std::string stage;
  std::string from;
  std::string to;
  std::vector<std::string> tables;
  bool chunks = false;
  cdc_stage_get::Wanted wanted;
  tool::Command command("cdc-stage-get", "Writes what a stage holds as a change stream.");
  command
      .text("stage", "FOLDER", stage,
            "file:///FOLDER, a path, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX")
      .required();
  command.text("source", "NAME", wanted.source, "which one (default: the only one)");
  command.text("from", "LSN", from, "transactions from this position on (default: the log's start)");
  command.text("to", "LSN", to, "transactions before this position (default: the log's end)");
  command.flag("copy", wanted.copy, "the copied rows too, before the changes");
  command.flag("chunks", chunks, "only what was copied, as the closing line of each chunk: for pgcdc-snapshot --done");
  command.words("TABLE", tables, 0, 10000, "only these tables, named as in the stream");

  return tool::main_of(argc, argv, command, [&] {
    wanted.copy = wanted.copy || chunks;
    wanted.from = position("from", from);
    wanted.to = position("to", to);
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
    chunks ? get.write_chunks(out) : get.write(out);
    out.flush();
    return base::Exit::done;
  });
}
