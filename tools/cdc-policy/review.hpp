// cdc-policy: a policy held against tables: what leaves, for whoever answers for the data, and everything that is not as it should
// be. Knows rules, tables and pins; sees no value. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cdc-policy/outcome.hpp"
#include "cdc-policy/tables.hpp"
#include "policy/keys.hpp"
#include "policy/pins.hpp"
#include "policy/rule.hpp"

namespace cdc_policy {

/// Something that somebody should look at.
///
///   what               about
///   unlisted           a column that no rule lets through or drops: it is withheld
///   cannot             a rule that cannot be carried out on the column; cdc-mask would refuse the table
///   key_hidden         a column of a key that is not kept or hashed: the table is withheld, or refused
///   replaced, retyped  another column stands under a name than was accepted (only with pins)
///   unlike_reference   a column is not treated as what it refers to: they will not join
///   few_values         a hash over few values: frequency undoes it
///   dead_rule          a rule that decides over no column
///   condition_missing  a condition on a column that the table does not have: the strictest rule always counts
///   sent_in_vain       the publication sends a column that the policy does not need
///   name_taken         a second output has the name of a column
///   key_rotates        a hashed column of a key whose domain another key is to take over: cdc-mask would refuse the table (only with
///                      keys)
struct Finding {
  std::string what;
  std::string where;  ///< a column, or `FILE:LINE` of a rule
  std::string words;
};

/// What leaves, as lines for people: how many columns leave in which way, by class; the conditional ones; what each pattern matches.
[[nodiscard]] std::string summary(const policy::Policy& policy, const std::string& source,
                                  std::span<const SourceTable> tables);

/// in   pins, keys  of the source; nullptr: not asked
/// out  every finding, sorted; `sent_in_vain` is no defect, all others are
[[nodiscard]] std::vector<Finding> review(const policy::Policy& policy, const std::string& source,
                                          std::span<const SourceTable> tables, const policy::PinBook::Tables* pins,
                                          const policy::Keys* keys);

/// One column: what decides, what else names it, what it is called in the warehouse, its pin, how many rows it was withheld from.
/// in   ledger  as cdc-mask keeps it; empty: not asked
/// err  refused/no_such_column
[[nodiscard]] std::string explain(const policy::Policy& policy, const std::string& source,
                                  std::span<const SourceTable> tables, const ColumnName& column,
                                  const policy::PinBook::Tables* pins, std::string_view ledger);

/// What a new policy changes, one line for each column and output that leaves otherwise than before, five fields with one tab between
/// them: what is to be done (`erase`: something that may be in the warehouse is to be there no longer; `backfill`: something
/// is to be there that is not; `erase+backfill`), table, name in the warehouse, how it left, how it leaves. Sorted.
[[nodiscard]] std::string difference(const policy::Policy& old_policy, const policy::Policy& new_policy,
                                     const std::string& source, std::span<const SourceTable> tables);

/// SQL that makes a publication of the tables of which something leaves.
///
/// in   with_lists  tables that get a column list, so that what the policy does not need stays in the server
/// err  refused/no_such_table; refused/no_list for a table that can have none (replica identity full)
[[nodiscard]] std::string publication_sql(const policy::Policy& policy, const std::string& source,
                                          std::span<const SourceTable> tables, const std::string& publication,
                                          std::span<const std::string> with_lists);

}  // namespace cdc_policy
