// policy: what each column was when it was accepted. A rule that lets something of a value through is for what a column is, not for
// what it is called: this remembers what that was, by source and table.
// Knows a file's form, opens none; must not know rules. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "change/types.hpp"

namespace policy {

/// What a column was when it was accepted under its name.
struct Pin {
  std::optional<std::string> bind;  ///< nothing: it was not proven which column that was
  std::string type;
  bool operator==(const Pin&) const = default;
};

/// The columns of one table.
///
/// columns          by name
/// binds            every column that was ever seen in it, under whatever name
/// unknown          by relid and name: a column was seen under it of which nobody could say which it was, only that its number is not
///                  greater than this
/// all_binds_known  none was seen of which not even that was known
struct TablePins {
  std::map<std::string, Pin> columns;
  std::set<std::string> binds;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> unknown;
  bool all_binds_known = true;
  bool operator==(const TablePins&) const = default;
};

/// What a name may stand for.
enum class Standing : std::uint8_t {
  same,      ///< what it stood for before, or a column that was never seen before
  replaced,  ///< another column than before, or one of which that is not proven
  retyped,   ///< the same column, of another type
};
[[nodiscard]] Standing standing_of(const TablePins& pins, const change::Column& column);

/// Pins whatever of a schema is new or the same, and remembers what was seen.
/// in   first  nothing of the table was known: all of it is accepted
void remember(TablePins& pins, const change::Schema& schema, bool first);

/// Adds what another process has seen meanwhile. Where both know a name, `others` counts: a mask only ever adds names, so what is
/// another one there was accepted.
void add_others(TablePins& pins, const TablePins& others);

/// The pins file: one pin a line, five fields with one tab between them: source, table, column, bind, type; `-` for what is not
/// known. A line whose column is `-` says that a column was seen that was accepted under no name. A line without a type is no pin: it says
/// that under this name stood one of the first six columns of a relation, `16411.1-6`, or any, `16411.1-*`. Sorted, so that `diff` shows
/// what changed.
class PinBook {
 public:
  using Tables = std::map<std::string, TablePins, std::less<>>;

  /// err  usage/bad_pins, `FILE:LINE: what is wrong`
  [[nodiscard]] static PinBook read(std::string_view text, const std::string& file_name);
  [[nodiscard]] std::string text() const;

  /// As add_others, for all tables of all sources.
  void add_others(const PinBook& others);

  [[nodiscard]] Tables& of(const std::string& source) { return sources_[source]; }
  [[nodiscard]] const std::map<std::string, Tables>& sources() const { return sources_; }

 private:
  std::map<std::string, Tables> sources_;
};

}  // namespace policy
