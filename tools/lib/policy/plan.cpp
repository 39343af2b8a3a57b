// policy: plans and pins. Knows the rules' outcome for each column and what the column was when it was first seen.
// Must not let doubt pass: what is not proven is withheld, a key that is hidden stops its table.
// Runs once per schema line, so clarity goes before speed. Pure.
#include "policy/plan.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "json/write.hpp"
#include "policy/lower_case.hpp"

namespace policy {
namespace {

bool is_whole(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.size() <= 18 && (text[0] != '0' || text.size() == 1) &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Decimal digits with at most one point between digits: JSON and PostgreSQL both take it.
bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  if (whole.empty() || (whole[0] == '0' && whole.size() > 1) ||
      whole.find_first_not_of("0123456789") != std::string_view::npos) {
    return false;
  }
  if (point == std::string_view::npos) return true;
  const std::string_view fraction = text.substr(point + 1);
  return !fraction.empty() && fraction.find_first_not_of("0123456789") == std::string_view::npos;
}

// What leaves in a hashed or constant column is a text, whatever the column is at the source.
void become_text(change::Column& column) {
  column.type = "text";
  column.category = "S";
  column.typmod = -1;
}

// The constant's JSON text. The column keeps its type where the text is a value of it.
std::string constant_of(std::string_view text, change::Column& column) {
  const Kind kind = kind_of(column);
  const bool bare = (kind == Kind::integer && is_whole(text)) || (kind == Kind::floating && is_decimal(text)) ||
                    (kind == Kind::boolean && (text == "true" || text == "false"));
  if (bare) return std::string(text);
  if (kind != Kind::text && !(kind == Kind::numeric && is_decimal(text))) become_text(column);
  std::string quoted;
  json::append_string(quoted, text);
  return quoted;
}

Reason reason_of(Ground ground) {
  switch (ground) {
    case Ground::rule:
      return Reason::dropped;
    case Ground::no_rule:
      return Reason::no_rule;
    case Ground::other_kind:
      return Reason::other_kind;
    case Ground::pattern_too_wide:
      return Reason::pattern_too_wide;
    case Ground::pattern_cannot_hash:
      return Reason::pattern_cannot_hash;
  }
  return Reason::no_rule;
}

}  // namespace

std::string_view text_of(Reason reason) {
  switch (reason) {
    case Reason::none:
      return "it leaves";
    case Reason::dropped:
      return "a rule drops it";
    case Reason::no_rule:
      return "no rule names it";
    case Reason::other_kind:
      return "its rules are for another type";
    case Reason::pattern_too_wide:
      return "only a rule with its exact table and column may keep this type";
    case Reason::pattern_cannot_hash:
      return "this type cannot be hashed";
    case Reason::repinned:
      return "it is not proven to be the column that had this name before";
    case Reason::retyped:
      return "its type is not the one it had before";
    case Reason::key_withheld:
      return "a column of its key has no rule that lets it through";
  }
  return "";
}

QuickName::QuickName(std::string inner) : inner_(std::move(inner)) {
  char bytes[sizeof mask_] = {};
  if (inner_.size() < sizeof mask_) {
    std::memcpy(bytes, inner_.data(), inner_.size());
    first_ = load(bytes);
    std::memset(bytes, 0xFF, inner_.size());
    mask_ = load(bytes);
  } else {
    first_ = load(inner_.data());
    last_ = load(inner_.data() + inner_.size() - sizeof mask_);
  }
}

bool is_key(const change::Schema& schema, const change::Column& column) {
  return column.pk || (column.identity && schema.identity != "full" && schema.identity != "nothing");
}

Planner::Planner(const Policy& policy, const Keys* keys, std::string source)
    : policy_(policy), keys_(keys), source_(std::move(source)) {
  if (policy.has_hash() && keys == nullptr) {
    throw base::Failure(base::Exit::usage, "missing_keys", "the policy hashes: a keys file is needed (--keys FILE)");
  }
}

const Hasher& Planner::hasher(const std::string& domain) {
  auto& slot = hashers_[domain];
  if (!slot) slot = std::make_unique<Hasher>(keys_->hasher(domain));
  return *slot;
}

// A name seen before must be the same column still; a new name must be a new column.
//
// out  none: it is what it was, or proven to be new
Reason Planner::compare(const Pins& pins, const change::Column& column) {
  if (!column.bind) return Reason::repinned;
  const auto pin = pins.columns.find(column.name);
  if (pin == pins.columns.end()) {
    return pins.all_binds_known && !pins.binds.contains(*column.bind) ? Reason::none : Reason::repinned;
  }
  if (pin->second.bind != column.bind) return Reason::repinned;
  return pin->second.type == column.type ? Reason::none : Reason::retyped;
}

Plan Planner::plan(const change::Schema& schema) {
  const auto table = change::parse_table(schema.table);
  if (!table) throw base::Failure(base::Exit::data, "bad_table", "a schema line's table is not schema.table");
  Plan plan;
  plan.schema = schema;
  plan.schema.columns.clear();
  const auto known = pins_.find(schema.table);
  const bool first = known == pins_.end();
  Pins& pins = first ? pins_[schema.table] : known->second;
  std::unordered_set<std::string_view> names;
  const change::Column* bad_key = nullptr;
  Reason bad_key_reason = Reason::none;
  const Rule* bad_key_rule = nullptr;

  for (const change::Column& column : schema.columns) {
    if (!names.insert(column.name).second) {
      throw base::Failure(base::Exit::data, "bad_schema", "a schema line names a column twice").at_table(schema.table);
    }
    ColumnPlan entry;
    entry.name = column.name;
    std::string quoted;
    json::append_string(quoted, column.name);
    entry.inner = QuickName(quoted.substr(1, quoted.size() - 2));
    entry.key = is_key(schema, column);

    const Decision decision = policy_.decide(source_, *table, column);
    change::Column leaving = column;
    if (decision.rule == nullptr || decision.rule->action == Action::drop) {
      entry.reason = reason_of(decision.ground);
    } else {
      const Rule& rule = *decision.rule;
      switch (rule.action) {
        case Action::keep:
          entry.reason = first ? Reason::none : compare(pins, column);
          if (entry.reason == Reason::none) entry.way = Way::keep;
          break;
        case Action::hash:
          entry.way = Way::hash;
          entry.wide = rule.wide;
          // A canonical form could make one key of two, so keys are hashed as they stand.
          entry.canonical = rule.parameter == kEmailDomain && kind_of(column) == Kind::text && !entry.key;
          entry.hasher = &hasher(rule.parameter.empty() ? schema.table + "." + change::quote_identifier(column.name)
                                                        : rule.parameter);
          become_text(leaving);
          break;
        case Action::constant:
          entry.way = Way::constant;
          entry.constant = constant_of(rule.parameter, leaving);
          break;
        case Action::null:
          entry.way = Way::null;
          leaving.nullable = true;
          break;
        case Action::drop:
          break;
      }
      leaving.action = rule.action_text;
      leaving.klass = rule.class_text;
    }
    if (entry.key) {
      plan.keeps_key = plan.keeps_key && entry.way == Way::keep;
      if (entry.way != Way::keep && entry.way != Way::hash && bad_key == nullptr) {
        bad_key = &column;
        bad_key_reason = entry.reason;
        bad_key_rule = decision.rule;
      }
    }
    if (entry.way != Way::out) plan.schema.columns.push_back(std::move(leaving));
    plan.columns.push_back(std::move(entry));
  }

  // What was accepted, and what was there, is remembered whatever the rules say about it.
  for (const change::Column& column : schema.columns) {
    const auto pin = pins.columns.find(column.name);
    if (pin == pins.columns.end() && (first || compare(pins, column) == Reason::none)) {
      pins.columns.emplace(column.name, Pin{column.bind, column.type});
    }
  }
  for (const change::Column& column : schema.columns) {
    if (column.bind) {
      pins.binds.insert(*column.bind);
    } else {
      pins.all_binds_known = false;
    }
  }

  plan.passes = !plan.schema.columns.empty();
  if (plan.passes && bad_key != nullptr) {
    plan.passes = false;
    plan.reason = Reason::key_withheld;
    plan.reason_column = bad_key->name;
    // A table that the policy names is meant to arrive: going on without it would lose rows. One that only patterns touch,
    // or whose key changed under its name, is withheld whole and reported.
    if (bad_key_reason != Reason::repinned && bad_key_reason != Reason::retyped && policy_.names(source_, *table)) {
      std::string message = bad_key_rule != nullptr ? policy_.place_of(*bad_key_rule) + ": " : "";
      message += "column " + bad_key->name + " is part of the key and must be kept or hashed, but " +
                 (bad_key_rule != nullptr ? "the rule says " + bad_key_rule->action_text
                                          : std::string(text_of(bad_key_reason)));
      throw base::Failure(base::Exit::refused, "key_hidden", std::move(message)).at_table(schema.table);
    }
  }
  plan.keeps_all = plan.passes && std::all_of(plan.columns.begin(), plan.columns.end(),
                                              [](const ColumnPlan& entry) { return entry.way == Way::keep; });
  return plan;
}

}  // namespace policy
