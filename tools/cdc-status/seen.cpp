// cdc-status: what was seen, held against the objective. Nothing seen is out of it: a warehouse that cannot be asked proves nothing.
#include "cdc-status/seen.hpp"

#include <algorithm>

#include "base/time.hpp"

namespace status {
namespace {

std::optional<std::int64_t> age_of(const std::string& time, std::int64_t at_us) {
  const auto parsed = base::parse_time(time);
  if (!parsed) return std::nullopt;
  // Clocks differ: what is complete to a moment that has not come is fresh.
  return std::max<std::int64_t>(0, (at_us - parsed->unix_us) / 1'000'000);
}

// The worst first. What takes the longest to mend, or loses the most when nobody comes, is worse.
std::string cause_of(const Verdict& verdict) {
  const Seen& seen = verdict.seen;
  const auto any = [&](const char* state) {
    return std::any_of(verdict.tables.begin(), verdict.tables.end(),
                       [&](const TableVerdict& table) { return table.seen.state == state; });
  };
  const bool stale =
      std::any_of(verdict.tables.begin(), verdict.tables.end(), [](const TableVerdict& table) { return !table.in; });
  if (seen.source && seen.source->slot == "lost") return "slot_lost";
  if (seen.source && seen.source->slot == "none") return "slot_missing";
  for (const char* part : {"warehouse", "stage", "source"}) {
    for (const Trouble& trouble : seen.troubles) {
      if (trouble.part == part) return trouble.part + "_" + trouble.slug;
    }
  }
  if (any("parked")) return "parked";
  if (any("doubted")) return "doubted";
  if (seen.warehouse && verdict.tables.empty()) return "nothing_loaded";
  if (stale && verdict.staged_s && *verdict.staged_s > static_cast<std::int64_t>(seen.pipeline.objective_s))
    return "not_captured";
  if (stale) return "not_loaded";
  return "";
}

}  // namespace

Verdict judge(Seen seen) {
  Verdict verdict;
  const auto objective_s = static_cast<std::int64_t>(seen.pipeline.objective_s);
  if (seen.stage) verdict.staged_s = age_of(seen.stage->time, seen.at_us);
  bool measured = false;
  verdict.in = true;
  if (seen.warehouse) {
    verdict.loaded_s = age_of(seen.warehouse->complete_to_time, seen.at_us);
    for (const TableSeen& table : seen.warehouse->tables) {
      TableVerdict one{table, std::nullopt, true};
      // What the source no longer has cannot be stale.
      measured = measured || table.state == "gone";
      if (table.state != "copying" && table.state != "gone") {
        one.age_s = age_of(table.complete_to_time, seen.at_us);
        one.in = one.age_s && *one.age_s <= objective_s;
        measured = true;
        if (one.age_s && (!verdict.age_s || *one.age_s > *verdict.age_s)) verdict.age_s = one.age_s;
      }
      verdict.in = verdict.in && one.in;
      verdict.tables.push_back(std::move(one));
    }
  }
  if (!measured) verdict.in = false;
  verdict.seen = std::move(seen);
  verdict.cause = cause_of(verdict);
  return verdict;
}

}  // namespace status
