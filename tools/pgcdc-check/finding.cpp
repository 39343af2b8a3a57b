// pgcdc-check: findings as text. See finding.hpp.
#include "pgcdc-check/finding.hpp"

#include <algorithm>

#include "json/write.hpp"

namespace check {

std::string_view word(Severity severity) {
  constexpr std::array<std::string_view, 4> kWords{"stop", "lose", "warn", "info"};
  return kWords[static_cast<std::size_t>(severity)];
}

std::string describe(const Finding& finding) {
  std::string line;
  json::ObjectWriter object(line);
  object.text("severity", word(finding.what().severity)).text("slug", finding.what().slug);
  object.text("object", finding.object).text("message", finding.message);
  finding.repair.empty() ? object.null("repair") : object.text("repair", finding.repair);
  object.close();
  return line;
}

std::string table(std::span<const Finding> findings) {
  std::size_t width = 0;
  std::array<std::size_t, 4> counts{};
  for (const Finding& finding : findings) {
    width = std::max(width, finding.what().slug.size());
    ++counts[static_cast<std::size_t>(finding.what().severity)];
  }
  std::string text;
  for (const Finding& finding : findings) {
    const std::string_view slug = finding.what().slug;
    text.append(word(finding.what().severity)).append("  ").append(slug).append(width - slug.size() + 2, ' ');
    text.append(finding.object).append("\n      ").append(finding.message).append("\n");
    // The statement stands alone on its line, so that it can be pasted.
    if (!finding.repair.empty()) text.append("      ").append(finding.repair).append("\n");
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    text.append(i == 0 ? "" : ", ").append(std::to_string(counts[i])).append(" ");
    text.append(word(static_cast<Severity>(i)));
  }
  return text + "\n";
}

}  // namespace check
