// Verdicts as text, JSON, metrics and page: what is not known has no number, and names cannot break the form.
#include "cdc-status/show.hpp"

#include <gtest/gtest.h>

#include "base/time.hpp"
#include "cdc-status/page.hpp"

namespace {

status::Verdict verdict_of(const std::string& table) {
  status::Seen seen;
  seen.pipeline = {"shop.ini", "shop", "", "", "", "sqlite:w", 21'600};
  seen.at_us = base::parse_time("2026-11-22T12:00:00.000000Z")->unix_us;
  seen.warehouse = status::WarehouseSeen{
      base::Lsn{0x100}, "2026-11-22T11:00:00.000000Z", {{table, "ready", "2026-11-22T11:00:00.000000Z", 3, 0}}};
  return status::judge(std::move(seen));
}

TEST(Span, is_as_exact_as_somebody_needs_it) {
  EXPECT_EQ(status::span(std::nullopt), "-");
  EXPECT_EQ(status::span(0), "0 s");
  EXPECT_EQ(status::span(119), "119 s");
  EXPECT_EQ(status::span(121), "2 min");
  EXPECT_EQ(status::span(7199), "119 min");
  EXPECT_EQ(status::span(21'600), "6.0 h");
  EXPECT_EQ(status::span(172'800), "2 d");
}

TEST(Text, a_table_that_is_well_has_a_line_only_when_asked_for) {
  EXPECT_EQ(status::as_text({verdict_of("public.t")}, false),
            "source  slo  age     objective  staged  loaded  slot  behind  kept  tables  cause\n"
            "shop    in   60 min  6.0 h      -       60 min  -     -       -     1       -\n");
  EXPECT_NE(status::as_text({verdict_of("public.t")}, true).find("  public.t: ready, age 60 min, 3 unknown values\n"),
            std::string::npos);
}

TEST(Json, what_was_not_asked_is_null) {
  EXPECT_EQ(status::as_json({verdict_of("public.\"T\"")}),
            "{\"source\":\"shop\",\"in\":true,\"cause\":\"\",\"objective_s\":21600,\"age_s\":3600,\"staged_s\":null,"
            "\"loaded_s\":3600,\"clock_ahead_s\":null,\"slot\":null,"
            "\"staged_to\":null,\"applied_to\":\"00000000/"
            "00000100\",\"tables\":[{\"table\":\"public.\\\"T\\\"\",\"state\":\"ready\",\"in\":true,\"age_s\":3600,"
            "\"unknown_values\":3,\"quarantined\":0}],\"troubles\":[]}\n");
}

TEST(Prometheus, what_is_not_known_has_no_sample_and_a_name_is_escaped) {
  const std::string text = status::as_prometheus({verdict_of("public.\"T\"")}, 5'000'000);
  EXPECT_NE(
      text.find("\ncdc_freshness_seconds{program=\"cdc-status\",source=\"shop\",table=\"public.\\\"T\\\"\"} 3600\n"),
      std::string::npos);
  EXPECT_NE(text.find("\ncdc_slo_in{program=\"cdc-status\",source=\"shop\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("\ncdc_status_last_run_seconds{program=\"cdc-status\"} 5\n"), std::string::npos);
  EXPECT_EQ(text.find("\ncdc_staged_age_seconds{"), std::string::npos);
  EXPECT_EQ(text.find("\ncdc_slot_retained_bytes{"), std::string::npos);
}

TEST(Page, a_name_cannot_become_markup) {
  const std::string page = status::as_page({verdict_of("<script>\"&")}, {}, 0, 30, 999);
  EXPECT_NE(page.find("&lt;script&gt;&quot;&amp;"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
}

TEST(Page, who_is_out_of_time_comes_first_and_the_budget_is_counted_from_the_record) {
  status::Verdict late = verdict_of("public.t");
  late.seen.pipeline.source = "late";
  late.in = false;
  const std::int64_t now_us = late.seen.at_us;
  std::vector<status::Sample> samples;
  for (int i = 20; i > 0; --i)
    samples.push_back({now_us - i * 300'000'000LL, i > 10, 100 * (21 - i), 21'600, i > 10 ? "" : "not_loaded"});
  const std::string page = status::as_page({verdict_of("public.t"), late}, {{"late", samples}}, now_us, 30, 999);
  EXPECT_LT(page.find("<section id=\"late\">"), page.find("<section id=\"shop\">"));
  // 50 minutes of the 43 that there are.
  EXPECT_NE(page.find("overspent by 6 min"), std::string::npos);
  EXPECT_NE(page.find("<td>not_loaded</td>"), std::string::npos);
  EXPECT_NE(page.find("<polyline"), std::string::npos);
  EXPECT_NE(page.find("50.00 %"), std::string::npos);
}

TEST(Page, nothing_in_it_comes_from_elsewhere) {
  const std::string page = status::as_page({verdict_of("public.t")}, {}, 0, 30, 999);
  for (const char* word : {"http:", "https:", "src=", "url(", "@import"})
    EXPECT_EQ(page.find(word), std::string::npos) << word;
}

}  // namespace
