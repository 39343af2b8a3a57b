// cdc-stage-mend: the look. Notes come before whatever goes on because of them, and everything is created only if it is absent: it may be
// killed, run twice, and run while others write.
#include "cdc-stage-mend/mend.hpp"

#include <algorithm>
#include <array>

#include "base/failure.hpp"

namespace mend {
namespace {

using base::Exit;
using base::Failure;

// What makes a file useless, as the reader of one says it.
constexpr std::array kBroken{"object_missing", "wrong_digest", "wrong_rows", "broken_object"};

}  // namespace

Mend::Mend(stage::Store& store, Wanted wanted, io::LineWriter& out)
    : store_(store), wanted_(std::move(wanted)), out_(out) {}

void Mend::say(const std::string& line) {
  ++findings_;
  out_.line(line);
  out_.flush();
}

std::size_t Mend::run() {
  identity_ = stage::Log::identity(store_, wanted_.source);
  if (!identity_ && !begin_stage()) return findings_;
  log_.emplace(store_, wanted_.source, identity_->era);
  known_ = stage::read_losses(*log_);
  timeline_ = identity_->timeline;
  for (const char* folder : {"data", "copy"}) {
    for (std::string& name : store_.list(log_->full_name(folder))) listed_.insert(std::move(name));
  }
  look_at_log();
  look_at_copies();
  if (wanted_.server) compare();
  return findings_;
}

// Nobody says whose it is. Where nothing else is left either, whatever was before the slot's position is lost.
// out  false: there is nothing to look at
bool Mend::begin_stage() {
  if (!wanted_.server) {
    throw Failure(Exit::refused, "no_source", "the stage at " + store_.where() + " has no source " + wanted_.source);
  }
  const Server& server = *wanted_.server;
  identity_ = stage::Identity{wanted_.source, server.system_id, server.timeline, 0, 0, server.database};
  say("lost\tsource\t" + server.system_id + "\t" + std::to_string(server.timeline));
  if (!wanted_.check) identity_ = stage::Log::claim(store_, *identity_);
  log_.emplace(store_, wanted_.source, identity_->era);
  if (log_->start() || !log_->listed().empty()) return true;
  lost_range({}, server.confirmed, "");
  if (!wanted_.check) static_cast<void>(log_->begin({}));
  return false;
}

// out  false: somebody else's manifest stands there
bool Mend::lost_range(base::Lsn from, base::Lsn to, const std::string& sha256) {
  say("lost\tlog\t" + base::format(from) + "\t" + base::format(to));
  if (wanted_.check) return true;
  stage::note_lost_range(*log_, from, to);
  return log_->append_lost(from, to, sha256);
}

// What is behind the log's end. An old pipe that has something in hand may still put it there meanwhile: then less is lost, and the log is
// followed to where it ends now.
void Mend::lost_up_to(base::Lsn to) {
  while (to > end_) {
    if (lost_range(end_, to, "")) {
      end_ = to;
      return;
    }
    const auto stored = log_->at(end_);
    if (!stored) throw Failure(Exit::retry, "file_failed", "could not read the manifest at " + base::format(end_));
    timeline_ = std::max(timeline_, stored->epoch.timeline);
    look_at_objects(stored->epoch);
    end_ = stored->epoch.to;
  }
}

void Mend::look_at_log() {
  std::vector<base::Lsn> positions = log_->listed();
  auto start = log_->start();
  if (!start && !positions.empty()) {
    say("lost\tstart\t" + base::format(positions.front()) + "\t" + base::format(positions.front()));
    start = wanted_.check ? positions.front() : log_->begin(positions.front());
  }
  if (!start) return;
  end_ = *start;
  for (;;) {
    auto stored = log_->at(end_);
    if (!stored) {
      const auto later = std::upper_bound(positions.begin(), positions.end(), end_);
      if (later == positions.end()) {
        // Published since the listing, perhaps.
        const std::size_t had = positions.size();
        positions = log_->listed();
        if (positions.size() == had) return;
        continue;
      }
      const auto next = log_->at(*later);
      lost_range(end_, *later, next ? next->epoch.prev : "");
      end_ = *later;
      continue;
    }
    timeline_ = std::max(timeline_, stored->epoch.timeline);
    look_at_objects(stored->epoch);
    end_ = stored->epoch.to;
  }
}

void Mend::look_at_objects(const stage::Epoch& epoch) {
  if (epoch.pruned || epoch.lost) return;
  for (const stage::FileEntry& file : epoch.files) look_at_file(file, epoch.to);
  if (epoch.commits) look_at_file(*epoch.commits, epoch.to);
}

void Mend::look_at_copies() {
  for (const std::string& object : log_->chunks()) {
    const stage::Chunk chunk = log_->chunk(object);
    // A copy without this chunk is not whole: one that begins later is.
    for (const stage::FileEntry& file : chunk.files) look_at_file(file, base::Lsn{chunk.copy.value + 1});
  }
}

// A listing is a hint: what it does not show is asked for.
void Mend::look_at_file(const stage::FileEntry& file, base::Lsn to) {
  if (known_.objects.contains(file.object)) return;
  if (!wanted_.digests && listed_.contains(log_->full_name(file.object))) return;
  std::string slug;
  try {
    wanted_.digests ? stage::verify(*log_, file) : static_cast<void>(stage::LineFile::open(*log_, file));
    return;
  } catch (const Failure& failure) {
    if (std::find(kBroken.begin(), kBroken.end(), failure.slug) == kBroken.end()) throw;
    slug = failure.slug;
  }
  say("lost\t" + slug + "\t" + file.object + "\t" + file.table);
  if (!wanted_.check) stage::note_lost_object(*log_, file.object, {file.table, to});
}

void Mend::compare() {
  const Server& server = *wanted_.server;
  switch (judge(server, identity_->system_id, timeline_, end_)) {
    case Verdict::goes_on:
      go_on();
      return;
    case Verdict::other_history:
      begin_era();
      return;
    case Verdict::other_cluster:
      if (!wanted_.adopt) {
        throw Failure(Exit::refused, "wrong_cluster",
                      "the stage's source " + wanted_.source + " is of cluster " + identity_->system_id +
                          ", the server of " + server.system_id +
                          "; if this server is to be read from now on, say --adopt");
      }
      begin_era();
      return;
    case Verdict::behind:
      throw Failure(Exit::refused, "old_timeline",
                    "the stage holds timeline " + std::to_string(timeline_) + ", the server is of timeline " +
                        std::to_string(server.timeline) +
                        ": it was not promoted; repair: name the promoted one in the dsn");
  }
}

// What is between the warehouse and the log, and between the log and the slot.
void Mend::go_on() {
  const auto start = log_->start();
  if (!start) return;
  if (wanted_.reached && wanted_.reached->era == log_->era()) {
    if (wanted_.reached->position < *start) lost_range({}, *start, "");
    // The warehouse has it, and no other one can have it any more.
    lost_up_to(wanted_.reached->position);
  }
  lost_up_to(wanted_.server->confirmed);
}

void Mend::begin_era() {
  const Server& server = *wanted_.server;
  const std::uint64_t era = identity_->era + 1;
  say("era\t" + std::to_string(era) + "\t" + base::format(end_) + "\t" + base::format(server.confirmed));
  if (wanted_.check) return;
  static_cast<void>(stage::Log::begin_era(
      store_, {wanted_.source, server.system_id, server.timeline, era, identity_->server_version, server.database}));
}

}  // namespace mend
