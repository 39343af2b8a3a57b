// cdc-status: the record. Only text and arithmetic.
#include "cdc-status/record.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/time.hpp"

namespace status {
namespace {

std::string plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text.empty() ? "-" : text;
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::string record_line(const Verdict& verdict) {
  return base::format(base::Time{verdict.seen.at_us}) + "\t" + plain(verdict.seen.pipeline.source) + "\t" +
         (verdict.in ? "in" : "out") + "\t" + (verdict.age_s ? std::to_string(*verdict.age_s) : "-") + "\t" +
         std::to_string(verdict.seen.pipeline.objective_s) + "\t" + plain(verdict.cause) + "\n";
}

std::map<std::string, std::vector<Sample>> read_record(std::string_view text, std::size_t& broken) {
  std::map<std::string, std::vector<Sample>> samples;
  broken = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    // A line without its break is being written.
    if (end == std::string_view::npos) break;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    std::array<std::string_view, 6> word;
    std::size_t words = 0;
    for (; words < word.size(); ++words) {
      const std::size_t tab = words + 1 < word.size() ? line.find('\t') : line.size();
      if (tab == std::string_view::npos) break;
      word[words] = line.substr(0, tab);
      line.remove_prefix(std::min(tab + 1, line.size()));
    }
    const auto at = base::parse_time(word[0]);
    const auto objective = whole(word[4]);
    if (words != word.size() || !at || !objective || (word[2] != "in" && word[2] != "out") ||
        (word[3] != "-" && !whole(word[3]))) {
      ++broken;
      continue;
    }
    samples[std::string(word[1])].push_back(
        {at->unix_us, word[2] == "in", whole(word[3]), *objective, word[5] == "-" ? "" : std::string(word[5])});
  }
  for (auto& [source, of] : samples) {
    std::stable_sort(of.begin(), of.end(), [](const Sample& a, const Sample& b) { return a.at_us < b.at_us; });
  }
  return samples;
}

Budget budget_of(const std::vector<Sample>& samples, std::int64_t from_us, std::int64_t until_us) {
  Budget budget;
  constexpr std::int64_t kLongestUs = kLongestStandS * 1'000'000;
  std::int64_t in_us = 0;
  std::int64_t out_us = 0;
  std::int64_t unmeasured_us = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    const std::int64_t next_us = i + 1 < samples.size() ? samples[i + 1].at_us : until_us;
    const std::int64_t begin_us = std::max(sample.at_us, from_us);
    const std::int64_t end_us = std::min(next_us, until_us);
    if (end_us < begin_us) continue;
    const std::int64_t stands_us = std::clamp<std::int64_t>(sample.at_us + kLongestUs - begin_us, 0, end_us - begin_us);
    (sample.in ? in_us : out_us) += stands_us;
    unmeasured_us += end_us - begin_us - stands_us;
    const bool open = !budget.incidents.empty() && !budget.incidents.back().end_us;
    if (sample.in && open) budget.incidents.back().end_us = sample.at_us;
    if (!sample.in && !open) budget.incidents.push_back({begin_us, std::nullopt, sample.cause});
  }
  budget.in_s = in_us / 1'000'000;
  budget.out_s = out_us / 1'000'000;
  budget.unmeasured_s = unmeasured_us / 1'000'000;
  return budget;
}

}  // namespace status
