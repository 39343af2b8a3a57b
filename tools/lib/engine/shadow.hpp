// engine: what would be in an empty warehouse, as far as a loader asks for it: the state tables with what is in them, all others without
// rows, in memory. Told an engine's statements it takes those that matter. Knows how dialects differ from SQLite's in these; must not be
// asked for anybody's rows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "engine/sqlite.hpp"

namespace engine {

class Shadow {
 public:
  explicit Shadow(Kind kind) : kind_(kind), sqlite_(":memory:", 0) {}

  /// in   sql  one statement, as the engine would get it; parameters `?N`
  /// out  a statement of the shadow; not prepared() when the statement means nothing here: it is of rows
  [[nodiscard]] Statement take(const std::string& sql);
  /// Runs a statement that has no parameters, or passes it over.
  void tell(const std::string& sql);
  [[nodiscard]] Sqlite& database() { return sqlite_; }

 private:
  [[nodiscard]] std::string adapted(const std::string& sql) const;

  Kind kind_;
  Sqlite sqlite_;
};

}  // namespace engine
