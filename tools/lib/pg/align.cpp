// pg: laying a relation message over the catalog's attributes. Pure.
#include "pg/align.hpp"

namespace pg {

std::vector<std::optional<std::size_t>> align(std::span<const std::string_view> columns,
                                              std::span<const Candidate> candidates) {
  std::vector<std::optional<std::size_t>> found(columns.size());

  std::vector<std::size_t> open;  // indices of the candidates that can occur at all
  std::vector<std::size_t> must;  // how many of open[0 .. i) must occur when something behind them does
  std::size_t certain = 0;        // open[0 .. certain) reaches to the last one that must occur in any case
  must.push_back(0);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Presence presence = candidates[i].presence;
    if (presence == Presence::never) continue;
    open.push_back(i);
    must.push_back(must.back() + (presence == Presence::perhaps ? 0 : 1));
    if (presence == Presence::certain) certain = open.size();
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::size_t following = columns.size() - c - 1;
    std::size_t ways = 0;
    for (std::size_t j = 0; j < open.size(); ++j) {
      // Column c can be open[j] when the c columns before it fit the j candidates before it: all that must occur do, and there
      // are enough of them.
      if (must[j] > c || c > j) continue;
      // And when the following columns fit what follows. They can always be the very next ones, unless they must reach to one
      // that is certain: then all that must occur up to there has to find a place.
      const std::size_t behind = j + 1;
      if (following > open.size() - behind) continue;
      if (certain > behind + following && must[certain] - must[behind] > following) continue;
      ++ways;
      found[c] = open[j];
    }
    if (ways != 1) found[c].reset();
  }

  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (!found[c] || candidates[*found[c]].presence == Presence::perhaps) continue;
    if (candidates[*found[c]].name == columns[c]) continue;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i].presence != Presence::perhaps && candidates[i].name == columns[c]) {
        return std::vector<std::optional<std::size_t>>(columns.size());
      }
    }
  }
  return found;
}

}  // namespace pg
