// policy: the per-row path. Knows tokens and a plan; copies bytes that stay in runs, in the order in which they stand.
// Must not allocate (but for escaped texts that are hashed), look at a value that is not hashed, or pass a member that the
// plan does not have. Pure.
#include "policy/row.hpp"

#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"
#include "policy/lower_case.hpp"
#include "policy/transform.hpp"

namespace policy {
namespace {

const char* end_of(const json::Token& token) { return token.begin + token.size; }

void append(std::string& into, const char* begin, const char* end) {
  into.append(begin, static_cast<std::size_t>(end - begin));
}

}  // namespace

// Copies a line in runs: everything up to `run` has been written; nothing has been while `run` is the line's beginning.
struct RowMask::Cursor {
  std::string& into;
  const char* run;
  bool changed = false;

  void copy_to(const char* end) {
    append(into, run, end);
    run = end;
    changed = true;
  }
  // Leaves out everything up to `next`, after what stands before `end` was copied.
  void skip(const char* end, const char* next) {
    copy_to(end);
    run = next;
  }
};

ColumnPlan& RowMask::column(Plan& plan, const json::Token& name, std::size_t& expected) {
  const std::size_t count = plan.columns.size();
  const std::string_view inner = name.inner();
  ColumnPlan* const columns = plan.columns.data();
  std::size_t at = expected;
  for (std::size_t tried = 0; tried < count; ++tried, ++at) {
    if (at >= count) at = 0;
    if (columns[at].inner.is(inner)) {
      expected = at + 1;
      return columns[at];
    }
  }
  // The same name may be escaped in another way than ours.
  if (inner.find('\\') != std::string_view::npos) {
    const std::string plain = json::unescape(inner);
    for (at = 0; at < count; ++at) {
      if (plan.columns[at].name == plain) {
        expected = at + 1;
        return plan.columns[at];
      }
    }
  }
  throw base::Failure(base::Exit::data, "unknown_column",
                      "a row has a column that its table's schema line does not have")
      .at_table(plan.schema.table);
}

// A scalar's text. Valid until the next call.
std::string_view RowMask::text_of(const json::Token& value) {
  if (value.kind != json::Kind::string) return value.raw();
  const std::string_view inner = value.inner();
  if (std::memchr(inner.data(), '\\', inner.size()) == nullptr) return inner;
  unescaped_ = json::unescape(inner);
  return unescaped_;
}

void RowMask::hash(const Treatment& treatment, const json::Token& value, std::string& into) {
  std::string_view input = text_of(value);
  if (treatment.canonical) {
    canonical_email(input, changed_);
    input = changed_;
  }
  char digits[Hasher::kWideDigits + 2];
  digits[0] = '"';
  const std::size_t count = (*treatment.hasher)(input, treatment.wide, digits + 1);
  digits[count + 1] = '"';
  into.append(digits, count + 2);
}

// Whatever is done to a value but keeping it as it stands.
void RowMask::append_value(ColumnPlan& column, const Treatment& treatment, const json::Token& value,
                           std::string& into) {
  if (treatment.way == Way::constant) {
    into.append(treatment.constant);
    return;
  }
  if (treatment.way == Way::null || value.kind == json::Kind::null) {
    into.append("null");
    return;
  }
  const bool nested = value.kind == json::Kind::object || value.kind == json::Kind::array;
  if (nested && !(treatment.way == Way::hash && treatment.exact_text)) {
    throw base::Failure(base::Exit::data, "bad_value",
                        "column " + column.name + " is to be changed, but holds an object or an array");
  }
  bool fits = true;
  const std::size_t before = into.size();
  switch (treatment.way) {
    case Way::hash:
      return hash(treatment, value, into);
    case Way::compat:
      into.push_back('"');
      compat_.append(text_of(value), *treatment.salt, into);
      into.push_back('"');
      return;
    case Way::truncate:
      changed_.clear();
      append_beginning(text_of(value), treatment.length, changed_);
      break;
    case Way::month:
      changed_.clear();
      fits = append_month(text_of(value), changed_);
      break;
    case Way::year:
      changed_.clear();
      fits = append_year(text_of(value), changed_);
      break;
    case Way::email_domain:
      changed_.clear();
      fits = append_email_domain(text_of(value), changed_);
      break;
    case Way::map: {
      const std::string* bucket = treatment.buckets->find(text_of(value));
      if (bucket == nullptr) {
        into.append("null");
        return;
      }
      json::append_string(into, *bucket);
      return;
    }
    default:
      throw base::Failure(base::Exit::bug, "no_treatment", "a value has no treatment");
  }
  if (fits) return json::append_string(into, changed_);
  into.resize(before);
  into.append("null");
  ++column.unfit_rows;
}

void RowMask::object(const change::Line& line, const json::Token& token, Plan& plan, Cursor& at, bool count) {
  const auto tokens = line.tokens;
  const std::span<ColumnPlan> columns(plan.columns);
  const char* kept_end = token.begin + 1;  // end of the last member that stays, or of the bracket
  bool any_kept = false;
  bool skipping = false;
  std::size_t expected = 0;
  for (std::uint32_t i = line.index_of(&token) + 1; i < token.next; i = tokens[i + 1].next) {
    const json::Token& name = tokens[i];
    const json::Token& value = tokens[i + 1];
    // Columns come in the schema's order, so the next one is nearly always the one expected.
    ColumnPlan& plan_column = expected < columns.size() && columns[expected].inner.is(name.inner())
                                  ? columns[expected++]
                                  : column(plan, name, expected);
    if (plan_column.way == Way::out) {
      plan_column.withheld_rows += count ? 1 : 0;
      if (!skipping) at.copy_to(kept_end);
      skipping = true;
      continue;
    }
    if (skipping) {
      if (any_kept) at.into.push_back(',');
      at.run = name.begin;
      skipping = false;
    }
    any_kept = true;
    kept_end = end_of(value);
    // What is kept stays in its run, and so does a null, which only a constant replaces.
    if (plan_column.way == Way::keep || (value.kind == json::Kind::null && plan_column.way != Way::constant)) continue;
    at.skip(value.begin, kept_end);
    append_value(plan_column, plan_column, value, at.into);
  }
  if (skipping) at.run = end_of(token) - 1;
}

// unchanged, withheld, only: lists of column names; those of columns that do not leave are taken out.
void RowMask::names(const change::Line& line, const json::Token& token, Plan& plan, Cursor& at) {
  const char* kept_end = token.begin + 1;
  bool any_kept = false;
  bool skipping = false;
  std::size_t expected = 0;
  for (std::uint32_t i = line.index_of(&token) + 1; i < token.next; i = line.tokens[i].next) {
    const json::Token& name = line.tokens[i];
    if (name.kind != json::Kind::string) {
      throw base::Failure(base::Exit::data, "bad_value", "a list of columns holds something else than names")
          .at_table(plan.schema.table);
    }
    if (column(plan, name, expected).way == Way::out) {
      if (!skipping) at.copy_to(kept_end);
      skipping = true;
      continue;
    }
    if (skipping) {
      if (any_kept) at.into.push_back(',');
      at.run = name.begin;
      skipping = false;
    }
    any_kept = true;
    kept_end = end_of(name);
  }
  if (skipping) at.run = end_of(token) - 1;
}

bool RowMask::row(const change::Line& line, Plan& plan, std::string& into) {
  if (plan.plain) return plain_row(line, plan, into);
  row_with_outputs(line, plan, into);
  return true;
}

// What the line says of each of the plan's columns.
void RowMask::read_said(const change::Line& line, Plan& plan) {
  said_.assign(plan.columns.size(), Said{});
  const auto of = [&](const json::Token& name, std::size_t& expected) -> Said& {
    return said_[static_cast<std::size_t>(&column(plan, name, expected) - plan.columns.data())];
  };
  const auto members = [&](const json::Token* object, const json::Token* Said::*image) {
    if (object == nullptr) return;
    std::size_t expected = 0;
    for (std::uint32_t i = line.index_of(object) + 1; i < object->next; i = line.tokens[i + 1].next) {
      of(line.tokens[i], expected).*image = &line.tokens[i + 1];
    }
  };
  const auto listed = [&](const json::Token* array, bool Said::*flag) {
    if (array == nullptr) return;
    std::size_t expected = 0;
    for (std::uint32_t i = line.index_of(array) + 1; i < array->next; i = line.tokens[i].next) {
      if (line.tokens[i].kind != json::Kind::string) {
        throw base::Failure(base::Exit::data, "bad_value", "a list of columns holds something else than names")
            .at_table(plan.schema.table);
      }
      of(line.tokens[i], expected).*flag = true;
    }
  };
  members(line.after, &Said::after);
  members(line.before, &Said::before);
  listed(line.unchanged, &Said::unchanged);
  listed(line.withheld, &Said::withheld);
  listed(line.only, &Said::only);
}

// in   image  the row that the conditions are on: the new or the old one
const Treatment& RowMask::choose(const Output& output, const json::Token* Said::*image) {
  const Treatment* strictest = nullptr;
  bool unknown = false;
  for (const auto& step : output.steps) {
    for (const Case& one : step) {
      const json::Token* value = one.column ? said_[*one.column].*image : nullptr;
      if (strictest == nullptr || one.treatment.strict > strictest->strict) strictest = &one.treatment;
      if (value == nullptr) {
        unknown = true;
        continue;
      }
      const bool is_null = value->kind == json::Kind::null;
      if (!unknown && one.condition->holds(is_null ? std::nullopt : std::optional(text_of(*value))))
        return one.treatment;
    }
  }
  // One that may hold and is not told: of all that could decide, the one that shows least.
  if (unknown && strictest->strict > output.otherwise.strict) return *strictest;
  return output.otherwise;
}

// A row of a table in which what leaves depends on the row, or leaves under several names. Written anew from its parts.
void RowMask::row_with_outputs(const change::Line& line, Plan& plan, std::string& into) {
  const std::array<const json::Token*, 5> parts{line.after, line.before, line.unchanged, line.withheld, line.only};
  std::uint32_t next = 0;
  const char* head_end = nullptr;
  for (const json::Token* part : parts) {
    if (part == nullptr) continue;
    const std::uint32_t key = line.index_of(part) - 1;
    if (head_end == nullptr) {
      head_end = line.tokens[key].begin - 1;  // the comma before it
    } else if (key != next) {
      throw base::Failure(base::Exit::data, "bad_order", "a row's parts do not stand in their order")
          .at_table(plan.schema.table);
    }
    next = part->next;
  }
  if (head_end == nullptr || next != line.tokens.front().next) {
    if (head_end == nullptr) {
      into.append(line.raw);  // a truncate
      return;
    }
    throw base::Failure(base::Exit::data, "bad_order", "a row's parts do not stand at its end")
        .at_table(plan.schema.table);
  }
  read_said(line, plan);
  append(into, line.raw.data(), head_end);
  unchanged_.clear();
  withheld_.clear();
  only_.clear();
  if (line.after != nullptr) append_after(plan, into);
  if (line.before != nullptr) append_before(line, plan, into);
  const auto list = [&](std::string_view key, const std::string& names, bool always) {
    if (!names.empty() || always) into.append(key).append(names).push_back(']');
  };
  list(R"(,"unchanged":[)", unchanged_, false);
  list(R"(,"withheld":[)", withheld_, false);
  list(R"(,"only":[)", only_, line.only != nullptr);
  into.push_back('}');
}

void RowMask::append_after(Plan& plan, std::string& into) {
  static constexpr json::Token kNull{"null", 4, 0, json::Kind::null};
  bool any = false;
  into.append(R"(,"after":{)");
  for (std::size_t i = 0; i < plan.columns.size(); ++i) {
    ColumnPlan& column = plan.columns[i];
    const Said& said = said_[i];
    if (said.after == nullptr && !said.unchanged && !said.withheld) continue;
    bool counted = false;
    // in  lead     `"name":`
    //     depends  on the row: what stands in the target may have come under another condition
    //     listed   the schema line has it
    const auto leave = [&](std::string_view lead, bool depends, bool listed, const Treatment& treatment) {
      const auto add_to = [&](std::string& names) {
        if (!names.empty()) names.push_back(',');
        names.append(lead.substr(0, lead.size() - 1));
      };
      const bool fixed = treatment.way == Way::constant || treatment.way == Way::null;
      if (treatment.way == Way::out) {
        if (!counted && treatment.reason != Reason::dropped) ++column.withheld_rows;
        counted = true;
        if (depends && listed) add_to(withheld_);
      } else if (said.withheld) {
        add_to(withheld_);
      } else if (said.after != nullptr || (fixed && depends)) {
        // A constant is known also where the value was not sent.
        if (any) into.push_back(',');
        any = true;
        into.append(lead);
        if (treatment.way == Way::keep) {
          into.append(said.after->raw());
        } else {
          append_value(column, treatment, said.after != nullptr ? *said.after : kNull, into);
        }
        if (said.only) add_to(only_);
      } else {
        add_to(treatment.way == Way::keep || !depends ? unchanged_ : withheld_);
      }
    };
    if (column.outputs.empty()) leave(column.lead, false, true, column);
    for (const Output& output : column.outputs) {
      leave(output.lead, !output.steps.empty(), output.leaves, choose(output, &Said::after));
    }
  }
  into.push_back('}');
}

// The old row, by its own conditions, and by the new row's where those are stricter.
void RowMask::append_before(const change::Line& line, Plan& plan, std::string& into) {
  bool any = false;
  into.append(R"(,"before":{)");
  for (std::size_t i = 0; i < plan.columns.size(); ++i) {
    ColumnPlan& column = plan.columns[i];
    const json::Token* value = said_[i].before;
    if (value == nullptr) continue;
    const std::uint64_t unfit_rows = column.unfit_rows;
    const auto leave = [&](std::string_view lead, const Treatment& treatment) {
      if (treatment.way == Way::out) return;
      if (any) into.push_back(',');
      any = true;
      into.append(lead);
      if (treatment.way == Way::keep) {
        into.append(value->raw());
      } else {
        append_value(column, treatment, *value, into);
      }
    };
    if (column.outputs.empty()) leave(column.lead, column);
    for (const Output& output : column.outputs) {
      const Treatment& of_old = choose(output, &Said::before);
      const Treatment& of_new = line.after != nullptr ? choose(output, &Said::after) : of_old;
      leave(output.lead, of_new.strict > of_old.strict ? of_new : of_old);
    }
    // Of an update's two rows the new one is counted.
    if (line.after != nullptr) column.unfit_rows = unfit_rows;
  }
  into.push_back('}');
}

bool RowMask::plain_row(const change::Line& line, Plan& plan, std::string& into) {
  // Parts are written in the order in which they stand, which a tool in the pipe may have changed.
  std::array<const json::Token*, 5> parts{};
  std::size_t count = 0;
  for (const json::Token* part : {line.after, line.before, line.unchanged, line.withheld, line.only}) {
    if (part == nullptr) continue;
    std::size_t place = count++;
    for (; place > 0 && parts[place - 1]->begin > part->begin; --place) parts[place] = parts[place - 1];
    parts[place] = part;
  }
  Cursor at{into, line.raw.data()};
  for (std::size_t i = 0; i < count; ++i) {
    if (parts[i]->kind == json::Kind::array) {
      names(line, *parts[i], plan, at);
    } else {
      // An update's old and new row are one row.
      object(line, *parts[i], plan, at, parts[i] == line.after || line.after == nullptr);
    }
  }
  if (!at.changed) return false;
  at.copy_to(line.raw.data() + line.raw.size());
  return true;
}

bool RowMask::snapshot(const change::Line& line, Plan& plan, std::string& into) {
  std::vector<const ColumnPlan*> key;
  const ColumnPlan* hashed = nullptr;
  for (const ColumnPlan& entry : plan.columns) {
    if (!entry.key) continue;
    key.push_back(&entry);
    if (entry.way == Way::hash && hashed == nullptr) hashed = &entry;
  }
  if (!key.empty() && plan.keeps_key) return false;
  Cursor at{into, line.raw.data()};
  line.root().each_member([&](std::string_view name, const json::Value& values) {
    if ((name != "from_key" && name != "to_key") || values.is_null()) return;
    if (hashed == nullptr || values.kind() != json::Kind::array) {
      throw base::Failure(base::Exit::data, "bad_value", "a chunk's key is no list, or of a table without a key")
          .at_table(plan.schema.table);
    }
    std::size_t elements = 0;
    values.each_element([&](const json::Value&) { ++elements; });
    // One element for each column of the key in the schema's order, each under its column's hash; whatever else it is, under one.
    std::size_t next = 0;
    values.each_element([&](const json::Value& element) {
      const ColumnPlan* own = elements == key.size() ? key[next++] : hashed;
      if (own->way != Way::hash) own = hashed;
      const json::Token& value = element.token();
      at.skip(value.begin, end_of(value));
      hash(*own, value, at.into);
    });
  });
  if (!at.changed) return false;
  at.copy_to(line.raw.data() + line.raw.size());
  return true;
}

}  // namespace policy
