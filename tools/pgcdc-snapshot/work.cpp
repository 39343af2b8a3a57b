// pgcdc-snapshot: handing out. The end of a piece is looked for when somebody asks for it, so that nothing is planned that a kill
// would throw away, and every piece is as large as the table is by then.
#include "pgcdc-snapshot/work.hpp"

#include <algorithm>
#include <set>

#include "change/types.hpp"

namespace snapshot {
namespace {

constexpr std::uint64_t kSmallestPiece =
    std::uint64_t{64} * 1024 * 1024;  // below that a table is not cut for the jobs' sake
constexpr std::uint64_t kKeysInPiece = 10'000;
// When the statistics are off, a row is not taken to be smaller or larger than this.
constexpr double kSmallestRow = 24;
constexpr double kLargestRow = 32 * 1024;
constexpr double kUnknownRow = 200;

std::string unquoted(const std::string& identifier) {
  std::string name;
  for (std::size_t i = 1; i + 1 < identifier.size(); ++i) {
    name.push_back(identifier[i]);
    if (identifier[i] == '"') ++i;
  }
  return name;
}

}  // namespace

Work::Work(Sizes sizes, Done done, std::optional<Wishes> wanted)
    : sizes_(sizes), done_(std::move(done)), wanted_(std::move(wanted)) {}

void Work::see(const std::vector<Target>& targets) {
  std::set<std::string> there;
  for (const Target& target : targets) {
    const std::string name = change::quote_table(target.schema, target.name);
    there.insert(name);
    const auto known =
        std::find_if(tables_.begin(), tables_.end(), [&](const TableWork& table) { return table.name == name; });
    if (known != tables_.end()) {
      // Its list of columns or its filter may be others now; begin() compares.
      known->target = target;
      continue;
    }
    if (wanted_ && !wanted_->contains(name)) continue;
    const auto copied = done_.tables.find(name);
    const bool is_done = copied != done_.tables.end() && copied->second.whole;
    // Of a copy that may have missed what somebody waits for nothing is of use.
    const std::optional<base::Lsn> since = wanted_ ? wanted_->at(name).since : std::nullopt;
    const bool is_late = copied != done_.tables.end() && (!since || copied->second.copy >= *since);
    if (is_done && is_late && (!wanted_ || since)) continue;
    TableWork& table = tables_.emplace_back();
    table.target = target;
    table.name = name;
    if (is_late && !is_done) table.copied = copied->second;
    if (!wanted_ || wanted_->at(name).whole) {
      table.left.push_back({});
    } else {
      const std::vector<Bound>& values = wanted_->at(name).values;
      for (std::size_t i = 0; i < values.size(); i += kKeysInPiece) {
        const auto from = values.begin() + static_cast<std::ptrdiff_t>(i);
        table.keys.emplace_back(from, from + static_cast<std::ptrdiff_t>(std::min(kKeysInPiece, values.size() - i)));
      }
    }
  }
  for (TableWork& table : tables_) {
    table.held_up = false;
    table.begun = false;
    if (there.contains(table.name)) continue;
    table.left.clear();
    table.keys.clear();
  }
  at_ = 0;
}

void Work::measure(pg::Connection& session) {
  std::vector<TableWork*> added;
  for (TableWork& table : tables_) {
    if (!table.measured) added.push_back(&table);
    table.measured = true;
  }
  if (added.empty()) return;
  std::string relids;
  for (const TableWork* table : added)
    relids += (relids.empty() ? "" : ",") + std::to_string(table->target.relid.value);
  const pg::Result found = session.query(
      "SELECT t.oid, coalesce(sum(pg_table_size(c.oid)), 0), coalesce(sum(greatest(c.reltuples, 0))::bigint, 0) "
      "FROM unnest('{" +
          relids +
          "}'::oid[]) AS t (oid) LEFT JOIN LATERAL (SELECT t.oid AS relid UNION SELECT p.relid::oid FROM "
          "pg_catalog.pg_partition_tree(t.oid) AS p) AS r ON true LEFT JOIN pg_catalog.pg_class c ON c.oid = r.relid "
          "GROUP BY t.oid",
      "look up the sizes of the tables");
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const auto relid = static_cast<std::uint32_t>(found.number(row, 0));
    for (TableWork* table : added) {
      if (table->target.relid.value != relid) continue;
      table->bytes = static_cast<std::uint64_t>(found.number(row, 1));
      table->rows = static_cast<std::uint64_t>(found.number(row, 2));
    }
  }
}

// Finds out by which key the table is cut, and what of it is left. A key that is another one than before: all of it.
void Work::begin(TableWork& table, pg::Connection& session, const std::string& publication) {
  table.begun = true;
  Key key = read_key(session, table.target, publication);
  const bool other = key.by != table.key.by && !table.key.by.empty();
  const bool first = table.key.by.empty();
  table.key = std::move(key);
  if (!table.keys.empty()) {
    std::vector<std::string> names;
    for (const KeyColumn& column : table.key.columns) names.push_back(unquoted(column.name));
    const WantedKeys& wanted = wanted_->at(table.name);
    std::vector<std::string> sorted = names;
    std::vector<std::string> given = wanted.names;
    std::sort(sorted.begin(), sorted.end());
    std::sort(given.begin(), given.end());
    if (sorted != given || names.empty()) {
      // The table's key is another one by now: only the whole of it is sure to have those rows.
      table.keys.clear();
      table.left.assign(1, {});
      return;
    }
    if (first && names != wanted.names) {
      std::vector<std::size_t> order;
      for (const std::string& name : names) {
        order.push_back(
            static_cast<std::size_t>(std::find(wanted.names.begin(), wanted.names.end(), name) - wanted.names.begin()));
      }
      for (std::vector<Bound>& piece : table.keys) {
        for (Bound& values : piece) {
          Bound reordered;
          for (const std::size_t i : order) reordered.push_back(values[i]);
          values = std::move(reordered);
        }
      }
    }
    return;
  }
  if (other) {
    table.left.assign(1, {});
    table.copy = {};
    table.next_chunk = 0;
    return;
  }
  if (!first || !table.copied) return;
  const Copied& copied = *table.copied;
  // Numbers of chunks are not used twice, whatever becomes of the copy.
  table.next_chunk = copied.next;
  if (copied.masked || copied.by != table.key.by || table.key.columns.empty()) return;
  for (const Range& range : copied.ranges) {
    if ((range.from && range.from->size() != table.key.columns.size()) ||
        (range.to && range.to->size() != table.key.columns.size())) {
      return;
    }
  }
  try {
    const std::vector<Range> left =
        left_of(copied, [&](std::span<const Bound> bounds) { return rank_of(session, table.key, bounds); });
    table.left.assign(left.begin(), left.end());
    table.copy = copied.copy;
  } catch (const base::Failure& failure) {
    // An end that its type no longer knows, say a renamed word of an enum: the copy is begun anew.
    if (failure.slug != "sqlstate_22P02") throw;
  }
}

std::uint64_t Work::piece_bytes(const TableWork& table) const {
  return std::min(sizes_.chunk_bytes,
                  std::max(table.bytes / std::max<std::uint64_t>(sizes_.jobs, 1) + 1, kSmallestPiece));
}

// A little more than the share, so that the last piece is not a crumb.
std::uint64_t Work::rows_in(const TableWork& table, std::uint64_t bytes) {
  const double row = table.rows == 0 ? kUnknownRow
                                     : std::clamp(static_cast<double>(table.bytes) / static_cast<double>(table.rows),
                                                  kSmallestRow, kLargestRow);
  return static_cast<std::uint64_t>(static_cast<double>(bytes) / row * 1.02) + 1;
}

std::optional<Task> Work::next(pg::Connection& session, const std::string& publication, base::Lsn lsn) {
  for (; at_ < tables_.size(); ++at_) {
    TableWork& table = tables_[at_];
    if (table.held_up || (table.left.empty() && table.keys.empty())) continue;
    if (!table.begun) begin(table, session, publication);
    if (table.left.empty() && table.keys.empty()) continue;
    Task task;
    task.table = &table;
    task.key = table.key;
    task.chunk = table.next_chunk++;
    ++table.chunks_handed_out;
    if (!table.keys.empty()) {
      task.keys = std::move(table.keys.front());
      table.keys.pop_front();
      task.copy = lsn;
      return task;
    }
    if (table.copy.value == 0) table.copy = lsn;
    task.copy = table.copy;
    task.range = table.left.front();
    table.left.pop_front();
    const std::uint64_t bytes = piece_bytes(table);
    if (!table.key.columns.empty() && table.bytes > bytes) {
      if (auto end = bound_after(session, table.target, table.key, task.range, rows_in(table, bytes))) {
        table.left.push_front({end, task.range.to});
        task.range.to = std::move(end);
      }
    }
    return task;
  }
  return std::nullopt;
}

void Work::finished(const Task& task) { ++task.table->chunks_done; }

void Work::give_back(const Task& task) {
  TableWork& table = *task.table;
  table.held_up = true;
  --table.chunks_handed_out;
  if (task.keys.empty()) {
    table.left.push_front(task.range);
  } else {
    table.keys.push_front(task.keys);
  }
}

bool Work::empty() const {
  return std::all_of(tables_.begin(), tables_.end(),
                     [](const TableWork& table) { return table.left.empty() && table.keys.empty(); });
}

std::vector<std::string> Work::gone(const std::vector<Target>& there) const {
  if (!wanted_) return {};
  std::set<std::string> names;
  for (const Target& target : there) names.insert(change::quote_table(target.schema, target.name));
  std::vector<std::string> gone;
  for (const auto& [name, wish] : *wanted_) {
    if (!names.contains(name)) gone.push_back(name);
  }
  return gone;
}

Work::Sum Work::sum() const {
  Sum sum;
  for (const TableWork& table : tables_) {
    ++sum.tables;
    const bool ended = table.left.empty() && table.keys.empty() && table.chunks_done == table.chunks_handed_out;
    if (ended) ++sum.tables_done;
    sum.chunks_done += table.chunks_done;
    const std::uint64_t pieces = table.key.columns.empty() || !table.begun ? 1 : table.bytes / piece_bytes(table) + 1;
    sum.chunks += ended ? table.chunks_done : std::max(pieces, table.chunks_handed_out + 1);
    sum.rows += table.rows;
  }
  return sum;
}

}  // namespace snapshot
