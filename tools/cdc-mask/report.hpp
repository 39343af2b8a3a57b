// cdc-mask: what the operator sees of it. Knows the log and the metrics.
// Must not know how masking works, and must not see a value.
// A column is logged once per run, its rows are counted.
#pragma once

#include <string>

#include "cdc-mask/mask.hpp"
#include "tool/metrics.hpp"

namespace cdc_mask {

/// Logs a notice: a table withheld whole or a column, as warning err=withheld or err=repinned.
void log_notice(const Notice& notice);

void declare_metrics(tool::Metrics& metrics);
/// Sets the metrics to the counts: cdc_mask_rows_total, cdc_mask_messages_dropped_total, cdc_mask_policies_total,
/// cdc_mask_denied_rows_total{table}, cdc_mask_withheld_total{table,column}, cdc_mask_unfit_total{table,column}.
void set_metrics(tool::Metrics& metrics, const Counts& counts);

}  // namespace cdc_mask
