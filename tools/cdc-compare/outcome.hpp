// cdc-compare: what was found of a table, for a terminal and for programs. Knows the forms of cdc-compare(1); must not know how a table was
// compared. Pure.
#pragma once

#include <string>

#include "warehouse/comparison.hpp"

namespace cdc_compare {

/// Where the copy of a table began, and up to where the warehouse must be for it to be comparable. copy 0: the copy is not whole
struct Copied {
  base::Lsn copy;
  base::Lsn high;
};

/// The line above all tables' lines.
[[nodiscard]] std::string text_head();
/// The line of one table, and one for each suspect.
[[nodiscard]] std::string as_text(const std::string& table, const warehouse::Compared& compared);
/// One JSON object and its line break.
[[nodiscard]] std::string as_json(const std::string& table, const warehouse::Compared& compared, const Copied& copied);

}  // namespace cdc_compare
