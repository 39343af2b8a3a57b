// pgcdc-read: from messages to lines, straight into the output buffer; the contracts are in translate.hpp. This is the
// path that every row takes: no allocation, no copy between message and line. Must not know where bytes come from or go
// to. Pure.
#include "pgcdc-read/translate.hpp"

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"
#include "value/binary.hpp"

namespace reader {

using base::Exit;
using base::Failure;

void Translator::translate(std::string_view payload, std::string& into) {
  const std::size_t before = into.size();
  const std::uint64_t rows_before = rows_;
  whole_ = before;
  try {
    const pgoutput::Message& message = decoder_.decode(payload);
    if (pass_rows_ != 0 && pass_over(message)) return;
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
      case pgoutput::Kind::message:
        tell(message.message, into);
        break;
      case pgoutput::Kind::type:    // the catalog is asked instead
      case pgoutput::Kind::origin:  // where a change came from does not change what it is
        break;
      case pgoutput::Kind::stream_start:
      case pgoutput::Kind::stream_stop:
      case pgoutput::Kind::stream_commit:
      case pgoutput::Kind::stream_abort:
        throw Failure(Exit::data, "wrong_order", "a stream inside of a transaction");
    }
  } catch (Failure& failure) {
    // Never half a line. Where reading may go on, a schema line that was written stays: it will not be written again.
    into.resize(failure.exit == Exit::retry ? whole_ : before);
    rows_ = rows_before;
    if (in_transaction_ && !failure.lsn) failure.lsn = commit_lsn_;
    if (failure.table.empty()) failure.table = table_in(payload);
    throw;
  }
}

// The table that a row's message is about, as far as its beginning tells.
std::string Translator::table_in(std::string_view payload) const {
  if (payload.size() < 5 || std::string_view("IUD").find(payload.front()) == std::string_view::npos) return "";
  std::uint32_t relid = 0;
  for (const char byte : payload.substr(1, 4)) relid = relid << 8U | static_cast<unsigned char>(byte);
  const auto found = tables_.find(relid);
  if (found == tables_.end() || !found->second.wire) return "";
  const pgoutput::Relation& relation = found->second.wire->relation;
  return change::quote_table(relation.schema, relation.name);
}

void Translator::begin(const pgoutput::Begin& message) {
  if (in_transaction_) throw Failure(Exit::data, "wrong_order", "a transaction began inside another");
  in_transaction_ = true;
  commit_lsn_ = message.commit_lsn;
  ts_ = message.ts;
  xid_ = message.xid;
  rows_ = 0;
  if (resume_lsn_.value != 0) {
    if (resume_lsn_ != commit_lsn_) {
      throw Failure(Exit::bug, "resumed_elsewhere", "another transaction came than the one that was open");
    }
    pass_rows_ = resume_rows_;
    resume_lsn_ = base::Lsn{};
  }
  lsn_text_ = base::format(commit_lsn_) + R"(","seq":)";
  last_table_ = nullptr;  // it may be one to ask for again
  tail_ = R"(,"ts":")" + base::format(ts_) + R"(","xid":)" + std::to_string(xid_.value);
}

void Translator::begin_streamed(const pgoutput::Begin& message) {
  begin(message);
  streamed_ = true;
}

void Translator::end_streamed(const pgoutput::Commit& message, std::string& into) {
  commit(message, into);
  streamed_ = false;
  // What the server believes that we know of a relation is what it said last, whichever transaction ended first.
  for (std::unique_ptr<Wire>& before : replaced_) {
    Table& table = tables_[before->relation.relid.value];
    if (before->arrival <= table.wire->arrival) continue;
    table.wire = std::move(before);
    table.described = false;
  }
  replaced_.clear();
  last_table_ = nullptr;
}

void Translator::resume() {
  // A transaction that is open comes again as a whole, streamed or not.
  if (in_transaction_) {
    resume_lsn_ = commit_lsn_;
    resume_rows_ = rows_;
  }
  in_transaction_ = false;
  streamed_ = false;
  replaced_.clear();
  last_table_ = nullptr;
}

// out  the message is a row that stands in the stream already
bool Translator::pass_over(const pgoutput::Message& message) {
  std::uint64_t rows = 0;
  switch (message.kind) {
    case pgoutput::Kind::insert:
    case pgoutput::Kind::update:
    case pgoutput::Kind::erase:
      rows = 1;
      break;
    case pgoutput::Kind::truncate:
      rows = message.truncate.relids.size();
      break;
    case pgoutput::Kind::message:
      rows = is_asked_for(message.message) ? 1 : 0;
      break;
    default:
      return false;
  }
  if (!in_transaction_ || rows > pass_rows_) {
    throw Failure(Exit::bug, "resumed_elsewhere", "a transaction came a second time with other rows");
  }
  rows_ += rows;
  pass_rows_ -= rows;
  return true;
}

void Translator::commit(const pgoutput::Commit& message, std::string& into) {
  if (pass_rows_ != 0) {
    throw Failure(Exit::bug, "resumed_elsewhere", "a transaction came a second time with fewer rows");
  }
  if (!in_transaction_ || message.lsn != commit_lsn_) {
    throw Failure(Exit::data, "wrong_order", "a commit of another transaction than the one that is open");
  }
  // A server that streams a transaction sends it also when nothing of it is left, one that sends it whole may leave it out: what
  // comes a second time must be the same, whichever way it came.
  last_was_empty_ = rows_ == 0;
  if (!last_was_empty_) {
    change::encode(into, change::Commit{commit_lsn_, message.end, message.ts, xid_, rows_, rows_});
  }
  in_transaction_ = false;
  last_end_ = message.end;
  all_rows_ += rows_;
  ++transactions_;
}

void Translator::remember(const pgoutput::Relation& relation) {
  Table& table = tables_[relation.relid.value];
  table.described = false;
  last_table_ = nullptr;
  if (streamed_ && table.wire) {
    // Of several in one transaction the first one replaced what was known before it.
    bool known = false;
    for (const std::unique_ptr<Wire>& before : replaced_) known = known || before->relation.relid == relation.relid;
    if (!known) replaced_.push_back(std::move(table.wire));
  }
  auto wire = std::make_unique<Wire>();
  wire->arrival = arrival_;
  // The names are copied into one string, reserved first so that the views into it hold.
  std::size_t size = relation.schema.size() + relation.name.size();
  for (const auto& column : relation.columns) size += column.name.size();
  wire->texts.reserve(size);
  const auto keep = [&](std::string_view text) {
    const std::size_t at = wire->texts.size();
    wire->texts += text;
    return std::string_view(wire->texts).substr(at);
  };
  wire->relation = relation;
  wire->relation.schema = keep(relation.schema);
  wire->relation.name = keep(relation.name);
  wire->columns.assign(relation.columns.begin(), relation.columns.end());
  for (auto& column : wire->columns) column.name = keep(column.name);
  wire->relation.columns = wire->columns;
  table.wire = std::move(wire);
}

// The catalog is asked again after every Relation message, not only when its content differs: a column that was dropped
// and added under the same name and type looks the same on the wire. The line is written only when something differs.
void Translator::describe(Table& table, std::string& into) {
  const pgoutput::Relation& wire = table.wire->relation;
  Described now = describe_(wire, xid_);
  if (now.schema.columns.size() != wire.columns.size() || now.shapes.size() != wire.columns.size() ||
      (!now.binary.empty() && now.binary.size() != wire.columns.size())) {
    throw Failure(Exit::bug, "wrong_description", "a relation's description has another number of columns");
  }
  now.schema.lsn = commit_lsn_;
  // Before the first shape of a table there are no rows of it.
  now.schema.seq = table.schema.version == 0 ? 0 : rows_;
  now.schema.version = table.schema.version + 1;
  const bool same = table.schema.version != 0 && now.schema.table == table.schema.table &&
                    now.schema.root == table.schema.root && now.schema.identity == table.schema.identity &&
                    now.schema.columns == table.schema.columns;
  if (!same) {
    change::encode(into, now.schema);
    whole_ = into.size();
    table.schema = std::move(now.schema);
  }
  table.lead = R"("table":)";
  json::append_string(table.lead, table.schema.table);
  table.lead += R"(,"lsn":")";
  table.columns.resize(wire.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    Column& column = table.columns[i];
    column.lead = ",";
    json::append_string(column.lead, wire.columns[i].name);
    column.lead += ':';
    column.shape = now.shapes[i];
    column.binary = now.binary.empty() ? value::BinaryShape{} : std::move(now.binary[i]);
    column.key = wire.columns[i].key;
  }
  table.described = true;
  table.ask_again = now.final ? base::Lsn{} : commit_lsn_;
}

bool Translator::has_described(base::Oid relid) const {
  const auto table = tables_.find(relid.value);
  return table != tables_.end() && table->second.described;
}

void Translator::tell_again(base::Oid relid, base::Lsn lsn, const std::function<void(change::Schema&)>& add,
                            const std::function<change::Schema()>& schema, std::string& into) {
  Table& table = tables_[relid.value];
  const std::uint64_t version = table.schema.version + 1;
  if (table.schema.version == 0) table.schema = schema();
  if (table.schema.table.empty()) return;  // it has gone since
  table.schema.version = version;
  change::Schema line = table.schema;
  line.lsn = lsn;
  line.seq = 0;
  add(line);
  change::encode(into, line);
}

Translator::Table& Translator::table_of(base::Oid relid, std::string& into) {
  if (!in_transaction_) throw Failure(Exit::data, "wrong_order", "a row outside of a transaction");
  if (last_table_ != nullptr && last_table_->wire->relation.relid == relid) return *last_table_;
  const auto found = tables_.find(relid.value);
  if (found == tables_.end() || !found->second.wire) {
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

void Translator::append_value(const Column& column, const pgoutput::Value& value, std::string& into) {
  if (value.kind == 'n') {
    into.append("null");
  } else if (value.kind == 'b') {
    // Text is most values: that saves two calls each, here and below.
    if (column.binary.layout == value::Layout::text) return json::append_string(into, value.bytes);
    if (column.binary.layout == value::Layout::unknown) {
      throw Failure(Exit::retry, "binary_unknown", "could not read a value in binary: its type is not known so");
    }
    value::append_json_binary(into, column.binary, value.bytes);
  } else if (column.shape.kind == value::Kind::text) {
    json::append_string(into, value.bytes);
  } else {
    value::append_json(into, column.shape, value.bytes);
  }
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
      append_value(column, value, into);
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

// One that is part of no transaction is not: nothing could say whether it has come before.
bool Translator::is_asked_for(const pgoutput::LogicalMessage& message) const {
  return message.transactional && !prefix_.empty() && message.prefix == prefix_;
}

void Translator::tell(const pgoutput::LogicalMessage& message, std::string& into) {
  if (!is_asked_for(message)) return;
  if (!in_transaction_) throw Failure(Exit::data, "wrong_order", "a transaction's logical message outside of it");
  into.append(R"({"op":"m","lsn":")");
  into.append(lsn_text_);
  json::append_number(into, rows_++);
  into.append(tail_);
  into.append(R"(,"prefix":)");
  json::append_string(into, message.prefix);
  if (json::is_utf8(message.content)) {
    into.append(R"(,"content":)");
    json::append_string(into, message.content);
  } else {
    into.append(R"(,"base64":")");
    base::append_base64(into, message.content);
    into.push_back('"');
  }
  into.append("}\n");
}

}  // namespace reader
