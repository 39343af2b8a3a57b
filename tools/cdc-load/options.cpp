// cdc-load: the warehouse by its name, and metrics.
// Must not know what a warehouse consists of.
#include "cdc-load/options.hpp"

#include <array>
#include <optional>

#include "base/time.hpp"
#include "engine/open.hpp"
#include "io/environment.hpp"
#include "stage/names.hpp"

namespace cdc_load {
namespace {

constexpr std::array<std::string_view, 6> kStates{"copying", "ready", "doubted", "parked", "gone", "history"};

std::string label_of(std::string_view table) {
  std::string label = "table=\"";
  for (const char c : table) {
    if (c == '"' || c == '\\') label.push_back('\\');
    if (c == '\n') {
      label += "\\n";
    } else {
      label.push_back(c);
    }
  }
  return label + "\"";
}

void exclude(bool both, const char* words) {
  if (both) throw base::Failure(base::Exit::usage, "bad_option", std::string(words) + " exclude each other");
}

double seconds_of(std::int64_t us) { return static_cast<double>(us) / 1e6; }

}  // namespace

void check_options(const Options& options) {
  const bool prints = !options.print.empty();
  const bool erases = !options.erase.empty();
  exclude(prints && erases, "--print and --erase");
  exclude(prints && options.check, "--print and --check");
  exclude(erases && options.check, "--erase and --check");
  if (options.unite_ids != "own" && options.unite_ids != "shared") {
    throw base::Failure(base::Exit::usage, "bad_value", "--unite-ids is own or shared");
  }
  if (!options.unite.empty() && engine::parse_address(options.warehouse).kind == engine::Kind::sqlite) {
    throw base::Failure(base::Exit::usage, "bad_option",
                        "--unite: a file of SQLite's holds one source; ATTACH several in one session");
  }
  exclude(options.purge && (prints || erases || options.check || options.follow),
          "--purge and --print, --erase, --check, --follow");
  // A hundred years; more would lie before the beginning of time.
  if (options.keep_deleted_days > 36'500) {
    throw base::Failure(base::Exit::usage, "bad_value", "--keep-deleted-days is a number from 0 to 36500");
  }
  exclude(options.begin_kept && (prints || erases || options.check || options.purge),
          "--begin-kept and --print, --erase, --check, --purge");
  exclude(!options.gone.empty() && (prints || erases || options.check || options.purge || options.follow),
          "--gone and --print, --erase, --check, --purge, --follow");
  exclude(options.once && options.follow, "--once and --follow");
  exclude(options.follow && (prints || erases || options.check), "--follow and --print, --erase, --check");
  if (options.poll_s < 1 || options.poll_s > 86'400) {
    throw base::Failure(base::Exit::usage, "bad_value", "--poll-seconds is a number from 1 to 86400");
  }
}

engine::Landing landing_of(const Options& options) {
  engine::Landing landing;
  landing.folder = stage::encode_name(options.source) + "/net";
  landing.spool = io::temporary_folder();
  return landing;
}

std::unique_ptr<engine::Database> open_warehouse(const Options& options, bool create,
                                                 const std::shared_ptr<stage::Store>& store) {
  engine::Landing landing = landing_of(options);
  if (store) landing.place = [store](const std::string& path, const std::string& name) { store->place(path, name); };
  return engine::open(engine::parse_address(options.warehouse), options.source, kBusyMs, create, io::variable, landing);
}

Report::Report(tool::Metrics& metrics) : metrics_(metrics) {
  metrics_.declare("cdc_load_epochs_total", "Epochs applied.");
  metrics_.declare("cdc_load_chunks_total", "Copied chunks applied.");
  metrics_.declare("cdc_load_rows_total", "Row lines of epochs and chunks that were committed, waiting ones included.");
  metrics_.declare("cdc_load_waiting_rows_total", "Row lines that wait because their table is parked.");
  metrics_.declare("cdc_load_quarantined_rows_total", "Row lines whose key does not fit.");
  metrics_.declare("cdc_load_errors_total", "Runs that ended with a failure.");
  metrics_.declare("cdc_load_complete_to_seconds",
                   "The warehouse holds every change committed until then (Unix time).");
  metrics_.declare("cdc_load_last_success_seconds", "Time of the last run that loaded everything (Unix time).");
  metrics_.declare("cdc_load_applied_lsn_bytes", "Position of the warehouse in the source's log.");
  metrics_.declare("cdc_load_tables", "Tables in each state.");
  metrics_.declare("cdc_load_purged_rows_total", "Rows taken out that had been gone for longer than they are kept.");
  metrics_.declare("cdc_load_purge_last_success_seconds", "Time of the last purge that went through (Unix time).");
  metrics_.declare("cdc_load_unknown_values", "Values that have not arrived yet.");
  metrics_.declare("cdc_load_quarantined_values", "Values and rows in quarantine.");
}

void Report::add(const warehouse::Totals& totals) {
  const auto more = [](std::uint64_t now, std::uint64_t before) { return static_cast<double>(now - before); };
  metrics_.add("cdc_load_epochs_total", "", more(totals.epochs, told_.epochs));
  metrics_.add("cdc_load_chunks_total", "", more(totals.chunks, told_.chunks));
  metrics_.add("cdc_load_waiting_rows_total", "", more(totals.counts.waiting, told_.counts.waiting));
  metrics_.add("cdc_load_quarantined_rows_total", "", more(totals.counts.quarantined, told_.counts.quarantined));
  for (const auto& [table, rows] : totals.rows) {
    const auto before = told_.rows.find(table);
    metrics_.add("cdc_load_rows_total", label_of(table), more(rows, before == told_.rows.end() ? 0 : before->second));
  }
  if (const auto until = base::parse_time(totals.complete_to_time)) {
    metrics_.set("cdc_load_complete_to_seconds", "", seconds_of(until->unix_us));
  }
  if (totals.applied_to.value != 0) {
    metrics_.set("cdc_load_applied_lsn_bytes", "", static_cast<double>(totals.applied_to.value));
  }
  told_ = totals;
}

void Report::failed(const base::Failure& failure) {
  metrics_.add("cdc_load_errors_total", "class=\"" + std::string(base::class_of(failure.exit)) + "\"", 1);
}

void Report::nothing_new(std::int64_t now_us) { metrics_.set("cdc_load_last_success_seconds", "", seconds_of(now_us)); }

void Report::purged(std::string_view table, std::int64_t rows) {
  metrics_.add("cdc_load_purged_rows_total", label_of(table), static_cast<double>(rows));
}

void Report::finish_purge(std::int64_t now_us) {
  metrics_.set("cdc_load_purge_last_success_seconds", "", seconds_of(now_us));
}

void Report::finish(const warehouse::Totals& totals, warehouse::State& state, std::int64_t now_us) {
  add(totals);
  nothing_new(now_us);
  std::map<std::string, double> tables;
  for (const std::string_view name : kStates) tables[std::string(name)] = 0;
  for (const auto& one : state.freshness()) {
    ++tables[one.state];
    const std::string label = label_of(one.table);
    metrics_.set("cdc_load_unknown_values", label, static_cast<double>(one.unknown_values));
    metrics_.set("cdc_load_quarantined_values", label, static_cast<double>(one.quarantined));
  }
  for (const auto& [name, count] : tables) metrics_.set("cdc_load_tables", "state=\"" + name + "\"", count);
}

}  // namespace cdc_load
