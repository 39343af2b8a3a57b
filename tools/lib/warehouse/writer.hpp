// warehouse: net rows into one table of a SQLite warehouse: what the table has under a key is looked at only where a net row keeps
// something of it, everything else is one guarded upsert in the order of the keys. Knows the table's statements; commits nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "engine/database.hpp"
#include "warehouse/fold.hpp"
#include "warehouse/key.hpp"
#include "warehouse/shape.hpp"
#include "warehouse/statements.hpp"
#include "warehouse/table_writer.hpp"

namespace warehouse {

/// Binds a column's parameter: a cell that is not known is null. in  statement  numbered as statements.hpp says
void bind_cell(engine::Statement& statement, const Shape& shape, std::size_t column, Cell cell, const Fold& fold);
/// Binds one part of a key.
void bind_part(engine::Statement& statement, int number, const KeyPart& part);
/// Binds the parameters of the key's columns. in  key  as key.hpp encodes it
void bind_key(engine::Statement& statement, const Shape& shape, std::string_view key);
/// Names of columns as they stand in a list of unknown ones: JSON strings.
[[nodiscard]] std::vector<std::string> quoted_names(const Shape& shape);
/// JSON array text of some of them; empty when there are none.
[[nodiscard]] std::string list_of(const std::vector<std::string>& quoted, const Columns& columns);
/// The opposite. err  refused/broken_warehouse
[[nodiscard]] Columns columns_of(const std::vector<std::string>& quoted, std::string_view list);

class Writer final : public TableWriter {
 public:
  Writer(engine::Database& database, Shape shape);
  void write(Fold& fold, Cut cut, std::string_view loaded_at) override;

 private:
  struct Found {
    bool there = false;
    bool newer = false;  // than the net row
    bool deleted = false;
    std::string unknown;
    std::string born;
  };

  void bind_own(engine::Statement& statement, const Fold& fold, const Net& net, std::string_view unknown);
  Found look(const Fold& fold, std::uint32_t index, bool origin, std::uint64_t lsn, std::int64_t seq);
  void put(const Fold& fold, std::uint32_t index, bool born_now);
  void change(const Fold& fold, std::uint32_t index, const Found& found);
  void put_moved(const Fold& fold, std::uint32_t index, const std::string& unknown);
  void fill(const Fold& fold, std::uint32_t index);
  bool mark(const Fold& fold, std::uint32_t index);
  const Columns& columns_of(std::string_view list);
  [[nodiscard]] std::string list_of(const Columns& columns) const { return warehouse::list_of(quoted_names_, columns); }
  engine::Statement& cached(std::map<Columns, engine::Statement>& cache, const Columns& columns,
                            std::string (Statements::*text)(const Columns&) const);

  std::vector<bool> is_key_;
  std::vector<std::string> quoted_names_;  // as they stand in a list of unknown columns
  std::string all_but_key_;                // the list of all columns that are not of the key

  engine::Statement put_;
  engine::Statement look_;
  engine::Statement mark_;
  std::map<Columns, engine::Statement> change_;
  std::map<Columns, engine::Statement> fill_;
  std::map<Columns, engine::Statement> put_moved_;
  std::unordered_map<std::string, Columns> lists_;
  std::string_view loaded_at_;
  std::string unknown_;  // of the row in hand
  char lsn_text_[base::kLsnTextBytes];
  char born_text_[base::kLsnTextBytes];
};

}  // namespace warehouse
