// pg: which history a server's log is of. A first timeline has no history file, and is not asked for one. What stands in such a file is
// the server's own record of promotions and restores; nothing here judges it.
#include "pg/timeline.hpp"

#include <charconv>

namespace pg {

History read_history(Connection& session) {
  const Result about = session.query("IDENTIFY_SYSTEM", "identify the server");
  History history;
  history.system_id = about.text(0, 0);
  history.timeline = static_cast<std::uint64_t>(about.number(0, 1));
  history.end = base::parse_lsn(about.text(0, 2)).value_or(base::Lsn{});
  if (history.timeline > 1) {
    const Result file =
        session.query("TIMELINE_HISTORY " + std::to_string(history.timeline), "read the timeline's history");
    history.branches = parse_history(file.text(0, 1));
  }
  return history;
}

std::vector<Branch> parse_history(std::string_view text) {
  std::vector<Branch> branches;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (line.empty() || line.front() == '#') continue;
    Branch branch;
    const auto number = std::from_chars(line.data(), line.data() + line.size(), branch.timeline);
    std::string_view rest(number.ptr, static_cast<std::size_t>(line.data() + line.size() - number.ptr));
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
    const auto lsn = base::parse_lsn(rest.substr(0, rest.find_first_of(" \t")));
    if (number.ec != std::errc{} || !lsn) {
      throw base::Failure(base::Exit::data, "bad_history", "cannot read the server's history of timelines");
    }
    branch.end = *lsn;
    branches.push_back(branch);
  }
  return branches;
}

}  // namespace pg
