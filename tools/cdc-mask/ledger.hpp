// cdc-mask: the ledger: what is held back for lack of a rule, for whoever writes the policy. Knows its form and how runs add up.
// Must not see a value or open a file. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cdc-mask/mask.hpp"

namespace cdc_mask {

/// The word by which a ledger says why.
[[nodiscard]] std::string_view word_of(policy::Reason reason);

/// What was counted after `before`, of the same run.
[[nodiscard]] Counts since(const Counts& before, const Counts& now);

/// A ledger with more counted, as text: six fields a line with one tab between them: source, table, column (`-`: the whole table), why
/// (word_of), the position from which on, rows. Sorted.
///
/// in   former  the file's content; what is there stays: rows are added, the first position counts
/// err  usage/bad_ledger when it is no ledger
[[nodiscard]] std::string ledger(std::string_view former, const std::string& file_name, const std::string& source,
                                 const Counts& counts);

}  // namespace cdc_mask
