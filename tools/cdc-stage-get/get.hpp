// cdc-stage-get: turns stored epochs and chunks back into a change stream. Knows the log and the stream's grammar; an epoch's
// evidence is counted before its first line is written, and memory is one decompressor per file of one epoch.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "change/line.hpp"
#include "io/line_writer.hpp"
#include "stage/log.hpp"

namespace cdc_stage_get {

/// What of the stage is wanted.
///
/// source  empty: the stage's only one
/// era     nothing: the newest
/// from    transactions with from <= lsn; nothing: from the log's start
/// to      transactions with lsn < to; nothing: to the log's end
/// tables  as in the stream; empty: all
/// copy    the copied chunks first
/// chunks, end, kept  instead of the stream what write_chunks, write_end, write_kept write
struct Wanted {
  std::string source;
  std::optional<std::uint64_t> era;
  std::optional<base::Lsn> from;
  std::optional<base::Lsn> to;
  std::set<std::string, std::less<>> tables;
  bool copy = false;
  bool chunks = false;
  bool end = false;
  bool kept = false;
};

/// What an option says; nothing when it was not given. err  usage/bad_value
[[nodiscard]] std::optional<base::Lsn> parse_position(const char* option, const std::string& text);
[[nodiscard]] std::optional<std::uint64_t> parse_era(const std::string& text);

class Get {
 public:
  /// in   store  outlives this
  /// err  refused/no_source (the stage has none of that name, or several and none was named), refused/broken_stage
  Get(stage::Store& store, Wanted wanted);

  /// Writes what was asked for. out  false: nothing of it is there. err  those of the one that does it
  [[nodiscard]] bool write_wanted(io::LineWriter& out);

  /// Writes the whole stream, or nothing at all when the range holds nothing yet; flushes after each epoch.
  ///
  /// err  refused/gap, refused/lost, refused/pruned, refused/object_missing, refused/wrong_digest, refused/wrong_rows, refused/broken_object:
  ///      before anything of the epoch at fault is written; refused/mixed_policy
  void write(io::LineWriter& out);

  /// Writes a source line and the closing `snapshot` line of every chunk that was copied, and no rows: what a copy that goes on
  /// need not read again. A line whose keys the policy has replaced says `"masked":true`. Chunks of a copy since whose beginning something
  /// was lost are left out; with `from` also those of a copy that began before it, and those whose rows were removed. Nothing at all when there
  /// is no chunk.
  ///
  /// err  refused/object_missing, refused/broken_stage
  void write_chunks(io::LineWriter& out);

  /// Writes one line: whose the log is, where it begins and ends, and the time of its last commit or heartbeat.
  ///
  /// out  false: it has not begun, and nothing was written. err  refused/broken_stage
  [[nodiscard]] bool write_end(io::LineWriter& out);

  /// Writes one line: the position at which the log begins of which all is still there (stage::late_start).
  ///
  /// out  false: nothing was removed, and nothing was written. err  refused/broken_stage
  [[nodiscard]] bool write_kept(io::LineWriter& out);

 private:
  void write_source(const stage::Common& first, base::Lsn start, io::LineWriter& out);
  void write_policy(const stage::Common& manifest, io::LineWriter& out);
  void write_schema(const std::string& table, const std::string& line, io::LineWriter& out);
  void write_chunk(const stage::Chunk& chunk, io::LineWriter& out);
  void write_epoch(const stage::Epoch& epoch, io::LineWriter& out);
  [[nodiscard]] bool wants(std::string_view table) const {
    return wanted_.tables.empty() || wanted_.tables.contains(table);
  }
  [[nodiscard]] std::vector<std::string> wanted_chunks();
  [[nodiscard]] std::optional<stage::Stored> first_epoch();

  Wanted wanted_;
  stage::Identity identity_;
  std::optional<stage::Log> log_;
  bool source_written_ = false;
  std::string policy_;  // of the last policy line written
  std::string key_ids_;
  std::map<std::string, std::string, std::less<>> schemas_;  // by table, the last line written
};

}  // namespace cdc_stage_get
