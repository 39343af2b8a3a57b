// pgcdc-snapshot: the run. One session holds a round's snapshot open, one looks at the present, and each worker has one of its own,
// in a transaction that lasts for a piece: so a table is locked only while rows of it are read.
#include "pgcdc-snapshot/snapshot.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/ids.hpp"
#include "change/types.hpp"
#include "crypto/digest.hpp"
#include "io/file.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"
#include "json/write.hpp"
#include "logging/event.hpp"
#include "pg/catalog.hpp"
#include "pg/connection.hpp"
#include "pg/leaves.hpp"
#include "pg/slot.hpp"
#include "pgcdc-snapshot/consistent_point.hpp"
#include "pgcdc-snapshot/copy_row.hpp"
#include "pgcdc-snapshot/output.hpp"
#include "pgcdc-snapshot/plan.hpp"
#include "pgcdc-snapshot/work.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"

namespace snapshot {
namespace {

using base::Exit;
using base::Failure;

constexpr std::uint64_t kRowsBetweenLooks = 8192;  // at the clock
constexpr std::uint64_t kMostChanges = 3;
constexpr std::size_t kKeysInStatement = 500;

// A session for copies, and what it has learnt of types.
struct Worker {
  Worker(const std::string& dsn, const std::string& publication, std::optional<base::Xid> horizon)
      : session(pg::Connection::open(dsn, pg::Mode::plain, "pgcdc-snapshot")),
        catalog(session, publication, {horizon, ""}) {
    // Rows that a policy hides must be an error, not absent.
    session.query("SET row_security = off; SET jit = off", "prepare the session");
  }
  pg::Connection session;
  pg::Catalog catalog;
};

class Run {
 public:
  Run(const Options& options, Wanted wanted, Done done, std::optional<Wishes> wishes);
  Exit copy();

 private:
  /// The session with the slot's server.
  [[nodiscard]] pg::Connection& at_slot() { return primary_ ? *primary_ : session_; }
  [[nodiscard]] const std::string& rows_dsn() const {
    return options_.standby.empty() ? options_.dsn : options_.standby;
  }
  [[nodiscard]] std::vector<Target> parts_of(std::vector<Target> targets);
  [[nodiscard]] Mark mark_both();
  void check_slot(const Mark& mark);
  void write_source(base::Lsn start);
  void round();
  void work(Worker& worker, const Snapshot& snapshot, std::int64_t began_ms);
  [[nodiscard]] bool copy_piece(Worker& worker, const Snapshot& snapshot, std::int64_t began_ms, const Task& task);
  void copy_rows(Worker& worker, const Snapshot& snapshot, std::int64_t began_ms, const Task& task);
  [[nodiscard]] std::optional<Task> next(base::Lsn lsn, std::int64_t began_ms);
  void tell(std::int64_t began_ms);
  void write_gone();
  void fail(std::exception_ptr failure);

  const Options& options_;
  Wanted wanted_;
  std::string known_system_id_;
  std::optional<pg::Connection> primary_;  // of a standby that the rows are read from
  pg::Connection session_;                 // holds the snapshots
  pg::Connection present_;                 // sees what is
  std::optional<base::Part> part_;
  std::map<std::uint32_t, std::string> in_part_;  // conditions by table: they stay as they are from round to round
  std::optional<base::Xid> horizon_;
  std::list<Worker> workers_;
  bool source_written_ = false;
  std::uint64_t changes_ = 0;  // of the publication, one after the other, each while a snapshot was taken
  Output out_;

  std::mutex mutex_;  // of what follows, and of present_
  Work work_;
  std::exception_ptr failure_;
  std::exception_ptr held_up_;  // why a piece could not be read in this round
  std::uint64_t pieces_done_ = 0;
  std::atomic<bool> failed_ = false;
};

Run::Run(const Options& options, Wanted wanted, Done done, std::optional<Wishes> wishes)
    : options_(options),
      wanted_(std::move(wanted)),
      known_system_id_(done.system_id),
      session_(pg::Connection::open(rows_dsn(), pg::Mode::plain, "pgcdc-snapshot")),
      present_(pg::Connection::open(rows_dsn(), pg::Mode::plain, "pgcdc-snapshot")),
      part_(base::parse_part(options.part)),
      out_(options.metrics, options.max_rate),
      work_({options.chunk_bytes, options.jobs}, std::move(done), std::move(wishes)) {
  session_.query("SET row_security = off", "prepare the session");
  session_.query("SET lock_timeout = " + std::to_string(std::min<std::uint64_t>(options.wait_s, 1'000'000) * 1000),
                 "prepare the session");
  prefer_indexes(present_);
  if (options.standby.empty()) return;
  primary_.emplace(pg::Connection::open(options.dsn, pg::Mode::plain, "pgcdc-snapshot"));
  const auto cluster = [](pg::Connection& session) {
    return session.query("SELECT system_identifier FROM pg_control_system()", "identify the server").number(0, 0);
  };
  if (cluster(*primary_) != cluster(session_)) {
    throw Failure(Exit::refused, "wrong_cluster", "--standby names a server of another cluster than --dsn");
  }
}

// Of a table that has parts the rows of ours, of one that has none all or nothing.
std::vector<Target> Run::parts_of(std::vector<Target> targets) {
  if (!part_) return targets;
  std::erase_if(targets, [&](Target& target) {
    auto known = in_part_.find(target.relid.value);
    if (known == in_part_.end()) {
      known = in_part_.emplace(target.relid.value, part_condition(present_, target, *part_)).first;
    }
    if (known->second.empty()) return part_->k != 1;
    target.filter = (target.filter.empty() ? "" : "(" + target.filter + ") AND ") + known->second;
    return false;
  });
  return targets;
}

// A mark of the slot's server that the server of the rows has reached.
Mark Run::mark_both() {
  Mark mark = snapshot::mark(at_slot());
  check_slot(mark);
  wait_for_older(at_slot(), mark, options_.wait_s);
  if (!primary_) return mark;
  mark.standby = snapshot::mark(session_).standby;
  // One that was promoted goes on with a history of its own.
  if (!mark.standby) throw Failure(Exit::refused, "standby", "--standby names a server that is no standby");
  wait_for_replay(session_, mark, options_.wait_s);
  return mark;
}

void Run::check_slot(const Mark& mark) {
  const std::optional<pg::Slot> slot = pg::find_slot(at_slot(), options_.slot);
  pg::refuse_slot(options_.slot, slot, at_slot().database());
  if (!slot->confirmed_flush) {
    throw Failure(Exit::retry, "slot_not_ready", "slot " + options_.slot + " is still being created");
  }
  if (*slot->confirmed_flush > mark.lsn) {
    throw Failure(
        Exit::refused, "slot_ahead",
        "slot " + options_.slot + " begins at " + base::format(*slot->confirmed_flush) +
            ", after the end of this server's log: it was confirmed for another history of the cluster; repair: "
            "pgcdc-slot drop --slot " +
            options_.slot + ", then pgcdc-slot create --slot " + options_.slot)
        .at_lsn(mark.lsn);
  }
  horizon_ = slot->catalog_xmin;
}

void Run::write_source(base::Lsn start) {
  if (source_written_) return;
  source_written_ = true;
  const pg::Result about = at_slot().query(
      "SELECT (SELECT system_identifier FROM pg_control_system()), "
      // The timeline on which it writes, on a standby that of what it replays.
      "CASE WHEN pg_is_in_recovery() THEN (SELECT coalesce((SELECT received_tli FROM pg_stat_wal_receiver), "
      "timeline_id) "
      "FROM pg_control_checkpoint()) ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int "
      "END",
      "identify the server");
  change::Source source;
  source.source = options_.source;
  source.run = crypto::random_id();
  // The server writes its identifier as a signed number.
  source.system_id = std::to_string(static_cast<std::uint64_t>(about.number(0, 0)));
  source.timeline = static_cast<std::uint32_t>(about.number(0, 1));
  source.server_version = session_.server_version();
  source.database = session_.database();
  source.slot = options_.slot;
  source.start = start;
  if (!known_system_id_.empty() && known_system_id_ != source.system_id) {
    throw Failure(Exit::refused, "wrong_cluster",
                  "what was copied before is of cluster " + known_system_id_ + ", this is " + source.system_id);
  }
  out_.source(source);
}

void Run::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
  failed_ = true;
}

void Run::tell(std::int64_t began_ms) {
  Work::Sum sum;
  {
    const std::lock_guard lock(mutex_);
    sum = work_.sum();
  }
  out_.tell(sum, began_ms);
}

// A piece for this round, or nothing: all is handed out, it has lasted long enough, or somebody wants an end.
std::optional<Task> Run::next(base::Lsn lsn, std::int64_t began_ms) {
  const std::lock_guard lock(mutex_);
  if (failed_ || tool::stop_asked()) return std::nullopt;
  const bool late = tool::steady_ms() - began_ms >= static_cast<std::int64_t>(options_.hold_s) * 1000;
  if (late && pieces_done_ > 0) return std::nullopt;
  return work_.next(present_, options_.publication, lsn);
}

void Run::work(Worker& worker, const Snapshot& snapshot, std::int64_t began_ms) {
  try {
    while (const auto task = next(snapshot.lsn, began_ms)) {
      const bool copied = copy_piece(worker, snapshot, began_ms, *task);
      {
        const std::lock_guard lock(mutex_);
        copied ? work_.finished(*task) : work_.give_back(*task);
        if (copied) ++pieces_done_;
      }
      tell(began_ms);
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

// out  false: not in this snapshot, nothing was written
bool Run::copy_piece(Worker& worker, const Snapshot& snapshot, std::int64_t began_ms, const Task& task) {
  const Target& target = task.table->target;
  try {
    try {
      enter_snapshot(worker.session, snapshot, pg::identifier(target.schema) + "." + pg::identifier(target.name));
      {
        const std::lock_guard lock(mutex_);
        check_form(worker.session, present_, target.relid);
      }
      if (read_key(worker.session, target, options_.publication).by != task.key.by) {
        throw Failure(Exit::retry, "table_altered", "a table's key changed while it was copied");
      }
    } catch (const Failure& failure) {
      if (failure.slug != "table_rewritten" && failure.slug != "table_altered" && failure.slug != "sqlstate_55P03")
        throw;
      worker.session.query("ROLLBACK", "leave the snapshot");
      const std::lock_guard lock(mutex_);
      Failure told = failure;
      told.table = task.table->name;
      held_up_ = std::make_exception_ptr(told);
      return false;
    }
    copy_rows(worker, snapshot, began_ms, task);
    worker.session.query("COMMIT", "end the copy of a chunk");
  } catch (Failure& failure) {
    if (failure.table.empty()) failure.table = task.table->name;
    throw;
  }
  return true;
}

void Run::copy_rows(Worker& worker, const Snapshot& snapshot, std::int64_t began_ms, const Task& task) {
  const Target& target = task.table->target;
  const std::optional<pg::Table> table = worker.catalog.table(target.relid);
  if (!table) throw Failure(Exit::bug, "table_gone", "a table of the publication is not in the catalog");
  pg::Description description = worker.catalog.describe(*table);
  if (target.kind == 'p') {
    description.schema.leaves = pg::find_leaves(worker.session, target.relid);
  } else {
    pg::say(pg::find_heap(worker.session, target.relid), description.schema);
  }
  OpenChunk open;
  change::Chunk& chunk = open.chunk;
  chunk.table = description.schema.table;
  chunk.lsn = snapshot.lsn;
  chunk.copy = task.copy;
  chunk.chunk = task.chunk;
  chunk.by = task.key.by;
  chunk.from_key = format(task.range.from);
  chunk.to_key = format(task.range.to);
  if (!task.keys.empty()) chunk.keys = task.keys.size();
  open.schema = description.schema;

  // 18 publishes generated columns when it is told to; COPY of a table refuses to name one.
  const bool generated =
      worker.session
          .query("SELECT count(*) > 0 FROM pg_catalog.pg_attribute WHERE attrelid = " +
                     std::to_string(target.relid.value) + " AND attgenerated <> '' AND NOT attisdropped",
                 "look up the table's columns")
          .truth(0, 0);
  std::string columns;
  for (const change::Column& column : description.schema.columns) {
    columns += (columns.empty() ? "" : ", ") + pg::identifier(column.name);
  }
  // The names of the key's columns as this snapshot has them: what was planned by them is bound to their numbers.
  const Key key = read_key(worker.session, target, options_.publication);
  std::optional<RowEncoder> absent;
  if (!task.keys.empty()) {
    change::Schema schema = description.schema;
    schema.columns.clear();
    std::vector<value::Shape> shapes;
    for (const KeyColumn& column : key.columns) {
      for (std::size_t i = 0; i < description.schema.columns.size(); ++i) {
        if (pg::identifier(description.schema.columns[i].name) != column.name) continue;
        schema.columns.push_back(description.schema.columns[i]);
        shapes.push_back(description.shapes[i]);
      }
    }
    absent.emplace(schema, std::move(shapes), snapshot.lsn, snapshot.ts, "before");
  }
  RowEncoder encoder(description.schema, std::move(description.shapes), snapshot.lsn, snapshot.ts);
  std::uint64_t since_look = 0;
  const auto copy = [&](const std::string& statement, RowEncoder& into) {
    worker.session.copy_out(statement, "copy a table", [&](std::string_view row) {
      into.append_row(open.lines, row);
      ++chunk.rows;
      if (open.lines.size() >= io::LineWriter::kFlushBytes) out_.rows(open);
      if (++since_look < kRowsBetweenLooks) return;
      since_look = 0;
      if (failed_) throw Failure(Exit::retry, "interrupted", "another worker has failed");
      tell(began_ms);
    });
  };
  std::vector<std::string> conditions;
  for (std::size_t i = 0; i < task.keys.size(); i += kKeysInStatement) {
    const auto some = std::span(task.keys).subspan(i, std::min(kKeysInStatement, task.keys.size() - i));
    conditions.push_back(condition_of(key, some));
    copy("COPY (" + keys_without_row(target, key, some) + ") TO STDOUT", *absent);
  }
  if (task.keys.empty()) conditions.push_back(condition_of(key, task.range));
  for (std::string& condition : conditions) {
    if (!target.filter.empty()) condition = (condition.empty() ? "" : "(" + condition + ") AND ") + target.filter;
    // A plain table is read fastest by name. A root's rows are in its partitions, a filter or range is a condition, and a table
    // without published columns still has rows: those are queries. ONLY, since children by inheritance are published by themselves.
    const bool plain = target.kind == 'r' && condition.empty() && !columns.empty() && !generated;
    const std::string name = pg::identifier(target.schema) + "." + pg::identifier(target.name);
    copy(plain ? "COPY " + name + " (" + columns + ") TO STDOUT"
               : "COPY (SELECT " + columns + " FROM " + rows_of(target) +
                     (condition.empty() ? "" : " WHERE " + condition) + ") TO STDOUT",
         encoder);
  }
  chunk.high = snapshot.high;
  out_.end(open);
}

// One consistent point, and whatever is copied in it.
void Run::round() {
  // The list is read before the point is marked: a table must be in the publication first, else a transaction that wrote to it
  // before and commits after is in neither copy nor stream.
  const std::vector<Target> targets = read_targets(session_, options_.publication, wanted_);
  work_.see(parts_of(targets));
  if (!work_.empty()) {
    const Mark mark = mark_both();
    work_.measure(present_);
    const Snapshot snapshot = [&] {
      pg::Connection stream = pg::Connection::open(rows_dsn(), pg::Mode::replication, "pgcdc-snapshot");
      return take_snapshot(session_, stream, mark, options_.wait_s);
    }();
    const std::int64_t began_ms = tool::steady_ms();
    if (read_targets(session_, options_.publication, wanted_) != targets) {
      session_.query("ROLLBACK", "leave the snapshot");
      if (++changes_ > kMostChanges) {
        throw Failure(Exit::retry, "publication_changed", "the publication changed while the snapshot was taken");
      }
      return;
    }
    changes_ = 0;
    logging::event(logging::Level::info, "snapshot taken", {{"lsn", base::format(snapshot.lsn)}});
    write_source(snapshot.lsn);
    tell(began_ms);
    while (workers_.size() < options_.jobs) {
      Worker& worker = workers_.emplace_back(rows_dsn(), options_.publication, horizon_);
      worker.session.interrupt_when([this] { return failed_.load(); });
    }
    pieces_done_ = 0;
    held_up_ = nullptr;
    std::vector<std::thread> threads;
    for (Worker& worker : workers_) {
      threads.emplace_back([this, &worker, &snapshot, began_ms] { work(worker, snapshot, began_ms); });
    }
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    session_.query("COMMIT", "end the snapshot");
    tell(0);
    // A piece that could not be read in this snapshot can be in the next, unless that happens to every piece that is left.
    if (pieces_done_ == 0 && held_up_) std::rethrow_exception(held_up_);
  }
}

Exit Run::copy() {
  check_slot(Mark{pg::end_of_log(at_slot())});
  do {
    round();
    if (tool::stop_asked() && !work_.empty()) {
      throw Failure(Exit::retry, "interrupted", "asked to stop before every table was copied");
    }
  } while (!work_.empty());
  write_source(pg::end_of_log(session_));
  out_.write_metrics();
  if (!options_.gone.empty()) write_gone();
  return Exit::done;
}

// By the server of the slot, as it is now: a standby may not know yet what was published.
void Run::write_gone() {
  at_slot().query("SET row_security = off", "prepare the session");
  std::string lines;
  for (const std::string& table : work_.gone(read_targets(at_slot(), options_.publication, {}))) {
    json::ObjectWriter(lines).text("table", table).null("key").close();
    lines += '\n';
  }
  io::replace_file(options_.gone, lines);
}

std::string read_all(const std::string& file, const char* slug) {
  const io::Fd opened(file == "-" ? -1 : ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const int fd = file == "-" ? STDIN_FILENO : opened.get();
  if (fd < 0) throw Failure(Exit::usage, slug, "cannot read " + file + ": " + std::strerror(errno));
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
    if (got == 0) return text;
    if (got < 0 && errno != EINTR)
      throw Failure(Exit::retry, slug, "could not read " + file + ": " + std::strerror(errno));
  }
}

}  // namespace

Exit copy_tables(const Options& options) {
  tool::hold_secrets();
  tool::catch_stop_signals();
  io::widen_pipe(STDOUT_FILENO);
  if (options.jobs < 1 || options.jobs > 64) throw Failure(Exit::usage, "bad_value", "--jobs must be from 1 to 64");
  if (options.chunk_bytes == 0) throw Failure(Exit::usage, "bad_value", "--chunk-bytes must be more than 0");
  if (!options.part.empty() && !base::parse_part(options.part)) {
    throw Failure(Exit::usage, "bad_value", "--part is K/N, the K-th of N parts, of at most 10000");
  }
  if (!options.gone.empty() && (options.unknown.empty() || !options.tables.empty())) {
    throw Failure(Exit::usage, "bad_option", "--gone goes with --unknown, and without names of tables");
  }
  Wanted wanted = parse_tables(options.tables);
  Done done;
  if (!options.done.empty()) done = parse_done(read_all(options.done, "bad_done"));
  if (!done.source.empty() && done.source != options.source) {
    throw Failure(Exit::refused, "wrong_cluster", "what was copied before is of another source");
  }
  std::optional<Wishes> wishes;
  if (!options.unknown.empty()) wishes = parse_keys(read_all(options.unknown, "bad_unknown"));
  return Run(options, std::move(wanted), std::move(done), std::move(wishes)).copy();
}

}  // namespace snapshot
