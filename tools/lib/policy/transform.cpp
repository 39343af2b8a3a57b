// policy: residues of values. Runs per row for the columns that have such a rule. Pure.
#include "policy/transform.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "policy/lower_case.hpp"

namespace policy {
namespace {

constexpr std::size_t kMostDomainBytes = 253;
constexpr std::size_t kMostLabelBytes = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool are_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

// YEAR-MM-DD, then nothing or what begins with T or a blank. The parts from `keep` on become the first of their kind.
bool append_begin(std::string_view text, bool of_year, std::string& into) {
  if (text == "infinity" || text == "-infinity") {
    into.append(text);
    return true;
  }
  const std::size_t dash = text.find('-');
  constexpr std::size_t kMonthAndDay = 6;  // -MM-DD
  if (dash == std::string_view::npos || dash < 4 || text.size() < dash + kMonthAndDay ||
      !are_digits(text.substr(0, dash)) || !are_digits(text.substr(dash + 1, 2)) || text[dash + 3] != '-' ||
      !are_digits(text.substr(dash + 4, 2))) {
    return false;
  }
  std::string_view rest = text.substr(dash + kMonthAndDay);
  // A time's digits become zeros, what is around them (T, colons, point, Z, BC) stays.
  constexpr std::string_view kTime = "T00:00:00.000000";
  const bool has_time = rest.starts_with('T');
  if (has_time) {
    if (rest.size() < kTime.size()) return false;
    for (std::size_t i = 0; i < kTime.size(); ++i) {
      if (kTime[i] == '0' ? !is_digit(rest[i]) : rest[i] != kTime[i]) return false;
    }
    rest.remove_prefix(kTime.size());
  }
  if (!rest.empty() && rest != "Z" && rest != " BC" && rest != "Z BC") return false;
  into.append(text.substr(0, of_year ? dash : dash + 3));
  into.append(of_year ? "-01-01" : "-01");
  if (has_time) into.append(kTime);
  into.append(rest);
  return true;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMostLabelBytes && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-'; });
}

bool is_domain_name(std::string_view text) {
  if (text.size() > kMostDomainBytes) return false;
  std::size_t labels = 0;
  for (;;) {
    const std::string_view label = text.substr(0, text.find('.'));
    if (!is_label(label)) return false;
    ++labels;
    if (label.size() == text.size()) return labels > 1 && !is_digit(label.front());
    text.remove_prefix(label.size() + 1);
  }
}

}  // namespace

void append_beginning(std::string_view text, std::size_t characters, std::string& into) {
  std::size_t bytes = 0;
  for (; bytes < text.size(); ++bytes) {
    const bool begins = (static_cast<unsigned char>(text[bytes]) & 0xC0) != 0x80;
    if (begins && characters-- == 0) break;
  }
  into.append(text.substr(0, bytes));
}

bool append_month(std::string_view text, std::string& into) { return append_begin(text, false, into); }
bool append_year(std::string_view text, std::string& into) { return append_begin(text, true, into); }

bool append_email_domain(std::string_view text, std::string& into) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return false;
  text.remove_prefix(at + 1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const std::size_t before = into.size();
  for (const char c : text) into.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  if (is_domain_name(std::string_view(into).substr(before))) return true;
  into.resize(before);
  return false;
}

CompatHash::~CompatHash() {
  crypto::wipe(salted_);
  crypto::wipe(canonical_);
}

void CompatHash::append(std::string_view value, std::string_view salt, std::string& into) {
  salted_.assign(value).append(salt);
  canonical_email(salted_, canonical_);
  digest_.add(canonical_);
  const crypto::Digest digest = digest_.finish();
  base::append_hex(into, {reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace policy
