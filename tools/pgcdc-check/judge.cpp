// pgcdc-check: the parts together, and the words they share. See judge.hpp.
#include "pgcdc-check/judge.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace check {

std::string setting(const Facts& facts, std::string_view name) {
  const auto found = facts.settings.find(name);
  return found == facts.settings.end() ? "" : found->second.value;
}

std::int64_t number(const Facts& facts, std::string_view name, std::int64_t otherwise) {
  const std::string text = setting(facts, name);
  std::int64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string set_and_reload(const std::string& setting, const std::string& value) {
  return "ALTER SYSTEM SET " + setting + " = " + value + "; SELECT pg_reload_conf();";
}

std::string set_and_restart(const std::string& setting, const std::string& value) {
  return "ALTER SYSTEM SET " + setting + " = " + value + "; -- then restart the server";
}

std::string duration(double seconds) {
  constexpr std::array<std::pair<double, const char*>, 3> kUnits{
      {{86400, " days"}, {3600, " hours"}, {60, " minutes"}}};
  for (const auto& [unit, name] : kUnits) {
    if (seconds >= 2 * unit) return std::to_string(std::llround(seconds / unit)) + name;
  }
  return std::to_string(std::llround(seconds)) + " s";
}

std::string size(double bytes) {
  constexpr std::array<std::pair<double, const char*>, 3> kUnits{
      {{1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}}};
  for (const auto& [unit, name] : kUnits) {
    if (bytes >= 2 * unit) return std::to_string(std::llround(bytes / unit)) + name;
  }
  return std::to_string(std::llround(bytes)) + " bytes";
}

std::vector<Finding> judge(const Facts& facts) {
  std::vector<Finding> found;
  if (facts.server_version < 140000) {
    found.push_back({kind("server_version"), "server",
                     "It is older than PostgreSQL 14, the oldest that can be read: upgrade it.", ""});
    return found;
  }
  judge_server(facts, found);
  judge_slot(facts, found);
  judge_tables(facts, found);
  std::stable_sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) { return a.kind < b.kind; });
  return found;
}

}  // namespace check
