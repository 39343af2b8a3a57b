// pgcdc-snapshot: chains of ranges. Bounds are told apart by their text, as every reader of a stage does; only where a gap ends is
// a question of order. Pure.
#include "pgcdc-snapshot/done.hpp"

#include <algorithm>
#include <set>

#include "base/failure.hpp"
#include "json/tokens.hpp"

namespace snapshot {
namespace {

using base::Exit;
using base::Failure;

template <typename F>
void each_line(std::string_view text, F&& take) {
  json::Tokenizer tokenizer;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty()) take(json::Value(tokenizer.tokens_of_copy(line), 0));
  }
}

base::Lsn lsn_at(const json::Value& line, std::string_view key) {
  const auto lsn = base::parse_lsn(line.text(key));
  if (!lsn) throw Failure(Exit::data, "bad_done", "a copied chunk's position is none");
  return *lsn;
}

std::string_view raw_of(const json::Value& line, std::string_view key) {
  const json::Token* token = line.find(key);
  return token == nullptr ? std::string_view() : token->raw();
}

// A chain from the open beginning to the open end, looked for from bound to bound.
bool is_whole(const std::vector<Range>& ranges) {
  std::set<Bound> reached;
  std::vector<const Range*> next;
  for (const Range& range : ranges) {
    if (!range.from) next.push_back(&range);
  }
  while (!next.empty()) {
    const Range& range = *next.back();
    next.pop_back();
    if (!range.to) return true;
    if (!reached.insert(*range.to).second) continue;
    for (const Range& other : ranges) {
      if (other.from && *other.from == *range.to) next.push_back(&other);
    }
  }
  return false;
}

}  // namespace

Done parse_done(std::string_view text) {
  Done done;
  each_line(text, [&](const json::Value& line) {
    const std::string op = line.kind() == json::Kind::object ? line.text_or("op", "") : "";
    if (op == "source") {
      done.system_id = line.text("system_id");
      done.source = line.text("source");
      return;
    }
    if (op != "snapshot" || line.text("state") != "end") {
      throw Failure(Exit::data, "bad_done", "a line is neither a source line nor the end of a copied chunk");
    }
    if (line.find("keys") != nullptr) return;
    const base::Lsn lsn = lsn_at(line, "lsn");
    const base::Lsn copy = line.find("copy") == nullptr ? lsn : lsn_at(line, "copy");
    Copied& copied = done.tables[line.text("table")];
    if (copy < copied.copy) return;
    if (copy > copied.copy) copied = Copied{copy, line.text_or("by", ""), 0, false, false, {}};
    // Cut by two keys it is no chain, whatever its ends look like.
    if (copied.by != line.text_or("by", "")) copied.by = "different";
    copied.next = std::max(copied.next, line.number("chunk") + 1);
    copied.masked = copied.masked || line.find("masked") != nullptr;
    copied.ranges.push_back({parse_bound(raw_of(line, "from_key")), parse_bound(raw_of(line, "to_key"))});
  });
  for (auto& [table, copied] : done.tables) copied.whole = is_whole(copied.ranges);
  return done;
}

std::vector<Range> left_of(const Copied& copied, const Rank& rank) {
  // Every bound once, in the order of the key.
  std::set<Bound> texts;
  for (const Range& range : copied.ranges) {
    if (range.from) texts.insert(*range.from);
    if (range.to) texts.insert(*range.to);
  }
  const std::vector<Bound> bounds(texts.begin(), texts.end());
  const std::vector<std::uint64_t> ranks = rank(bounds);
  std::map<Bound, std::uint64_t> rank_of_text;
  for (std::size_t i = 0; i < bounds.size(); ++i) rank_of_text[bounds[i]] = ranks[i];

  std::vector<Range> left;
  std::optional<Bound> at;  // nothing: the open beginning
  std::set<Bound> been;
  for (;;) {
    // The range that goes furthest from here.
    const Range* step = nullptr;
    for (const Range& range : copied.ranges) {
      if (range.from != at || (range.to && been.contains(*range.to))) continue;
      if (step == nullptr || !range.to || (step->to && rank_of_text[*range.to] > rank_of_text[*step->to]))
        step = &range;
    }
    if (step != nullptr) {
      if (!step->to) return left;
      at = step->to;
      been.insert(*at);
      continue;
    }
    // A gap, up to the next range that begins not before here.
    const Range* next = nullptr;
    for (const Range& range : copied.ranges) {
      if (!range.from || been.contains(*range.from) || (at && rank_of_text[*range.from] < rank_of_text[*at])) continue;
      if (next == nullptr || rank_of_text[*range.from] < rank_of_text[*next->from]) next = &range;
    }
    left.push_back({at, next == nullptr ? std::nullopt : next->from});
    if (next == nullptr) return left;
    at = next->from;
    been.insert(*at);
  }
}

Wishes parse_keys(std::string_view text) {
  Wishes tables;
  const auto bad = [](const char* what) { throw Failure(Exit::data, "bad_unknown", what); };
  each_line(text, [&](const json::Value& line) {
    if (line.kind() != json::Kind::object) bad("a line is no object with a table and a key");
    WantedKeys& wanted = tables[line.text("table")];
    if (line.find("key") == nullptr) {
      wanted.whole = true;
      if (line.find("since") != nullptr) wanted.since = base::parse_lsn(line.text("since"));
      return;
    }
    std::vector<std::string> names;
    Bound values;
    line.at("key").each_member([&](std::string_view name, const json::Value& value) {
      names.push_back(json::unescape(name));
      values.push_back(value.as_text());
    });
    if (values.empty()) bad("a key has no columns");
    if (wanted.names.empty()) wanted.names = names;
    if (wanted.names != names) bad("keys of one table have different columns");
    wanted.values.push_back(std::move(values));
  });
  return tables;
}

}  // namespace snapshot
