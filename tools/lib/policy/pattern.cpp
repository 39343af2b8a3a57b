// policy: reading and matching patterns of names. Knows how PostgreSQL quotes identifiers.
// Must not fold case or guess what was meant: a name that PostgreSQL would quote and that is not quoted is refused.
// Runs at schema lines only. Pure.
#include "policy/pattern.hpp"

namespace policy {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::optional<Pattern> Pattern::take(std::string_view& text, char stop, std::string& why) {
  Pattern pattern;
  pattern.pieces_ = {""};
  bool any = false;
  std::size_t i = 0;
  while (i < text.size() && (stop == '\0' || text[i] != stop)) {
    const char c = text[i];
    any = true;
    if (c == '*') {
      pattern.pieces_.emplace_back();
      ++i;
    } else if (is_plain(c)) {
      pattern.pieces_.back().push_back(c);
      ++i;
    } else if (c == '"') {
      for (++i;; ++i) {
        if (i >= text.size()) {
          why = "a quoted name has no end";
          return std::nullopt;
        }
        if (text[i] == '"') {
          if (i + 1 >= text.size() || text[i + 1] != '"') break;
          ++i;
        }
        pattern.pieces_.back().push_back(text[i]);
      }
      ++i;
    } else {
      why = "'" + std::string(1, c) + "' must stand in double quotes, as PostgreSQL writes such a name";
      return std::nullopt;
    }
  }
  if (!any) {
    why = "a name is missing";
    return std::nullopt;
  }
  text.remove_prefix(i);
  return pattern;
}

Pattern Pattern::of(std::string_view text) {
  Pattern pattern;
  pattern.pieces_ = {""};
  for (const char c : text) {
    if (c == '*') {
      pattern.pieces_.emplace_back();
    } else {
      pattern.pieces_.back().push_back(c);
    }
  }
  return pattern;
}

bool Pattern::matches(std::string_view name) const {
  if (exact()) return name == pieces_.front();
  const std::string& first = pieces_.front();
  const std::string& last = pieces_.back();
  if (name.size() < first.size() + last.size() || !name.starts_with(first) || !name.ends_with(last)) return false;
  name.remove_prefix(first.size());
  name.remove_suffix(last.size());
  // What lies between the first and the last piece is found from left to right; the leftmost place is always good enough.
  for (std::size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const std::size_t at = name.find(pieces_[i]);
    if (at == std::string_view::npos) return false;
    name.remove_prefix(at + pieces_[i].size());
  }
  return true;
}

}  // namespace policy
