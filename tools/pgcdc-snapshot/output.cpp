// pgcdc-snapshot: writing under one lock. A worker brings a quarter of a megabyte at a time, so that the lines which say whose rows
// follow cost nothing, and the lock is held as long as the pipe takes to accept that much.
#include "pgcdc-snapshot/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "io/line_writer.hpp"
#include "logging/event.hpp"
#include "tool/filter.hpp"

namespace snapshot {
namespace {

constexpr std::int64_t kProgressMs = 500;
// A signal that comes just before a wait is seen after this long.
constexpr std::int64_t kLongestWaitMs = 200;

std::string duration(double seconds) {
  char text[32];
  if (seconds < 120) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else if (seconds < 7200) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  } else {
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  }
  return text;
}

}  // namespace

Output::Output(const std::string& metrics, std::uint64_t max_rate)
    : metrics_(metrics, "pgcdc-snapshot"),
      max_rate_(max_rate),
      began_ms_(tool::steady_ms()),
      terminal_(::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 0) {
  metrics_.declare("cdc_snapshot_rows_total", "Rows copied, by table.");
  metrics_.declare("cdc_snapshot_bytes_total", "Bytes of the lines they became.");
  metrics_.declare("cdc_snapshot_tables", "Tables to copy in this run.");
  metrics_.declare("cdc_snapshot_tables_done", "Tables copied whole in this run.");
  metrics_.declare("cdc_snapshot_chunks", "Chunks to copy in this run, as far as can be told.");
  metrics_.declare("cdc_snapshot_chunks_done", "Chunks copied in this run.");
  metrics_.declare("cdc_snapshot_open_seconds",
                   "Age of the snapshot that is held open on the server, 0 when there is none.");
}

Output::~Output() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Output::source(const change::Source& source) {
  std::string line;
  change::encode(line, source);
  const std::lock_guard lock(mutex_);
  io::write_all(STDOUT_FILENO, line);
}

// The lock is held.
void Output::write(OpenChunk& open) {
  std::string text;
  if (!open.begun) {
    open.begun = true;
    auto& [told, version] = shapes_[open.chunk.table];
    // Compared without what is different each time.
    change::Schema schema = open.schema;
    schema.lsn = {};
    schema.version = 0;
    std::string shape;
    change::encode(shape, schema);
    if (told != shape) {
      told = std::move(shape);
      schema.lsn = open.chunk.lsn;
      schema.version = ++version;
      change::encode(text, schema);
    }
    change::Chunk begin = open.chunk;
    begin.state = change::Chunk::State::begin;
    begin.rows = 0;
    change::encode(text, begin);
  } else if (last_ != &open && open.chunk.rows != open.told_rows) {
    change::Chunk go_on = open.chunk;
    go_on.state = change::Chunk::State::go_on;
    change::encode(text, go_on);
  }
  last_ = &open;
  if (open.lines.size() < io::LineWriter::kFlushBytes) {
    text.append(open.lines);
    io::write_all(STDOUT_FILENO, text);
  } else {
    io::write_all(STDOUT_FILENO, text);
    io::write_all(STDOUT_FILENO, open.lines);
  }
  const std::uint64_t more = open.chunk.rows - open.told_rows;
  open.told_rows = open.chunk.rows;
  rows_ += more;
  bytes_ += open.lines.size();
  metrics_.add("cdc_snapshot_rows_total", tool::label("table", open.chunk.table), static_cast<double>(more));
  metrics_.add("cdc_snapshot_bytes_total", "", static_cast<double>(open.lines.size()));
  open.lines.clear();
}

// Waits until what has left is no more than may have left by now: with the lock, so that the workers together keep to it, and the server
// waits for them. A signal ends the wait.
void Output::slow_down() const {
  if (max_rate_ == 0) return;
  const std::int64_t until_ms =
      began_ms_ + static_cast<std::int64_t>(static_cast<double>(bytes_) / static_cast<double>(max_rate_) * 1000);
  for (std::int64_t now_ms = tool::steady_ms(); now_ms < until_ms && !tool::stop_asked(); now_ms = tool::steady_ms()) {
    static_cast<void>(::poll(nullptr, 0, static_cast<int>(std::min<std::int64_t>(until_ms - now_ms, kLongestWaitMs))));
  }
}

void Output::rows(OpenChunk& open) {
  const std::lock_guard lock(mutex_);
  write(open);
  slow_down();
}

void Output::end(OpenChunk& open) {
  open.chunk.state = change::Chunk::State::end;
  change::encode(open.lines, open.chunk);
  const std::lock_guard lock(mutex_);
  write(open);
  slow_down();
  last_ = nullptr;
  logging::event(logging::Level::info, "chunk copied",
                 {{"table", open.chunk.table},
                  {"lsn", base::format(open.chunk.lsn)},
                  {"chunk", std::to_string(open.chunk.chunk)},
                  {"rows", std::to_string(open.chunk.rows)}});
}

void Output::tell(const Work::Sum& sum, std::int64_t since_ms) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now_ms = tool::steady_ms();
  metrics_.set("cdc_snapshot_tables", "", static_cast<double>(sum.tables));
  metrics_.set("cdc_snapshot_tables_done", "", static_cast<double>(sum.tables_done));
  metrics_.set("cdc_snapshot_chunks", "", static_cast<double>(sum.chunks));
  metrics_.set("cdc_snapshot_chunks_done", "", static_cast<double>(sum.chunks_done));
  metrics_.set("cdc_snapshot_open_seconds", "", since_ms == 0 ? 0.0 : static_cast<double>(now_ms - since_ms) / 1000);
  metrics_.write_at_intervals(now_ms);
  if (terminal_ && now_ms - last_progress_ms_ >= kProgressMs) progress(sum, now_ms);
}

void Output::progress(const Work::Sum& sum, std::int64_t now_ms) {
  last_progress_ms_ = now_ms;
  shown_ = true;
  const double seconds = std::max(0.001, static_cast<double>(now_ms - began_ms_) / 1000);
  const double rate = static_cast<double>(bytes_) / seconds;
  std::string left;
  if (rows_ > 0 && sum.rows > rows_) {
    left = ", " + duration(seconds * static_cast<double>(sum.rows - rows_) / static_cast<double>(rows_)) + " left";
  }
  std::fprintf(stderr, "\r\033[K%llu of about %llu rows, chunk %llu of %llu, %.1f MB, %.1f MB/s%s",
               static_cast<unsigned long long>(rows_), static_cast<unsigned long long>(std::max(rows_, sum.rows)),
               static_cast<unsigned long long>(sum.chunks_done), static_cast<unsigned long long>(sum.chunks),
               static_cast<double>(bytes_) / 1e6, rate / 1e6, left.c_str());
}

void Output::write_metrics() {
  const std::lock_guard lock(mutex_);
  metrics_.write();
}

}  // namespace snapshot
