// pg: laying a relation message over the catalog's attributes. Pure.
#include "pg/align.hpp"

namespace pg {

std::vector<std::optional<std::size_t>> align(std::span<const std::string_view> columns,
                                              std::span<const Candidate> candidates) {
  std::vector<std::optional<std::size_t>> found(columns.size());

  std::vector<std::size_t> open;  // indices of the candidates that can occur at all
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].presence != Presence::never) open.push_back(i);
  }
  // Column c can be open[j] when the c columns before it fit the j candidates before it (all that must occur do, and there are
  // enough of them), and enough candidates follow for the columns that follow. Those can always be the very next ones, so
  // nothing more is asked of the rest.
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::size_t following = columns.size() - c - 1;
    std::size_t ways = 0;
    std::size_t must_before = 0;
    for (std::size_t j = 0; j < open.size(); ++j) {
      if (must_before <= c && c <= j && following <= open.size() - j - 1) {
        ++ways;
        found[c] = open[j];
      }
      if (candidates[open[j]].presence == Presence::always) ++must_before;
    }
    if (ways != 1 || candidates[*found[c]].presence != Presence::always) found[c].reset();
  }

  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (!found[c] || candidates[*found[c]].name == columns[c]) continue;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i].presence != Presence::perhaps && candidates[i].name == columns[c]) {
        return std::vector<std::optional<std::size_t>>(columns.size());
      }
    }
  }
  return found;
}

}  // namespace pg
