// cdc-batch: cuts a change stream into epochs, one compressed file per table and part, and says in a manifest what each
// holds. Knows the stream's grammar and when an epoch ends; never where its files go afterwards, nor a value beyond a key's bounds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cdc-batch/key_range.hpp"
#include "change/line.hpp"
#include "change/types.hpp"
#include "stage/manifest.hpp"
#include "stage/spool.hpp"
#include "tool/filter.hpp"
#include "zip/zstd.hpp"

namespace cdc_batch {

/// Where an epoch ends, and how much memory waits for it.
///
/// max_bytes     raw bytes of row lines after which an epoch ends at the next commit
/// max_seconds   since the epoch's first line; heartbeats alone make an epoch this often, too
/// level         zstd's
/// edited        something in the pipe selects rows on purpose: counts are taken anew
/// buffer_bytes  of lines waiting to be compressed, all tables together
/// part_bytes    compressed, after which a table's next part begins
struct Limits {
  std::uint64_t max_bytes = 256 * 1024 * 1024;
  std::uint64_t max_seconds = 300;
  std::uint64_t level = 1;
  bool edited = false;
  std::uint64_t buffer_bytes = 16 * 1024 * 1024;
  std::uint64_t part_bytes = 256 * 1024 * 1024;
};

class Batch : public tool::Filter {
 public:
  /// in   spool  outlives this; files of epochs that were not told are left to it
  Batch(const Limits& limits, stage::Spool& spool);
  ~Batch() override;

  /// Called after the source line has left.
  std::function<void()> on_source;
  /// Called after a manifest has left: for metrics and the log.
  std::function<void(const stage::Epoch&)> on_epoch;
  std::function<void(const stage::Chunk&)> on_chunk;

  /// err  data/... of change::Parser and Checker; data/bad_policy; data/bad_table (a table is called like the file of messages); retry/disk_full
  void line(std::string_view text, io::LineWriter& out) override;
  /// The complete transactions leave as a last epoch, also when the input was cut: then retry/cut_short follows.
  void end(io::LineWriter& out) override;
  [[nodiscard]] bool at_boundary() const override { return checker_.at_boundary(); }
  void tick(std::int64_t now_ms, io::LineWriter& out) override;

 private:
  struct Part {
    stage::SpooledFile file;
    KeyRange keys;
  };
  // A place between two lines of a table's files.
  struct Mark {
    std::size_t parts = 0;
    std::uint64_t raw_bytes = 0;
    std::uint64_t rows = 0;
  };
  // One table, or the commits. What is known of it stays; its parts are of the epoch that is open.
  struct Table {
    std::string name;
    std::string schema_line;
    KeyColumn key;
    bool listed = false;   // its schema stands in the epoch's manifest
    bool touched = false;  // since the last commit
    std::vector<Part> parts;
    Mark committed;
  };

  void schema_line(const change::Line& line);
  void policy_line(const change::Line& line, io::LineWriter& out);
  void row_line(const change::Line& line);
  void commit_line(const change::Line& line, io::LineWriter& out);
  void chunk_line(const change::Line& line, io::LineWriter& out);
  void begin_chunk(const change::Line& line);
  void copied_row(const change::Line& line);
  void end_chunk(const change::Line& line, io::LineWriter& out);

  Table& table_of(std::string_view name);
  void add(Table& table, std::string_view text, const change::Line& line);
  void shrink_buffers();
  void commit_marks();
  void take_back_open_transaction();
  void list_schema(Table& table);
  void finish_files(std::vector<stage::FileEntry>& into, std::uint64_t& rows);
  void reset_files();
  void cut_epoch(io::LineWriter& out);
  void fill_common(stage::Common& common) const;
  [[nodiscard]] bool epoch_has_content() const { return epoch_.to > epoch_.from; }

  const Limits limits_;
  stage::Spool& spool_;
  zip::Compressor compressor_;
  change::Parser parser_;
  change::Checker checker_;
  change::Source source_;

  std::string policy_;
  std::string key_ids_ = "[]";
  std::map<std::string, Table, std::less<>> tables_;
  Table commits_;
  Table* last_table_ = nullptr;
  std::vector<Table*> active_;   // have parts in the open epoch, commits_ included
  std::vector<Table*> touched_;  // since the last commit
  std::uint64_t buffered_bytes_ = 0;

  stage::Epoch epoch_;             // the open one; `to` is what it would end with
  std::size_t schemas_known_ = 0;  // of epoch_.schemas, those that a closed transaction needs
  std::uint64_t epoch_raw_bytes_ = 0;
  std::int64_t began_ms_ = -1;  // the tick after the epoch's first line
  bool due_ = false;            // its time is over, a transaction is open

  // Copied chunks have files of their own: an epoch may be open around them, and several of them at once.
  struct OpenChunk {
    stage::Chunk chunk;
    std::vector<Part> parts;
  };
  std::vector<std::unique_ptr<OpenChunk>> chunks_;
  OpenChunk* chunk_ = nullptr;  // whose rows come
};

}  // namespace cdc_batch
