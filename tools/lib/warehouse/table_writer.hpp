// warehouse: how rows get into a table, and versions into its history: two interfaces, and which engine takes which way. SQLite lies in
// this process and takes row by row (writer.hpp, history.hpp); the others take a window as a whole (merger.hpp, bulk_history.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "change/line.hpp"
#include "engine/database.hpp"
#include "warehouse/fold.hpp"
#include "warehouse/statements.hpp"

namespace warehouse {

/// Where a truncate has been: nothing at or before it is accepted.
struct Cut {
  std::uint64_t lsn = 0;
  std::uint64_t seq = 0;
};

class TableWriter {
 public:
  /// in   database  outlives the writer
  ///      shape     of a table that exists and has a key
  TableWriter(engine::Database& database, Shape shape);
  virtual ~TableWriter() = default;
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// Writes a window. Rows that the table has newer stay, but for columns that have not arrived: a copied row fills those.
  ///
  /// in   fold       of this shape; its lines lie all below or all from the position of any copy that the table has (else a row that
  ///                 changes its key on both sides of it could not be found)
  ///      cut        the table's last truncate
  ///      loaded_at  time of this load, must live as long as the call
  virtual void write(Fold& fold, Cut cut, std::string_view loaded_at) = 0;

  /// Marks every row older than (lsn, seq) as gone: a truncate (op t), or what a finished copy did not see (op d, seq -1).
  void mark_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts, std::string_view loaded_at);

  /// A row with an unknown value may have been written (or the state said so).
  [[nodiscard]] bool may_have_unknown() const { return may_have_unknown_; }
  /// From now on there may be some; they are found through an index, where the engine has such.
  void expect_unknown();

  [[nodiscard]] const Shape& shape() const { return shape_; }

 protected:
  engine::Database& database_;
  const Dialect& dialect_;
  Shape shape_;
  Statements statements_;

 private:
  bool may_have_unknown_ = false;
};

/// A change of the lists of unknown columns in versions that are there.
///
/// from  a column's old name as JSON; empty: the column `to` has come, and is unknown in versions that are open
struct UnknownEdit {
  std::string from;
  std::string to;
};

class TableHistory {
 public:
  TableHistory() = default;
  virtual ~TableHistory() = default;
  TableHistory(const TableHistory&) = delete;
  TableHistory& operator=(const TableHistory&) = delete;

  /// Lines from here on are written in this version. in  mapping  outlives its use
  virtual void use(const Mapping& mapping) = 0;
  /// Before copied rows: whether every transaction below their position has been taken. Then a version that covers it is theirs too; else
  /// lines between may be missing, and the copied row is a version of its own.
  virtual void stream_passed(bool passed) = 0;
  /// Where a transaction's statements wait for its end (Database::deferred): edits in it that what is read from the table does not show yet.
  virtual void expect(const std::vector<UnknownEdit>& edits) { static_cast<void>(edits); }
  /// Takes one c, u, d or r line, in stream order. A line that is not newer than its key's last version changes nothing; a copied row older
  /// than all versions becomes the first one, and fills what is unknown in those after it.
  ///
  /// out  false: the row's key is unfit (the current table's fold keeps the line; without a key it always fits)
  virtual bool add(const change::Line& line, std::string_view loaded_at) = 0;
  /// What was added is in the table when it returns; before anything else reads or ends versions.
  virtual void flush(std::string_view loaded_at) = 0;
  /// Ends open versions that began before (lsn, seq): a truncate (op t), or rows that a finished copy did not see (op d, seq -1).
  virtual void end_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts) = 0;
  /// Unfit values of the lines since the last call, where no fold of current rows keeps them.
  [[nodiscard]] virtual std::vector<Unfit> take_unfit() = 0;
  /// Memory that lines wait in.
  [[nodiscard]] virtual std::size_t bytes() const { return 0; }
};

/// The way that suits the engine.
[[nodiscard]] std::unique_ptr<TableWriter> make_writer(engine::Database& database, const Shape& shape);
/// in   shape  of a table whose history table exists
[[nodiscard]] std::unique_ptr<TableHistory> make_history(engine::Database& database, const Shape& shape);

/// Versions that are open and began before (lsn, seq) end there.
void end_older_versions(engine::Database& database, const Shape& shape, base::Lsn lsn, std::int64_t seq, char op,
                        std::string_view ts);

}  // namespace warehouse
