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
#include "warehouse/fold.hpp"
#include "warehouse/shape.hpp"
#include "warehouse/sqlite.hpp"
#include "warehouse/statements.hpp"

namespace warehouse {

/// Where a truncate has been: nothing at or before it is accepted.
struct Cut {
  std::uint64_t lsn = 0;
  std::uint64_t seq = 0;
};

/// Binds a column's parameter: a cell that is not known is null. in  statement  numbered as statements.hpp says
void bind_cell(Statement& statement, const Shape& shape, std::size_t column, Cell cell, const Fold& fold);
/// Binds the parameters of the key's columns. in  key  as key.hpp encodes it
void bind_key(Statement& statement, const Shape& shape, std::string_view key);
/// Names of columns as they stand in a list of unknown ones: JSON strings.
[[nodiscard]] std::vector<std::string> quoted_names(const Shape& shape);
/// JSON array text of some of them; empty when there are none.
[[nodiscard]] std::string list_of(const std::vector<std::string>& quoted, const Columns& columns);
/// The opposite. err  refused/broken_warehouse
[[nodiscard]] Columns columns_of(const std::vector<std::string>& quoted, std::string_view list);

class Writer {
 public:
  /// in   database  outlives the writer
  ///      shape     of a table that exists
  Writer(Database& database, Shape shape);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Writes a window. Rows that the table has newer stay, but for columns that have not arrived: a copied row fills those.
  ///
  /// in   fold       of this shape; its lines lie all below or all from the position of any copy that the table has (else a row that
  ///                 changes its key on both sides of it could not be found)
  ///      cut        the table's last truncate
  ///      loaded_at  time of this load, must live as long as the call
  void write(Fold& fold, Cut cut, std::string_view loaded_at);

  /// Marks every row older than (lsn, seq) as gone: a truncate (op t), or what a finished copy did not see (op d, seq -1).
  /// out  rows marked
  std::int64_t mark_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts, std::string_view loaded_at);

  /// Unknown values in rows that are alive. A table that never had one is not searched.
  [[nodiscard]] std::uint64_t count_unknown();
  /// A row with an unknown value was written (or the state said so): the table has its index on them.
  [[nodiscard]] bool may_have_unknown() const { return may_have_unknown_; }
  void expect_unknown();

  [[nodiscard]] const Shape& shape() const { return shape_; }

 private:
  struct Found {
    bool there = false;
    bool newer = false;  // than the net row
    bool deleted = false;
    std::string unknown;
    std::string born;
  };

  void bind_own(Statement& statement, const Fold& fold, const Net& net, std::string_view unknown);
  Found look(const Fold& fold, std::uint32_t index, bool origin, std::uint64_t lsn, std::int64_t seq);
  void put(const Fold& fold, std::uint32_t index, bool born_now);
  void change(const Fold& fold, std::uint32_t index, const Found& found);
  void put_moved(const Fold& fold, std::uint32_t index, const std::string& unknown);
  void fill(const Fold& fold, std::uint32_t index);
  bool mark(const Fold& fold, std::uint32_t index);
  const Columns& columns_of(std::string_view list);
  [[nodiscard]] std::string list_of(const Columns& columns) const { return warehouse::list_of(quoted_names_, columns); }
  Statement& cached(std::map<Columns, Statement>& cache, const Columns& columns,
                    std::string (Statements::*text)(const Columns&) const);

  Database& database_;
  Shape shape_;
  Statements statements_;
  std::vector<bool> is_key_;
  std::vector<std::string> quoted_names_;  // as they stand in a list of unknown columns
  std::string all_but_key_;                // the list of all columns that are not of the key
  bool may_have_unknown_ = false;

  Statement put_;
  Statement look_;
  Statement mark_;
  std::map<Columns, Statement> change_;
  std::map<Columns, Statement> fill_;
  std::map<Columns, Statement> put_moved_;
  std::unordered_map<std::string, Columns> lists_;
  std::string_view loaded_at_;
  std::string unknown_;  // of the row in hand
  char lsn_text_[base::kLsnTextBytes];
  char born_text_[base::kLsnTextBytes];
};

}  // namespace warehouse
