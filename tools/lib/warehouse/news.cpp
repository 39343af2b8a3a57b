// warehouse: looking for news. Whatever is not as the run has left it is news: what it means the next run says, which has the warehouse.
#include "warehouse/news.hpp"

#include <algorithm>

namespace warehouse {

bool has_news(stage::Log& log, const Standing& standing) {
  if (standing.table_held || stage::Log::identity(log.store(), log.source()) != standing.identity) return true;
  if (!standing.identity) return false;
  if (!standing.applied_to || standing.last_sha256.empty()) {
    if (log.start() != standing.applied_to) return true;
  } else {
    const auto last = log.at(standing.last_from);
    if (!last || last->sha256 != standing.last_sha256) return true;
  }
  if (standing.applied_to && log.next(*standing.applied_to)) return true;
  const auto chunks = log.chunks();
  return std::any_of(chunks.begin(), chunks.end(),
                     [&](const std::string& object) { return !standing.chunks.contains(object); });
}

}  // namespace warehouse
