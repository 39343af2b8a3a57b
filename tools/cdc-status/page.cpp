// cdc-status: the page. A plot is an SVG of the samples, thinned to what can be seen: of each stretch the oldest age stays.
#include "cdc-status/page.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/time.hpp"
#include "cdc-status/show.hpp"

namespace status {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr int kWidth = 720;
constexpr int kHeight = 120;
constexpr int kStretches = 360;

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6570;--line:#d5dae0;--paper:#fff;--good:#1a7f37;--bad:#b42318;--plot:#2563eb}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa4af;--line:#3a424b;--paper:#16191d;--good:#4ac26b;--bad:#ff7b72;--plot:#7aa2f7}}
*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:60rem;font:16px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:0}h3{font-size:1rem;margin:1rem 0 .3rem}.soft{color:var(--soft)}
section{border-top:1px solid var(--line);padding:1rem 0}.in{color:var(--good)}.out{color:var(--bad)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.5rem;margin:.6rem 0}dt{color:var(--soft);font-size:.85rem}dd{margin:0;font-weight:600}
svg{width:100%;height:8rem;display:block}.axis{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;font-size:.85rem;color:var(--soft)}.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line)}th,td{white-space:nowrap}th{color:var(--soft);font-weight:500}h2,dd,p,li{overflow-wrap:anywhere}
)css";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

// `2026-11-22 10:53`, UTC.
std::string minute(std::int64_t at_us) {
  std::string text = base::format(base::Time{at_us}).substr(0, 16);
  text[10] = ' ';
  return text;
}

std::string fact(const char* name, const std::string& value, const char* klass = "") {
  return std::string("<div><dt>") + name + "</dt><dd class=\"" + klass + "\">" + value + "</dd></div>";
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// Cut, not rounded: 99.999 is not 100.
std::string hundredths(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f", std::floor(value * 100) / 100);
  return text;
}

// The age over time. The scale is that of square roots: minutes can be read beside hours.
std::string plot(const std::string& source, const std::vector<Sample>& samples, std::int64_t from_us,
                 std::int64_t until_us, std::int64_t objective_s) {
  std::int64_t most_s = objective_s * 5 / 4;
  for (const Sample& sample : samples) {
    if (sample.at_us >= from_us && sample.age_s) most_s = std::max(most_s, *sample.age_s);
  }
  const double height = std::sqrt(static_cast<double>(std::max<std::int64_t>(1, most_s)));
  const auto x = [&](std::int64_t at_us) {
    return kWidth * static_cast<double>(at_us - from_us) /
           static_cast<double>(std::max<std::int64_t>(1, until_us - from_us));
  };
  const auto y = [&](std::int64_t age_s) { return kHeight - kHeight * std::sqrt(static_cast<double>(age_s)) / height; };
  std::string svg = "<svg viewBox=\"0 0 " + std::to_string(kWidth) + " " + std::to_string(kHeight + 6) +
                    "\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"age of " + escaped(source) +
                    " over time\">";
  const std::string line = number(y(objective_s));
  svg += "<line x1=\"0\" x2=\"" + std::to_string(kWidth) + "\" y1=\"" + line + "\" y2=\"" + line +
         "\" stroke=\"var(--bad)\" stroke-dasharray=\"4 4\" vector-effect=\"non-scaling-stroke\"/>";
  std::string points;
  std::string marks;
  const auto end_line = [&] {
    if (!points.empty())
      svg +=
          "<polyline fill=\"none\" stroke=\"var(--plot)\" stroke-width=\"1.5\" vector-effect=\"non-scaling-stroke\" "
          "points=\"" +
          points + "\"/>";
    points.clear();
  };
  std::int64_t last_us = -1;
  for (std::size_t i = 0; i < samples.size();) {
    if (samples[i].at_us < from_us || samples[i].at_us > until_us) {
      ++i;
      continue;
    }
    const auto stretch = static_cast<int>(x(samples[i].at_us) * kStretches / kWidth);
    const Sample* oldest = nullptr;
    bool out = false;
    const std::int64_t first_us = samples[i].at_us;
    for (; i < samples.size() && samples[i].at_us <= until_us &&
           static_cast<int>(x(samples[i].at_us) * kStretches / kWidth) == stretch;
         ++i) {
      out = out || !samples[i].in;
      if (samples[i].age_s && (oldest == nullptr || *samples[i].age_s > *oldest->age_s)) oldest = &samples[i];
    }
    // A gap in what was measured is a gap in the line.
    const std::int64_t gap_us = std::max(kLongestStandS * kSecondUs, 2 * (until_us - from_us) / kStretches);
    if (last_us >= 0 && first_us - last_us > gap_us) end_line();
    last_us = samples[i - 1].at_us;
    if (out)
      marks += "<rect x=\"" + number(x(first_us)) + "\" y=\"" + std::to_string(kHeight) +
               "\" width=\"2.5\" height=\"5\" fill=\"var(--bad)\"/>";
    if (oldest == nullptr) {
      end_line();
      continue;
    }
    points += (points.empty() ? "" : " ") + number(x(oldest->at_us)) + "," + number(y(*oldest->age_s));
  }
  end_line();
  svg += marks + "</svg><div class=\"axis\"><span>" + minute(from_us) + "</span><span>dashed: the objective, " +
         span(objective_s) + "</span><span>" + minute(until_us) + " UTC</span></div>";
  return svg;
}

std::string section(const Verdict& verdict, const std::vector<Sample>& samples, std::int64_t at_us, std::uint64_t days,
                    std::uint64_t permille) {
  const Seen& seen = verdict.seen;
  const auto objective_s = static_cast<std::int64_t>(seen.pipeline.objective_s);
  const std::int64_t window_us = static_cast<std::int64_t>(days) * 86'400 * kSecondUs;
  const std::int64_t from_us = samples.empty() ? at_us - kSecondUs : std::max(samples.front().at_us, at_us - window_us);
  const Budget budget = budget_of(samples, at_us - window_us, at_us);
  const std::int64_t allowed_s = static_cast<std::int64_t>(days * 86'400 * (1000 - permille) / 1000);
  const std::int64_t measured_s = budget.in_s + budget.out_s;
  std::string text = "<section id=\"" + escaped(seen.pipeline.source) + "\"><h2>" + escaped(seen.pipeline.source) +
                     " <span class=\"" + (verdict.in ? "in\">in time" : "out\">out of time") + "</span></h2>";
  if (!verdict.cause.empty())
    text += "<p class=\"" + std::string(verdict.in ? "soft" : "out") + "\">" + escaped(verdict.cause) + "</p>";
  text += "<dl>" + fact("age of the oldest table", span(verdict.age_s), verdict.in ? "in" : "out") +
          fact("objective", span(objective_s)) + fact("staged", span(verdict.staged_s)) +
          fact("loaded", span(verdict.loaded_s));
  if (measured_s > 0) {
    text += fact("time within the objective",
                 hundredths(100.0 * static_cast<double>(budget.in_s) / static_cast<double>(measured_s)) + " %");
    const std::int64_t left_s = allowed_s - budget.out_s;
    text += fact("error budget left",
                 left_s >= 0 ? span(left_s) + " of " + span(allowed_s) : "overspent by " + span(-left_s),
                 left_s >= 0 ? "in" : "out");
  }
  if (budget.unmeasured_s > 0) text += fact("not measured", span(budget.unmeasured_s));
  text += "</dl>";
  if (!samples.empty()) text += plot(seen.pipeline.source, samples, from_us, at_us, objective_s);
  if (!verdict.tables.empty()) {
    text +=
        "<h3>Tables</h3><div class=\"scroll\"><table><tr><th>table</th><th>state</th><th>age</th><th>unknown "
        "values</th><th>quarantine</th></tr>";
    std::vector<const TableVerdict*> tables;
    for (const TableVerdict& table : verdict.tables) tables.push_back(&table);
    std::stable_sort(tables.begin(), tables.end(), [](const TableVerdict* a, const TableVerdict* b) {
      return a->age_s.value_or(-1) > b->age_s.value_or(-1);
    });
    for (const TableVerdict* table : tables) {
      text += "<tr><td>" + escaped(table->seen.table) + "</td><td>" + escaped(table->seen.state) + "</td><td class=\"" +
              (!table->age_s ? "soft"
               : table->in   ? "in"
                             : "out") +
              "\">" + span(table->age_s) + "</td><td>" + std::to_string(table->seen.unknown_values) + "</td><td>" +
              std::to_string(table->seen.quarantined) + "</td></tr>";
    }
    text += "</table></div>";
  }
  if (!seen.troubles.empty()) {
    text += "<h3>Could not be asked</h3><ul>";
    for (const Trouble& trouble : seen.troubles)
      text += "<li>" + escaped(trouble.part + ": " + trouble.slug + ": " + trouble.words) + "</li>";
    text += "</ul>";
  }
  if (!budget.incidents.empty()) {
    text +=
        "<h3>Incidents</h3><div "
        "class=\"scroll\"><table><tr><th>from</th><th>until</th><th>lasted</th><th>cause</th></tr>";
    for (auto incident = budget.incidents.rbegin(); incident != budget.incidents.rend(); ++incident) {
      text += "<tr><td>" + minute(incident->begin_us) + "</td><td>" +
              (incident->end_us ? minute(*incident->end_us) : "now") + "</td><td>" +
              span((incident->end_us.value_or(at_us) - incident->begin_us) / kSecondUs) + "</td><td>" +
              escaped(incident->cause) + "</td></tr>";
    }
    text += "</table></div>";
  }
  return text + "</section>\n";
}

}  // namespace

std::string as_page(const std::vector<Verdict>& verdicts, const std::map<std::string, std::vector<Sample>>& record,
                    std::int64_t at_us, std::uint64_t days, std::uint64_t permille) {
  const auto out = static_cast<std::size_t>(
      std::count_if(verdicts.begin(), verdicts.end(), [](const Verdict& verdict) { return !verdict.in; }));
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>Freshness</title><style>" +
      std::string(kStyle) + "</style></head><body>\n<h1>Freshness of the warehouse</h1><p class=\"soft\">" +
      minute(at_us) + " UTC; " + std::to_string(verdicts.size()) +
      (verdicts.size() == 1 ? " pipeline, " : " pipelines, ") + std::to_string(out) + " out of time; the last " +
      std::to_string(days) + " days, of which " + number(static_cast<double>(permille) / 10) +
      " % are to be in time</p>\n";
  // Whoever needs somebody comes first.
  std::vector<const Verdict*> order;
  for (const Verdict& verdict : verdicts) order.push_back(&verdict);
  std::stable_sort(order.begin(), order.end(), [](const Verdict* a, const Verdict* b) { return a->in < b->in; });
  static const std::vector<Sample> kNone;
  for (const Verdict* verdict : order) {
    const auto samples = record.find(verdict->seen.pipeline.source);
    text += section(*verdict, samples == record.end() ? kNone : samples->second, at_us, days, permille);
  }
  return text + "</body></html>\n";
}

}  // namespace status
