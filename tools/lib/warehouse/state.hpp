// warehouse: what a warehouse knows about itself, in tables named _cdc_*: position, epochs, tables and their columns, copies,
// quarantine, freshness. It changes in the transaction of the rows it speaks of. Knows the names and columns of those tables; not
// how rows get into a table.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "engine/database.hpp"
#include "stage/manifest.hpp"
#include "warehouse/dialect.hpp"
#include "warehouse/fold.hpp"
#include "warehouse/shape.hpp"
#include "warehouse/writer.hpp"

namespace warehouse {

/// Version of the layout of state and tables; a warehouse with a newer one is refused, what an older one lacks is added.
inline constexpr std::int64_t kWarehouseFormat = 2;

/// Why a table is parked that goes on by itself, without a copy.
inline constexpr std::string_view kHeld = "somebody else kept the table locked";

/// How far a warehouse is.
///
/// begun_at  where it began when house-keeping had removed the log before that: a copy that began before it lacks something; 0: it has had all
///           of the log
struct Position {
  std::string system_id;
  std::uint64_t era = 0;
  base::Lsn applied_to;
  base::Lsn begun_at;
};

/// One table as the state has it.
///
/// parked         why it waits; empty when it does not
/// parked_at      position from which its rows wait
/// cut            its last truncate
/// may_have_unknown  an unknown value was written once
/// history        every version is kept; once begun it never stops by itself
/// copied         where its newest whole copy began; 0: there is none
/// purged         rows that were gone before it may have left no mark: a copy that began before it would bring them back; 0: all marks are there
/// gone           it lacks something, and the source had no such table any more when the warehouse was here; nothing: that is not known
/// policy         digest of the policy by which its columns came; empty: none, or not known
struct Table {
  Shape shape;
  std::string parked;
  base::Lsn parked_at;
  Cut cut;
  bool may_have_unknown = false;
  bool history = false;
  base::Lsn copied;
  base::Lsn purged;
  std::optional<base::Lsn> gone;
  std::string policy;
};

/// Whether ranges of a copy follow each other from an open beginning to an open end (empty text). Their ends are only compared with
/// each other: a policy may have hashed them, and their order is the source's.
[[nodiscard]] bool is_closed(const std::multimap<std::string, std::string>& ranges);

/// Counted evidence of one epoch.
struct Counts {
  std::uint64_t rows = 0;
  std::uint64_t applied = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t waiting = 0;
  std::uint64_t lost = 0;  ///< in objects that are lost: their table is doubted
};

class State {
 public:
  /// Reads the state; makes its tables in a database that has none.
  /// err  refused/newer_warehouse; refused/not_a_warehouse (tables, but none of ours); refused/other_source (of another source or
  ///      cluster)
  State(engine::Database& database, std::string source);

  /// Reads everything again: another loader may have been here. Within a transaction it is what the transaction sees.
  void reload();

  [[nodiscard]] const std::optional<Position>& position() const { return position_; }
  /// The first position of this source. Within a transaction.
  void begin_at(const Position& position, std::string_view loaded_at);
  /// The beginning of the source's next era: copies of the last one count no more, every table is parked until it is copied anew.
  ///
  /// in   position  of the new era; its era is greater
  /// out  false: another loader was here
  [[nodiscard]] bool enter_era(const Position& position, std::string_view reason, std::string_view loaded_at);
  /// Moves from one position to the next, or finds that somebody else did.
  ///
  /// out  false when the position is not `from`; nothing has changed then
  [[nodiscard]] bool advance(base::Lsn from, base::Lsn to, std::string_view complete_to_time,
                             std::string_view loaded_at);

  [[nodiscard]] Table* find(std::string_view table);
  [[nodiscard]] const std::map<std::string, Table, std::less<>>& tables() const { return tables_; }
  /// Name of another table that has this number at the source; nothing when there is none.
  [[nodiscard]] std::optional<std::string> table_with_relid(base::Oid relid, std::string_view but) const;
  /// Free names for a new table and its view, kept for ever.
  struct Names {
    std::string name;
    std::string view;
  };
  [[nodiscard]] Names names_for(std::string_view table, base::Oid relid) const;

  /// Adds or replaces a table's record and columns.
  Table& save(const Table& table);
  void save_version(const change::Schema& schema, std::string_view line);
  /// A piece of a copy of the table was loaded once.
  [[nodiscard]] bool was_copied(std::string_view table) const;
  /// The newest version of the table that has what not every schema line has.
  [[nodiscard]] std::optional<change::Schema> last_with_leaves(const std::string& table);
  [[nodiscard]] std::optional<change::Schema> last_with_file(const std::string& table);
  /// At this position the source held rows that no line has told of, or no longer held what lines have told: until a copy that
  /// began there or later is whole the table is doubted.
  void doubt(std::string_view table, base::Lsn at);
  /// Doubts every table that is known, see above.
  void doubt_all(base::Lsn at);
  /// The source no longer publishes such a table: what it lacks cannot be had, and nothing waits for it. Until it is heard of again, or is parked
  /// or doubted once more.
  /// out  false: it lacks nothing, or it is not known
  bool set_gone(std::string_view table);
  void come_back(std::string_view table);
  /// Tables of the state that are not in the database any more.
  [[nodiscard]] std::vector<std::string> vanished() const;
  /// in   at  its rows wait from there on. What is parked stays as it is
  void park(const Table& table, std::string_view reason, base::Lsn at, std::string_view loaded_at);
  void unpark(std::string_view table);
  /// Everything that is known of a table but its copies goes; its names are kept for the one that comes in its place.
  void forget(const std::string& table);
  [[nodiscard]] bool begins_anew(std::string_view table) const { return forgotten_.contains(table); }
  /// A name like this one that no table or view has.
  [[nodiscard]] std::string free_table_name(const std::string& like) const;
  void add_waiting(std::string_view table, std::uint64_t rows);
  /// Rows of an epoch that waited do so no more.
  void count_waited(std::string_view table, std::uint64_t era, base::Lsn from, const Counts& counts);
  void set_cut(std::string_view table, Cut cut);
  void set_purged(std::string_view table, base::Lsn before);
  /// Makes the list of messages where there is none yet.
  void expect_messages();
  /// in   line  of op `m`
  /// err  as Database when the message is there already
  void add_message(const change::Line& line);
  /// Counts the unknown values in rows of the table that are alive.
  void count_unknown(const Shape& shape);
  void add_quarantine(const Table& table, const Unfit& unfit, std::string_view loaded_at);
  void add_epoch(const stage::Epoch& epoch, std::string_view sha256, const Counts& counts, std::string_view loaded_at);

  /// Epochs are forgotten a month after they were loaded, but not the last one, and none that a parked table waits for. Once a day there is
  /// something to do; the list of a year would be looked through with every epoch.
  /// in  now_us  microseconds since 1970. Not within a transaction
  void forget_epochs(std::int64_t now_us);

  [[nodiscard]] bool has_chunk(const std::string& object) const { return chunks_.contains(object); }
  void add_chunk(const std::string& object, const stage::Chunk& chunk, std::string_view loaded_at);
  /// A chunk whose rows were removed before the warehouse began: it is known, and is no part of a copy.
  void pass_chunk(const std::string& object, stage::Chunk chunk, std::string_view loaded_at);
  /// All chunks of this copy are here: their ranges follow each other from an open beginning to an open end.
  [[nodiscard]] bool is_copied(std::string_view table, base::Lsn copy) const;
  /// Positions in (from, to) of copies of which chunks are here, sorted.
  [[nodiscard]] std::vector<base::Lsn> copies_between(std::string_view table, base::Lsn from, base::Lsn to) const;
  /// The copy is whole: the table is complete once the position has reached `high` of every chunk.
  void finish_copy(std::string_view table, base::Lsn copy);

  /// For metrics: state, unknown values and quarantined rows of each table, as _cdc_freshness shows them.
  struct Freshness {
    std::string table;
    std::string state;
    std::uint64_t unknown_values = 0;
    std::uint64_t quarantined = 0;
  };
  [[nodiscard]] std::vector<Freshness> freshness();

 private:
  // What is kept of a chunk. of_keys: it is no range of a whole copy
  struct ChunkOf {
    std::string table;
    base::Lsn lsn;
    base::Lsn copy;
    std::string from_key;
    std::string to_key;
    bool of_keys = false;
    base::Lsn high;
  };

  void create();
  void complete();
  std::optional<change::Schema> last_with(bool leaves, const std::string& table);

  engine::Database& database_;
  const Dialect& dialect_;
  std::string source_;
  std::optional<Position> position_;
  std::map<std::string, Table, std::less<>> tables_;
  std::map<std::string, ChunkOf> chunks_;
  std::map<std::pair<bool, std::string>, std::optional<change::Schema>>
      last_;                                             // last_with of tables that were asked for
  std::map<std::string, Names, std::less<>> forgotten_;  // names of tables that begin anew
  std::vector<std::string> other_names_;                 // tables and views that are there and that we did not name
};

}  // namespace warehouse
