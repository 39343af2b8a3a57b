// cdc-stage-put: metrics that add up.
#include "cdc-stage-put/report.hpp"

#include <string>

#include "base/time.hpp"
#include "logging/event.hpp"

namespace cdc_stage_put {

Report::Report(tool::Metrics& metrics) : metrics_(metrics) {
  metrics_.declare("cdc_stage_put_epochs_total", "Epochs appended to the log.");
  metrics_.declare("cdc_stage_put_chunks_total", "Copied chunks put.");
  metrics_.declare("cdc_stage_put_bytes_total", "Compressed bytes put.");
  metrics_.declare("cdc_stage_put_complete_to_seconds",
                   "The stage holds every change committed until then (Unix time).");
}

void Report::count(const stage::Common& manifest, std::int64_t now_ms) {
  for (const auto& file : manifest.files) {
    metrics_.add("cdc_stage_put_bytes_total", "", static_cast<double>(file.bytes));
  }
  metrics_.write_at_intervals(now_ms);
}

void Report::epoch(const stage::Epoch& epoch, std::int64_t now_ms) {
  metrics_.add("cdc_stage_put_epochs_total", "");
  if (const auto until = base::parse_time(epoch.last_ts)) {
    metrics_.set("cdc_stage_put_complete_to_seconds", "", static_cast<double>(until->unix_us) / 1e6);
  }
  count(epoch, now_ms);
  logging::event(logging::Level::info, "epoch put",
                 {{"lsn", base::format(epoch.to)}, {"rows", std::to_string(epoch.rows)}});
}

void Report::chunk(const stage::Chunk& chunk, std::int64_t now_ms) {
  metrics_.add("cdc_stage_put_chunks_total", "");
  count(chunk, now_ms);
}

}  // namespace cdc_stage_put
