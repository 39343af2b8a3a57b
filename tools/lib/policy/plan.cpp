// policy: plans. Knows the rules' outcome for each column and what the column was when it was accepted.
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
    case Ground::pattern_wrong_type:
      return Reason::pattern_wrong_type;
  }
  return Reason::no_rule;
}

Reason reason_of(Standing standing) {
  return standing == Standing::same ? Reason::none : standing == Standing::retyped ? Reason::retyped : Reason::repinned;
}

std::string action_of(const Rule& rule, const Treatment& treatment) {
  return rule.action_text + (treatment.key_id != nullptr ? " by " + *treatment.key_id : "");
}

// Another key makes another column of it: nothing that one made is ever taken for the other's.
void say_key(change::Column& leaving, const std::string* key_id) {
  if (key_id != nullptr && leaving.bind) *leaving.bind += "/" + *key_id;
}

bool can_leave(const Output& output) {
  const auto leaves = [](const Treatment& treatment) { return treatment.way != Way::out; };
  return leaves(output.otherwise) || std::any_of(output.steps.begin(), output.steps.end(), [&](const auto& step) {
           return std::any_of(step.begin(), step.end(), [&](const Case& one) { return leaves(one.treatment); });
         });
}

// Conditions find their columns. One that is not there, or that is not proven to be what it was, is never told.
void bind_conditions(Plan& plan, const std::vector<Reason>& known) {
  for (ColumnPlan& entry : plan.columns) {
    for (Output& output : entry.outputs) {
      for (auto& step : output.steps) {
        for (Case& one : step) {
          for (std::size_t i = 0; i < plan.columns.size(); ++i) {
            if (plan.columns[i].name == one.condition->column() && known[i] == Reason::none) one.column = i;
          }
          if (!one.column && entry.reason == Reason::none) entry.reason = Reason::condition_unknown;
        }
      }
    }
  }
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
    case Reason::pattern_wrong_type:
      return "the action of its rule is not for this type";
    case Reason::condition_unknown:
      return "a condition of its rules is on a column that is not there, or not proven the same";
    case Reason::repinned:
      return "it is not proven to be the column that had this name before";
    case Reason::retyped:
      return "its type is not the one it had before";
    case Reason::key_rotates:
      return "its hash is to be made with another key, and a key of rows cannot change";
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

std::string hash_domain(const Rule& rule, const change::Schema& schema, const change::Column& column) {
  return rule.parameter.empty() ? schema.table + "." + change::quote_identifier(column.name) : rule.parameter;
}

bool is_key(const change::Schema& schema, const change::Column& column) {
  return column.pk || (column.identity && schema.identity != "full" && schema.identity != "nothing");
}

Planner::Planner(const Policy& policy, const Keys* keys, std::string source, PinBook::Tables& pins)
    : policy_(policy), keys_(keys), source_(std::move(source)), pins_(pins) {
  if (policy.has_hash() && keys == nullptr) {
    throw base::Failure(base::Exit::usage, "missing_keys", "the policy hashes: a keys file is needed (--keys FILE)");
  }
}

const Hasher& Planner::hasher(const std::string& key_id, const std::string& domain) {
  auto& slot = hashers_[key_id + " " + domain];
  if (!slot) slot = std::make_unique<Hasher>(keys_->hasher(key_id, domain));
  return *slot;
}

const std::string* Planner::rotates_to(const Decision& decision, const change::Schema& schema,
                                       const change::Column& column) const {
  const std::string* to = nullptr;
  const auto look = [&](const Rule* rule) {
    if (rule == nullptr || rule->action != Action::hash || rule->form == HashForm::compat) return;
    if (const std::string* next = keys_->next_id_for(hash_domain(*rule, schema, column))) to = next;
  };
  look(decision.rule);
  for (const auto& step : decision.steps) {
    for (const Candidate& candidate : step) look(candidate.ground == Ground::rule ? candidate.rule : nullptr);
  }
  return to;
}

// in   known    what is known of the column: values of another one than was accepted are not let through
//      leaving  the column's description; becomes that of what leaves
Treatment Planner::treat(const Candidate& candidate, const change::Schema& schema, const change::Column& column,
                         bool key, Reason known, Turn turn, change::Column& leaving) {
  Treatment made;
  if (candidate.rule == nullptr || candidate.ground != Ground::rule) {
    made.reason = reason_of(candidate.ground);
    return made;
  }
  const Rule& rule = *candidate.rule;
  made.strict = static_cast<std::uint8_t>(rule.action);
  if (lets_through(rule.action) && known != Reason::none) {
    made.reason = known;
    made.strict = Treatment{}.strict;
    return made;
  }
  switch (rule.action) {
    case Action::keep:
      made.way = Way::keep;
      break;
    case Action::truncate:
      made.way = Way::truncate;
      made.length = rule.length;
      become_text(leaving);
      break;
    case Action::month:
      made.way = Way::month;
      break;
    case Action::year:
      made.way = Way::year;
      break;
    case Action::email_domain:
      made.way = Way::email_domain;
      become_text(leaving);
      leaving.nullable = true;
      break;
    case Action::map:
      made.way = Way::map;
      made.buckets = rule.buckets.get();
      become_text(leaving);
      leaving.nullable = true;
      break;
    case Action::hash:
      made.way = Way::hash;
      become_text(leaving);
      if (rule.form == HashForm::compat) {
        made.way = Way::compat;
        made.salt = &keys_->salt(rule.parameter);
        break;
      }
      made.exact_text = rule.exact_text;
      made.wide = rule.form == HashForm::long_hmac;
      // A canonical form could make one key of two, so keys are hashed as they stand.
      made.canonical = rule.parameter == kEmailDomain && kind_of(column) == Kind::text && !key && !rule.exact_text;
      {
        const std::string domain = hash_domain(rule, schema, column);
        const std::string* next = turn == Turn::next ? keys_->next_id_for(domain) : nullptr;
        made.key_id = next != nullptr ? next : &keys_->id_for(domain);
        made.hasher = &hasher(*made.key_id, domain);
      }
      break;
    case Action::constant:
      made.way = Way::constant;
      made.constant = constant_of(rule.parameter, leaving);
      break;
    case Action::null:
      made.way = Way::null;
      leaving.nullable = true;
      break;
    case Action::drop:
      made.reason = Reason::dropped;
      break;
  }
  return made;
}

// A column whose treatment depends on the row, or a second output. Conditions get their columns later, when all are known.
Output Planner::output(const Decision& decision, const change::Schema& schema, const change::Column& column,
                       Reason known, const std::string& name, Turn turn, change::Column& leaving) {
  Output made;
  made.name = name;
  json::append_string(made.lead, name);
  made.lead.push_back(':');
  std::optional<change::Column> shape;
  std::string actions;
  std::string classes;
  const std::string* key_id = nullptr;
  const auto add = [&](const Candidate& candidate) {
    change::Column as = column;
    Treatment treatment = treat(candidate, schema, column, false, known, turn, as);
    if (treatment.key_id != nullptr) key_id = treatment.key_id;
    if (treatment.way != Way::out) {
      const bool any_type = treatment.way == Way::null;
      if (shape && !any_type && kind_of(*shape) == Kind::text && kind_of(as) == Kind::text) {
        if (shape->type != as.type) become_text(*shape);
      } else if (shape && !any_type && shape->type != as.type) {
        throw base::Failure(base::Exit::refused, "mixed_types",
                            policy_.place_of(*candidate.rule) + ": column " + column.name +
                                " would hold a text in some rows and values of type " +
                                (shape->type == "text" ? as.type : shape->type) + " in others")
            .at_table(schema.table);
      }
      if (!shape && !any_type) shape = as;
    }
    if (candidate.rule != nullptr) {
      actions += (actions.empty() ? "" : "; ") + action_of(*candidate.rule, treatment);
      if (candidate.rule->when) actions += " when " + candidate.rule->when_text;
      if (classes.find(candidate.rule->class_text) == std::string::npos) {
        classes += (classes.empty() ? "" : ", ") + candidate.rule->class_text;
      }
    }
    return treatment;
  };
  for (const auto& step : decision.steps) {
    std::vector<Case>& cases = made.steps.emplace_back();
    for (const Candidate& candidate : step) {
      cases.push_back({&*candidate.rule->when, std::nullopt, add(candidate)});
    }
  }
  made.otherwise =
      add(decision.rule != nullptr ? Candidate{decision.rule, Ground::rule} : Candidate{nullptr, decision.ground});
  if (shape) {
    leaving.type = shape->type;
    leaving.typmod = shape->typmod;
    leaving.category = shape->category;
  }
  made.leaves = can_leave(made);
  leaving.name = name;
  leaving.nullable = true;
  leaving.action = actions;
  leaving.klass = classes;
  say_key(leaving, key_id);
  return made;
}

Plan Planner::plan(const change::Schema& schema) {
  const auto table = change::parse_table(schema.table);
  if (!table) throw base::Failure(base::Exit::data, "bad_table", "a schema line's table is not schema.table");
  Plan plan;
  plan.schema = schema;
  plan.schema.columns.clear();
  const auto known = pins_.find(schema.table);
  const bool first = known == pins_.end();
  TablePins& pins = first ? pins_[schema.table] : known->second;
  std::unordered_set<std::string_view> names;
  const change::Column* bad_key = nullptr;
  Reason bad_key_reason = Reason::none;
  const Rule* bad_key_rule = nullptr;
  std::vector<Reason> known_of;  // what is known of each column

  for (const change::Column& column : schema.columns) {
    if (!names.insert(column.name).second) {
      throw base::Failure(base::Exit::data, "bad_schema", "a schema line names a column twice").at_table(schema.table);
    }
    ColumnPlan entry;
    entry.name = column.name;
    std::string quoted;
    json::append_string(quoted, column.name);
    entry.inner = QuickName(quoted.substr(1, quoted.size() - 2));
    entry.lead = quoted + ":";
    entry.key = is_key(schema, column);

    const Reason standing = first ? Reason::none : reason_of(standing_of(pins, column));
    known_of.push_back(standing);
    const Decision decision = policy_.decide(source_, *table, column);
    const std::map<std::string, Decision> seconds = policy_.second_outputs(source_, *table, column);
    std::vector<change::Column> leaving;
    const Rule* rule = decision.rule;
    if (decision.steps.empty()) {
      change::Column as = column;
      static_cast<Treatment&>(entry) = treat({decision.rule, decision.rule != nullptr ? Ground::rule : decision.ground},
                                             schema, column, entry.key, standing, Turn::now, as);
      if (rule != nullptr) {
        as.action = action_of(*rule, entry);
        as.klass = rule->class_text;
      }
      say_key(as, entry.key_id);
      if (entry.way != Way::out) leaving.push_back(std::move(as));
    } else if (rule == nullptr) {
      rule = decision.steps.front().front().rule;
    }
    const std::string* next_key = keys_ != nullptr ? rotates_to(decision, schema, column) : nullptr;
    if (!decision.steps.empty() || !seconds.empty() || (next_key != nullptr && !entry.key)) {
      plan.plain = false;
      if (!decision.steps.empty()) {
        entry.outputs.push_back(
            output(decision, schema, column, standing, column.name, Turn::now, leaving.emplace_back(column)));
        if (!entry.outputs.back().leaves) leaving.pop_back();
      } else {
        Output own;
        own.name = column.name;
        own.lead = entry.lead;
        own.otherwise = entry;
        own.leaves = entry.way != Way::out;
        entry.outputs.push_back(std::move(own));
      }
      change::Column second_column = column;
      second_column.attnum.reset();
      second_column.identity = second_column.pk = false;
      second_column.has_default = true;  // rows that were there before hold something in it
      const auto add = [&](const Decision& second, const std::string& name, Turn turn, change::Column as) {
        entry.outputs.push_back(output(second, schema, column, standing, name, turn, as));
        if (entry.outputs.back().leaves) leaving.push_back(std::move(as));
      };
      // What the next key makes is the column that will have the name once that key has taken over.
      if (next_key != nullptr && !entry.key) add(decision, column.name + "__" + *next_key, Turn::next, second_column);
      for (const auto& [name, second] : seconds) {
        change::Column as = second_column;
        if (as.bind) *as.bind += "/" + name;
        add(second, name, Turn::now, as);
        const std::string* to = keys_ != nullptr ? rotates_to(second, schema, column) : nullptr;
        if (to != nullptr) add(second, name + "__" + *to, Turn::next, as);
      }
      if (entry.reason == Reason::none) entry.reason = standing;
    }
    if (entry.key) {
      plan.keeps_key = plan.keeps_key && entry.way == Way::keep;
      if (next_key != nullptr && entry.way == Way::hash && bad_key == nullptr) {
        bad_key = &column;
        bad_key_reason = Reason::key_rotates;
        bad_key_rule = rule;
      }
      if (entry.way != Way::keep && entry.way != Way::hash && bad_key == nullptr) {
        bad_key = &column;
        bad_key_reason = entry.reason;
        bad_key_rule = rule;
      }
    }
    for (change::Column& as : leaving) plan.schema.columns.push_back(std::move(as));
    plan.columns.push_back(std::move(entry));
  }
  bind_conditions(plan, known_of);

  // What was accepted, and what was there, is remembered whatever the rules say about it.
  remember(pins, schema, first);

  for (const ColumnPlan& entry : plan.columns) {
    for (const Output& output : entry.outputs) {
      if (output.name == entry.name || names.insert(output.name).second) continue;
      throw base::Failure(base::Exit::refused, "name_taken",
                          "a rule or a new key gives a column " + output.name +
                              ", but the table has one of that name, or another rule gives it")
          .at_table(schema.table);
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
      if (bad_key_reason == Reason::key_rotates) {
        const std::string domain = hash_domain(*bad_key_rule, schema, *bad_key);
        throw base::Failure(
            base::Exit::refused, "key_rotates",
            "column " + bad_key->name + " is part of the key and hashed in domain " + domain +
                ", where another key is to take over; a key of rows cannot change: give the keys file a "
                "line '" +
                domain + ", key, " + keys_->id_for(domain) + "', with tabs")
            .at_table(schema.table);
      }
      std::string message = bad_key_rule != nullptr ? policy_.place_of(*bad_key_rule) + ": " : "";
      message += "column " + bad_key->name + " is part of the key and must be kept or hashed in every row, but " +
                 (bad_key_rule != nullptr ? "the rule says " + bad_key_rule->action_text +
                                                (bad_key_rule->when ? " when " + bad_key_rule->when_text : "")
                                          : std::string(text_of(bad_key_reason)));
      throw base::Failure(base::Exit::refused, "key_hidden", std::move(message)).at_table(schema.table);
    }
  }
  plan.keeps_all = plan.passes && plan.plain &&
                   std::all_of(plan.columns.begin(), plan.columns.end(),
                               [](const ColumnPlan& entry) { return entry.way == Way::keep; });
  return plan;
}

}  // namespace policy
