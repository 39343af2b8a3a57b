// cdc-mask: what the operator sees of it. Knows the log and the metrics file.
// Must not know how masking works, and must not see a value.
// A column is logged once per run, its rows are counted.
#pragma once

#include <string>

#include "cdc-mask/mask.hpp"
#include "tool/metrics.hpp"

namespace cdc_mask {

/// Logs a notice: a table withheld whole or a column, as warning err=withheld or err=repinned.
void log_notice(const Notice& notice);

/// Sets the metrics to the counts: cdc_mask_rows_total, cdc_mask_messages_dropped_total, cdc_mask_denied_rows_total{table},
/// cdc_mask_withheld_total{table,column}.
void set_metrics(tool::Metrics& metrics, const Counts& counts);

/// A Mask that keeps its metrics file fresh.
class MeasuredMask : public Mask {
 public:
  /// in   path  of the metrics file; empty: none
  MeasuredMask(const policy::Policy& policy, const policy::Keys* keys, std::string path);
  ~MeasuredMask() override;  ///< writes the metrics a last time, also when the program ends by a failure
  void tick(std::int64_t now_ms, io::LineWriter& out) override;

 private:
  tool::Metrics metrics_;
  bool wanted_;
  std::int64_t next_ms_ = 0;
};

}  // namespace cdc_mask
