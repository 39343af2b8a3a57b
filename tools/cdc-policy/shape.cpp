// cdc-policy: shapes of values. See shape.hpp. Pure.
#include "cdc-policy/shape.hpp"

#include <algorithm>
#include <functional>

namespace cdc_policy {
namespace {

constexpr std::size_t kFewest = 20;        // values of which a form is said
constexpr std::size_t kFewestWords = 500;  // of which it is said that they are words of a short list
constexpr std::size_t kMostWords = 12;
constexpr std::size_t kMostDifferent = 100'000;
constexpr std::size_t kLongWord = 24;
constexpr std::size_t kShortSecret = 16;
constexpr std::size_t kLong = 40;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kLongWord && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
  });
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

bool is_email(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && text.find('.', at) != std::string_view::npos &&
         text.find_first_of(" \t\n") == std::string_view::npos;
}

// Four numbers with points between, or hex digits with at least two colons.
bool is_ip(std::string_view text) {
  const auto points = std::count(text.begin(), text.end(), '.');
  const auto colons = std::count(text.begin(), text.end(), ':');
  if (points == 3 && colons == 0) {
    return std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.' || c == '/'; }) &&
           text.size() >= 7;
  }
  return colons >= 2 &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_hex(c) || c == ':' || c == '.' || c == '/'; });
}

bool is_secret(std::string_view text) {
  return text.size() >= kShortSecret && text.find_first_of(" \t\n@") == std::string_view::npos &&
         std::any_of(text.begin(), text.end(), is_digit) && std::any_of(text.begin(), text.end(), is_letter);
}

bool is_prose(std::string_view text) {
  return text.size() > kLong || text.find_first_of(" \t\n@") != std::string_view::npos;
}

}  // namespace

void Shape::add(std::string_view value) {
  ++values_;
  words_ += is_word(value) ? 1 : 0;
  uuids_ += is_uuid(value) ? 1 : 0;
  emails_ += is_email(value) ? 1 : 0;
  addresses_ += is_ip(value) ? 1 : 0;
  urls_ += value.find("://") != std::string_view::npos ? 1 : 0;
  secrets_ += is_secret(value) ? 1 : 0;
  prose_ += is_prose(value) ? 1 : 0;
  if (different_.size() < kMostDifferent) different_.insert(std::hash<std::string_view>{}(value));
}

Looks Shape::looks() const {
  const auto nearly_all = [&](std::size_t count) { return count * 10 >= values_ * 9; };
  if (values_ < kFewest) return prose_ > 0 ? Looks::prose : Looks::unknown;
  if (nearly_all(emails_)) return Looks::emails;
  if (nearly_all(addresses_)) return Looks::addresses;
  if (nearly_all(urls_)) return Looks::urls;
  if (nearly_all(uuids_)) return Looks::uuids;
  if (nearly_all(secrets_) && nearly_all(different_.size())) return Looks::secrets;
  if (prose_ * 20 >= values_) return Looks::prose;
  if (words_ == values_ && values_ >= kFewestWords && different_.size() <= kMostWords) return Looks::words;
  return Looks::unknown;
}

}  // namespace cdc_policy
