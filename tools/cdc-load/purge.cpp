// cdc-load: purging. A warehouse is made by loading only, so one that is missing is not opened here.
// Must not print anything of a row.
#include "cdc-load/purge.hpp"

#include <unistd.h>

#include <memory>
#include <string>

#include "base/time.hpp"
#include "io/line_writer.hpp"
#include "tool/filter.hpp"
#include "warehouse/purge.hpp"
#include "warehouse/state.hpp"

namespace cdc_load {
namespace {

void purge(const Options& options, Report& report) {
  constexpr std::int64_t kDayUs = std::int64_t{24} * 3600 * 1'000'000;
  const std::unique_ptr<engine::Database> database = open_warehouse(options, false);
  if (!database) return;
  warehouse::State state(*database, options.source);
  const base::Time marked_before{tool::wall_us() - static_cast<std::int64_t>(options.keep_deleted_days) * kDayUs};
  for (const warehouse::Purged& one : warehouse::purge(*database, state, base::format(marked_before))) {
    report.purged(one.table, one.rows);
    io::write_all(STDOUT_FILENO, "purged\t" + one.table + "\t" + std::to_string(one.rows) + "\n");
  }
}

}  // namespace

base::Exit purge(const Options& options, tool::Metrics& metrics) {
  if (options.keep_deleted_days == 0) return base::Exit::done;
  Report report(metrics);
  try {
    purge(options, report);
  } catch (const base::Failure& failure) {
    report.failed(failure);
    metrics.write();
    throw;
  }
  report.finish_purge(tool::wall_us());
  metrics.write();
  return base::Exit::done;
}

}  // namespace cdc_load
