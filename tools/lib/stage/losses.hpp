// stage: what is known to be lost of a log: ranges of it whose changes nobody has any more, and objects of manifests that are gone or
// broken. Written once by whoever mends a stage, read by all who would otherwise stop there. Knows the log's names; not what becomes of a
// table that lacks something.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "stage/log.hpp"

namespace stage {

/// An object that is lost.
///
/// table  whose lines it held; empty: an epoch's commits
/// to     end of its epoch, or the position of its chunk: a copy that began there or later has what was in it
struct LostObject {
  std::string table;
  base::Lsn to;
};

/// ranges   ends of the ranges that are lost, by where they begin
/// objects  by name below the era's folder
struct Losses {
  std::map<base::Lsn, base::Lsn> ranges;
  std::map<std::string, LostObject, std::less<>> objects;

  /// A copy of the table that began before this position lacks something; 0 when none does.
  [[nodiscard]] base::Lsn complete_from(std::string_view table) const;
};

/// What is noted in a log. One listing, of a folder that is mostly not there. err  refused/broken_stage
[[nodiscard]] Losses read_losses(Log& log);

/// Notes that a range is lost; its manifest, Log::append_lost, comes after.
void note_lost_range(Log& log, base::Lsn from, base::Lsn to);
/// Notes that an object is lost.
void note_lost_object(Log& log, const std::string& object, const LostObject& lost);

}  // namespace stage
