// cdc-mask: log lines and metrics. Knows their names, which are an interface: alert rules match them.
// Must not see a value: what it is given holds names and counts only.
// A metric is set to the filter's own count, never added up here, so that it cannot drift.
#include "cdc-mask/report.hpp"

#include "logging/event.hpp"

namespace cdc_mask {
namespace {

// A name as the value of a Prometheus label.
std::string label(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '\\' || c == '"') text.push_back('\\');
    if (c == '\n') {
      text.append("\\n");
    } else {
      text.push_back(c);
    }
  }
  return text;
}

}  // namespace

void log_notice(const Notice& notice) {
  const bool changed = notice.reason == policy::Reason::repinned || notice.reason == policy::Reason::retyped;
  const std::string_view slug = changed ? "repinned" : "withheld";
  const std::string what = notice.column.empty() ? "the table is withheld: " : "the column is withheld: ";
  const std::string& column = notice.column.empty() ? notice.key_column : notice.column;
  logging::event(logging::Level::warn, what + std::string(policy::text_of(notice.reason)),
                 {{"err", std::string(slug)}, {"table", notice.table}, {"column", column}});
}

void declare_metrics(tool::Metrics& metrics) {
  metrics.declare("cdc_mask_rows_total", "Row lines that left");
  metrics.declare("cdc_mask_messages_dropped_total", "Logical messages that did not leave");
  metrics.declare("cdc_mask_policies_total", "Policies taken over while running");
  metrics.declare("cdc_mask_denied_rows_total", "Rows of tables of which no line leaves");
  metrics.declare("cdc_mask_withheld_total",
                  "Rows that left without this column, for lack of a rule that lets it through");
  metrics.declare("cdc_mask_unfit_total",
                  "Rows that left with null in this column: of the value nothing was left by its rule");
}

void set_metrics(tool::Metrics& metrics, const Counts& counts) {
  metrics.set("cdc_mask_rows_total", "", static_cast<double>(counts.rows));
  metrics.set("cdc_mask_messages_dropped_total", "", static_cast<double>(counts.messages));
  metrics.set("cdc_mask_policies_total", "", static_cast<double>(counts.policies));
  for (const auto& [name, table] : counts.tables) {
    const std::string table_label = "table=\"" + label(name) + "\"";
    const auto set = [&](const char* metric, const std::string& column, std::uint64_t rows) {
      if (rows > 0) metrics.set(metric, table_label + ",column=\"" + label(column) + "\"", static_cast<double>(rows));
    };
    if (table.rows > 0) metrics.set("cdc_mask_denied_rows_total", table_label, static_cast<double>(table.rows));
    for (const auto& [column, withheld] : table.withheld) set("cdc_mask_withheld_total", column, withheld.rows);
    for (const auto& [column, rows] : table.unfit) set("cdc_mask_unfit_total", column, rows);
  }
}

}  // namespace cdc_mask
