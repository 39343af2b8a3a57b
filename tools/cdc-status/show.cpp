// cdc-status: verdicts as text. What is not known has no number anywhere: a dash, a null, no sample.
#include "cdc-status/show.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "json/write.hpp"
#include "tool/metrics.hpp"

namespace status {
namespace {

std::string size(const std::optional<std::uint64_t>& bytes) {
  if (!bytes) return "-";
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(*bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[40];
  std::snprintf(text, sizeof text, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

// Columns are as wide as their widest cell; the last one has no end.
std::string columns_of(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (row.size() < 2) continue;  // a line of its own
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

void seconds(json::ObjectWriter& object, const char* key, const std::optional<std::int64_t>& value) {
  std::string number = "null";
  if (value) json::append_number(number = "", *value);
  object.raw(key, number);
}
void count(json::ObjectWriter& object, const char* key, const std::optional<std::uint64_t>& value) {
  value ? object.number(key, *value) : object.null(key);
}

std::string list_of(const std::vector<std::string>& objects) {
  std::string list = "[";
  for (const std::string& one : objects) list += (list.size() > 1 ? "," : "") + one;
  return list + "]";
}

}  // namespace

std::string span(std::optional<std::int64_t> seconds) {
  if (!seconds) return "-";
  const auto s = static_cast<double>(*seconds);
  char text[40];
  if (*seconds < 120) {
    std::snprintf(text, sizeof text, "%.0f s", s);
  } else if (*seconds < 7200) {
    std::snprintf(text, sizeof text, "%.0f min", std::floor(s / 60));
  } else if (*seconds < 172'800) {
    std::snprintf(text, sizeof text, "%.1f h", std::floor(s / 360) / 10);
  } else {
    std::snprintf(text, sizeof text, "%.0f d", std::floor(s / 86'400));
  }
  return text;
}

std::string as_text(const std::vector<Verdict>& verdicts, bool all) {
  std::vector<std::vector<std::string>> rows{
      {"source", "slo", "age", "objective", "staged", "loaded", "slot", "behind", "kept", "tables", "cause"}};
  for (const Verdict& verdict : verdicts) {
    const Seen& seen = verdict.seen;
    rows.push_back(
        {seen.pipeline.source, verdict.in ? "in" : "OUT", span(verdict.age_s),
         span(static_cast<std::int64_t>(seen.pipeline.objective_s)), span(verdict.staged_s), span(verdict.loaded_s),
         seen.source ? seen.source->slot : "-", seen.source ? size(seen.source->behind_bytes) : "-",
         seen.source ? size(seen.source->retained_bytes) : "-",
         seen.warehouse ? std::to_string(verdict.tables.size()) : "-", verdict.cause.empty() ? "-" : verdict.cause});
    for (const TableVerdict& table : verdict.tables) {
      const bool well =
          table.in && (table.seen.state == "ready" || table.seen.state == "history") && table.seen.quarantined == 0;
      if (well && !all) continue;
      std::string line = "  " + table.seen.table + ": " + table.seen.state + ", age " + span(table.age_s);
      if (table.seen.unknown_values > 0) line += ", " + std::to_string(table.seen.unknown_values) + " unknown values";
      if (table.seen.quarantined > 0) line += ", " + std::to_string(table.seen.quarantined) + " in quarantine";
      rows.push_back({line});
    }
    for (const Trouble& trouble : seen.troubles)
      rows.push_back({"  " + trouble.part + ": " + trouble.slug + ": " + trouble.words});
  }
  return columns_of(rows);
}

std::string as_json(const std::vector<Verdict>& verdicts) {
  std::string text;
  for (const Verdict& verdict : verdicts) {
    const Seen& seen = verdict.seen;
    json::ObjectWriter object(text);
    object.text("source", seen.pipeline.source).boolean("in", verdict.in).text("cause", verdict.cause);
    object.number("objective_s", seen.pipeline.objective_s);
    seconds(object, "age_s", verdict.age_s);
    seconds(object, "staged_s", verdict.staged_s);
    seconds(object, "loaded_s", verdict.loaded_s);
    seconds(object, "clock_ahead_s",
            seen.source ? std::optional(seen.source->clock_ahead_us / 1'000'000) : std::nullopt);
    if (seen.source) {
      std::string part;
      json::ObjectWriter slot(part);
      slot.text("state", seen.source->slot);
      count(slot, "behind_bytes", seen.source->behind_bytes);
      count(slot, "retained_bytes", seen.source->retained_bytes);
      count(slot, "catalog_age", seen.source->catalog_age);
      slot.close();
      object.raw("slot", part);
    } else {
      object.null("slot");
    }
    seen.stage ? object.text("staged_to", base::format(seen.stage->to)) : object.null("staged_to");
    seen.warehouse&& seen.warehouse->applied_to.value > 0
        ? object.text("applied_to", base::format(seen.warehouse->applied_to))
        : object.null("applied_to");
    std::vector<std::string> tables;
    for (const TableVerdict& table : verdict.tables) {
      json::ObjectWriter one(tables.emplace_back());
      one.text("table", table.seen.table).text("state", table.seen.state).boolean("in", table.in);
      seconds(one, "age_s", table.age_s);
      one.number("unknown_values", table.seen.unknown_values).number("quarantined", table.seen.quarantined);
      one.close();
    }
    object.raw("tables", list_of(tables));
    std::vector<std::string> troubles;
    for (const Trouble& trouble : seen.troubles) {
      json::ObjectWriter one(troubles.emplace_back());
      one.text("part", trouble.part).text("err", trouble.slug).text("msg", trouble.words);
      one.close();
    }
    object.raw("troubles", list_of(troubles));
    object.close();
    text += '\n';
  }
  return text;
}

std::string as_prometheus(const std::vector<Verdict>& verdicts, std::int64_t at_us) {
  tool::Metrics metrics("", "cdc-status");
  metrics.declare("cdc_status_last_run_seconds", "When this was seen (Unix time).");
  metrics.declare("cdc_slo_in", "1: every change older than the objective is in the warehouse.");
  metrics.declare("cdc_slo_objective_seconds", "Within which a change is to be in the warehouse after its commit.");
  metrics.declare("cdc_freshness_seconds", "Since the moment up to which a table is complete in the warehouse.");
  metrics.declare("cdc_table_state", "1 for the state that a table is in.");
  metrics.declare("cdc_table_unknown_values", "Values of a table that have not arrived yet.");
  metrics.declare("cdc_table_quarantined_values", "Values and rows of a table in quarantine.");
  metrics.declare("cdc_staged_age_seconds", "Since the moment up to which the stage is complete.");
  metrics.declare("cdc_loaded_age_seconds", "Since the moment up to which the warehouse is complete.");
  metrics.declare("cdc_slot_state", "1 for the state that the slot is in.");
  metrics.declare("cdc_slot_behind_bytes", "Log behind what the slot was told to be durable.");
  metrics.declare("cdc_slot_retained_bytes", "Log that the server keeps for the slot.");
  metrics.declare("cdc_slot_catalog_age_transactions",
                  "Age of the oldest catalog rows that the slot keeps from vacuum.");
  metrics.declare("cdc_clock_ahead_seconds", "Clock of this machine before that of the source's server.");
  metrics.declare("cdc_status_trouble", "1 for a part that could not be asked.");
  metrics.set("cdc_status_last_run_seconds", "", static_cast<double>(at_us / 1'000'000));
  for (const Verdict& verdict : verdicts) {
    const Seen& seen = verdict.seen;
    const std::string source = tool::label("source", seen.pipeline.source);
    const auto optional = [&](const char* name, const auto& value) {
      if (value) metrics.set(name, source, static_cast<double>(*value));
    };
    metrics.set("cdc_slo_in", source, verdict.in ? 1 : 0);
    metrics.set("cdc_slo_objective_seconds", source, static_cast<double>(seen.pipeline.objective_s));
    optional("cdc_staged_age_seconds", verdict.staged_s);
    optional("cdc_loaded_age_seconds", verdict.loaded_s);
    if (seen.source) {
      for (const char* state : {"none", "idle", "active", "lost"}) {
        metrics.set("cdc_slot_state", source + "," + tool::label("state", state), seen.source->slot == state ? 1 : 0);
      }
      optional("cdc_slot_behind_bytes", seen.source->behind_bytes);
      optional("cdc_slot_retained_bytes", seen.source->retained_bytes);
      optional("cdc_slot_catalog_age_transactions", seen.source->catalog_age);
      metrics.set("cdc_clock_ahead_seconds", source, static_cast<double>(seen.source->clock_ahead_us) / 1e6);
    }
    for (const TableVerdict& table : verdict.tables) {
      const std::string labels = source + "," + tool::label("table", table.seen.table);
      if (table.age_s) metrics.set("cdc_freshness_seconds", labels, static_cast<double>(*table.age_s));
      for (const char* state : {"copying", "ready", "history", "parked", "doubted", "gone"}) {
        metrics.set("cdc_table_state", labels + "," + tool::label("state", state), table.seen.state == state ? 1 : 0);
      }
      metrics.set("cdc_table_unknown_values", labels, static_cast<double>(table.seen.unknown_values));
      metrics.set("cdc_table_quarantined_values", labels, static_cast<double>(table.seen.quarantined));
    }
    for (const char* part : {"source", "stage", "warehouse"}) {
      const bool troubled = std::any_of(seen.troubles.begin(), seen.troubles.end(),
                                        [&](const Trouble& trouble) { return trouble.part == part; });
      metrics.set("cdc_status_trouble", source + "," + tool::label("part", part), troubled ? 1 : 0);
    }
  }
  return metrics.text();
}

}  // namespace status
