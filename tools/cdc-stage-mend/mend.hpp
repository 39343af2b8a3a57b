// cdc-stage-mend: looks a stage through for what is lost, and writes that down, so that whoever reads it goes on in the knowledge of it.
// Knows the log and its objects. Must not know a server, a warehouse, or how what is lost is got again.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "cdc-stage-mend/judge.hpp"
#include "io/line_writer.hpp"
#include "stage/log.hpp"
#include "stage/losses.hpp"

namespace mend {

/// source   of the stage
/// server   with whose history the log is compared; nothing: the stage is looked at alone
/// reached  how far a warehouse is that shall go on with it
/// adopt    another cluster is meant
/// digests  read every file; else only whether it is there
/// check    say what is amiss, write nothing
struct Wanted {
  std::string source;
  std::optional<Server> server;
  std::optional<Reached> reached;
  bool adopt = false;
  bool digests = false;
  bool check = false;
};

class Mend {
 public:
  /// in   store  outlives this
  ///      out    gets a line for each finding: what, and where, with tabs between
  Mend(stage::Store& store, Wanted wanted, io::LineWriter& out);

  /// out  how many findings there were, of things that nobody had noted before
  /// err  refused/wrong_cluster (and adopt was not said), refused/old_timeline, refused/no_source (an empty stage, and no server),
  ///      those of the store
  [[nodiscard]] std::size_t run();

 private:
  void look_at_log();
  void look_at_objects(const stage::Epoch& epoch);
  void look_at_copies();
  void look_at_file(const stage::FileEntry& file, base::Lsn to);
  void compare();
  bool begin_stage();
  void begin_era();
  void go_on();
  bool lost_range(base::Lsn from, base::Lsn to, const std::string& sha256);
  void lost_up_to(base::Lsn to);
  void say(const std::string& line);

  stage::Store& store_;
  Wanted wanted_;
  io::LineWriter& out_;
  std::optional<stage::Identity> identity_;
  std::optional<stage::Log> log_;
  stage::Losses known_;
  std::set<std::string> listed_;  // objects that the store lists
  base::Lsn end_;
  std::uint64_t timeline_ = 0;
  std::size_t findings_ = 0;
};

}  // namespace mend
