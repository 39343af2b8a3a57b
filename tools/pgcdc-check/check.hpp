// pgcdc-check: the run: ask, judge, tell. Knows the order of the three and what the
// exit code says. Must not judge anything itself.
#pragma once

#include <string>

#include "base/failure.hpp"

namespace check {

struct Options {
  std::string dsn;
  std::string slot;
  std::string publication;
  bool json = false;
};

/// Looks at a source and prints all findings, as a table or one JSON object a line.
///
/// out  done, or no when a finding stops or loses
/// err  as pg::Connection
[[nodiscard]] base::Exit check_source(const Options& options);

}  // namespace check
