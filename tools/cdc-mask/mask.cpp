// cdc-mask: what happens with each kind of line. Knows the order of a stream's lines and which of them carry values; a row's
// values go through the table's plan and nowhere else.
// Must not know files, clocks or the log; a line is written whole or not at all. Pure.
#include "cdc-mask/mask.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/failure.hpp"
#include "change/types.hpp"
#include "json/write.hpp"

namespace cdc_mask {

using change::Line;
using change::Op;
using policy::Reason;

Mask::Mask(Ruling ruling, std::function<void(const Notice&)> notice, policy::PinBook pins,
           std::function<void(const policy::PinBook&)> save_pins)
    : ruling_(ruling), notice_(std::move(notice)), pins_(std::move(pins)), save_pins_(std::move(save_pins)) {
  // What the planner refuses about policy and keys is refused before the first line.
  policy::PinBook::Tables none;
  (void)policy::Planner(*ruling_.policy, ruling_.keys, "", none);
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
      return message(line, out);
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
  source_ = change::decode_source(line.root()).source;
  planner_.emplace(*ruling_.policy, ruling_.keys, source_, pins_.of(source_));
  out.line(line.raw);
  write_policy(out);
}

void Mask::write_policy(io::LineWriter& out) {
  std::string key_ids = "[";
  if (ruling_.policy->has_hash()) {
    for (const std::string& id : ruling_.keys->ids_in_use()) {
      if (key_ids.size() > 1) key_ids.push_back(',');
      json::append_string(key_ids, id);
    }
  }
  key_ids.push_back(']');
  json::ObjectWriter object(out.buffer());
  object.text("op", "policy").text("sha256", ruling_.policy->sha256()).raw("key_ids", key_ids).close();
  out.end_line();
}

void Mask::use(Ruling ruling, const std::optional<policy::PinBook>& pins, io::LineWriter& out) {
  ++policies_;
  // What was seen in this run stays seen, whatever became of the file.
  if (pins) pins_.add_others(*pins);
  if (!planner_) {
    ruling_ = ruling;  // no stream yet
    return;
  }
  // All plans are made before the first is taken over: what the new policy refuses, it refuses whole.
  policy::Planner planner(*ruling.policy, ruling.keys, source_, pins_.of(source_));
  std::vector<std::pair<Table*, policy::Plan>> plans;
  for (auto& [name, table] : tables_) plans.emplace_back(&table, planner.plan(table.source));
  ruling_ = ruling;
  planner_.emplace(*ruling_.policy, ruling_.keys, source_, pins_.of(source_));
  for (auto& [table, plan] : plans) {
    // A hasher belongs to its planner.
    plan = planner_->plan(table->source);
  }
  std::sort(plans.begin(), plans.end(),
            [](const auto& a, const auto& b) { return a.first->source.table < b.first->source.table; });
  write_policy(out);
  for (auto& [table, plan] : plans) take_plan(*table, std::move(plan), out);
}

void Mask::tell(Table& table, Notice notice) {
  const std::string id = notice.column + '\0' + std::to_string(static_cast<int>(notice.reason));
  if (table.noticed.insert(id).second) notice_(notice);
}

void Mask::schema(const Line& line, io::LineWriter& out) {
  change::Schema schema = change::decode_schema(line.root());
  const auto& pins = pins_.of(source_);
  const auto before = pins.find(schema.table);
  const policy::TablePins had = before == pins.end() ? policy::TablePins{} : before->second;
  policy::Plan plan = planner_->plan(schema);
  // Durable before anything leaves that rests on it.
  if (save_pins_ && had != pins.find(schema.table)->second) save_pins_(pins_);
  Table& table = tables_[schema.table];
  table.source = std::move(schema);
  last_table_ = nullptr;
  take_plan(table, std::move(plan), out);
}

void Mask::take_plan(Table& table, policy::Plan plan, io::LineWriter& out) {
  add_counts(table, table.former);
  table.plan = std::move(plan);
  const std::string& name = table.source.table;
  for (const policy::ColumnPlan& column : table.plan.columns) {
    const bool wanted = column.reason != Reason::none && column.reason != Reason::dropped;
    // A table that no rule lets anything of out is not reported column by column; a rule that had no effect is.
    if (wanted && (table.plan.passes || column.reason != Reason::no_rule))
      tell(table, {name, column.name, column.reason, ""});
  }
  if (table.plan.passes) {
    change::encode(out.buffer(), table.plan.schema);
    out.lines_added();
  } else if (table.plan.reason == Reason::key_withheld) {
    tell(table, {name, "", table.plan.reason, table.plan.reason_column});
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
    ++table.former.rows;
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

// A message is kept whole or not at all.
void Mask::message(const Line& line, io::LineWriter& out) {
  if (!ruling_.policy->passes_message(source_, line.root().text("prefix"))) {
    ++messages_;
    return;
  }
  ++passed_rows_;
  out.line(line.raw);
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

// What the table's present plan has counted, added to what former ones have.
void Mask::add_counts(const Table& table, Counts::Table& into) {
  const std::string lsn = base::format(table.source.lsn);
  if (!table.plan.passes && !table.plan.columns.empty() && into.whole.lsn.empty()) {
    into.whole = {table.plan.reason == Reason::none ? Reason::no_rule : table.plan.reason, lsn, 0};
  }
  for (const policy::ColumnPlan& column : table.plan.columns) {
    if (column.unfit_rows > 0) into.unfit[column.name] += column.unfit_rows;
    const bool meant = column.reason == Reason::dropped || (column.reason == Reason::none && column.withheld_rows == 0);
    if (meant || !table.plan.passes) continue;
    Counts::Withheld& entry =
        into.withheld.try_emplace(column.name, Counts::Withheld{column.reason, lsn, 0}).first->second;
    entry.reason = column.reason;
    entry.rows += column.withheld_rows;
  }
}

Counts Mask::counts() const {
  Counts counts;
  counts.rows = rows_;
  counts.messages = messages_;
  counts.policies = policies_;
  for (const auto& [name, table] : tables_) {
    Counts::Table entry = table.former;
    add_counts(table, entry);
    if (entry.rows > 0 || !entry.whole.lsn.empty() || !entry.withheld.empty() || !entry.unfit.empty()) {
      counts.tables.emplace(name, std::move(entry));
    }
  }
  return counts;
}

}  // namespace cdc_mask
