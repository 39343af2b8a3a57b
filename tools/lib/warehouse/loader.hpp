// warehouse: the loader: follows the stage's log from the warehouse's position, one transaction per epoch over all tables, each copied
// chunk in one of its own. A transaction is committed on counted evidence only. Knows stage, state and writers; not the command line.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "change/line.hpp"
#include "engine/database.hpp"
#include "stage/log.hpp"
#include "stage/losses.hpp"
#include "warehouse/fold.hpp"
#include "warehouse/news.hpp"
#include "warehouse/state.hpp"
#include "warehouse/table_writer.hpp"
#include "warehouse/unite.hpp"

namespace warehouse {

/// What a run has done so far, for metrics.
struct Totals {
  std::uint64_t epochs = 0;
  std::uint64_t chunks = 0;
  Counts counts;                              ///< of epochs and chunks committed
  std::map<std::string, std::uint64_t> rows;  ///< of each table
  std::string complete_to_time;               ///< of the last epoch that had one
  base::Lsn applied_to;
};

/// begin_kept  a warehouse that holds nothing yet begins where the data begin that house-keeping has left
/// unite       keeps views over several sources; null: there are none. Outlives the loader
struct LoaderOptions {
  bool history = false;
  bool begin_kept = false;
  Unite* unite = nullptr;
  std::size_t window_bytes =
      std::size_t{96} * 1024 * 1024;  ///< memory of one fold; more than that goes in several windows
};

class Loader {
 public:
  /// in   log, database  outlive the loader
  ///      clock          the wall clock, microseconds since 1970
  ///      stop           asked between transactions
  Loader(stage::Log& log, engine::Database& database, LoaderOptions options, std::function<std::int64_t()> clock,
         std::function<bool()> stop);
  ~Loader();

  /// Loads everything that is in the stage.
  ///
  /// in   on_progress  called after each commit
  /// err  refused/gap, refused/pruned, refused/object_missing, refused/wrong_digest, refused/wrong_rows, refused/broken_object (the
  ///      stage, and nobody has noted that this is lost); refused/other_source, refused/newer_warehouse, refused/broken_chain (stage and warehouse do not belong together);
  ///      data/... (a line breaks its format); retry/warehouse_busy, retry/position_moved (another loader). Whatever it is, the
  ///      transaction in hand has left nothing behind.
  void run(const std::function<void(const Totals&)>& on_progress);

  [[nodiscard]] State& state() { return *state_; }
  [[nodiscard]] const Totals& totals() const { return totals_; }
  /// How the run has left the stage, for has_news.
  [[nodiscard]] Standing standing() const;

 private:
  struct Work;
  [[nodiscard]] std::string now() const;
  void begin_position(const stage::Identity& identity);
  void check_belongs(const stage::Common& manifest) const;
  void load_era(const std::function<void(const Totals&)>& on_progress);
  bool enter_era(const stage::Identity& next);
  void park_vanished();
  bool learn_losses();
  [[nodiscard]] bool is_lost(const stage::FileEntry& file) const { return lost_.contains(file.object); }
  void say_lost(std::string_view table, base::Lsn at);
  void end_unseen(std::string_view name, base::Lsn at);
  void end_lost_leaves(const stage::Epoch& epoch);
  bool load_chunks(const std::function<void(const Totals&)>& on_progress);
  bool load_epochs(const std::function<void(const Totals&)>& on_progress);
  bool load_chunk(const std::string& object);
  bool apply_chunk(const std::string& object, const stage::Chunk& chunk);
  bool load_epoch(const stage::Stored& stored);
  bool prepare(Work& work, std::string_view table, const std::vector<std::string>& schemas, std::string_view policy,
               base::Lsn at, std::string_view loaded_at);
  void compare_leaves(std::string_view name, const change::Schema& version, const std::string& line);
  void compare_file(const Work& work, const change::Schema& version, const std::string& line);
  void say_untold(std::string_view name, base::Lsn at, const std::string& what, const std::string& words);
  void create(const Table& table);
  void create_view(const Statements& statements);
  bool lacks_column(const std::string& table, const std::string& name);
  std::vector<UnknownEdit> alter(const Table& old, const Shape& now, const std::vector<bool>& unknown);
  static void use_version_at(Work& work, const change::Line& line);
  void load_rows(Work& work, const std::vector<const stage::FileEntry*>& files, base::Lsn from, base::Lsn to,
                 Counts& counts, std::string_view loaded_at);
  void load_messages(const std::vector<const stage::FileEntry*>& files, base::Lsn from, base::Lsn to, Counts& counts);
  void flush(Work& work, std::string_view loaded_at);
  void finish(Work& work, std::string_view loaded_at);
  void quarantine(const Work& work, const std::vector<Unfit>& unfit, std::string_view loaded_at);
  void begin(std::unique_ptr<engine::Transaction>& transaction);
  TableWriter& writer(const Table& table);
  // Tables that wait, and go on by themselves (catch_up.cpp).
  bool stall(const base::Failure& failure);
  bool is_stalled(const std::string& table, base::Lsn from, std::string_view loaded_at);
  [[nodiscard]] bool is_waiting(const std::string& object) const;
  bool mend_tables(const std::function<void(const Totals&)>& on_progress);
  [[nodiscard]] std::optional<base::Lsn> whole_copy(const Table& table) const;
  bool mend(const std::string& table, base::Lsn copy);
  void begin_anew(const Table& old);
  void catch_up(const std::string& table, base::Lsn from, base::Lsn not_before);
  void check_standing();
  bool load_lost(const stage::Stored& stored);
  void check_chain(const stage::Epoch& epoch);

  stage::Log& log_;
  engine::Database& database_;
  const Dialect& dialect_;
  LoaderOptions options_;
  std::function<std::int64_t()> clock_;
  std::function<bool()> stop_;
  std::optional<stage::Identity> identity_;
  std::unique_ptr<State> state_;
  std::map<std::string, std::unique_ptr<TableWriter>, std::less<>> writers_;
  change::Parser parser_;
  std::map<std::string, std::map<std::string, stage::Chunk>> waiting_chunks_;  // of parked tables, by object
  std::set<std::string> stalled_;  // tables that somebody else held when they were to be written
  std::set<std::string> seen_chunks_;
  std::set<std::string> lost_;           // objects that are noted to be lost, of those that were missed
  std::optional<stage::Losses> losses_;  // as they were read last; nothing: there may be newer notes
  std::optional<stage::Stored> jump_;    // a lost range in which the position lies
  base::Lsn last_from_;                  // of the epoch that was applied last
  std::string last_sha256_;
  Totals totals_;
};

}  // namespace warehouse
