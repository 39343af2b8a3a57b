// cdc-mask: what happens with each kind of line. Knows the order of a stream's lines and which of them carry values; a row's
// values go through the table's plan and nowhere else.
// Must not know files, clocks or the log; a line is written whole or not at all. Pure.
#include "cdc-mask/mask.hpp"

#include <utility>

#include "base/failure.hpp"
#include "change/types.hpp"
#include "json/write.hpp"

namespace cdc_mask {

using change::Line;
using change::Op;
using policy::Reason;

Mask::Mask(const policy::Policy& policy, const policy::Keys* keys, std::function<void(const Notice&)> notice)
    : policy_(policy), keys_(keys), notice_(std::move(notice)) {
  // What the planner refuses about policy and keys is refused before the first line.
  (void)policy::Planner(policy_, keys_, "");
}

void Mask::line(std::string_view text, io::LineWriter& out) {
  const Line& line = parser_.parse(text);
  checker_.check(line);
  switch (line.op) {
    case Op::source:
      return source(line, out);
    case Op::policy:
      throw base::Failure(base::Exit::data, "already_masked", "the stream has been masked: a policy line stands in it");
    case Op::schema:
      return schema(line, out);
    case Op::create:
    case Op::update:
    case Op::erase:
    case Op::read:
    case Op::truncate:
      return row(line, out);
    case Op::message:
      ++messages_;
      return;
    case Op::commit:
      return commit(line, out);
    case Op::heartbeat:
      return out.line(line.raw);
    case Op::snapshot:
      return snapshot(line, out);
  }
}

void Mask::end(io::LineWriter&) { checker_.end(); }

void Mask::source(const Line& line, io::LineWriter& out) {
  planner_.emplace(policy_, keys_, change::decode_source(line.root()).source);
  out.line(line.raw);
  std::string key_ids = "[";
  if (policy_.has_hash()) json::append_string(key_ids, keys_->active_id());
  key_ids.push_back(']');
  json::ObjectWriter object(out.buffer());
  object.text("op", "policy").text("sha256", policy_.sha256()).raw("key_ids", key_ids).close();
  out.end_line();
}

void Mask::tell(Table& table, Notice notice) {
  const std::string id = notice.column + '\0' + std::to_string(static_cast<int>(notice.reason));
  if (table.noticed.insert(id).second) notice_(notice);
}

void Mask::schema(const Line& line, io::LineWriter& out) {
  const change::Schema schema = change::decode_schema(line.root());
  policy::Plan plan = planner_->plan(schema);
  Table& table = tables_[schema.table];
  last_table_ = nullptr;
  for (const policy::ColumnPlan& column : table.plan.columns) {
    if (column.withheld_rows > 0 && column.reason != Reason::dropped)
      table.withheld[column.name] += column.withheld_rows;
  }
  table.plan = std::move(plan);

  for (const policy::ColumnPlan& column : table.plan.columns) {
    const bool wanted = column.reason != Reason::none && column.reason != Reason::dropped;
    // A table that no rule lets anything of out is not reported column by column; a rule that had no effect is.
    if (wanted && (table.plan.passes || column.reason != Reason::no_rule)) {
      tell(table, {schema.table, column.name, column.reason, ""});
    }
  }
  if (table.plan.passes) {
    change::encode(out.buffer(), table.plan.schema);
    out.lines_added();
  } else if (table.plan.reason == Reason::key_withheld) {
    tell(table, {schema.table, "", table.plan.reason, table.plan.reason_column});
  }
}

Mask::Table& Mask::table_of(std::string_view name) {
  if (last_table_ != nullptr && last_name_ == name) return *last_table_;
  const auto found = tables_.find(name);
  if (found == tables_.end())
    throw base::Failure(base::Exit::bug, "no_plan", "a row passed the checks without a schema");
  last_name_ = found->first;
  last_table_ = &found->second;
  return *last_table_;
}

void Mask::row(const Line& line, io::LineWriter& out) {
  Table& table = table_of(line.table);
  if (!table.plan.passes) {
    ++table.denied_rows;
    return;
  }
  std::string& buffer = out.buffer();
  const std::size_t before = buffer.size();
  bool changed = false;
  try {
    changed = mask_.row(line, table.plan, buffer);
  } catch (...) {
    // A line that turns out to be bad half way leaves nothing behind.
    buffer.resize(before);
    throw;
  }
  ++passed_rows_;
  ++rows_;
  changed ? out.end_line() : out.line(line.raw);
}

void Mask::commit(const Line& line, io::LineWriter& out) {
  const std::uint64_t rows = std::exchange(passed_rows_, 0);
  if (rows == line.rows) return out.line(line.raw);
  // Only the number is replaced: read_rows and all else stay as they came.
  const json::Token& token = *line.root().find("rows");
  std::string& buffer = out.buffer();
  const std::string_view head(line.raw.data(), static_cast<std::size_t>(token.begin - line.raw.data()));
  buffer.append(head);
  json::append_number(buffer, rows);
  buffer.append(line.raw.substr(head.size() + token.size));
  out.end_line();
}

void Mask::snapshot(const Line& line, io::LineWriter& out) {
  passed_rows_ = 0;
  Table& table = table_of(line.table);
  if (!table.plan.passes) return;
  std::string& buffer = out.buffer();
  const std::size_t before = buffer.size();
  bool changed = false;
  try {
    changed = mask_.snapshot(line, table.plan, buffer);
  } catch (...) {
    buffer.resize(before);
    throw;
  }
  changed ? out.end_line() : out.line(line.raw);
}

Counts Mask::counts() const {
  Counts counts;
  counts.rows = rows_;
  counts.messages = messages_;
  for (const auto& [name, table] : tables_) {
    Counts::Table entry{table.denied_rows, table.withheld};
    for (const policy::ColumnPlan& column : table.plan.columns) {
      if (column.withheld_rows > 0 && column.reason != Reason::dropped)
        entry.withheld[column.name] += column.withheld_rows;
    }
    if (entry.rows > 0 || !entry.withheld.empty()) counts.tables.emplace(name, std::move(entry));
  }
  return counts;
}

}  // namespace cdc_mask
