// pg: laying a relation message over the catalog's attributes. Pure.
#include "pg/align.hpp"

namespace pg {

namespace {

// For one column, and each open candidate: can the columns up to it be laid so that it comes to lie there?
using Row = std::vector<bool>;

// in   before  the same for the column before; nothing: there is none
//      fits    which candidates this column can be at all
//      must    which candidates cannot be passed over
// Walked from either end, so that it serves both for what stands before a column and for what stands behind it.
template <typename Candidates>
Row next_row(const Row* before, const Row& fits, const Row& must, const Candidates& order) {
  Row row(fits.size());
  bool reachable = before == nullptr;  // from the column before, without passing over one that must occur
  for (const std::size_t j : order) {
    row[j] = fits[j] && reachable;
    if (must[j]) reachable = false;
    if (before != nullptr && (*before)[j]) reachable = true;
  }
  return row;
}

}  // namespace

std::vector<Place> align(std::span<const std::string_view> columns, std::span<const Candidate> candidates) {
  std::vector<Place> found(columns.size());
  if (columns.empty()) return found;

  std::vector<std::size_t> open;  // indices of the candidates that can occur at all
  Row must;                       // cannot be passed over when one behind it occurs
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].presence == Presence::never) continue;
    open.push_back(i);
    must.push_back(candidates[i].presence != Presence::perhaps);
  }
  std::vector<std::size_t> forward(open.size());
  for (std::size_t j = 0; j < open.size(); ++j) forward[j] = j;
  const std::vector<std::size_t> backward(forward.rbegin(), forward.rend());

  std::vector<Row> fits(columns.size(), Row(open.size()));
  for (std::size_t c = 0; c < columns.size(); ++c) {
    for (std::size_t j = 0; j < open.size(); ++j) {
      const Candidate& candidate = candidates[open[j]];
      fits[c][j] = !candidate.same_name || candidate.name == columns[c];
    }
  }
  std::vector<Row> before;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    before.push_back(next_row(c == 0 ? nullptr : &before[c - 1], fits[c], must, forward));
  }
  // Behind the last column nothing certain may be left over; what is merely alive came later.
  Row certain(open.size());
  for (std::size_t j = 0; j < open.size(); ++j) certain[j] = candidates[open[j]].presence == Presence::certain;
  Row behind;
  for (std::size_t c = columns.size(); c-- > 0;) {
    const bool last = c + 1 == columns.size();
    behind = next_row(last ? nullptr : &behind, fits[c], last ? certain : must, backward);
    std::size_t ways = 0;
    for (std::size_t j = 0; j < open.size(); ++j) {
      if (!before[c][j] || !behind[j]) continue;
      ++ways;
      found[c].greatest = open[j];
    }
    if (ways == 1) found[c].proven = found[c].greatest;
  }

  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (!found[c].proven || candidates[*found[c].proven].presence == Presence::perhaps) continue;
    if (candidates[*found[c].proven].name == columns[c]) continue;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i].presence != Presence::perhaps && candidates[i].name == columns[c]) {
        return std::vector<Place>(columns.size());
      }
    }
  }
  return found;
}

}  // namespace pg
