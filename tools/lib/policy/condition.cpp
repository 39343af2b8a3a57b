// policy: reading conditions. Must not guess: what is not one of the forms is refused. Pure.
#include "policy/condition.hpp"

#include "policy/pattern.hpp"

namespace policy {
namespace {

constexpr std::string_view kBlanks = " ";

void skip_blanks(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size())); }

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  const std::string_view rest = text.substr(word.size());
  const char last = word.back();
  const bool letters = last >= 'a' && last <= 'z';
  if (letters && !rest.empty() && rest.front() != ' ' && rest.front() != '(') return false;
  text = rest;
  skip_blanks(text);
  return true;
}

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.-+:").find(c) != std::string_view::npos;
}

std::optional<std::string> take_value(std::string_view& text, std::string& why) {
  std::string value;
  if (!text.starts_with('\'')) {
    while (!text.empty() && is_bare(text.front())) {
      value.push_back(text.front());
      text.remove_prefix(1);
    }
    if (value.empty()) {
      why = "a value is missing; what holds other than letters, digits and _ . - + : stands in single quotes";
      return std::nullopt;
    }
    skip_blanks(text);
    return value;
  }
  for (text.remove_prefix(1);; text.remove_prefix(1)) {
    if (text.empty()) {
      why = "a quoted value has no end";
      return std::nullopt;
    }
    if (text.front() == '\'') {
      if (text.size() < 2 || text[1] != '\'') break;
      text.remove_prefix(1);
    }
    value.push_back(text.front());
  }
  text.remove_prefix(1);
  skip_blanks(text);
  return value;
}

}  // namespace

std::optional<Condition> Condition::parse(std::string_view text,
                                          const std::function<std::optional<std::string>(const std::string&)>& lines,
                                          std::string& why) {
  Condition condition;
  const auto column = Pattern::take(text, ' ', why);
  if (!column) return std::nullopt;
  if (!column->exact()) {
    why = "a condition is about one column, not about a pattern";
    return std::nullopt;
  }
  condition.column_ = column->name();
  skip_blanks(text);
  const auto take = [&]() -> bool {
    auto value = take_value(text, why);
    if (value) condition.values_.insert(std::move(*value));
    return value.has_value();
  };
  why = "is none of: is null, is not null, = VALUE, != VALUE, in (VALUE, ...), in @FILE";
  if (take_word(text, "is")) {
    condition.test_ = take_word(text, "not") ? Test::is_not_null : Test::is_null;
    if (!take_word(text, "null")) return std::nullopt;
  } else if (take_word(text, "!=")) {
    condition.test_ = Test::none_of;
    if (!take()) return std::nullopt;
  } else if (take_word(text, "=")) {
    condition.test_ = Test::one_of;
    if (!take()) return std::nullopt;
  } else if (take_word(text, "in")) {
    condition.test_ = Test::one_of;
    if (text.starts_with('@')) {
      const std::string name(text.substr(1));
      text = {};
      std::optional<std::string> content = lines ? lines(name) : std::nullopt;
      if (!content) {
        why = "there is no file '" + name + "' beside the policy";
        return std::nullopt;
      }
      if (!content->empty() && content->back() != '\n') {
        why = "the last line of '" + name + "' has no end: the file may have been cut";
        return std::nullopt;
      }
      for (std::string_view rest = *content; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        if (!line.empty() && !line.starts_with('#')) condition.values_.emplace(line);
      }
    } else {
      if (!text.starts_with('(')) return std::nullopt;
      do {
        text.remove_prefix(1);  // the bracket, or a comma
        skip_blanks(text);
        if (!take()) return std::nullopt;
      } while (text.starts_with(','));
      if (!text.starts_with(')')) {
        why = "a list of values has no end";
        return std::nullopt;
      }
      text.remove_prefix(1);
    }
  } else {
    return std::nullopt;
  }
  if (!text.empty()) {
    why = "something stands behind the condition; a rule has one";
    return std::nullopt;
  }
  return condition;
}

bool Condition::holds(std::optional<std::string_view> value) const {
  switch (test_) {
    case Test::is_null:
      return !value;
    case Test::is_not_null:
      return value.has_value();
    case Test::one_of:
      return value && values_.contains(*value);
    case Test::none_of:
      return value && !values_.contains(*value);
  }
  return false;
}

}  // namespace policy
