// cdc-policy: accepting. See accept.hpp. Pure.
#include "cdc-policy/accept.hpp"

#include <algorithm>

#include "base/failure.hpp"

namespace cdc_policy {

std::string accept(policy::PinBook::Tables& pins, std::span<const SourceTable> tables,
                   std::span<const ColumnName> wanted) {
  for (const ColumnName& name : wanted) {
    const bool there = std::any_of(tables.begin(), tables.end(), [&](const SourceTable& table) {
      const auto& columns = table.schema.columns;
      return table.schema.table == name.table &&
             std::any_of(columns.begin(), columns.end(),
                         [&](const change::Column& one) { return one.name == name.column; });
    });
    if (!there) {
      throw base::Failure(base::Exit::refused, "no_such_column",
                          "there is no column " + name.table + "." + change::quote_identifier(name.column));
    }
  }
  std::string text;
  for (const SourceTable& table : tables) {
    for (const change::Column& column : table.schema.columns) {
      const bool is_wanted = wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const ColumnName& name) {
                               return name.table == table.schema.table && name.column == column.name;
                             });
      if (!is_wanted) continue;
      policy::TablePins& of_table = pins[table.schema.table];
      const policy::Pin now{column.bind, column.type};
      const auto [entry, is_new] = of_table.columns.try_emplace(column.name, now);
      if (is_new || !(entry->second == now)) {
        text += table.schema.table + "." + change::quote_identifier(column.name) + "\t" +
                (is_new ? "-" : entry->second.bind.value_or("-")) + "\t" + now.bind.value_or("-") + "\t" + now.type +
                "\n";
        entry->second = now;
      }
      if (column.bind) of_table.binds.insert(*column.bind);
    }
  }
  return text;
}

}  // namespace cdc_policy
