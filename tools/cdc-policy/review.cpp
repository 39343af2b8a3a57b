// cdc-policy: reviews. See review.hpp. Pure.
#include "cdc-policy/review.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/failure.hpp"
#include "policy/plan.hpp"

namespace cdc_policy {
namespace {

using policy::Policy;
using policy::Rule;

constexpr double kFewValues = 200;

std::string full_name(const std::string& table, const std::string& column) {
  return table + "." + change::quote_identifier(column);
}

// A second output's and a column's outcomes, each with where it stands.
struct Row {
  const SourceTable* table = nullptr;
  std::size_t column = 0;
  Outcome outcome;
  bool second = false;
};

std::vector<Row> rows_of(const Policy& policy, const std::string& source, std::span<const SourceTable> tables) {
  std::vector<Row> rows;
  for (const SourceTable& table : tables) {
    for (std::size_t i = 0; i < table.schema.columns.size(); ++i) {
      bool second = false;
      for (Outcome& outcome : outcomes_of(policy, source, table.schema.table, table.schema.columns[i])) {
        rows.push_back({&table, i, std::move(outcome), second});
        second = true;
      }
    }
  }
  return rows;
}

bool leaves_at_all(const Outcome& outcome) { return outcome.leaves < Leaves::dropped; }

// Columns of a table that must be sent: what leaves, the key, and what conditions are on.
std::set<std::string> needed(const Policy& policy, const std::string& source, const SourceTable& table) {
  std::set<std::string> names;
  const change::Schema& schema = table.schema;
  for (const change::Column& column : schema.columns) {
    if (column.identity || column.pk) names.insert(column.name);
    for (const Outcome& outcome : outcomes_of(policy, source, schema.table, column)) {
      if (leaves_at_all(outcome)) names.insert(column.name);
      for (const Rule* rule : outcome.rules) {
        if (rule->when) names.insert(rule->when->column());
      }
    }
  }
  return names;
}

bool passes(const Policy& policy, const std::string& source, const SourceTable& table) {
  return std::any_of(table.schema.columns.begin(), table.schema.columns.end(), [&](const change::Column& column) {
    const auto outcomes = outcomes_of(policy, source, table.schema.table, column);
    return std::any_of(outcomes.begin(), outcomes.end(), leaves_at_all);
  });
}

std::string treatment_of(const Outcome& outcome) {
  // A hash without a domain has one of its own, and joins with nothing.
  return std::string(word_of(outcome.leaves)) + " " + outcome.how;
}

}  // namespace

std::string summary(const Policy& policy, const std::string& source, std::span<const SourceTable> tables) {
  std::map<std::pair<Leaves, std::string>, std::size_t> counts;
  std::map<std::string, std::set<std::string>> conditional;
  std::map<std::size_t, std::set<std::string>> by_pattern;  // by line
  std::map<std::size_t, const Rule*> patterns;
  for (const Row& row : rows_of(policy, source, tables)) {
    const Outcome& outcome = row.outcome;
    const bool shows = outcome.leaves <= Leaves::conditional;
    ++counts[{outcome.leaves, shows ? std::string(policy::word_of(outcome.klass)) : "-"}];
    const std::string name = full_name(row.table->schema.table, row.table->schema.columns[row.column].name);
    if (outcome.leaves == Leaves::conditional) conditional[name].insert(outcome.how);
    for (const Rule* rule : outcome.rules) {
      if (rule->exact()) continue;
      patterns[rule->line] = rule;
      by_pattern[rule->line].insert(name);
    }
  }
  std::string text = "tables\t" + std::to_string(tables.size()) + "\n";
  for (const auto& [what, columns] : counts) {
    text += "columns\t" + std::string(word_of(what.first)) + "\t" + what.second + "\t" + std::to_string(columns) + "\n";
  }
  for (const auto& [name, hows] : conditional) {
    for (const std::string& how : hows) text += "conditional\t" + name + "\t" + how + "\n";
  }
  for (const auto& [line, names] : by_pattern) {
    text += "pattern\t" + policy.place_of(*patterns[line]) + "\t" + patterns[line]->action_text + "\t" +
            std::to_string(names.size()) + " columns\t" + *names.begin() + (names.size() > 1 ? " ...\n" : "\n");
  }
  return text + "sha256\t" + policy.sha256() + "\n";
}

std::vector<Finding> review(const Policy& policy, const std::string& source, std::span<const SourceTable> tables,
                            const policy::PinBook::Tables* pins, const policy::Keys* keys) {
  std::vector<Finding> findings;
  std::map<std::string, Outcome> primary;  // by full name
  std::set<const Rule*> deciding;
  const auto add = [&](const char* what, std::string where, std::string words) {
    findings.push_back({what, std::move(where), std::move(words)});
  };
  for (const Row& row : rows_of(policy, source, tables)) {
    const change::Schema& schema = row.table->schema;
    const change::Column& column = schema.columns[row.column];
    const Outcome& outcome = row.outcome;
    const std::string name = full_name(schema.table, column.name);
    for (const Rule* rule : outcome.rules) {
      deciding.insert(rule);
      if (!rule->when) continue;
      const bool there = std::any_of(schema.columns.begin(), schema.columns.end(),
                                     [&](const change::Column& other) { return other.name == rule->when->column(); });
      if (!there) {
        add("condition_missing", policy.place_of(*rule),
            schema.table + " has no column " + rule->when->column() + ": the strictest rule always counts");
      }
    }
    if (row.second) {
      const bool taken = std::any_of(schema.columns.begin(), schema.columns.end(),
                                     [&](const change::Column& other) { return other.name == outcome.name; });
      if (taken) add("name_taken", name, "as " + outcome.name + ": the table has a column of that name");
      continue;
    }
    primary[name] = outcome;
    if (outcome.leaves == Leaves::withheld) {
      const bool unlisted = outcome.how == "no rule" || outcome.how.starts_with("rules for another type");
      add(unlisted ? "unlisted" : "cannot", name,
          column.type + (row.table->comments[row.column].empty() ? "" : ", " + row.table->comments[row.column]) + ": " +
              outcome.how);
    }
    const bool kept = outcome.leaves == Leaves::clear || outcome.leaves == Leaves::hashed;
    if (policy::is_key(schema, column) && !kept && passes(policy, source, *row.table)) {
      add("key_hidden", name, "is part of the key, and " + treatment_of(outcome));
    }
    if (keys != nullptr && outcome.leaves == Leaves::hashed && policy::is_key(schema, column) &&
        outcome.rules.front()->form != policy::HashForm::compat) {
      const std::string domain = policy::hash_domain(*outcome.rules.front(), schema, column);
      if (keys->next_id_for(domain) != nullptr) {
        add("key_rotates", name,
            "is hashed and part of the key, which cannot change: give the keys file a line '" + domain + ", key, " +
                keys->id_for(domain) + "', with tabs");
      }
    }
    const double distinct = row.table->distinct[row.column];
    if (outcome.leaves == Leaves::hashed && distinct > 0 && distinct < kFewValues && !policy::is_key(schema, column)) {
      add("few_values", name,
          std::to_string(static_cast<long>(distinct)) + " values: how often each occurs undoes the hash");
    }
  }
  for (const SourceTable& table : tables) {
    const std::set<std::string> needs = needed(policy, source, table);
    for (std::size_t i = 0; i < table.schema.columns.size(); ++i) {
      const change::Column& column = table.schema.columns[i];
      const std::string name = full_name(table.schema.table, column.name);
      if (table.sent[i] && !needs.contains(column.name) && primary[name].leaves == Leaves::dropped) {
        add("sent_in_vain", name, "the publication sends it, the policy drops it: see cdc-policy publication");
      }
      if (pins == nullptr) continue;
      const auto pinned = pins->find(table.schema.table);
      if (pinned == pins->end() || primary[name].leaves > Leaves::conditional) continue;
      const policy::Standing standing = policy::standing_of(pinned->second, column);
      if (standing != policy::Standing::same) {
        add(standing == policy::Standing::retyped ? "retyped" : "replaced", name,
            "is not what was accepted under this name, and is withheld: see cdc-policy accept");
      }
    }
    for (const Reference& reference : table.references) {
      for (std::size_t i = 0; i < reference.columns.size() && i < reference.targets.size(); ++i) {
        const auto from = primary.find(full_name(table.schema.table, reference.columns[i]));
        const auto to = primary.find(full_name(reference.table, reference.targets[i]));
        if (from == primary.end() || to == primary.end()) continue;
        if (!leaves_at_all(from->second) || !leaves_at_all(to->second)) continue;
        const bool own_hash = from->second.how == "hash" || from->second.how == "hash:256";
        if (treatment_of(from->second) == treatment_of(to->second) && !own_hash) continue;
        add("unlike_reference", from->first,
            treatment_of(from->second) + ", but " + to->first + ", to which it refers, " + treatment_of(to->second));
      }
    }
  }
  for (const Rule& rule : policy.rules()) {
    if (!deciding.contains(&rule) && rule.source.matches(source)) {
      add("dead_rule", policy.place_of(rule), rule.action_text + ": decides over no column of " + source);
    }
  }
  std::sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.what, a.where, a.words) < std::tie(b.what, b.where, b.words);
  });
  findings.erase(std::unique(findings.begin(), findings.end(),
                             [](const Finding& a, const Finding& b) {
                               return std::tie(a.what, a.where, a.words) == std::tie(b.what, b.where, b.words);
                             }),
                 findings.end());
  return findings;
}

std::string explain(const Policy& policy, const std::string& source, std::span<const SourceTable> tables,
                    const ColumnName& column, const policy::PinBook::Tables* pins, std::string_view ledger) {
  const auto table = std::find_if(tables.begin(), tables.end(),
                                  [&](const SourceTable& one) { return one.schema.table == column.table; });
  const auto missing = [&] {
    throw base::Failure(base::Exit::refused, "no_such_column",
                        "there is no column " + full_name(column.table, column.column));
  };
  if (table == tables.end()) missing();
  const auto& columns = table->schema.columns;
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const change::Column& one) { return one.name == column.column; });
  if (found == columns.end()) missing();
  const auto name = change::parse_table(column.table);

  std::string text = "column\t" + full_name(column.table, column.column) + "\t" + found->type +
                     (policy::is_key(table->schema, *found) ? ", part of the key" : "") + "\n";
  std::set<const Rule*> deciding;
  for (const Outcome& outcome : outcomes_of(policy, source, column.table, *found)) {
    text += "leaves\t" + std::string(word_of(outcome.leaves)) + "\t" + outcome.how + "\n";
    if (leaves_at_all(outcome))
      text += "warehouse\t" + column.table + "\t" + change::quote_identifier(outcome.name) + "\n";
    for (const Rule* rule : outcome.rules) {
      deciding.insert(rule);
      text += "decides\t" + policy.place_of(*rule) + "\t" + rule->action_text +
              (rule->when ? " when " + rule->when_text : "") + "\t" + rule->why + "\n";
    }
  }
  for (const Rule& rule : policy.rules()) {
    if (deciding.contains(&rule) || !rule.source.matches(source) || !rule.column.matches(found->name) ||
        !rule.table.matches(name->name) || !rule.schema.matches(name->schema)) {
      continue;
    }
    const bool other = rule.kind != policy::Kind::any && rule.kind != policy::kind_of(*found);
    text += "loses\t" + policy.place_of(rule) + "\t" + rule.action_text + "\t" +
            (other ? "is for type " + std::string(policy::word_of(rule.kind)) : "another rule counts more") + "\n";
  }
  const bool stays = !needed(policy, source, *table).contains(found->name) && table->schema.identity != "full";
  text += std::string("pushdown\t") + (stays ? "yes: a column list can leave it in the server" : "no") + "\n";
  if (pins != nullptr) {
    const auto pinned = pins->find(column.table);
    const auto pin = pinned == pins->end() ? std::map<std::string, policy::Pin>::const_iterator()
                                           : pinned->second.columns.find(found->name);
    if (pinned == pins->end() || pin == pinned->second.columns.end()) {
      text += "pin\t-\n";
    } else {
      const policy::Standing standing = policy::standing_of(pinned->second, *found);
      text += "pin\t" + pin->second.bind.value_or("-") + "\t" + pin->second.type + "\t" +
              (standing == policy::Standing::same      ? "the same"
               : standing == policy::Standing::retyped ? "another type now"
                                                       : "another column now") +
              "\n";
    }
  }
  // Of the whole table too: a line whose column is a dash.
  while (!ledger.empty()) {
    const std::string_view line = ledger.substr(0, ledger.find('\n'));
    ledger.remove_prefix(std::min(line.size() + 1, ledger.size()));
    for (const std::string& held : {found->name, std::string("-")}) {
      const std::string head = source + "\t" + column.table + "\t" + held + "\t";
      if (line.starts_with(head)) text.append("withheld\t").append(line.substr(head.size())).append("\n");
    }
  }
  return text;
}

std::string difference(const Policy& old_policy, const Policy& new_policy, const std::string& source,
                       std::span<const SourceTable> tables) {
  std::map<std::pair<std::string, std::string>, std::pair<Outcome, Outcome>>
      both;  // by table and name in the warehouse
  const Outcome absent{"", Leaves::dropped, "not there", policy::Class::green, {}};
  for (const Row& row : rows_of(old_policy, source, tables)) {
    both.try_emplace({row.table->schema.table, row.outcome.name}, absent, absent).first->second.first = row.outcome;
  }
  for (const Row& row : rows_of(new_policy, source, tables)) {
    both.try_emplace({row.table->schema.table, row.outcome.name}, absent, absent).first->second.second = row.outcome;
  }
  std::string text;
  for (const auto& [where, pair] : both) {
    const auto& [was, is] = pair;
    if (was.leaves == is.leaves && was.how == is.how) continue;
    // What is copied again in clear is written over whatever was there; of what was hidden nothing is there.
    const bool erase = leaves_at_all(was) && was.leaves != Leaves::hidden && is.leaves != Leaves::clear;
    const bool backfill = leaves_at_all(is) && is.how != "null";
    if (!erase && !backfill) continue;
    text += std::string(erase ? backfill ? "erase+backfill" : "erase" : "backfill") + "\t" + where.first + "\t" +
            change::quote_identifier(where.second) + "\t" + treatment_of(was) + "\t" + treatment_of(is) + "\n";
  }
  return text;
}

std::string publication_sql(const Policy& policy, const std::string& source, std::span<const SourceTable> tables,
                            const std::string& publication, std::span<const std::string> with_lists) {
  std::set<std::string> lists;
  for (const std::string& word : with_lists) {
    const auto name = change::parse_table(word);
    const std::string table = name ? change::quote_table(name->schema, name->name) : word;
    const auto found =
        std::find_if(tables.begin(), tables.end(), [&](const SourceTable& one) { return one.schema.table == table; });
    if (found == tables.end()) throw base::Failure(base::Exit::refused, "no_such_table", "there is no table " + table);
    if (found->schema.identity == "full") {
      throw base::Failure(
          base::Exit::refused, "no_list",
          table + " has replica identity full: with a column list the application's updates would fail");
    }
    lists.insert(table);
  }
  std::string comments;
  std::string members;
  for (const SourceTable& table : tables) {
    if (!passes(policy, source, table)) {
      comments += "-- " + table.schema.table + ": nothing of it leaves, so it is not published\n";
      continue;
    }
    members += (members.empty() ? "    " : ",\n    ") + table.schema.table;
    if (!lists.contains(table.schema.table)) continue;
    const std::set<std::string> needs = needed(policy, source, table);
    std::string sent;
    std::string stays;
    for (const change::Column& column : table.schema.columns) {
      std::string& into = needs.contains(column.name) ? sent : stays;
      into += (into.empty() ? "" : ", ") + change::quote_identifier(column.name);
    }
    members += " (" + sent + ")";
    comments +=
        "-- " + table.schema.table + ": " + (stays.empty() ? "all columns are needed" : stays + " stay in the server") +
        ".\n--   What this costs: ALTER TABLE ... DROP COLUMN or a new type of a listed column fails until the list is "
        "changed;\n--   DROP COLUMN ... CASCADE takes the table out of the publication; a new column is not sent until "
        "it "
        "is listed;\n--   what was written before the list is still sent whole.\n";
  }
  if (members.empty())
    throw base::Failure(base::Exit::refused, "nothing_leaves", "the policy lets nothing of these tables out");
  return comments + "CREATE PUBLICATION " + change::quote_identifier(publication) + " FOR TABLE\n" + members +
         "\n  WITH (publish_via_partition_root);\n";
}

}  // namespace cdc_policy
