// cdc-policy: what the values of a text column look like. Each value is looked at once and counted; none is kept, and nothing of one
// is ever told. Must not know names, types or rules. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

namespace cdc_policy {

/// What nearly all values of a sample look like, or what none of them may look like if they are to be harmless.
enum class Looks : std::uint8_t {
  unknown,    ///< too few values to tell, or of no form
  words,      ///< a few words of a short list: at least 500 values, at most 12 different ones
  uuids,      ///< UUIDs
  emails,     ///< e-mail addresses
  addresses,  ///< IP addresses
  urls,       ///< URLs
  secrets,    ///< long runs of letters and digits without a blank, hardly two of them the same
  prose,      ///< at least one in twenty has blanks, a sign of an address, or is long
};

class Shape {
 public:
  /// in   value  not null
  void add(std::string_view value);
  [[nodiscard]] Looks looks() const;
  [[nodiscard]] std::size_t values() const { return values_; }

 private:
  std::size_t values_ = 0;
  std::size_t words_ = 0;
  std::size_t uuids_ = 0;
  std::size_t emails_ = 0;
  std::size_t addresses_ = 0;
  std::size_t urls_ = 0;
  std::size_t secrets_ = 0;
  std::size_t prose_ = 0;
  std::set<std::size_t> different_;  // hashes of values, no more than are needed
};

}  // namespace cdc_policy
