// pgcdc-snapshot: one output for the chunks of several workers: blocks of whole lines, each behind the line that says whose they are;
// and what an operator sees of it. Knows the stream's order of lines; not where rows come from.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "change/types.hpp"
#include "pgcdc-snapshot/work.hpp"
#include "tool/metrics.hpp"

namespace snapshot {

/// A chunk that is being copied.
///
/// schema  its table's shape
/// lines   row lines that have not left yet
struct OpenChunk {
  change::Chunk chunk;
  change::Schema schema;
  std::string lines;
  bool begun = false;           ///< its first line has left
  std::uint64_t told_rows = 0;  ///< of chunk.rows, in the metrics
};

/// Standard output. Its functions may be called by several threads at once, each for a chunk of its own; they block as long as
/// nobody reads, so that what waits in memory is a block for each worker.
class Output {
 public:
  /// in   metrics   path of the file, or empty
  ///      max_rate  bytes that may leave in a second; 0: all that somebody reads
  explicit Output(const std::string& metrics, std::uint64_t max_rate = 0);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // err  for those that write: as io::write_all

  void source(const change::Source& source);
  /// Writes the rows that wait in a chunk, before the first ones its `begin`, and before that its table's shape when that is not
  /// the one told last. A chunk that is written in one piece stands in the stream as one.
  void rows(OpenChunk& open);
  /// The rest, and its `end`.
  void end(OpenChunk& open);

  /// For the metrics and the line on a terminal. in  sum  what is done and to do; since_ms: when the open snapshot was taken, 0: none
  void tell(const Work::Sum& sum, std::int64_t since_ms);
  void write_metrics();

 private:
  void write(OpenChunk& open);
  void slow_down() const;
  void progress(const Work::Sum& sum, std::int64_t now_ms);

  std::mutex mutex_;
  const OpenChunk* last_ = nullptr;  // whose rows came last
  std::map<std::string, std::pair<std::string, std::uint64_t>>
      shapes_;  // of a table: the last one told, and its version
  tool::Metrics metrics_;
  std::uint64_t max_rate_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t bytes_ = 0;
  std::int64_t began_ms_ = 0;
  std::int64_t last_progress_ms_ = 0;
  bool terminal_;
  bool shown_ = false;
};

}  // namespace snapshot
