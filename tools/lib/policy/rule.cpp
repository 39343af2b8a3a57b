// policy: reading rules and choosing among them. Knows the policy's language whole, also what this version cannot do.
// Must not repair or guess: a mistake is refused, and every error is one line that names the file, the line and the field.
// Must not depend on the order of lines. Pure.
#include "policy/rule.hpp"

#include <algorithm>
#include <array>
#include <charconv>
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
constexpr auto kActions = std::to_array<std::string_view>(
    {"keep", "truncate", "month", "year", "email-domain", "map", "hash", "const", "null", "drop"});
constexpr std::string_view kCompat = "hash-compat";
constexpr std::string_view kMessages = "message:";
constexpr std::size_t kMostCharacters = 1'000'000;

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

// hash, hash:DOMAIN, hash:DOMAIN:256, hash:exact:DOMAIN, hash:exact:DOMAIN:256
void read_hash(std::string_view parameter, Rule& rule, const Place& place) {
  constexpr std::string_view kExact = "exact:";
  if (parameter.starts_with(kExact)) {
    rule.exact_text = true;
    parameter.remove_prefix(kExact.size());
  }
  const std::size_t bits = parameter.find(':');
  if (bits != std::string_view::npos) {
    if (parameter.substr(bits + 1) != "256") place.bad("action", "after hash:DOMAIN: only 256 can stand");
    rule.form = HashForm::long_hmac;
    parameter = parameter.substr(0, bits);
  }
  if (!is_domain(parameter)) {
    place.bad("action", "a domain is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter");
  }
  rule.parameter = parameter;
}

void read_map(std::string_view parameter, Rule& rule, const Place& place, const Files& files) {
  if (parameter.empty()) place.bad("action", "map needs its file: map:FILE");
  rule.parameter = parameter;
  const std::optional<std::string> content = files ? files(rule.parameter) : std::nullopt;
  if (!content) place.bad("action", "there is no file " + quoted(parameter) + " beside the policy");
  std::string why;
  auto buckets = Buckets::read(*content, why);
  if (!buckets) place.bad("action", std::string(parameter) + ": " + why);
  rule.buckets = std::make_shared<const Buckets>(std::move(*buckets));
}

void read_action(std::string_view text, Rule& rule, const Place& place, const Files& files) {
  rule.action_text = text;
  const std::size_t as = text.rfind(" as ");
  if (as != std::string_view::npos && !text.starts_with("const:")) {
    std::string_view name = text.substr(as + 4);
    std::string why;
    const auto output = Pattern::take(name, '\0', why);
    if (!output) place.bad("action", "behind 'as': " + why);
    if (!output->exact() || output->name().empty()) place.bad("action", "behind 'as' stands one name");
    rule.output = output->name();
    text = text.substr(0, as);
  }
  const std::size_t colon = text.find(':');
  const std::string_view word = text.substr(0, colon);
  const bool has_parameter = colon != std::string_view::npos;
  const std::string_view parameter = has_parameter ? text.substr(colon + 1) : std::string_view();
  if (word == kCompat) {
    rule.action = Action::hash;
    rule.form = HashForm::compat;
    if (!is_domain(parameter)) {
      place.bad("action",
                "hash-compat:DOMAIN needs a domain, 1 to 63 of a-z, 0-9, _ and -; its salt stands in the keys file");
    }
    rule.parameter = parameter;
    return;
  }
  const auto* found = std::find(kActions.begin(), kActions.end(), word);
  if (found == kActions.end()) {
    place.bad("action", word.find(' ') != std::string_view::npos
                            ? quoted(text) + " has a blank after the action's word"
                            : quoted(text) +
                                  " is none of keep, truncate:N, month, year, email-domain, map:FILE, hash, "
                                  "hash:DOMAIN, hash:DOMAIN:256, hash-compat:DOMAIN, const:TEXT, null, drop");
  }
  rule.action = static_cast<Action>(found - kActions.begin());
  switch (rule.action) {
    case Action::constant:
      if (!has_parameter) place.bad("action", "const needs its text: const:TEXT");
      rule.parameter = parameter;
      return;
    case Action::hash:
      if (has_parameter) read_hash(parameter, rule, place);
      return;
    case Action::map:
      return read_map(parameter, rule, place, files);
    case Action::truncate: {
      const auto [end, error] = std::from_chars(parameter.data(), parameter.data() + parameter.size(), rule.length);
      if (error != std::errc{} || end != parameter.data() + parameter.size() || rule.length == 0 ||
          rule.length > kMostCharacters) {
        place.bad("action", "truncate needs the number of characters that are left: truncate:N");
      }
      return;
    }
    default:
      if (has_parameter) place.bad("action", std::string(word) + " takes nothing after it");
  }
}

Rule read_rule(std::string_view line, const Place& place, const ClearClasses& clear, const Files& files) {
  const auto fields = split(line, place);
  Rule rule;
  rule.line = place.line;
  rule.why = fields[6];
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
  read_action(fields[4], rule, place, files);
  if (fields[5] != "-") {
    rule.when_text = fields[5];
    rule.when = Condition::parse(fields[5], files, why);
    if (!rule.when) place.bad("when", quoted(fields[5]) + ": " + why);
  }
  if (lets_through(rule.action)) {
    if (!clear.holds(rule.residue)) {
      place.bad("class", std::string(word_of(rule.action)) + " would let " + std::string(word_of(rule.residue)) +
                             " data through, and only " + clear.text() + " may leave in clear (--clear)");
    }
  } else if (rule.class_text.find('>') != std::string::npos) {
    place.bad("class",
              quoted(rule.class_text) + ": " + std::string(word_of(rule.action)) + " leaves nothing of the value");
  }
  return rule;
}

// What makes two rules equal: the same columns of the same tables of the same sources, under the same name, in the same case.
auto extent_of(const Rule& rule) {
  return std::tie(rule.source, rule.schema, rule.table, rule.column, rule.kind, rule.output, rule.when_text);
}

// A rule for logical messages: which prefixes of which sources pass. Nothing of a message can be hidden but all of it.
std::pair<Pattern, Pattern> read_message_rule(const std::array<std::string_view, kFields>& fields, const Place& place,
                                              const ClearClasses& clear) {
  std::string_view text = fields[0];
  const std::size_t at = text.find(kMessages);
  Pattern source;
  if (at > 0) source = Pattern::of(text.substr(0, at - 1));
  const std::string_view prefix = text.substr(at + kMessages.size());
  if (prefix.empty()) place.bad("table", "a message's rule names the prefix: message:PREFIX");
  if (fields[1] != "-" || fields[2] != "any" || fields[5] != "-") {
    place.bad("", "a message's rule has - for column and when, and any for its type");
  }
  Rule rule;
  read_class(fields[3], rule, place);
  if (fields[4] != "keep") place.bad("action", "a message is kept whole, or has no rule");
  if (!clear.holds(rule.residue)) {
    place.bad("class", "keep would let " + std::string(word_of(rule.residue)) + " data through, and only " +
                           clear.text() + " may leave in clear (--clear)");
  }
  return {source, Pattern::of(prefix)};
}

bool is_message_rule(std::string_view table) {
  const std::size_t at = table.find(kMessages);
  return at == 0 || (at != std::string_view::npos && table[at - 1] == ':' && table.find('"') == std::string_view::npos);
}

// Whether the action can be done to values of such a column.
bool fits_type(const Rule& rule, const change::Column& column) {
  const Kind kind = kind_of(column);
  switch (rule.action) {
    case Action::hash:
      return rule.form == HashForm::compat ? kind == Kind::text : rule.exact_text || can_be_hashed(kind);
    case Action::truncate:
    case Action::email_domain:
      return kind == Kind::text;
    case Action::map:
      return kind == Kind::text || kind == Kind::enumeration || kind == Kind::integer || kind == Kind::boolean;
    case Action::month:
    case Action::year:
      return column.type == "date" || column.type == "timestamp" || column.type == "timestamptz";
    default:
      return true;
  }
}

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

Policy Policy::read(std::string_view text, std::string file_name, const ClearClasses& clear, const Files& files) {
  Policy policy;
  policy.file_name_ = std::move(file_name);
  std::vector<std::string> meanings;
  // Each file is read once, so that all rules see the same; what it holds is part of what the policy means.
  std::map<std::string, std::optional<std::string>> contents;
  const Files read_once = [&](const std::string& name) -> std::optional<std::string> {
    const auto [entry, is_new] = contents.try_emplace(name);
    if (is_new && files) entry->second = files(name);
    return entry->second;
  };
  std::size_t number = 0;
  while (!text.empty()) {
    const Place place{policy.file_name_, ++number};
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) place.bad("", "the last line has no end: the file may have been cut");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (!is_utf8(line)) place.bad("", "the line is not UTF-8");
    const std::string_view table = line.substr(0, line.find('\t'));
    if (is_message_rule(table)) {
      policy.messages_.push_back(read_message_rule(split(line, place), place, clear));
    } else {
      policy.rules_.push_back(read_rule(line, place, clear, read_once));
    }
    meanings.emplace_back(line.substr(0, line.rfind('\t')));
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

  for (const auto& [name, content] : contents) {
    if (!content) continue;
    crypto::Sha256 digest;
    digest.add(*content);
    meanings.push_back(crypto::hex(digest.finish()) + "  " + name);
  }
  std::sort(meanings.begin(), meanings.end());
  crypto::Sha256 digest;
  for (const std::string& meaning : meanings) {
    digest.add(meaning);
    digest.add("\n");
  }
  policy.sha256_ = crypto::hex(digest.finish());

  for (std::uint32_t i = 0; i < policy.rules_.size(); ++i) {
    const Rule& rule = policy.rules_[i];
    if (!rule.output.empty()) policy.outputs_.insert(rule.output);
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

bool Policy::passes_message(std::string_view source, std::string_view prefix) const {
  return std::any_of(messages_.begin(), messages_.end(),
                     [&](const auto& rule) { return rule.first.matches(source) && rule.second.matches(prefix); });
}

// Could the rule be carried out on such a column? A pattern's rule that cannot is still the one that counts: it never makes room
// for a milder one.
Candidate Policy::judge(const Rule& rule, const change::Column& column) const {
  const Kind kind = kind_of(column);
  const bool fits = fits_type(rule, column);
  if (rule.exact()) {
    if (fits) return {&rule, Ground::rule};
    const bool hash = rule.action == Action::hash;
    throw base::Failure(
        base::Exit::refused, hash ? "cannot_hash" : "wrong_type",
        place_of(rule) + ": column " + column.name + " is of type " + column.type +
            (hash ? ", whose equal values may have different texts: it cannot be hashed; use drop or null"
                  : ": " + std::string(word_of(rule.action)) + " is not for it"));
  }
  if (lets_through(rule.action) && !passes_by_pattern(kind)) return {&rule, Ground::pattern_too_wide};
  if (!fits) return {&rule, rule.action == Action::hash ? Ground::pattern_cannot_hash : Ground::pattern_wrong_type};
  return {&rule, Ground::rule};
}

Decision Policy::decide_among(std::string_view source, const change::Column& column, const Rules& exact,
                              const Rules& patterns) const {
  const Kind kind = kind_of(column);
  bool other_kind = false;
  // The last resort between equals is their text, so that a shuffled file means the same.
  const auto is_stricter = [](const Rule& a, const Rule& b) {
    return std::tie(b.action, a.action_text, a.class_text, a.when_text) <
           std::tie(a.action, b.action_text, b.class_text, b.when_text);
  };
  Decision decision;
  // out  true: a rule without a condition decides, nothing behind it counts
  const auto take = [&](const Rules& level) {
    const Rule* best = nullptr;
    std::vector<Candidate> conditional;
    for (const std::uint32_t index : level) {
      const Rule& rule = rules_[index];
      if (!rule.source.matches(source)) continue;
      if (rule.kind != Kind::any && rule.kind != kind) {
        other_kind = true;
      } else if (rule.when) {
        conditional.push_back({&rule, Ground::rule});
      } else if (best == nullptr || is_stricter(rule, *best)) {
        best = &rule;
      }
    }
    for (Candidate& candidate : conditional) candidate = judge(*candidate.rule, column);
    std::sort(conditional.begin(), conditional.end(),
              [&](const Candidate& a, const Candidate& b) { return is_stricter(*a.rule, *b.rule); });
    if (!conditional.empty()) decision.steps.push_back(std::move(conditional));
    if (best == nullptr) return false;
    const Candidate winner = judge(*best, column);
    decision.ground = winner.ground;
    decision.rule = winner.ground == Ground::rule ? winner.rule : nullptr;
    return true;
  };
  if (take(exact)) return decision;
  // A rule for this very column, but for another type: a pattern must not let through what its author did not expect.
  if (decision.steps.empty() && other_kind) {
    decision.ground = Ground::other_kind;
    return decision;
  }
  if (!take(patterns)) decision.ground = other_kind ? Ground::other_kind : Ground::no_rule;
  return decision;
}

Policy::Rules Policy::patterns_for(const change::TableName& table, const change::Column& column) const {
  Rules found;
  for (const std::uint32_t index : patterns_) {
    const Rule& rule = rules_[index];
    if (rule.column.matches(column.name) && rule.table.matches(table.name) && rule.schema.matches(table.schema))
      found.push_back(index);
  }
  return found;
}

Decision Policy::decide(std::string_view source, const change::TableName& table, const change::Column& column) const {
  const auto of_output = [&](const Rules& rules) {
    Rules own;
    for (const std::uint32_t index : rules) {
      if (rules_[index].output.empty()) own.push_back(index);
    }
    return own;
  };
  const auto found = exact_.find(key_of(key_of(table.schema, table.name), column.name));
  return decide_among(source, column, found == exact_.end() ? Rules{} : of_output(found->second),
                      of_output(patterns_for(table, column)));
}

std::map<std::string, Decision> Policy::second_outputs(std::string_view source, const change::TableName& table,
                                                       const change::Column& column) const {
  std::map<std::string, Decision> decisions;
  if (outputs_.empty()) return decisions;
  const auto found = exact_.find(key_of(key_of(table.schema, table.name), column.name));
  const Rules all_exact = found == exact_.end() ? Rules{} : found->second;
  const Rules all_patterns = patterns_for(table, column);
  for (const std::string& output : outputs_) {
    const auto of_output = [&](const Rules& rules) {
      Rules own;
      for (const std::uint32_t index : rules) {
        if (rules_[index].output == output) own.push_back(index);
      }
      return own;
    };
    const Rules exact = of_output(all_exact);
    const Rules patterns = of_output(all_patterns);
    if (exact.empty() && patterns.empty()) continue;
    Decision decision = decide_among(source, column, exact, patterns);
    // Nobody misses a second output that no rule is for.
    if (decision.rule != nullptr || !decision.steps.empty()) decisions.emplace(output, std::move(decision));
  }
  return decisions;
}

}  // namespace policy
