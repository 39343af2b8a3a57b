// tool: the Prometheus text file. A metric ending in _total is a counter, everything else a gauge.
#include "tool/metrics.hpp"

#include <cmath>
#include <cstdio>

#include "base/failure.hpp"
#include "io/file.hpp"
#include "logging/event.hpp"
#include "tool/filter.hpp"

namespace tool {

std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text.push_back('\\');
    c == '\n' ? text.append("\\n") : text.append(1, c);
  }
  return text += '"';
}

namespace {
std::string& pipeline_label() {
  static std::string label;
  return label;
}
}  // namespace

Metrics::Metrics(std::string path, std::string_view program)
    : path_(std::move(path)), labels_(label("program", program) + pipeline_label()) {}

void Metrics::name_pipeline(std::string_view file) {
  file.remove_prefix(file.rfind('/') + 1);
  if (file.ends_with(".ini")) file.remove_suffix(4);
  pipeline_label() = file.empty() ? "" : "," + label("pipeline", file);
}

void Metrics::declare(std::string_view name, std::string_view help) {
  help_.insert_or_assign(std::string(name), std::string(help));
}

void Metrics::add(std::string_view name, std::string_view labels, double by) {
  auto found = values_.find(name);
  if (found == values_.end())
    found = values_.emplace(std::string(name), std::map<std::string, double, std::less<>>{}).first;
  auto value = found->second.find(labels);
  if (value == found->second.end()) value = found->second.emplace(std::string(labels), 0.0).first;
  value->second += by;
}

void Metrics::set(std::string_view name, std::string_view labels, double value) {
  add(name, labels, 0);
  values_.find(name)->second.find(labels)->second = value;
}

std::string Metrics::text() const {
  std::string text;
  for (const auto& [name, series] : values_) {
    const auto help = help_.find(name);
    text += "# HELP " + name + " " + (help == help_.end() ? name : help->second) + "\n";
    text += "# TYPE " + name + (name.ends_with("_total") ? " counter\n" : " gauge\n");
    for (const auto& [labels, value] : series) {
      char number[32];
      std::snprintf(number, sizeof number, std::floor(value) == value && std::fabs(value) < 1e15 ? "%.0f" : "%.15g",
                    value);
      text += name + "{" + labels_ + (labels.empty() ? "" : "," + labels) + "} " + number + "\n";
    }
  }
  return text;
}

void Metrics::write() {
  if (path_.empty()) return;
  last_write_ms_ = steady_ms();
  try {
    io::replace_file(path_, text(), kMetricsMode);
  } catch (const base::Failure& failure) {
    if (!warned_) logging::event(logging::Level::warn, failure.message, {{"err", "metrics_not_written"}});
    warned_ = true;
  }
}

void Metrics::write_at_intervals(std::int64_t now_ms) {
  if (!path_.empty() && now_ms - last_write_ms_ >= 15'000) write();
}

}  // namespace tool
