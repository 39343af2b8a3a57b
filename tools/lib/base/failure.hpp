// base: the one table of exit codes and the one exception that carries them to main. A Failure is thrown where the
// trouble is seen and logged once, in tool::run. Knows nobody; pure.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace base {

/// What a program's end means to whoever started it. The numbers are an interface: see cdc.7, EXIT STATUS.
enum class Exit : int {
  done = 0,      ///< input ended or asked to stop, and all owed output was delivered
  no = 1,        ///< a question was asked and the answer is no; filters never return it
  usage = 64,    ///< bad option, pipeline file or policy; nothing read, nothing written
  data = 65,     ///< a line or message breaks its format; nothing after it was written
  bug = 70,      ///< broken invariant
  retry = 75,    ///< the world was in the way: connection, lock, disk full, input cut short
  denied = 77,   ///< authentication or privilege, or a secrets file that others can read
  refused = 78,  ///< going on could lose, double or leak data
};

/// The class word of an exit code as the log shows it: `done`, `no`, `usage`, `data`, `bug`, `retry`, `denied`, `refused`.
[[nodiscard]] std::string_view class_of(Exit exit);

/// A reason to stop.
///
/// exit     how the program ends
/// slug     short stable name of the error, `cut_short`, for logs and alert rules
/// message  one sentence for people; never a column's value. "could not" may succeed next time, "cannot" will not
/// table, lsn  where, when known
struct Failure : std::exception {
  Failure(Exit how, std::string name, std::string text) : exit(how), slug(std::move(name)), message(std::move(text)) {}
  [[nodiscard]] const char* what() const noexcept override { return message.c_str(); }
  Failure&& at_table(std::string_view name) && {
    table = name;
    return std::move(*this);
  }
  Failure&& at_lsn(Lsn position) && {
    lsn = position;
    return std::move(*this);
  }

  Exit exit;
  std::string slug;
  std::string message;
  std::string table;
  std::optional<Lsn> lsn;
};

}  // namespace base
