// stage: stubs. See retention.hpp. Emptying goes from the log's start on and stops at the first epoch that has to stay, also when it is
// killed: so the emptied ones are always the first ones.
#include "stage/retention.hpp"

#include <algorithm>
#include <vector>

#include "base/failure.hpp"
#include "json/write.hpp"
#include "stage/names.hpp"

namespace stage {

std::string encode_stub(const Epoch& epoch, std::string_view sha256, std::string_view at) {
  std::string text;
  json::ObjectWriter(text)
      .text("from", base::format(epoch.from))
      .text("to", base::format(epoch.to))
      .text("sha256", sha256)
      .text("pruned", at)
      .close();
  return text + "\n";
}

std::string encode_stub(Chunk chunk, std::string_view sha256, std::string_view at) {
  chunk.files.clear();
  std::string text = encode(chunk, Form::stored);
  text.pop_back();  // the brace: two more keys follow
  return text + ",\"sha256\":\"" + std::string(sha256) + "\",\"pruned\":\"" + std::string(at) + "\"}\n";
}

std::optional<base::Lsn> first_kept(Log& log) {
  const std::optional<base::Lsn> start = log.start();
  if (!start) return std::nullopt;
  const std::vector<base::Lsn> listed = log.listed();
  // Before `low` all are stubs, from `high` on none is.
  std::size_t low = 0;
  std::size_t high = listed.size();
  base::Lsn kept = *start;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const auto stored = log.at(listed[middle]);
    if (stored && stored->epoch.pruned) {
      kept = stored->epoch.to;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return kept;
}

std::optional<base::Lsn> late_start(Log& log) {
  const std::optional<base::Lsn> kept = first_kept(log);
  if (!kept || *kept > log.start().value_or(base::Lsn{})) return kept;
  const std::vector<std::string> chunks = log.chunks();
  const bool emptied =
      std::any_of(chunks.begin(), chunks.end(), [&](const std::string& object) { return log.chunk(object).pruned; });
  return emptied ? kept : std::nullopt;
}

std::string words_on_kept(Log& log) {
  const auto kept = first_kept(log);
  return kept ? "what is still there begins at " + base::format(*kept) : "";
}

}  // namespace stage
