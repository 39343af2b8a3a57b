// policy: reading rules and choosing among them. Knows the policy's language whole, also what this version cannot do.
// Must not repair or guess: a mistake is refused, and every error is one line that names the file, the line and the field.
// Must not depend on the order of lines. Pure.
#include "policy/rule.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "base/failure.hpp"
#include "crypto/digest.hpp"

namespace policy {
namespace {

constexpr std::size_t kFields = 7;
constexpr auto kFieldNames =
    std::to_array<std::string_view>({"table", "column", "type", "class", "action", "when", "why"});
constexpr auto kClasses = std::to_array<std::string_view>({"green", "yellow", "orange", "red"});
constexpr auto kActions = std::to_array<std::string_view>({"keep", "hash", "const", "null", "drop"});
// Actions of the language that a later version brings.
constexpr auto kLaterActions =
    std::to_array<std::string_view>({"map", "email-domain", "year", "month", "truncate", "hash-compat", "exact"});

// Where reading stands, so that any depth can complain with file, line and field.
struct Place {
  const std::string& file;
  std::size_t line;

  [[noreturn]] void bad(std::string_view field, const std::string& what) const {
    std::string text = file + ":" + std::to_string(line) + ": ";
    if (!field.empty()) text.append(field).append(": ");
    throw base::Failure(base::Exit::usage, "bad_policy", text + what);
  }
};

std::optional<Class> parse_class(std::string_view word) {
  for (std::size_t i = 0; i < kClasses.size(); ++i) {
    if (kClasses[i] == word) return static_cast<Class>(i);
  }
  return std::nullopt;
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. A const's text ends up inside JSON.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t width = lead < 0x80   ? 1
                              : lead < 0xC2 ? 0
                              : lead < 0xE0 ? 2
                              : lead < 0xF0 ? 3
                              : lead < 0xF5 ? 4
                                            : 0;
    if (width == 0 || text.size() - i < width) return false;
    for (std::size_t k = 1; k < width; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    const auto second = width > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += width;
  }
  return true;
}

std::array<std::string_view, kFields> split(std::string_view line, const Place& place) {
  std::array<std::string_view, kFields> fields;
  const auto count = static_cast<std::size_t>(std::count(line.begin(), line.end(), '\t')) + 1;
  if (count != kFields) {
    place.bad("", "a rule has seven fields with one tab between them, this line has " + std::to_string(count));
  }
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::size_t end = std::min(line.find('\t'), line.size());
    fields[i] = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (fields[i].empty()) place.bad(kFieldNames[i], "is empty; write - for none");
    if (fields[i].starts_with(' ') || fields[i].ends_with(' ')) {
      place.bad(kFieldNames[i], "begins or ends with a blank; fields are separated by one tab and nothing else");
    }
    for (const char c : fields[i]) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
        place.bad(kFieldNames[i], c == '\r' ? "ends in a carriage return; lines end in a line feed alone"
                                            : "holds a control character");
      }
    }
  }
  return fields;
}

void read_table(std::string_view text, Rule& rule, const Place& place) {
  const std::string_view whole = text;
  if (text.starts_with("message:")) place.bad("table", "rules for messages are not supported by this version");
  const std::size_t colon = std::min(text.find(':'), text.find('"'));
  if (colon != std::string_view::npos && text[colon] == ':') {
    const std::string_view source = text.substr(0, colon);
    const bool plain = std::all_of(source.begin(), source.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("_.*-").find(c) != std::string_view::npos;
    });
    if (source.empty() || !plain) place.bad("table", "the source before ':' is letters, digits, _ . - and *");
    rule.source = Pattern::of(source);
    text.remove_prefix(colon + 1);
  }
  if (text == "*") return;  // both patterns match everything already
  std::string why;
  auto schema = Pattern::take(text, '.', why);
  if (!schema) place.bad("table", why);
  if (text.empty()) place.bad("table", quoted(whole) + " is not schema.table");
  text.remove_prefix(1);
  auto table = Pattern::take(text, '\0', why);
  if (!table) place.bad("table", why);
  rule.schema = std::move(*schema);
  rule.table = std::move(*table);
}

void read_class(std::string_view text, Rule& rule, const Place& place) {
  const std::size_t arrow = text.find('>');
  const auto klass = parse_class(text.substr(0, arrow));
  const auto residue = arrow == std::string_view::npos ? klass : parse_class(text.substr(arrow + 1));
  if (!klass || !residue) {
    place.bad("class", quoted(text) + " is not green, yellow, orange or red, nor two of them with > between");
  }
  if (arrow != std::string_view::npos && *residue >= *klass) {
    place.bad("class", quoted(text) + ": what is left is milder than what was there");
  }
  rule.klass = *klass;
  rule.residue = *residue;
  rule.class_text = text;
}

bool is_domain(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

void read_action(std::string_view text, Rule& rule, const Place& place) {
  rule.action_text = text;
  const std::size_t colon = text.find(':');
  const std::string_view word = text.substr(0, colon);
  const bool has_parameter = colon != std::string_view::npos;
  std::string_view parameter = has_parameter ? text.substr(colon + 1) : std::string_view();
  const std::size_t blank = word.find(' ');
  const std::string_view name = word.substr(0, blank);
  if (std::find(kLaterActions.begin(), kLaterActions.end(), name) != kLaterActions.end()) {
    place.bad("action", quoted(name) + " is not supported by this version");
  }
  const auto* found = std::find(kActions.begin(), kActions.end(), name);
  if (found == kActions.end()) {
    place.bad("action", quoted(text) + " is none of keep, drop, null, const:TEXT, hash, hash:DOMAIN, hash:DOMAIN:256");
  }
  rule.action = static_cast<Action>(found - kActions.begin());
  if (rule.action != Action::constant && text.find(" as ") != std::string_view::npos) {
    place.bad("action", "a second output ('as NAME') is not supported by this version");
  }
  if (blank != std::string_view::npos) place.bad("action", quoted(text) + " has a blank after the action's word");
  switch (rule.action) {
    case Action::constant:
      if (!has_parameter) place.bad("action", "const needs its text: const:TEXT");
      rule.parameter = parameter;
      return;
    case Action::hash: {
      if (!has_parameter) return;
      const std::size_t bits = parameter.find(':');
      if (bits != std::string_view::npos) {
        if (parameter.substr(0, bits) == "exact") place.bad("action", "'exact:' is not supported by this version");
        if (parameter.substr(bits + 1) != "256") place.bad("action", "after hash:DOMAIN: only 256 can stand");
        rule.wide = true;
        parameter = parameter.substr(0, bits);
      }
      if (!is_domain(parameter)) {
        place.bad("action", "a domain is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter");
      }
      rule.parameter = parameter;
      return;
    }
    default:
      if (has_parameter) place.bad("action", std::string(name) + " takes nothing after it");
  }
}

Rule read_rule(std::string_view line, const Place& place, const ClearClasses& clear) {
  const auto fields = split(line, place);
  Rule rule;
  rule.line = place.line;
  read_table(fields[0], rule, place);
  std::string why;
  std::string_view column = fields[1];
  auto pattern = Pattern::take(column, '\0', why);
  if (!pattern) place.bad("column", why);
  rule.column = std::move(*pattern);
  const auto kind = parse_kind(fields[2]);
  if (!kind) {
    place.bad("type", quoted(fields[2]) +
                          " is none of any, int, numeric, float, bool, time, enum, text, uuid, inet, json, "
                          "bytea, xml, array, other");
  }
  rule.kind = *kind;
  read_class(fields[3], rule, place);
  read_action(fields[4], rule, place);
  if (fields[5] != "-") place.bad("when", "conditions are not supported by this version");
  if (rule.action == Action::keep) {
    if (!clear.holds(rule.residue)) {
      place.bad("class", "keep would let " + std::string(word_of(rule.residue)) + " data through, and only " +
                             clear.text() + " may leave in clear (--clear)");
    }
  } else if (rule.class_text.find('>') != std::string::npos) {
    place.bad("class",
              quoted(rule.class_text) + ": " + std::string(word_of(rule.action)) + " leaves nothing of the value");
  }
  return rule;
}

// What makes two rules equal: the same columns of the same tables of the same sources.
auto extent_of(const Rule& rule) { return std::tie(rule.source, rule.schema, rule.table, rule.column, rule.kind); }

std::string key_of(std::string_view schema, std::string_view table) {
  std::string key(schema);
  key.push_back('\0');
  key.append(table);
  return key;
}

}  // namespace

std::string_view word_of(Class klass) { return kClasses[static_cast<std::size_t>(klass)]; }
std::string_view word_of(Action action) { return kActions[static_cast<std::size_t>(action)]; }

ClearClasses::ClearClasses(std::string_view text) : text_(text) {
  while (true) {
    const std::size_t comma = text.find(',');
    const auto klass = parse_class(text.substr(0, comma));
    if (!klass) {
      throw base::Failure(base::Exit::usage, "bad_option",
                          "--clear takes classes with commas between: green, yellow, orange, red");
    }
    bits_ |= 1u << static_cast<unsigned>(*klass);
    if (comma == std::string_view::npos) return;
    text.remove_prefix(comma + 1);
  }
}

Policy Policy::read(std::string_view text, std::string file_name, const ClearClasses& clear) {
  Policy policy;
  policy.file_name_ = std::move(file_name);
  std::vector<std::string_view> meanings;
  std::size_t number = 0;
  while (!text.empty()) {
    const Place place{policy.file_name_, ++number};
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) place.bad("", "the last line has no end: the file may have been cut");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (!is_utf8(line)) place.bad("", "the line is not UTF-8");
    policy.rules_.push_back(read_rule(line, place, clear));
    meanings.push_back(line.substr(0, line.rfind('\t')));
  }
  if (policy.rules_.empty()) {
    throw base::Failure(base::Exit::usage, "bad_policy", policy.file_name_ + ": holds no rule");
  }

  std::vector<std::uint32_t> order(policy.rules_.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return extent_of(policy.rules_[a]) < extent_of(policy.rules_[b]);
  });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const Rule& first = policy.rules_[order[i - 1]];
    const Rule& second = policy.rules_[order[i]];
    if (extent_of(first) == extent_of(second)) {
      Place{policy.file_name_, second.line}.bad(
          "", "a rule for the same table, column and type stands in line " + std::to_string(first.line));
    }
  }

  std::sort(meanings.begin(), meanings.end());
  crypto::Sha256 digest;
  for (const std::string_view meaning : meanings) {
    digest.add(meaning);
    digest.add("\n");
  }
  policy.sha256_ = crypto::hex(digest.finish());

  for (std::uint32_t i = 0; i < policy.rules_.size(); ++i) {
    const Rule& rule = policy.rules_[i];
    if (rule.names_table()) policy.named_[key_of(rule.schema.name(), rule.table.name())].push_back(i);
    if (rule.exact()) {
      policy.exact_[key_of(key_of(rule.schema.name(), rule.table.name()), rule.column.name())].push_back(i);
    } else {
      policy.patterns_.push_back(i);
    }
  }
  return policy;
}

bool Policy::has_hash() const {
  return std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) { return rule.action == Action::hash; });
}

bool Policy::names(std::string_view source, const change::TableName& table) const {
  const auto found = named_.find(key_of(table.schema, table.name));
  if (found == named_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](std::uint32_t index) { return rules_[index].source.matches(source); });
}

Decision Policy::decide(std::string_view source, const change::TableName& table, const change::Column& column) const {
  const Kind kind = kind_of(column);
  const Rule* best = nullptr;
  bool other_kind = false;
  const auto consider = [&](const Rule& rule) {
    if (!rule.source.matches(source)) return;
    if (rule.kind != Kind::any && rule.kind != kind) {
      other_kind = true;
      return;
    }
    // The last resort between equals is their text, so that a shuffled file means the same.
    if (best == nullptr || std::tie(best->action, rule.action_text, rule.class_text) <
                               std::tie(rule.action, best->action_text, best->class_text)) {
      best = &rule;
    }
  };

  const auto found = exact_.find(key_of(key_of(table.schema, table.name), column.name));
  if (found != exact_.end()) {
    for (const std::uint32_t index : found->second) consider(rules_[index]);
    if (best != nullptr) {
      if (best->action == Action::hash && !can_be_hashed(kind)) {
        throw base::Failure(base::Exit::refused, "cannot_hash",
                            place_of(*best) + ": column " + column.name + " is of type " + column.type +
                                ", whose equal values may have different texts: it cannot be hashed; use drop or null");
      }
      return {best, Ground::rule};
    }
    // A rule for this very column, but for another type: a pattern must not let through what its author did not expect.
    if (other_kind) return {nullptr, Ground::other_kind};
  }
  for (const std::uint32_t index : patterns_) {
    const Rule& rule = rules_[index];
    if (rule.column.matches(column.name) && rule.table.matches(table.name) && rule.schema.matches(table.schema))
      consider(rule);
  }
  if (best == nullptr) return {nullptr, other_kind ? Ground::other_kind : Ground::no_rule};
  // The winner is looked at, not the candidates: a rule that cannot be carried out never makes room for a milder one.
  if (best->action == Action::keep && !passes_by_pattern(kind)) return {nullptr, Ground::pattern_too_wide};
  if (best->action == Action::hash && !can_be_hashed(kind)) return {nullptr, Ground::pattern_cannot_hash};
  return {best, Ground::rule};
}

}  // namespace policy
