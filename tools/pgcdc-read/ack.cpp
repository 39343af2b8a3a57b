// pgcdc-read: the ack file and what it may confirm; the contracts are in
// ack.hpp. Knows the one line that the file holds. Must not know how the server
// is told.
#include "pgcdc-read/ack.hpp"

#include <algorithm>

#include "io/file.hpp"

namespace reader {

std::optional<Ack> parse_ack(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const auto end = base::parse_lsn(text.substr(0, blank));
  const std::string_view run = text.substr(blank + 1);
  const bool is_run = run.size() == 32 && run.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!end || !is_run) return std::nullopt;
  return Ack{*end, std::string(run)};
}

base::Lsn confirmable(const std::optional<Ack>& ack, std::string_view run, base::Lsn written, base::Lsn before) {
  if (!ack || ack->run != run) return before;
  return std::max(before, std::min(ack->end, written));
}

std::optional<Ack> read_ack(const std::string& path) {
  const std::optional<std::string> content = io::read_file(path);
  return content ? parse_ack(*content) : std::nullopt;
}

bool is_ack_awaited(const std::string& path) { return io::is_held(path + ".lock"); }

}  // namespace reader
