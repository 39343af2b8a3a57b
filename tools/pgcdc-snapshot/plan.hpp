// pgcdc-snapshot: what is to be copied: the tables of the publication, or those of them that were named. Knows
// pg_publication_tables and privileges; not rows.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "pg/connection.hpp"

namespace snapshot {

/// A table to copy.
///
/// columns  the publication's list of them, as text: only compared
/// filter   an SQL condition that its rows must meet, or empty
struct Target {
  base::Oid relid;
  std::string schema;
  std::string name;
  char kind = 'r';
  std::string columns;
  std::string filter;
  bool operator==(const Target&) const = default;
};

/// The publication's tables in the order of their names; of partitioned tables the root when the publication publishes by the
/// root, else the leaves.
///
/// in   session  with row_security off
///      words    names as change::quote_table writes them (unquoted parts are folded to lower case); empty: all
/// err  refused/no_publication, refused/not_published (a word that the publication does not have), usage/bad_table (a word
///      that is no name), denied/no_select and denied/row_security (rows would be missing), each naming the table and the
///      statement that repairs it
[[nodiscard]] std::vector<Target> read_targets(pg::Connection& session, const std::string& publication,
                                               std::span<const std::string> words);

}  // namespace snapshot
