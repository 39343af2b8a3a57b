// cdc-status: the command line. What is asked is in ask.cpp, what it means in seen.cpp, what it looks like in show.cpp and page.cpp.
// Must not know any of it.
#include <unistd.h>

#include "cdc-status/run.hpp"
#include "tool/command.hpp"

int main(int argc, char** argv) {
  status::Options options;
  tool::Command command("cdc-status",
                        "Say how fresh the warehouse is, pipeline by pipeline, and whether that is good enough");
  command.words("PIPELINE", options.pipelines, 0, 100'000,
                "Pipeline files, or folders of them (NAME.ini); default: --config");
  command.number("objective-seconds", "N", options.objective_s,
                 "Within which a change is to be in the warehouse, where a pipeline file does not say");
  command.flag("tables", options.tables, "A line for every table, not only for those that need somebody");
  command.flag("json", options.json, "Print one JSON object a line for each pipeline");
  command.flag("prometheus", options.prometheus, "Print metrics in Prometheus' text format");
  command.text("record", "FILE", options.record, "Add what is seen to this file, for the page");
  command.text("html", "FILE", options.html, "Write a page with freshness over time, error budget and incidents");
  command.number("days", "N", options.days, "How far back the page looks");
  return tool::main_of(argc, argv, command, [&] {
    if (options.pipelines.empty() && !command.config().empty()) options.pipelines.push_back(command.config());
    return status::run(options, command.metrics());
  });
}
