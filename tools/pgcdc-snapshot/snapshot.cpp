// pgcdc-snapshot: the run. See snapshot.hpp.
#include "pgcdc-snapshot/snapshot.hpp"

#include <unistd.h>

#include <cstdio>
#include <optional>

#include "base/ids.hpp"
#include "change/types.hpp"
#include "crypto/digest.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"
#include "logging/event.hpp"
#include "pg/catalog.hpp"
#include "pg/connection.hpp"
#include "pg/slot.hpp"
#include "pgcdc-snapshot/consistent_point.hpp"
#include "pgcdc-snapshot/copy_row.hpp"
#include "pgcdc-snapshot/plan.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"
#include "tool/metrics.hpp"

namespace snapshot {
namespace {

using base::Exit;
using base::Failure;

constexpr std::uint64_t kRowsBetweenLooks = 8192;  // at the clock
constexpr std::int64_t kProgressMs = 500;

// How far the copy is, on one line of a terminal; nothing elsewhere.
class Progress {
 public:
  void rows(const std::string& table, std::uint64_t rows) {
    const std::int64_t now_ms = tool::steady_ms();
    if (!terminal_ || now_ms - last_ms_ < kProgressMs) return;
    last_ms_ = now_ms;
    std::fprintf(stderr, "\r\033[K%s: %llu rows", table.c_str(), static_cast<unsigned long long>(rows));
    shown_ = true;
  }
  ~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 0;
  bool shown_ = false;
  std::int64_t last_ms_ = 0;
};

class Run {
 public:
  Run(const Options& options, Wanted wanted);
  Exit copy();

 private:
  void check_slot(const Mark& mark);
  change::Source source_line(const Snapshot& snapshot);
  void copy_table(const Target& target, const Snapshot& snapshot);

  const Options& options_;
  Wanted wanted_;
  pg::Connection session_;
  std::optional<pg::Catalog> catalog_;
  io::LineWriter out_{STDOUT_FILENO};
  tool::Metrics metrics_;
  Progress progress_;
};

std::string sql_name(const std::string& schema, const std::string& name) {
  return pg::identifier(schema) + "." + pg::identifier(name);
}

Run::Run(const Options& options, Wanted wanted)
    : options_(options),
      wanted_(std::move(wanted)),
      session_(pg::Connection::open(options.dsn, pg::Mode::plain, "pgcdc-snapshot")),
      metrics_(options.metrics, "pgcdc-snapshot") {
  metrics_.declare("cdc_snapshot_rows_total", "Rows copied, by table.");
  metrics_.declare("cdc_snapshot_tables", "Tables to copy in this run.");
  metrics_.declare("cdc_snapshot_tables_done", "Tables copied whole in this run.");
  // Rows that a policy hides must be an error, not absent.
  session_.query("SET row_security = off", "prepare the session");
}

void Run::check_slot(const Mark& mark) {
  const std::optional<pg::Slot> slot = pg::find_slot(session_, options_.slot);
  pg::refuse_slot(options_.slot, slot, session_.database());
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
  catalog_.emplace(session_, options_.publication, slot->catalog_xmin);
}

change::Source Run::source_line(const Snapshot& snapshot) {
  const pg::Result about = session_.query(
      "SELECT (SELECT system_identifier FROM pg_control_system()), "
      "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int",
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
  source.start = snapshot.lsn;
  return source;
}

void Run::copy_table(const Target& target, const Snapshot& snapshot) {
  const std::optional<pg::Table> table = catalog_->table(target.relid);
  if (!table) throw Failure(Exit::bug, "table_gone", "a table of the publication is not in the catalog");
  pg::Description description = catalog_->describe(*table);
  description.schema.lsn = snapshot.lsn;
  description.schema.version = 1;
  change::encode(out_.buffer(), description.schema);

  change::Chunk chunk;
  chunk.table = description.schema.table;
  chunk.lsn = snapshot.lsn;
  change::encode(out_.buffer(), chunk);

  std::string columns;
  for (const change::Column& column : description.schema.columns) {
    columns += (columns.empty() ? "" : ", ") + pg::identifier(column.name);
  }
  // A plain table is read fastest by name. A root's rows are in its partitions, a filter is a condition, and a table without
  // published columns still has rows: those are queries. ONLY, since children by inheritance are published by themselves.
  const std::string name = sql_name(target.schema, target.name);
  const bool plain = target.kind == 'r' && target.filter.empty() && !columns.empty();
  const std::string statement = plain ? "COPY " + name + " (" + columns + ") TO STDOUT"
                                      : "COPY (SELECT " + columns + " FROM " + (target.kind == 'p' ? "" : "ONLY ") +
                                            name + (target.filter.empty() ? "" : " WHERE " + target.filter) +
                                            ") TO STDOUT";

  RowEncoder encoder(description.schema, std::move(description.shapes), snapshot.lsn, snapshot.ts);
  const std::string label = tool::label("table", chunk.table);
  std::uint64_t counted = 0;
  metrics_.add("cdc_snapshot_rows_total", label, 0);
  const auto count = [&] {
    metrics_.add("cdc_snapshot_rows_total", label, static_cast<double>(chunk.rows - counted));
    counted = chunk.rows;
    metrics_.write_at_intervals(tool::steady_ms());
    progress_.rows(chunk.table, chunk.rows);
  };
  session_.copy_out(statement, "copy a table", [&](std::string_view row) {
    encoder.append_row(out_.buffer(), row);
    out_.lines_added();
    if (++chunk.rows % kRowsBetweenLooks == 0) count();
  });

  chunk.end = true;
  chunk.high = snapshot.high;
  change::encode(out_.buffer(), chunk);
  out_.flush();
  count();
  metrics_.add("cdc_snapshot_tables_done", "");
  logging::event(logging::Level::info, "table copied", {{"table", chunk.table}, {"rows", std::to_string(chunk.rows)}});
}

Exit Run::copy() {
  // The list is read before the point is marked: a table must be in the publication first, else a transaction that wrote to it
  // before and commits after is in neither copy nor stream.
  const std::vector<Target> targets = read_targets(session_, options_.publication, wanted_);
  const Mark mark = snapshot::mark(session_);
  check_slot(mark);
  wait_for_older(session_, mark, options_.wait_s);
  std::vector<Locked> tables;
  for (const Target& target : targets) tables.push_back({sql_name(target.schema, target.name), target.relid});
  const Snapshot snapshot = [&] {
    pg::Connection stream = pg::Connection::open(options_.dsn, pg::Mode::replication, "pgcdc-snapshot");
    return take_snapshot(session_, stream, mark, tables, options_.wait_s);
  }();
  if (read_targets(session_, options_.publication, wanted_) != targets) {
    throw Failure(Exit::retry, "publication_changed", "the publication changed while the snapshot was taken");
  }
  logging::event(logging::Level::info, "snapshot taken",
                 {{"lsn", base::format(snapshot.lsn)}, {"tables", std::to_string(targets.size())}});
  metrics_.set("cdc_snapshot_tables", "", static_cast<double>(targets.size()));
  metrics_.set("cdc_snapshot_tables_done", "", 0);

  change::encode(out_.buffer(), source_line(snapshot));
  for (const Target& target : targets) {
    // A table is the boundary: half of one is no use to anybody, the finished ones are.
    if (tool::stop_asked()) {
      metrics_.write();
      throw Failure(Exit::retry, "interrupted", "asked to stop before every table was copied");
    }
    try {
      copy_table(target, snapshot);
    } catch (Failure& failure) {
      if (failure.table.empty()) failure.table = change::quote_table(target.schema, target.name);
      throw;
    }
  }
  out_.flush();
  session_.query("COMMIT", "end the copy");
  metrics_.write();
  return Exit::done;
}

}  // namespace

Exit copy_tables(const Options& options) {
  tool::hold_secrets();
  tool::catch_stop_signals();
  io::widen_pipe(STDOUT_FILENO);
  Wanted wanted = parse_tables(options.tables);
  return Run(options, std::move(wanted)).copy();
}

}  // namespace snapshot
