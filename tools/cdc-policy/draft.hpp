// cdc-policy: a first policy for tables that nobody has classified yet: a proposal with a class and a reason for each column. Unsure
// means red and dropped. Knows names, types, comments and what values look like; sees no value. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cdc-policy/tables.hpp"

namespace cdc_policy {

/// in   wanted  text that names what analysts use: `table.column` lines, or their queries; nothing: every column gets a line. A table is
///              wanted when its name stands in the text, a column of it when its name does; the keys by which such tables join
///              come along, and what is not wanted gets no line, so that it is withheld
/// out  a policy that cdc-mask accepts with --clear green,yellow
[[nodiscard]] std::string draft(std::span<const SourceTable> tables, const std::optional<std::string>& wanted);

}  // namespace cdc_policy
