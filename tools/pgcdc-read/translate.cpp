// pgcdc-read: from messages to lines, straight into the output buffer; the contracts are in translate.hpp. This is the
// path that every row takes: no allocation, no copy between message and line. Must not know where bytes come from or go
// to. Pure.
#include "pgcdc-read/translate.hpp"

#include "base/failure.hpp"
#include "json/write.hpp"

namespace reader {

using base::Exit;
using base::Failure;

void Translator::translate(std::string_view payload, std::string& into) {
  const std::size_t before = into.size();
  try {
    const pgoutput::Message& message = decoder_.decode(payload);
    switch (message.kind) {
      case pgoutput::Kind::begin:
        begin(message.begin);
        break;
      case pgoutput::Kind::commit:
        commit(message.commit, into);
        break;
      case pgoutput::Kind::relation:
        remember(message.relation);
        break;
      case pgoutput::Kind::insert:
        insert(message.row, into);
        break;
      case pgoutput::Kind::update:
        update(message.row, into);
        break;
      case pgoutput::Kind::erase:
        erase(message.row, into);
        break;
      case pgoutput::Kind::truncate:
        truncate(message.truncate, into);
        break;
      case pgoutput::Kind::type:     // the catalog is asked instead
      case pgoutput::Kind::origin:   // where a change came from does not change what it is
      case pgoutput::Kind::message:  // not asked for
        break;
    }
  } catch (Failure& failure) {
    into.resize(before);  // never half a line
    if (in_transaction_ && !failure.lsn) failure.lsn = commit_lsn_;
    throw;
  }
}

void Translator::begin(const pgoutput::Begin& message) {
  if (in_transaction_) throw Failure(Exit::data, "wrong_order", "a transaction began inside another");
  in_transaction_ = true;
  commit_lsn_ = message.commit_lsn;
  ts_ = message.ts;
  xid_ = message.xid;
  rows_ = 0;
  lsn_text_ = base::format(commit_lsn_) + R"(","seq":)";
  last_table_ = nullptr;  // it may be one to ask for again
  tail_ = R"(,"ts":")" + base::format(ts_) + R"(","xid":)" + std::to_string(xid_.value);
}

void Translator::commit(const pgoutput::Commit& message, std::string& into) {
  if (!in_transaction_ || message.lsn != commit_lsn_) {
    throw Failure(Exit::data, "wrong_order", "a commit of another transaction than the one that is open");
  }
  change::encode(into, change::Commit{commit_lsn_, message.end, message.ts, xid_, rows_, rows_});
  in_transaction_ = false;
  last_end_ = message.end;
  all_rows_ += rows_;
  ++transactions_;
}

void Translator::remember(const pgoutput::Relation& relation) {
  Table& table = tables_[relation.relid.value];
  table.described = false;
  last_table_ = nullptr;
  // The names are copied into one string, reserved first so that the views into it hold.
  std::size_t size = relation.schema.size() + relation.name.size();
  for (const auto& column : relation.columns) size += column.name.size();
  table.texts.clear();
  table.texts.reserve(size);
  const auto keep = [&](std::string_view text) {
    const std::size_t at = table.texts.size();
    table.texts += text;
    return std::string_view(table.texts).substr(at);
  };
  table.wire = relation;
  table.wire.schema = keep(relation.schema);
  table.wire.name = keep(relation.name);
  table.wire_columns.assign(relation.columns.begin(), relation.columns.end());
  for (auto& column : table.wire_columns) column.name = keep(column.name);
  table.wire.columns = table.wire_columns;
}

// The catalog is asked again after every Relation message, not only when its content differs: a column that was dropped
// and added under the same name and type looks the same on the wire. The line is written only when something differs.
void Translator::describe(Table& table, std::string& into) {
  Described now = describe_(table.wire, xid_);
  if (now.schema.columns.size() != table.wire.columns.size() || now.shapes.size() != table.wire.columns.size()) {
    throw Failure(Exit::bug, "wrong_description", "a relation's description has another number of columns");
  }
  now.schema.lsn = commit_lsn_;
  now.schema.version = table.schema.version + 1;
  const bool same = table.schema.version != 0 && now.schema.table == table.schema.table &&
                    now.schema.root == table.schema.root && now.schema.identity == table.schema.identity &&
                    now.schema.columns == table.schema.columns;
  if (!same) {
    change::encode(into, now.schema);
    table.schema = std::move(now.schema);
  }
  table.lead = R"("table":)";
  json::append_string(table.lead, table.schema.table);
  table.lead += R"(,"lsn":")";
  table.columns.resize(table.wire.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    Column& column = table.columns[i];
    column.lead = ",";
    json::append_string(column.lead, table.wire.columns[i].name);
    column.lead += ':';
    column.shape = now.shapes[i];
    column.key = table.wire.columns[i].key;
  }
  table.described = true;
  table.ask_again = now.final ? base::Lsn{} : commit_lsn_;
}

Translator::Table& Translator::table_of(base::Oid relid, std::string& into) {
  if (!in_transaction_) throw Failure(Exit::data, "wrong_order", "a row outside of a transaction");
  if (last_table_ != nullptr && last_table_->wire.relid == relid) return *last_table_;
  const auto found = tables_.find(relid.value);
  if (found == tables_.end()) {
    throw Failure(Exit::data, "unknown_relation",
                  "a row of relation " + std::to_string(relid.value) + ", which the server did not describe");
  }
  Table& table = found->second;
  const bool ask_again = table.ask_again.value != 0 && table.ask_again != commit_lsn_;
  if (!table.described || ask_again) describe(table, into);
  last_table_ = &table;
  return table;
}

void Translator::check_size(const Table& table, std::span<const pgoutput::Value> tuple) const {
  if (tuple.size() != table.columns.size()) {
    throw Failure(Exit::data, "bad_message", "a row has another number of columns than its relation")
        .at_table(table.schema.table);
  }
}

void Translator::open_row(std::string_view op, const Table& table, std::string& into) {
  into.append(op);
  into.append(table.lead);
  into.append(lsn_text_);
  json::append_number(into, rows_++);
  into.append(tail_);
}

void Translator::append_tuple(const Table& table, std::span<const pgoutput::Value> tuple, Take take,
                              std::string& into) {
  std::size_t i = 0;
  try {
    std::size_t skip = 1;  // the first member has no comma
    into.push_back('{');
    for (; i < tuple.size(); ++i) {
      const pgoutput::Value& value = tuple[i];
      const Column& column = table.columns[i];
      if (value.kind == 'u' || (take == Take::key && !column.key)) continue;
      into.append(column.lead.data() + skip, column.lead.size() - skip);
      skip = 0;
      if (value.kind == 'n') {
        into.append("null");
      } else if (column.shape.kind == value::Kind::text) {  // most values; saves two calls each
        json::append_string(into, value.bytes);
      } else {
        value::append_json(into, column.shape, value.bytes);
      }
    }
    into.push_back('}');
  } catch (Failure& failure) {
    failure.message += ", column " + table.schema.columns[i].name;
    failure.table = table.schema.table;
    throw;
  }
}

void Translator::append_unchanged(const Table& table, std::span<const pgoutput::Value> tuple, std::string& into) {
  bool first = true;
  for (std::size_t i = 0; i < tuple.size(); ++i) {
    if (tuple[i].kind != 'u') continue;
    into.append(first ? R"(,"unchanged":[)" : ",");
    first = false;
    const std::string& lead = table.columns[i].lead;  // `,"name":`
    into.append(lead.data() + 1, lead.size() - 2);
  }
  if (!first) into.push_back(']');
}

void Translator::insert(const pgoutput::Row& row, std::string& into) {
  const Table& table = table_of(row.relid, into);
  check_size(table, row.new_tuple);
  open_row(R"({"op":"c",)", table, into);
  into.append(R"(,"after":)");
  append_tuple(table, row.new_tuple, Take::all, into);
  into.append("}\n");
}

void Translator::update(const pgoutput::Row& row, std::string& into) {
  const Table& table = table_of(row.relid, into);
  check_size(table, row.new_tuple);
  std::span<const pgoutput::Value> fresh = row.new_tuple;
  bool tell_old = row.old_kind == 'O';
  if (row.old_kind != 0) {
    check_size(table, row.old_tuple);
    // What the new tuple leaves out stands in the old one: a toasted key ('K'), any toasted column under FULL ('O').
    // A key that is sent because it is toasted did not therefore change.
    merged_.assign(fresh.begin(), fresh.end());
    for (std::size_t i = 0; i < merged_.size(); ++i) {
      const pgoutput::Value& old = row.old_tuple[i];
      const bool counts = row.old_kind == 'O' || table.columns[i].key;
      if (!counts) continue;
      if (merged_[i].kind == 'u') {
        merged_[i] = old;
      } else if (merged_[i].kind != old.kind || merged_[i].bytes != old.bytes) {
        tell_old = true;
      }
    }
    fresh = merged_;
  }
  open_row(R"({"op":"u",)", table, into);
  into.append(R"(,"after":)");
  append_tuple(table, fresh, Take::all, into);
  if (tell_old) {
    into.append(R"(,"before":)");
    append_tuple(table, row.old_tuple, row.old_kind == 'O' ? Take::all : Take::key, into);
  }
  append_unchanged(table, fresh, into);
  into.append("}\n");
}

void Translator::erase(const pgoutput::Row& row, std::string& into) {
  const Table& table = table_of(row.relid, into);
  check_size(table, row.old_tuple);
  open_row(R"({"op":"d",)", table, into);
  into.append(R"(,"before":)");
  append_tuple(table, row.old_tuple, row.old_kind == 'O' ? Take::all : Take::key, into);
  into.append("}\n");
}

void Translator::truncate(const pgoutput::Truncate& message, std::string& into) {
  for (const base::Oid relid : message.relids) {
    open_row(R"({"op":"t",)", table_of(relid, into), into);
    into.append("}\n");
  }
}

}  // namespace reader
