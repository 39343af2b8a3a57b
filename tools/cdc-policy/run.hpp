// cdc-policy: the sub-commands that hold a policy against tables: files and a catalog in, text out.
// Knows files, the session and standard streams; what is found out stands in the pure files beside.
// Must not judge anything itself.
#pragma once

#include <string>
#include <vector>

#include "base/failure.hpp"

namespace cdc_policy {

/// What the sub-commands are told; each uses some of it.
struct Options {
  std::string policy;
  std::string clear = "green,yellow";
  std::string source = "*";
  std::string dsn;
  std::string publication;
  std::string pins;
  std::string keys;
  std::string ledger;
  std::string wanted;
  std::uint64_t sample = 0;  ///< rows of each table of which draft looks at the values
  bool stream = false;       ///< tables come from a change stream on standard input instead of a catalog
  std::vector<std::string> words;
};

// err  for all: usage/bad_policy, usage/bad_pins, what reading files, a catalog or a stream brings

/// out  no when there is a finding that is a defect
[[nodiscard]] base::Exit check(const Options& options);
[[nodiscard]] base::Exit explain(const Options& options);
/// out  no when something is to be erased or back-filled
[[nodiscard]] base::Exit diff(const Options& options);
[[nodiscard]] base::Exit draft(const Options& options);
[[nodiscard]] base::Exit publication(const Options& options);
[[nodiscard]] base::Exit accept(const Options& options);

}  // namespace cdc_policy
