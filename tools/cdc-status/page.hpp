// cdc-status: the page, one HTML file with everything in it: freshness over time against the objective, the error budget, tables, incidents.
// No script, no network, readable on a phone. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cdc-status/record.hpp"
#include "cdc-status/seen.hpp"

namespace status {

/// in   record   of each source, as read_record gives it; may lack some
///      at_us    now
///      days     how far back it looks
///      permille of the time, in thousandths, during which the objective is to be met (999)
[[nodiscard]] std::string as_page(const std::vector<Verdict>& verdicts,
                                  const std::map<std::string, std::vector<Sample>>& record, std::int64_t at_us,
                                  std::uint64_t days, std::uint64_t permille);

}  // namespace status
