// warehouse: the warehouse's views as a sources file of dbt's (1.10 or later), from what the state says. Knows YAML's strings and which keys
// dbt reads; asks no database. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "warehouse/dialect.hpp"
#include "warehouse/state.hpp"

namespace warehouse {

/// Where dbt finds the views. database  empty: the one that dbt's profile names
struct DbtPlace {
  std::string database;
  std::string schema;
};

/// One source: a table for each view, for a table without a key its history. What dbt asks for freshness is _cdc_freshness, because a view
/// shows no column of ours and a table without changes is not stale. A key of one column is `unique` and `not_null`; nothing else is
/// claimed.
///
/// src  docs.getdbt.com, "Source properties", "freshness", "loaded_at_query"
[[nodiscard]] std::string dbt_sources(const Dialect& dialect, std::string_view source, const DbtPlace& place,
                                      const std::map<std::string, Table, std::less<>>& tables);

/// A double-quoted scalar that every reader of YAML 1.1 and 1.2 takes for this text. in  UTF-8
[[nodiscard]] std::string yaml_text(std::string_view text);

}  // namespace warehouse
