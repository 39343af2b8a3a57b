// pgcdc-snapshot: what is still to be read, handed out piece by piece to whoever asks. Knows tables, sizes and ranges, and what
// earlier runs have done; not snapshots, rows or threads.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "base/ids.hpp"
#include "pg/connection.hpp"
#include "pgcdc-snapshot/done.hpp"
#include "pgcdc-snapshot/plan.hpp"
#include "pgcdc-snapshot/range.hpp"

namespace snapshot {

/// How large a piece is.
///
/// chunk_bytes  of a table on the server's disk; tables that are not larger are one piece
/// jobs         a table of middle size is cut so that all of them have something to do
struct Sizes {
  std::uint64_t chunk_bytes = std::uint64_t{1024} * 1024 * 1024;
  std::uint64_t jobs = 2;
};

/// One table's state.
struct TableWork {
  Target target;
  std::string name;  ///< as the stream writes it
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;  ///< as the server estimates them
  Key key;
  bool measured = false;
  bool begun = false;  ///< the key has been read in this run
  bool held_up = false;
  base::Lsn copy;
  std::uint64_t next_chunk = 0;
  std::deque<Range> left;
  std::deque<std::vector<Bound>> keys;
  std::uint64_t chunks_done = 0;
  std::uint64_t chunks_handed_out = 0;
  std::optional<Copied> copied;
};

/// A piece: a range of a table, or some keys of it.
struct Task {
  TableWork* table = nullptr;
  Key key;
  Range range;
  std::vector<Bound> keys;
  base::Lsn copy;
  std::uint64_t chunk = 0;
};

class Work {
 public:
  /// in   done    what a stage has; a table whose newest copy is whole is not read again
  ///      wanted  keys to read again and tables to copy anew, by name; when given, nothing else is read
  Work(Sizes sizes, Done done, std::optional<Wishes> wanted);

  /// Says what the tables are now: new ones are added, those that are gone are forgotten. Everything held up may go on.
  void see(const std::vector<Target>& targets);
  /// Looks up the sizes of tables that are new. err  retry/sqlstate_55P03 when one is locked
  void measure(pg::Connection& session);

  /// The next piece.
  ///
  /// in   session      told to prefer indexes (prefer_indexes), outside of a transaction
  ///      lsn          the position at which it will be read: names a copy that begins
  /// out  nothing when all is done, handed out or held up
  /// err  data/bad_unknown; those of the session
  [[nodiscard]] std::optional<Task> next(pg::Connection& session, const std::string& publication, base::Lsn lsn);
  void finished(const Task& task);
  /// The piece could not be read in this snapshot: its table waits for the next one.
  void give_back(const Task& task);

  [[nodiscard]] bool empty() const;
  /// What progress is told by: estimates of the server for what is read in this run.
  struct Sum {
    std::uint64_t tables = 0;
    std::uint64_t tables_done = 0;
    std::uint64_t chunks = 0;
    std::uint64_t chunks_done = 0;
    std::uint64_t rows = 0;
  };
  [[nodiscard]] Sum sum() const;
  /// Tables that are wanted, and are not among those that there are.
  [[nodiscard]] std::vector<std::string> gone(const std::vector<Target>& there) const;

 private:
  void begin(TableWork& table, pg::Connection& session, const std::string& publication);
  [[nodiscard]] std::uint64_t piece_bytes(const TableWork& table) const;
  [[nodiscard]] static std::uint64_t rows_in(const TableWork& table, std::uint64_t bytes);

  Sizes sizes_;
  Done done_;
  std::optional<Wishes> wanted_;
  std::deque<TableWork> tables_;  // never moved: tasks point to them
  std::size_t at_ = 0;
};

}  // namespace snapshot
