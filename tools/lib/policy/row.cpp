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
#include "policy/lower_case.hpp"

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

void RowMask::hash(const ColumnPlan& column, const json::Token& value, std::string& into) {
  std::string_view input = value.raw();
  std::string unescaped;
  switch (value.kind) {
    case json::Kind::string:
      input = value.inner();
      if (std::memchr(input.data(), '\\', input.size()) != nullptr) {
        unescaped = json::unescape(input);
        input = unescaped;
      }
      break;
    case json::Kind::number:
    case json::Kind::boolean:
      break;
    case json::Kind::null:
      into.append("null");
      return;
    default:
      throw base::Failure(base::Exit::data, "bad_value",
                          "column " + column.name + " is to be hashed, but holds an object or an array");
  }
  if (column.canonical) {
    canonical_email(input, canonical_);
    input = canonical_;
  }
  char digits[Hasher::kWideDigits + 2];
  digits[0] = '"';
  const std::size_t count = (*column.hasher)(input, column.wide, digits + 1);
  digits[count + 1] = '"';
  into.append(digits, count + 2);
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
    switch (plan_column.way) {
      case Way::keep:
        break;
      case Way::hash:
        if (value.kind == json::Kind::null) break;  // null stays null
        at.skip(value.begin, kept_end);
        hash(plan_column, value, at.into);
        break;
      case Way::constant:
        at.skip(value.begin, kept_end);
        at.into.append(plan_column.constant);
        break;
      case Way::null:
        if (value.kind == json::Kind::null) break;
        at.skip(value.begin, kept_end);
        at.into.append("null");
        break;
      case Way::out:
        break;
    }
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
