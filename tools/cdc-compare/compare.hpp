// cdc-compare: a warehouse against a reference, table by table, as a table or as JSON. Knows how both are opened and how the outcome is
// told; not how a table is compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace cdc_compare {

struct Options {
  std::string reference;
  std::string source;
  std::string warehouse;
  std::string stage;
  std::uint64_t suspects = 10;
  std::string part;   ///< `K/N`: the copy is of that part; empty: of all rows
  std::string again;  ///< file for what is to be read again; empty: none
  bool json = false;
  std::vector<std::string> tables;
};

/// out  no: a table is not equal, or could not be compared, or there was none to compare
/// err  usage/unknown_warehouse, usage/no_reference (no such file, or not SQLite); retry/not_there_yet: the warehouse has not been loaded
///      up to where the copy ends, or has nothing of the log yet and is not equal; those of the engines
[[nodiscard]] base::Exit compare(const Options& options);

}  // namespace cdc_compare
