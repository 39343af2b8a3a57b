// cdc-load: printing. A warehouse is made by loading only, so one that is missing is not opened here.
// Must not write to the warehouse.
#include "cdc-load/print.hpp"

#include <unistd.h>

#include "io/line_writer.hpp"
#include "warehouse/state.hpp"
#include "warehouse/unknown.hpp"

namespace cdc_load {

base::Exit print(const Options& options) {
  if (options.print != "unknown") {
    throw base::Failure(base::Exit::usage, "bad_value", "--print knows one word: unknown");
  }
  const std::unique_ptr<engine::Database> database = open_warehouse(options, false);
  if (!database) return base::Exit::done;
  const warehouse::State state(*database, options.source);
  io::LineWriter out(STDOUT_FILENO);
  warehouse::each_unknown(*database, state, warehouse::kMostKeys, [&](std::string_view line) { out.line(line); });
  out.flush();
  return base::Exit::done;
}

}  // namespace cdc_load
