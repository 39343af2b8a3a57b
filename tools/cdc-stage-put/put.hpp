// cdc-stage-put: appends epochs to the log of a stage: data first, manifest last, ack after. Knows the log's rules (whose it is,
// where it ends, what to do about gaps and overlaps); never what stands in a row beyond its position.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "change/line.hpp"
#include "change/types.hpp"
#include "io/file.hpp"
#include "json/tokens.hpp"
#include "stage/crew.hpp"
#include "stage/log.hpp"
#include "stage/manifest.hpp"
#include "stage/spool.hpp"
#include "stage/store.hpp"
#include "tool/filter.hpp"

namespace cdc_stage_put {

class Put : public tool::Filter {
 public:
  /// in   store      outlives this
  ///      temporary  folder for files that an overlap makes necessary to write again
  ///      hands      how many files are placed at once; above 1, `another` opens the stage for each
  Put(stage::Store& store, std::string temporary, std::size_t hands = 1, stage::OpenAnother another = {});
  ~Put() override;

  /// Called once the stage is known to be this stream's.
  std::function<void()> on_source;
  /// Called when everything below `to` of this run is durable in the stage.
  std::function<void(base::Lsn to, const std::string& run)> on_durable;
  /// Called after an epoch of ours (what the log had not yet) or a chunk was published: for metrics and the log.
  std::function<void(const stage::Epoch&)> on_epoch;
  std::function<void(const stage::Chunk&)> on_chunk;

  /// in   text  a line of cdc-batch: `source`, `epoch` or `chunk`
  /// err  data/unknown_op, data/no_source, data/two_sources, data/bad_manifest and others of its decoding, data/wrong_digest (a
  ///      spool file is not what its manifest says); refused/wrong_cluster, refused/wrong_era, refused/old_timeline,
  ///      refused/gap, refused/diverged, refused/other_copy, refused/broken_stage; retry/spool_missing, retry/disk_full
  void line(std::string_view text, io::LineWriter& out) override;
  void end(io::LineWriter& out) override;
  [[nodiscard]] bool at_boundary() const override { return true; }

 private:
  // Where the log ends, as far as was looked.
  struct End {
    base::Lsn position;
    std::string prev;
    std::uint64_t timeline = 0;
  };

  void source_line(const json::Value& root);
  void put_epoch(stage::Epoch epoch);
  void put_chunk(stage::Chunk chunk);
  void check_belongs(const stage::Common& manifest) const;
  void check_copies(base::Lsn from);
  void find_end();
  void check_overlap(const stage::Epoch& epoch);
  void cut(stage::Epoch& epoch, base::Lsn from);
  std::optional<stage::FileEntry> cut_file(const stage::FileEntry& file, base::Lsn from, std::string& first_ts);
  void place(const std::vector<stage::FileEntry*>& files);
  void consume(const stage::FileEntry& file);

  stage::Store& store_;
  stage::Crew crew_;
  std::string temporary_;
  json::Tokenizer tokenizer_;
  change::Parser parser_;
  std::optional<change::Source> source_;
  std::optional<stage::Log> log_;
  std::optional<End> end_;  // nothing: the log has no start yet
  std::unique_ptr<stage::Spool> cut_spool_;
  std::unique_ptr<zip::Compressor> compressor_;
  std::string last_path_;
  io::Fd attended_;  // the spool's folder, for as long as files come from there
};

}  // namespace cdc_stage_put
