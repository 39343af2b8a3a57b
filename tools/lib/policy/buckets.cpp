// policy: reading buckets, finding one. Runs once per row for a mapped column: exact names first, then pattern by pattern. Pure.
#include "policy/buckets.hpp"

#include <algorithm>
#include <tuple>

namespace policy {

std::optional<Buckets> Buckets::read(std::string_view text, std::string& why) {
  Buckets buckets;
  bool has_rest = false;
  std::size_t number = 0;
  const auto bad = [&](const char* what) {
    why = "line " + std::to_string(number) + ": " + what;
    return std::nullopt;
  };
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return bad("the last line has no end: the file may have been cut");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos || tab == 0 || tab + 1 == line.size() ||
        line.find('\t', tab + 1) != std::string_view::npos) {
      return bad("a bucket has two fields with one tab between them, this line has not");
    }
    const std::string_view value = line.substr(0, tab);
    const std::string_view name = line.substr(tab + 1);
    const std::optional<std::string> becomes = name == "-" ? std::nullopt : std::optional<std::string>(name);
    const Pattern pattern = Pattern::of(value);
    if (pattern.exact()) {
      if (!buckets.exact_.emplace(value, becomes).second) return bad("the value has a bucket already");
      continue;
    }
    for (const Bucket& other : buckets.patterns_) {
      if (other.pattern == pattern) return bad("the pattern has a bucket already");
    }
    const auto stars = static_cast<std::size_t>(std::count(value.begin(), value.end(), '*'));
    has_rest = has_rest || value == "*";
    buckets.patterns_.push_back({pattern, becomes, value.size() - stars});
  }
  if (!has_rest) {
    why = "no line says what all else becomes; its value is *";
    return std::nullopt;
  }
  std::sort(buckets.patterns_.begin(), buckets.patterns_.end(), [](const Bucket& a, const Bucket& b) {
    return std::tie(b.weight, a.pattern) < std::tie(a.weight, b.pattern);
  });
  return buckets;
}

const std::string* Buckets::find(std::string_view value) const {
  const auto found = exact_.find(value);
  if (found != exact_.end()) return found->second ? &*found->second : nullptr;
  for (const Bucket& bucket : patterns_) {
    if (bucket.pattern.matches(value)) return bucket.name ? &*bucket.name : nullptr;
  }
  return nullptr;
}

}  // namespace policy
