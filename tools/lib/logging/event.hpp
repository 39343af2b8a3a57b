// logging: one event is one logfmt line on standard error: ts= tool= level= err= class= lsn= table= msg=. Knows the process's
// name and the clock; never sees a column's value.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace logging {

enum class Level { debug, info, warn, error };

/// in   tool     the program's name, for `tool=`
///      verbose  also write debug and info events; without it warn and error only
void init(std::string_view tool, bool verbose);
[[nodiscard]] bool is_verbose();

/// Writes one line. Fields follow `msg` in the order given; values are quoted where logfmt needs it.
///
/// in   level   decides whether the line is written
///      fields  names are lower-case words: err, class, lsn, table, column, rows, path ...
void event(Level level, std::string_view message,
           std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {});

/// One line as it is written, without the break: what event() writes, made testable.
[[nodiscard]] std::string format(std::string_view ts, std::string_view tool, Level level, std::string_view message,
                                 std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

}  // namespace logging
