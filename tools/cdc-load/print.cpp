// cdc-load: printing. A warehouse is made by loading only, so one that is missing is not opened here.
// Must not write to the warehouse.
#include "cdc-load/print.hpp"

#include <unistd.h>

#include "engine/open.hpp"
#include "io/environment.hpp"
#include "io/line_writer.hpp"
#include "json/write.hpp"
#include "stage/store.hpp"
#include "tool/filter.hpp"
#include "warehouse/dbt.hpp"
#include "warehouse/loader.hpp"
#include "warehouse/state.hpp"
#include "warehouse/unknown.hpp"

namespace cdc_load {
namespace {

void print_unknown(const Options& options, io::LineWriter& out) {
  const std::unique_ptr<engine::Database> database = open_warehouse(options, false);
  if (!database) return;
  const warehouse::State state(*database, options.source);
  warehouse::each_unknown(*database, state, warehouse::kMostKeys, [&](std::string_view line) { out.line(line); });
}

void print_position(const Options& options, io::LineWriter& out) {
  const std::unique_ptr<engine::Database> database = open_warehouse(options, false);
  if (!database) return;
  const warehouse::State state(*database, options.source);
  if (!state.position()) return;
  json::ObjectWriter object(out.buffer());
  object.text("source", options.source).text("system_id", state.position()->system_id);
  object.number("era", state.position()->era).text("position", base::format(state.position()->applied_to)).close();
  out.end_line();
}

void print_dbt(const Options& options, io::LineWriter& out) {
  const std::unique_ptr<engine::Database> database = open_warehouse(options, false);
  if (!database) return;
  const warehouse::State state(*database, options.source);
  const engine::Place place = engine::place_of(engine::parse_address(options.warehouse), options.source, io::variable);
  out.buffer() += warehouse::dbt_sources(warehouse::dialect_of(database->kind()), options.source,
                                         {place.database, place.schema}, state.tables());
  out.lines_added();
}

void print_sql(const Options& options, io::LineWriter& out) {
  const std::unique_ptr<stage::Store> store = stage::open_store(options.stage, false);
  const auto identity = stage::Log::identity(*store, options.source);
  stage::Log log(*store, options.source, identity ? identity->era : 0);
  const auto database = engine::open_printed(engine::parse_address(options.warehouse), options.source, io::variable,
                                             landing_of(options), [&](const std::string& line) { out.line(line); });
  warehouse::LoaderOptions wanted;
  wanted.begin_kept = true;
  wanted.history = options.history;
  warehouse::Loader loader(log, *database, wanted, tool::wall_us, [] { return false; });
  loader.run([](const warehouse::Totals&) {});
}

}  // namespace

base::Exit print(const Options& options) {
  io::LineWriter out(STDOUT_FILENO);
  if (options.print == "unknown") {
    print_unknown(options, out);
  } else if (options.print == "position") {
    print_position(options, out);
  } else if (options.print == "dbt") {
    print_dbt(options, out);
  } else if (options.print == "sql") {
    print_sql(options, out);
  } else {
    throw base::Failure(base::Exit::usage, "bad_value", "--print knows four words: unknown, position, dbt, sql");
  }
  out.flush();
  return base::Exit::done;
}

}  // namespace cdc_load
