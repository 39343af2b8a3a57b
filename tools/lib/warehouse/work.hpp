// warehouse: what the loader has in hand of one table within one transaction.
// Knows the fold, the history and the writer of that table, and where in its versions it is.
// Must not be seen by anybody but the bodies of Loader.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "warehouse/loader.hpp"

namespace warehouse {

/// One table within one transaction.
///
/// mappings  of the schema versions in it, in stream order; used: index of the one in use
/// last      position of the last line, for the order
/// added     columns that came, and the position from which they are there
/// not_before  lines below it are in the table already: it was copied there
struct Loader::Work {
  Table* table = nullptr;
  std::vector<Mapping> mappings;
  std::size_t used = 0;
  std::unique_ptr<Fold> fold;
  std::unique_ptr<TableHistory> history;
  TableWriter* writer = nullptr;
  std::string last_lsn;
  std::uint64_t last_seq = 0;
  bool is_copy = false;
  base::Lsn not_before;
  struct Added {
    std::uint32_t column;
    base::Lsn lsn;
    std::uint64_t seq;
  };
  std::vector<Added> added;
};

}  // namespace warehouse
