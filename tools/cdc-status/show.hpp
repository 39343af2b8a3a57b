// cdc-status: verdicts for a terminal, for programs and for Prometheus. Knows the forms of cdc-status(1).
// Must not know how a verdict came about. Pure.
#pragma once

#include <string>
#include <vector>

#include "cdc-status/seen.hpp"

namespace status {

/// `12 s`, `5 min`, `3.2 h`, `4 d`; `-` for nothing.
[[nodiscard]] std::string span(std::optional<std::int64_t> seconds);

/// A table: a line for each pipeline, below it each of its tables that is not ready or not in time, then what could not be asked.
///
/// in   all  every table has a line
[[nodiscard]] std::string as_text(const std::vector<Verdict>& verdicts, bool all);

/// One JSON object a line for each pipeline. src  cdc-status(1), OUTPUT
[[nodiscard]] std::string as_json(const std::vector<Verdict>& verdicts);

/// The text exposition format, as the textfile collector of node_exporter reads it. src  cdc-status(1), METRICS
[[nodiscard]] std::string as_prometheus(const std::vector<Verdict>& verdicts, std::int64_t at_us);

}  // namespace status
