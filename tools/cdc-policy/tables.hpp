// cdc-policy: the tables that a policy is held against: those of a live catalog, or those that a change stream describes.
// Knows what is asked of a catalog beside a table's shape; must not know rules.
#pragma once

#include <string>
#include <vector>

#include "cdc-policy/shape.hpp"
#include "change/types.hpp"
#include "pg/connection.hpp"

namespace cdc_policy {

/// A foreign key: columns of this table, and what they refer to.
struct Reference {
  std::string name;
  std::vector<std::string> columns;
  std::string table;
  std::vector<std::string> targets;
};

/// A table.
///
/// comments  of its columns, in their order; empty where there is none
/// distinct  how many values each column has, as the planner believes: 0 when it does not know, below 0 a share of the rows
/// looks     what the values of each text column look like; of the others, and without a sample, nothing is known
/// sent      the publication sends the column; all are when there is no publication
struct SourceTable {
  change::Schema schema;
  std::vector<std::string> comments;
  std::vector<double> distinct;
  std::vector<Looks> looks;
  std::vector<bool> sent;
  std::vector<Reference> references;
};

/// in   publication  whose tables; empty: all tables of the database that are no partitions
/// out  by name
/// err  refused/no_publication, those of the session
[[nodiscard]] std::vector<SourceTable> read_catalog(pg::Connection& session, const std::string& publication);

/// Looks at the first rows of each table.
///
/// in   rows    of each table; the tables' looks are filled in
/// err  those of the session; denied/denied for a table that the account may not read
void sample(pg::Connection& session, std::uint64_t rows, std::vector<SourceTable>& tables);

/// The tables that a change stream describes, as last described: a stream of pgcdc-read or pgcdc-snapshot, not masked.
///
/// in   rows  of each table that are looked at
/// out  by name
/// err  data/... as change::Parser; data/already_masked when a policy line stands in it
[[nodiscard]] std::vector<SourceTable> read_stream(int descriptor, std::uint64_t rows);

/// in   text  `schema.table.column`, quoted as in SQL
/// err  usage/bad_column
struct ColumnName {
  std::string table;
  std::string column;
};
[[nodiscard]] ColumnName parse_column(const std::string& text);

}  // namespace cdc_policy
