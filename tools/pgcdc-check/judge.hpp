// pgcdc-check: from facts to findings. Knows what each fact means to a pipeline, and the statement that changes it. Must not ask
// anybody: the same facts give the same findings. Pure.
#pragma once

#include <vector>

#include "pgcdc-check/facts.hpp"
#include "pgcdc-check/finding.hpp"

namespace check {

/// All findings, the gravest first, then in the order of kKinds, then as the tables are ordered.
///
/// out  of a server that is too old to be asked: that alone
/// src  postgres-facts 13, 17, 23-28, 32-34
[[nodiscard]] std::vector<Finding> judge(const Facts& facts);

// Its parts.

/// The server, its settings, the role, what runs on it now.
void judge_server(const Facts& facts, std::vector<Finding>& into);
/// The slot, and how long it will hold.
void judge_slot(const Facts& facts, std::vector<Finding>& into);
/// The publication and its tables.
void judge_tables(const Facts& facts, std::vector<Finding>& into);

/// Statements that set a server setting.
/// in   value  as SQL writes it, quoted where it must be
[[nodiscard]] std::string set_and_reload(const std::string& setting, const std::string& value);
[[nodiscard]] std::string set_and_restart(const std::string& setting, const std::string& value);

/// out  a setting's text, or empty when the server has none of that name; and the number in it, or `otherwise`
[[nodiscard]] std::string setting(const Facts& facts, std::string_view name);
[[nodiscard]] std::int64_t number(const Facts& facts, std::string_view name, std::int64_t otherwise);

/// "3 days", "2 hours", "40 s"; "12 MiB".
[[nodiscard]] std::string duration(double seconds);
[[nodiscard]] std::string size(double bytes);

}  // namespace check
