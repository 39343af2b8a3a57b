// cdc-load's words, and metrics that add up.
#include "cdc-load/options.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Options, that_do_not_go_together_are_refused) {
  const auto refused = [](void (*set)(cdc_load::Options&)) {
    cdc_load::Options options;
    set(options);
    EXPECT_THROW(cdc_load::check_options(options), base::Failure);
  };
  EXPECT_NO_THROW(cdc_load::check_options({}));
  refused([](auto& options) { options.once = options.follow = true; });
  refused([](auto& options) { options.follow = options.check = true; });
  refused([](auto& options) { options.print = options.erase = "x"; });
  refused([](auto& options) { options.poll_s = 0; });
  refused([](auto& options) { options.poll_s = 86'401; });
}

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
  report.begin();  // another loader counts from nothing
  totals.epochs = 1;
  totals.rows.clear();
  report.add(totals);
  const std::string text = metrics.text();
  EXPECT_NE(text.find("cdc_load_epochs_total{program=\"cdc-load\"} 4\n"), std::string::npos) << text;
  EXPECT_NE(text.find("table=\"public.\\\"T\\\"\"} 9\n"), std::string::npos) << text;
}

}  // namespace
