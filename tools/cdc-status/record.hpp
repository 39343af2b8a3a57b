// cdc-status: the record, a text file to which each look adds a line for each pipeline, and what can be read from it: how long the
// objective was met, and when it was not, and why. Pure.
//
//   2026-11-22T10:53:01.000000Z <tab> shop <tab> in <tab> 12 <tab> 21600 <tab> -
//
// time, source, in or out, age in seconds or `-`, objective in seconds, cause or `-`
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cdc-status/seen.hpp"

namespace status {

struct Sample {
  std::int64_t at_us = 0;
  bool in = false;
  std::optional<std::int64_t> age_s;
  std::int64_t objective_s = 0;
  std::string cause;
};

/// The line of one verdict, its break included. A tab or line break in a source's name is a space.
[[nodiscard]] std::string record_line(const Verdict& verdict);

/// The samples of each source, in the order of time. Lines that are none of these are counted in `broken`.
[[nodiscard]] std::map<std::string, std::vector<Sample>> read_record(std::string_view text, std::size_t& broken);

/// A time during which the objective was not met. end_us  nothing: it goes on
struct Incident {
  std::int64_t begin_us = 0;
  std::optional<std::int64_t> end_us;
  std::string cause;
};

/// Each sample stands for the time until the next one, but for no longer than `kLongestStandS`: what nobody looked at is not measured.
///
/// in_s, out_s, unmeasured_s  add up to the time from the first sample, or `from_us` when that is later, to `until_us`
struct Budget {
  std::int64_t in_s = 0;
  std::int64_t out_s = 0;
  std::int64_t unmeasured_s = 0;
  std::vector<Incident> incidents;
};

inline constexpr std::int64_t kLongestStandS = 900;

[[nodiscard]] Budget budget_of(const std::vector<Sample>& samples, std::int64_t from_us, std::int64_t until_us);

}  // namespace status
