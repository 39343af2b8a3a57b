// cdc-stage-mend: the judgement. A promotion leaves a timeline at a position: what the stage has of that timeline beyond it never came to
// the new one. Whatever is in doubt is another history: that costs a copy, the other mistake would cost rows.
#include "cdc-stage-mend/judge.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "json/tokens.hpp"

namespace mend {

Server parse_server(std::string_view text) {
  json::Tokenizer tokenizer;
  const json::Value line(tokenizer.tokens_of_copy(text), 0);
  const auto position = [](const json::Value& object, std::string_view key) {
    const auto lsn = base::parse_lsn(object.text(key));
    if (!lsn) throw base::Failure(base::Exit::data, "bad_server", "key '" + std::string(key) + "' is no log position");
    return *lsn;
  };
  Server server{line.text("system_id"),    line.number("timeline"),
                line.text("database"),     position(line, "confirmed_flush_lsn"),
                position(line, "log_end"), {}};
  line.at("branches").each_element([&](const json::Value& branch) {
    server.branches.push_back({branch.number("timeline"), position(branch, "end")});
  });
  return server;
}

std::optional<Reached> parse_reached(std::string_view text) {
  if (text.empty()) return std::nullopt;
  json::Tokenizer tokenizer;
  const json::Value line(tokenizer.tokens_of_copy(text), 0);
  const auto position = base::parse_lsn(line.text("position"));
  if (!position) throw base::Failure(base::Exit::data, "bad_position", "key 'position' is no log position");
  return Reached{line.number("era"), *position};
}

Verdict judge(const Server& server, std::string_view system_id, std::uint64_t timeline, base::Lsn end) {
  if (server.system_id != system_id) return Verdict::other_cluster;
  if (server.timeline < timeline) return Verdict::behind;
  if (end > server.log_end) return Verdict::other_history;
  if (server.timeline == timeline) return Verdict::goes_on;
  const auto left = std::find_if(server.branches.begin(), server.branches.end(),
                                 [&](const pg::Branch& branch) { return branch.timeline == timeline; });
  return left != server.branches.end() && end <= left->end ? Verdict::goes_on : Verdict::other_history;
}

}  // namespace mend
