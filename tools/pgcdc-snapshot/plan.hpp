// pgcdc-snapshot: what is to be copied: the tables of the publication, or those of them that were named. Knows
// pg_publication_tables and privileges; not rows.
#pragma once

#include <set>
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

/// Tables that were asked for, as change::quote_table writes them. Empty: all.
using Wanted = std::set<std::string>;

/// in   words  SCHEMA.NAME, quoted as in SQL or not; unquoted parts must be as the catalog has them
/// err  usage/bad_table when a word is no such name
[[nodiscard]] Wanted parse_tables(std::span<const std::string> words);

/// The publication's tables in the order of their names; of partitioned tables the root when the publication publishes by the
/// root, else the leaves.
///
/// in   session  with row_security off
/// err  refused/no_publication, refused/not_published (a table that the publication does not have), denied/no_select and
///      denied/row_security (rows would be missing), each naming the table and the statement that repairs it
[[nodiscard]] std::vector<Target> read_targets(pg::Connection& session, const std::string& publication,
                                               const Wanted& wanted);

}  // namespace snapshot
