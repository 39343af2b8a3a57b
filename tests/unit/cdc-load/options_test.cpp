// cdc-load's words, and metrics that add up.
#include "cdc-load/options.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Report, adds_what_is_new_since_the_last_time) {
  tool::Metrics metrics("", "cdc-load");
  cdc_load::Report report(metrics);
  warehouse::Totals totals;
  totals.epochs = 2;
  totals.rows["public.\"T\""] = 5;
  report.add(totals);
  totals.epochs = 3;
  totals.rows["public.\"T\""] = 9;
  report.add(totals);
  const std::string text = metrics.text();
  EXPECT_NE(text.find("cdc_load_epochs_total{program=\"cdc-load\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("table=\"public.\\\"T\\\"\"} 9\n"), std::string::npos) << text;
}

}  // namespace
