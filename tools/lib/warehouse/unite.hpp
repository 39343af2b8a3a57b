// warehouse: keeps views over all sources of a database in step with their tables: says in a common place what this source's tables look
// like, and makes a table's view anew whenever that changes. Knows the tables `_cdc_united` and `_cdc_views` of that place; what
// a view consists of is known to united.hpp, when a table changes to the loader.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "warehouse/dialect.hpp"
#include "warehouse/state.hpp"
#include "warehouse/united.hpp"

namespace warehouse {

/// Where the views are. schema  of this source's tables; place: of the views; shared: as Member
struct UniteOptions {
  std::string source;
  std::string schema;
  std::string place;
  bool shared = false;
};

/// Loaders of other sources may do the same at any time. Where definitions are part of a transaction, they wait for each other: whoever
/// changes a table or a view that others see holds one lock until it commits. Where they are not (Snowflake), whoever made a view looks
/// afterwards whether it is still what it should be, and makes it again.
class Unite {
 public:
  /// Makes the place where it is missing.
  /// err  those of the engine; refused/not_a_warehouse when the place is a source's own
  Unite(engine::Database& database, UniteOptions options);

  /// Within a transaction, before the table is altered or dropped: no view hangs on it any more.
  void let_go(const Shape& shape);
  /// Within a transaction, after it was made or altered: others see it, and so does the view.
  void take(const Shape& shape);
  /// Outside of transactions: whatever is not as the state says is put right, and what others have left behind. Costs three queries
  /// when all is well.
  void settle(const State& state);
  /// Something was taken that only settle can do.
  [[nodiscard]] bool waits() const { return !waiting_.empty(); }

 private:
  [[nodiscard]] std::string in_place(std::string_view name) const;
  void make_place();
  void lock();
  void register_shape(const Shape& shape);
  [[nodiscard]] std::vector<Member> members_of(std::string_view table);
  void drop_view_of(std::string_view table);
  void make_view(const std::string& table, const std::vector<Member>& members);
  [[nodiscard]] std::set<std::string> texts(const std::string& sql);
  [[nodiscard]] std::set<std::string> wrong(const State& state);

  engine::Database& database_;
  const Dialect& dialect_;
  UniteOptions options_;
  std::set<std::string> waiting_;
};

}  // namespace warehouse
