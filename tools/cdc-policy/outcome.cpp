// cdc-policy: outcomes. See outcome.hpp. Pure.
#include "cdc-policy/outcome.hpp"

#include <algorithm>

#include "base/failure.hpp"

namespace cdc_policy {
namespace {

using policy::Action;
using policy::Ground;
using policy::Rule;

Leaves leaves_by(Action action) {
  if (action == Action::keep) return Leaves::clear;
  if (policy::lets_through(action)) return Leaves::residue;
  if (action == Action::hash) return Leaves::hashed;
  return action == Action::drop ? Leaves::dropped : Leaves::hidden;
}

std::string_view words_of(Ground ground) {
  switch (ground) {
    case Ground::rule:
      return "by a rule";
    case Ground::no_rule:
      return "no rule";
    case Ground::other_kind:
      return "rules for another type only";
    case Ground::pattern_too_wide:
      return "a pattern may not pass this type";
    case Ground::pattern_cannot_hash:
      return "this type cannot be hashed";
    case Ground::pattern_wrong_type:
      return "the action is not for this type";
  }
  return "";
}

Outcome outcome_of(std::string name, const policy::Decision& decision) {
  Outcome outcome;
  outcome.name = std::move(name);
  const auto add = [&](const Rule& rule) {
    outcome.rules.push_back(&rule);
    if (policy::lets_through(rule.action) && (outcome.rules.size() == 1 || rule.residue > outcome.klass)) {
      outcome.klass = rule.residue;
    }
    outcome.how += (outcome.how.empty() ? "" : "; ") + rule.action_text;
    if (rule.when) outcome.how += " when " + rule.when_text;
  };
  for (const auto& step : decision.steps) {
    for (const policy::Candidate& candidate : step) add(*candidate.rule);
  }
  if (decision.rule != nullptr) add(*decision.rule);
  if (!decision.steps.empty()) {
    outcome.leaves = Leaves::conditional;
    if (decision.rule == nullptr) outcome.how += "; else withheld";
  } else if (decision.rule != nullptr) {
    outcome.leaves = leaves_by(decision.rule->action);
  } else {
    outcome.how = words_of(decision.ground);
  }
  return outcome;
}

}  // namespace

std::string_view word_of(Leaves leaves) {
  switch (leaves) {
    case Leaves::clear:
      return "clear";
    case Leaves::residue:
      return "residue";
    case Leaves::conditional:
      return "conditional";
    case Leaves::hashed:
      return "hashed";
    case Leaves::hidden:
      return "hidden";
    case Leaves::dropped:
      return "dropped";
    case Leaves::withheld:
      return "withheld";
  }
  return "";
}

std::vector<Outcome> outcomes_of(const policy::Policy& policy, const std::string& source, const std::string& table,
                                 const change::Column& column) {
  std::vector<Outcome> outcomes;
  const auto name = change::parse_table(table);
  if (!name) return outcomes;
  try {
    outcomes.push_back(outcome_of(column.name, policy.decide(source, *name, column)));
    for (const auto& [output, decision] : policy.second_outputs(source, *name, column)) {
      outcomes.push_back(outcome_of(output, decision));
    }
  } catch (const base::Failure& failure) {
    if (failure.exit != base::Exit::refused) throw;
    outcomes.assign(1, Outcome{column.name, Leaves::withheld, failure.message, policy::Class::red, {}});
  }
  return outcomes;
}

}  // namespace cdc_policy
