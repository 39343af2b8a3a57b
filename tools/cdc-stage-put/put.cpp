// cdc-stage-put: one line, one step of the log. After a crash at any point the same lines may come again, cut otherwise.
#include "cdc-stage-put/put.hpp"

#include <algorithm>
#include <vector>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "stage/losses.hpp"
#include "stage/names.hpp"

namespace cdc_stage_put {
namespace {

// A log is of one history. What is missing in it, and what another history says, is written down by somebody who looked at both ends.
constexpr const char* kRepair = "repair: cdc-run --repair";

using base::Exit;
using base::Failure;

constexpr int kLevelOfCutFiles = 3;

[[noreturn]] void refuse(const char* slug, std::string message) {
  throw Failure(Exit::refused, slug, std::move(message));
}

void check_digest(const stage::FileEntry& file) {
  auto reader = stage::open_local_file(file.path);
  if (!reader) throw Failure(Exit::retry, "spool_missing", "could not find spool file " + file.path);
  crypto::Sha256 digest;
  std::uint64_t bytes = 0;
  for (std::string_view piece = reader->read(); !piece.empty(); piece = reader->read()) {
    digest.add(piece);
    bytes += piece.size();
  }
  if (bytes != file.bytes || crypto::hex(digest.finish()) != file.sha256) {
    throw Failure(Exit::data, "wrong_digest", "spool file " + file.path + " is not what its manifest says");
  }
}

// A file of commits, one after the other.
class CommitFile {
 public:
  explicit CommitFile(std::optional<stage::LineFile> file) : file_(std::move(file)) { step(); }
  [[nodiscard]] const std::optional<stage::CommitMark>& head() const { return head_; }
  void step() {
    std::string_view text;
    head_.reset();
    if (!file_ || !file_->next(text)) {
      file_.reset();
      return;
    }
    const change::Line& line = parser_.parse(text);
    head_ = stage::CommitMark{line.lsn_value(), line.xid, std::string(line.ts)};
  }
  void skip_to(base::Lsn lsn) {
    while (head_ && head_->lsn < lsn) step();
  }

 private:
  std::optional<stage::LineFile> file_;
  change::Parser parser_;
  std::optional<stage::CommitMark> head_;
};

}  // namespace

Put::Put(stage::Store& store, std::string temporary, std::size_t hands, stage::OpenAnother another)
    : store_(store), crew_(store, hands, std::move(another)), temporary_(std::move(temporary)) {}
Put::~Put() = default;

void Put::line(std::string_view text, io::LineWriter&) {
  const json::Value root(tokenizer_.tokens(text), 0);
  const std::string op = root.kind() == json::Kind::object ? root.text_or("op", "") : "";
  if (op == "source") {
    if (source_) throw Failure(Exit::data, "two_sources", "a second source line: two streams are mixed");
    source_line(root);
  } else if (op == "epoch" || op == "chunk") {
    if (!source_) throw Failure(Exit::data, "no_source", "the first line is not a source line");
    op == "epoch" ? put_epoch(stage::decode_epoch(root)) : put_chunk(stage::decode_chunk(root));
  } else {
    throw Failure(Exit::data, "unknown_op", "a line is neither source nor epoch nor chunk: is cdc-batch in the pipe?");
  }
}

void Put::source_line(const json::Value& root) {
  source_ = change::decode_source(root);
  const stage::Identity mine{source_->source, source_->system_id,      source_->timeline,
                             source_->era,    source_->server_version, source_->database};
  const stage::Identity standing = stage::Log::claim(store_, mine);
  if (standing.source != mine.source || standing.system_id != mine.system_id) {
    refuse("wrong_cluster",
           "the stage's source " + mine.source + " is of cluster " + standing.system_id + ", the stream of " +
               mine.system_id +
               "; repair: correct the dsn, or, when this server is to be read instead, cdc-run --repair --adopt");
  }
  // A server does not know which era it is of: the stage does. What was read from another stage says so.
  if (mine.era != 0 && standing.era != mine.era) {
    refuse("wrong_era", "the stage's source is of era " + std::to_string(standing.era) + ", the stream of era " +
                            std::to_string(mine.era));
  }
  log_.emplace(store_, source_->source, standing.era);
  // A run that was killed may have made folders and names that no sync has reached yet; what follows stands on them.
  store_.settle("");
  store_.settle(stage::encode_name(mine.source));
  for (const char* folder : {"", "log", "data", "copy"}) store_.settle(log_->full_name(folder));
  find_end();
  const std::uint64_t timeline = std::max(standing.timeline, end_ ? end_->timeline : 0);
  if (mine.timeline < timeline) {
    refuse("old_timeline", "the stage holds timeline " + std::to_string(timeline) + ", the stream is of timeline " +
                               std::to_string(mine.timeline) +
                               ": a server that was not promoted; repair: name the promoted one in the dsn");
  }
  if (on_source) on_source();
}

void Put::check_belongs(const stage::Common& manifest) const {
  if (manifest.source != source_->source || manifest.run != source_->run || manifest.system_id != source_->system_id ||
      manifest.timeline != source_->timeline || manifest.era != source_->era) {
    throw Failure(Exit::data, "two_sources", "a manifest that is not of the stream's source line");
  }
}

// Before the log begins: what was committed between a copy and the log's first position would be in neither, and no later epoch
// could tell. Tables are copied one after the other, and each in chunks of later and later moments: the newest copy of each must reach
// into the log from its first chunk on. Rows that were read again by their keys are no copy.
void Put::check_copies(base::Lsn from) {
  const std::vector<std::string> chunks = log_->chunks();
  std::string_view checked;
  for (std::size_t i = chunks.size(); i-- > 0;) {
    const std::string_view table =
        std::string_view(chunks[i]).substr(0, chunks[i].find('/', std::string_view("copy/").size()));
    if (table == checked) continue;
    const stage::Chunk newest = log_->chunk(chunks[i]);
    if (newest.keys) continue;
    checked = table;
    if (newest.copy >= from) continue;
    throw Failure(Exit::refused, "gap",
                  "the copy of " + newest.table + " is as of " + base::format(newest.copy) +
                      ", the first epoch begins at " + base::format(from) +
                      " (a slot made anew?); repair: copy the table again with pgcdc-snapshot")
        .at_lsn(from)
        .at_table(newest.table);
  }
}

void Put::find_end() {
  // The stream goes on where the stage ends, as far as anybody knows.
  const auto known = log_->last(end_ ? end_->position : source_->start);
  end_.reset();
  if (!known) return;
  end_ = End{*known, "", 0};
  while (const auto stored = log_->at(end_->position)) {
    end_ = End{stored->epoch.to, stored->sha256, std::max(end_->timeline, stored->epoch.timeline)};
  }
}

void Put::put_epoch(stage::Epoch epoch) {
  check_belongs(epoch);
  epoch.era = log_->era();
  const std::vector<stage::FileEntry> came = epoch.files;
  const auto came_commits = epoch.commits;
  bool looked_again = false;
  for (;;) {
    if (!end_) {
      if (!log_->start()) check_copies(epoch.from);
      if (log_->begin(epoch.from) == epoch.from) {
        end_ = End{epoch.from, "", 0};
      } else {
        find_end();
      }
    }
    if (epoch.from > end_->position && !looked_again) {
      // Another writer may have gone on since we looked.
      looked_again = true;
      find_end();
      continue;
    }
    if (epoch.from > end_->position) {
      throw Failure(Exit::refused, "gap",
                    "the stage ends at " + base::format(end_->position) + ", the epoch begins at " +
                        base::format(epoch.from) + ": the slot was made anew, or confirmed elsewhere; " + kRepair)
          .at_lsn(epoch.from);
    }
    if (epoch.from < end_->position) {
      check_overlap(epoch);
      if (epoch.to <= end_->position) {
        store_.settle(log_->full_name("log"));
        break;
      }
      cut(epoch, end_->position);
    }
    std::vector<stage::FileEntry*> files;
    for (stage::FileEntry& file : epoch.files) {
      file.object = stage::data_object(file.table, epoch.from, epoch.to, file.part, file.sha256);
      files.push_back(&file);
    }
    if (epoch.commits) {
      epoch.commits->object = stage::data_object("", epoch.from, epoch.to, 0, epoch.commits->sha256);
      files.push_back(&*epoch.commits);
    }
    place(files);
    epoch.prev = end_->prev;
    if (const auto digest = log_->append(epoch)) {
      end_ = End{epoch.to, *digest, epoch.timeline};
      if (on_epoch) on_epoch(epoch);
      break;
    }
    // Another writer was first, here: see what it put, and go on behind it.
    find_end();
  }
  if (on_durable) on_durable(epoch.to, epoch.run);
  for (const stage::FileEntry& file : came) consume(file);
  if (came_commits) consume(*came_commits);
  cut_spool_.reset();
}

// When it returns all of them are durable; when it throws some may be, and are nobody's.
void Put::place(const std::vector<stage::FileEntry*>& files) {
  if (!attended_.open() && !files.empty()) attended_ = stage::Spool::attend(files.front()->path);
  crew_.each(files.size(), [&](stage::Store& store, std::size_t i) {
    check_digest(*files[i]);
    store.place(files[i]->path, log_->full_name(files[i]->object));
  });
}

void Put::consume(const stage::FileEntry& file) {
  stage::Spool::consume(file.path);
  last_path_ = file.path;
}

// Commit by commit, where the log still has its data: what comes again must be what came before.
void Put::check_overlap(const stage::Epoch& epoch) {
  CommitFile came(epoch.commits ? std::optional(stage::LineFile::open_spooled(*epoch.commits)) : std::nullopt);
  for (auto position = log_->near(epoch.from); position && *position < epoch.to;) {
    const auto stored = log_->at(*position);
    if (!stored) return;
    position = stored->epoch.to;
    if (stored->epoch.pruned || stored->epoch.lost || stored->epoch.to <= epoch.from) continue;
    const base::Lsn begin = std::max(stored->epoch.from, epoch.from);
    const base::Lsn end = std::min(stored->epoch.to, epoch.to);
    const auto& commits = stored->epoch.commits;
    if (commits && stage::read_losses(*log_).objects.contains(commits->object)) continue;
    CommitFile had(commits ? std::optional(stage::LineFile::open(*log_, *commits)) : std::nullopt);
    came.skip_to(begin);
    had.skip_to(begin);
    for (;; came.step(), had.step()) {
      const bool came_here = came.head() && came.head()->lsn < end;
      const bool had_here = had.head() && had.head()->lsn < end;
      if (!came_here && !had_here) break;
      if (!came_here || !had_here || *came.head() != *had.head()) {
        const base::Lsn lsn = (had_here ? had : came).head()->lsn;
        throw Failure(Exit::refused, "diverged",
                      "the stream's commits are not those of the stage at " + base::format(lsn) +
                          ": another history (a restored server?); " + kRepair)
            .at_lsn(lsn);
      }
    }
  }
}

// in   first_ts  set to the time of the first line that stays, if it is empty
// out  the file without what lies before `from`; nothing when that is all
std::optional<stage::FileEntry> Put::cut_file(const stage::FileEntry& file, base::Lsn from, std::string& first_ts) {
  if (!cut_spool_) cut_spool_ = std::make_unique<stage::Spool>("", temporary_);
  if (!compressor_) compressor_ = std::make_unique<zip::Compressor>(kLevelOfCutFiles);
  stage::SpooledFile kept(*cut_spool_, *compressor_, file.table, file.part);
  stage::LineFile lines = stage::LineFile::open_spooled(file);
  std::string_view text;
  while (lines.next(text)) {
    const change::Line& line = parser_.parse(text);
    if (line.lsn_value() < from) continue;
    if (first_ts.empty()) first_ts = line.ts;
    kept.add(text);
    if (kept.buffered_bytes() >= stage::kFrameBytes) kept.flush(true);
  }
  if (kept.rows() == 0) return std::nullopt;
  stage::FileEntry entry = kept.finish();
  // Bounds of more keys than are left are bounds.
  entry.min_key = file.min_key;
  entry.max_key = file.max_key;
  return entry;
}

void Put::cut(stage::Epoch& epoch, base::Lsn from) {
  std::string first_ts;
  if (epoch.commits) epoch.commits = cut_file(*epoch.commits, from, first_ts);
  if (!epoch.commits) epoch.commit.reset();
  epoch.transactions = epoch.commits ? epoch.commits->rows : 0;
  std::vector<stage::FileEntry> files;
  epoch.rows = 0;
  for (const stage::FileEntry& file : epoch.files) {
    std::string ignored;
    auto kept = cut_file(file, from, ignored);
    if (!kept) continue;
    epoch.rows += kept->rows;
    files.push_back(std::move(*kept));
  }
  epoch.files = std::move(files);
  epoch.first_ts = first_ts.empty() ? epoch.last_ts : first_ts;
  epoch.from = from;
}

void Put::put_chunk(stage::Chunk chunk) {
  check_belongs(chunk);
  chunk.era = log_->era();
  const std::vector<stage::FileEntry> came = chunk.files;
  if (const auto start = log_->start(); start && chunk.lsn < *start) {
    throw Failure(Exit::refused, "gap",
                  "a copy as of " + base::format(chunk.lsn) + " cannot be continued by a log that begins at " +
                      base::format(*start) + "; repair: copy the table again with pgcdc-snapshot")
        .at_lsn(chunk.lsn)
        .at_table(chunk.table);
  }
  std::vector<stage::FileEntry*> files;
  for (stage::FileEntry& file : chunk.files) {
    file.object = stage::chunk_data_object(chunk.table, chunk.lsn, chunk.chunk, file.part, file.sha256);
    files.push_back(&file);
  }
  place(files);
  const std::string object = stage::chunk_object(chunk.table, chunk.lsn, chunk.chunk);
  if (store_.put_if_absent(log_->full_name(object), stage::encode(chunk, stage::Form::stored) + "\n")) {
    if (on_chunk) on_chunk(chunk);
  } else {
    // A copy that goes on after a crash reads the same rows again: the same range as of the same position is the same.
    const stage::Chunk standing = log_->chunk(object);
    if (standing.from_key != chunk.from_key || standing.to_key != chunk.to_key || standing.policy != chunk.policy) {
      throw Failure(Exit::refused, "other_copy", "another chunk of this number was copied at this position")
          .at_table(chunk.table);
    }
  }
  for (const stage::FileEntry& file : came) consume(file);
}

void Put::end(io::LineWriter&) {
  attended_ = io::Fd();
  if (!last_path_.empty()) stage::Spool::leave(last_path_);
}

}  // namespace cdc_stage_put
