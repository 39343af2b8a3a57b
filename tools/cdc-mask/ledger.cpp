// cdc-mask: the ledger as text. What was counted since the last time is added to whatever the file holds by now: another mask may
// keep the same one. Pure.
#include "cdc-mask/ledger.hpp"

#include <array>
#include <charconv>
#include <map>

#include "base/failure.hpp"

namespace cdc_mask {
namespace {

using policy::Reason;

constexpr std::string_view kHead =
    "# pgcdc ledger: source, table, column, why it is held back, since which position, rows. See cdc-mask(1).\n";
constexpr std::size_t kFields = 6;

struct Entry {
  std::string why;
  std::string lsn;
  std::uint64_t rows = 0;
};
using Entries = std::map<std::array<std::string, 3>, Entry>;  // source, table, column

Entries read(std::string_view text, const std::string& file_name) {
  Entries entries;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    std::array<std::string_view, kFields> fields;
    for (std::string_view& field : fields) {
      const std::size_t tab = std::min(line.find('\t'), line.size());
      field = line.substr(0, tab);
      line.remove_prefix(std::min(tab + 1, line.size()));
    }
    std::uint64_t rows = 0;
    const std::string_view count = fields[kFields - 1];
    const auto [at, error] = std::from_chars(count.data(), count.data() + count.size(), rows);
    if (error != std::errc{} || at != count.data() + count.size() || !line.empty()) {
      throw base::Failure(
          base::Exit::usage, "bad_ledger",
          file_name + ":" + std::to_string(number) + ": is no line of a ledger: six fields, the last a number");
    }
    entries[{std::string(fields[0]), std::string(fields[1]), std::string(fields[2])}] = {std::string(fields[3]),
                                                                                         std::string(fields[4]), rows};
  }
  return entries;
}

}  // namespace

std::string_view word_of(Reason reason) {
  switch (reason) {
    case Reason::none:
      return "condition";
    case Reason::dropped:
      return "dropped";
    case Reason::no_rule:
      return "no_rule";
    case Reason::other_kind:
      return "other_type";
    case Reason::pattern_too_wide:
      return "pattern_too_wide";
    case Reason::pattern_cannot_hash:
      return "pattern_cannot_hash";
    case Reason::pattern_wrong_type:
      return "pattern_wrong_type";
    case Reason::condition_unknown:
      return "condition_unknown";
    case Reason::repinned:
      return "repinned";
    case Reason::retyped:
      return "retyped";
    case Reason::key_rotates:
      return "key_rotates";
    case Reason::key_withheld:
      return "key_withheld";
  }
  return "";
}

Counts since(const Counts& before, const Counts& now) {
  Counts more = now;
  for (auto& [name, table] : more.tables) {
    const auto had = before.tables.find(name);
    if (had == before.tables.end()) continue;
    table.rows -= had->second.rows;
    for (auto& [column, withheld] : table.withheld) {
      const auto was = had->second.withheld.find(column);
      if (was != had->second.withheld.end()) withheld.rows -= was->second.rows;
    }
  }
  return more;
}

std::string ledger(std::string_view former, const std::string& file_name, const std::string& source,
                   const Counts& counts) {
  Entries entries = read(former, file_name);
  const auto add = [&](const std::string& table, const std::string& column, const Counts::Withheld& withheld,
                       std::uint64_t rows) {
    Entry& entry = entries.try_emplace({source, table, column}, Entry{"", withheld.lsn, 0}).first->second;
    entry.why = word_of(withheld.reason);
    if (withheld.lsn < entry.lsn) entry.lsn = withheld.lsn;
    entry.rows += rows;
  };
  for (const auto& [table, counted] : counts.tables) {
    if (!counted.whole.lsn.empty()) add(table, "-", counted.whole, counted.rows);
    for (const auto& [column, withheld] : counted.withheld) add(table, column, withheld, withheld.rows);
  }
  std::string text(kHead);
  for (const auto& [name, entry] : entries) {
    text += name[0] + "\t" + name[1] + "\t" + name[2] + "\t" + entry.why + "\t" + entry.lsn + "\t" +
            std::to_string(entry.rows) + "\n";
  }
  return text;
}

}  // namespace cdc_mask
