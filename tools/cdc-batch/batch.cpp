// cdc-batch: the open epoch, its files and its end. Per row: one parse, one check, one copy into the table's buffer.
#include "cdc-batch/batch.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "base/time.hpp"
#include "json/tokens.hpp"
#include "stage/names.hpp"

namespace cdc_batch {
namespace {

using base::Exit;
using base::Failure;

// Up to so many tables keep the memory of their buffers for the next frame; with more, the sum would not be bounded.
constexpr std::size_t kTablesKeepingMemory = 8;

bool is_digest(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Batch::Batch(const Limits& limits, stage::Spool& spool)
    : limits_(limits), spool_(spool), compressor_(static_cast<int>(limits.level)), checker_(limits.edited) {}

Batch::~Batch() = default;

void Batch::line(std::string_view text, io::LineWriter& out) {
  const change::Line& line = parser_.parse(text);
  checker_.check(line);
  switch (line.op) {
    case change::Op::create:
    case change::Op::update:
    case change::Op::erase:
    case change::Op::truncate:
      row_line(line);
      return;
    case change::Op::commit:
      commit_line(line, out);
      return;
    case change::Op::read:
    case change::Op::snapshot:
      chunk_line(line, out);
      return;
    case change::Op::schema:
      schema_line(line);
      return;
    case change::Op::policy:
      policy_line(line, out);
      return;
    case change::Op::heartbeat:
      if (epoch_.first_ts.empty()) epoch_.first_ts = line.ts;
      if (line.ts > epoch_.last_ts) epoch_.last_ts = line.ts;
      epoch_.to = std::max(epoch_.to, line.end_value());
      return;
    case change::Op::source:
      source_ = change::decode_source(line.root());
      epoch_.from = epoch_.to = source_.start;
      out.line(text);
      out.flush();
      if (on_source) on_source();
      return;
    case change::Op::message:
      add(table_of(stage::kMessages), line.raw, line);
      return;
  }
}

void Batch::schema_line(const change::Line& line) {
  if (line.table == stage::kMessages) {
    throw Failure(Exit::data, "bad_table", "a table has the name under which messages are staged")
        .at_table(std::string(line.table));
  }
  Table& table = table_of(line.table);
  table.schema_line = line.raw;
  const KeyColumn key = key_column(change::decode_schema(line.root()));
  if (key != table.key) {
    // Rows of both shapes stand in the same file.
    for (Part& part : table.parts) part.keys.forget();
    table.key = key;
  }
  if (!chunks_.empty()) {
    for (const auto& open : chunks_) {
      if (line.table == open->chunk.table) open->chunk.schemas.emplace_back(line.raw);
    }
    return;
  }
  table.listed = true;
  epoch_.schemas.emplace_back(line.raw);
  if (checker_.at_boundary()) schemas_known_ = epoch_.schemas.size();
}

void Batch::policy_line(const change::Line& line, io::LineWriter& out) {
  const std::string digest = line.root().text("sha256");
  const json::Value key_ids = line.root().at("key_ids");
  if (!is_digest(digest) || key_ids.kind() != json::Kind::array) {
    throw Failure(Exit::data, "bad_policy", "a policy line without SHA-256 or list of key ids");
  }
  if (digest == policy_ && key_ids.raw() == key_ids_) return;
  if (epoch_.transactions > 0) {
    cut_epoch(out);
  } else {
    // Shapes as another policy left them; who has rows here will be described again.
    epoch_.schemas.clear();
    for (auto& [name, table] : tables_) table.listed = false;
  }
  policy_ = digest;
  key_ids_ = key_ids.raw();
}

Batch::Table& Batch::table_of(std::string_view name) {
  if (last_table_ != nullptr && last_table_->name == name) return *last_table_;
  auto found = tables_.find(name);
  if (found == tables_.end()) {
    if (!change::parse_table(name))
      throw Failure(Exit::data, "bad_table", "a table's name is not two parts, quoted as PostgreSQL does");
    found = tables_.emplace(std::string(name), Table{}).first;
    found->second.name = name;
  }
  last_table_ = &found->second;
  return found->second;
}

void Batch::list_schema(Table& table) {
  table.listed = true;
  epoch_.schemas.push_back(table.schema_line);
}

void Batch::row_line(const change::Line& line) {
  Table& table = table_of(line.table);
  if (!table.listed) list_schema(table);
  add(table, line.raw, line);
}

// in  line  the row, or the commit itself: the file of commits has no key
void Batch::add(Table& table, std::string_view text, const change::Line& line) {
  if (table.parts.empty()) active_.push_back(&table);
  // The commits have one file, whatever its size: the epoch's bytes bound it.
  if (table.parts.empty() || (&table != &commits_ && table.parts.back().file.bytes() >= limits_.part_bytes)) {
    if (!table.parts.empty()) {
      buffered_bytes_ -= table.parts.back().file.buffered_bytes();
      table.parts.back().file.flush(false);
    }
    table.parts.push_back({stage::SpooledFile(spool_, compressor_, table.name, table.parts.size()), KeyRange{}});
  }
  if (!table.touched) {
    table.touched = true;
    touched_.push_back(&table);
  }
  Part& part = table.parts.back();
  part.file.add(text);
  if (&table != &commits_) part.keys.add(table.key, line);
  buffered_bytes_ += text.size() + 1;
  epoch_raw_bytes_ += text.size() + 1;
  if (part.file.buffered_bytes() >= stage::kFrameBytes) {
    buffered_bytes_ -= part.file.buffered_bytes();
    part.file.flush(active_.size() <= kTablesKeepingMemory);
  } else if (buffered_bytes_ >= limits_.buffer_bytes) {
    shrink_buffers();
  }
}

// The biggest buffers go to the disk until half of the budget is free, so that many small tables do not cost a search per row.
void Batch::shrink_buffers() {
  std::vector<stage::SpooledFile*> files;
  for (Table* table : active_) files.push_back(&table->parts.back().file);
  std::sort(files.begin(), files.end(),
            [](const auto* a, const auto* b) { return a->buffered_bytes() > b->buffered_bytes(); });
  for (stage::SpooledFile* file : files) {
    if (buffered_bytes_ <= limits_.buffer_bytes / 2) break;
    buffered_bytes_ -= file->buffered_bytes();
    file->flush(false);
  }
}

void Batch::commit_line(const change::Line& line, io::LineWriter& out) {
  const auto ts = base::parse_time(line.ts);
  if (!ts) throw Failure(Exit::data, "bad_time", "a commit's ts is no time");
  if (line.xid > 0xFFFFFFFFu) throw Failure(Exit::data, "missing_key", "a commit's xid is no transaction number");
  if (line.rows == checker_.rows()) {
    add(commits_, line.raw, line);
  } else {
    // Rows were taken out on purpose (--edited): from here on the count is what stands in the files.
    change::Commit commit{line.lsn_value(), line.end_value(), *ts, base::Xid{static_cast<std::uint32_t>(line.xid)},
                          checker_.rows(),  line.read_rows};
    std::string text;
    change::encode(text, commit);
    text.pop_back();
    add(commits_, text, line);
  }
  if (epoch_.first_ts.empty()) epoch_.first_ts = line.ts;
  if (line.ts > epoch_.last_ts) epoch_.last_ts = line.ts;
  epoch_.commit = stage::CommitMark{line.lsn_value(), line.xid, std::string(line.ts)};
  epoch_.to = std::max(epoch_.to, line.end_value());
  ++epoch_.transactions;
  schemas_known_ = epoch_.schemas.size();
  commit_marks();
  if (epoch_raw_bytes_ >= limits_.max_bytes || due_) cut_epoch(out);
}

void Batch::commit_marks() {
  for (Table* table : touched_) {
    const stage::SpooledFile& file = table->parts.back().file;
    table->committed = {table->parts.size(), file.raw_bytes(), file.rows()};
    table->touched = false;
  }
  touched_.clear();
}

void Batch::take_back_open_transaction() {
  for (Table* table : touched_) {
    while (table->parts.size() > table->committed.parts) {
      table->parts.back().file.discard();
      table->parts.pop_back();
    }
    // Key bounds stay wider than needed; they are bounds all the same.
    if (!table->parts.empty()) table->parts.back().file.cut(table->committed.raw_bytes, table->committed.rows);
    table->touched = false;
  }
  touched_.clear();
  epoch_.schemas.resize(schemas_known_);
}

void Batch::fill_common(stage::Common& common) const {
  common.source = source_.source;
  common.run = source_.run;
  common.system_id = source_.system_id;
  common.timeline = source_.timeline;
  common.era = source_.era;
  common.policy = policy_;
  common.key_ids = key_ids_;
}

void Batch::cut_epoch(io::LineWriter& out) {
  fill_common(epoch_);
  for (auto& [name, table] : tables_) {
    for (Part& part : table.parts) {
      stage::FileEntry entry = part.file.finish();
      entry.min_key = part.keys.min();
      entry.max_key = part.keys.max();
      epoch_.rows += entry.rows;
      epoch_.files.push_back(std::move(entry));
    }
  }
  if (!commits_.parts.empty()) epoch_.commits = commits_.parts.front().file.finish();
  out.line(stage::encode(epoch_, stage::Form::line));
  out.flush();
  for (const stage::FileEntry& file : epoch_.files) spool_.give_away(file.path);
  if (epoch_.commits) spool_.give_away(epoch_.commits->path);
  if (on_epoch) on_epoch(epoch_);

  const base::Lsn to = epoch_.to;
  epoch_ = {};
  epoch_.from = epoch_.to = to;
  for (Table* table : active_) {
    table->parts.clear();
    table->committed = {};
  }
  active_.clear();
  for (auto& [name, table] : tables_) table.listed = false;
  schemas_known_ = 0;
  epoch_raw_bytes_ = buffered_bytes_ = 0;
  began_ms_ = -1;
  due_ = false;
}

void Batch::chunk_line(const change::Line& line, io::LineWriter& out) {
  if (line.op == change::Op::read) {
    copied_row(line);
    return;
  }
  if (line.snapshot_state == change::SnapshotState::begin) {
    begin_chunk(line);
    return;
  }
  const auto named = std::find_if(chunks_.begin(), chunks_.end(), [&](const auto& open) {
    return open->chunk.chunk == line.chunk && open->chunk.lsn == line.lsn_value() && open->chunk.table == line.table;
  });
  chunk_ = named->get();
  if (line.snapshot_state == change::SnapshotState::go_on) return;
  end_chunk(line, out);
  chunk_ = nullptr;
  chunks_.erase(named);
}

void Batch::begin_chunk(const change::Line& line) {
  chunk_ = chunks_.emplace_back(std::make_unique<OpenChunk>()).get();
  stage::Chunk& chunk = chunk_->chunk;
  chunk.table = line.table;
  chunk.lsn = line.lsn_value();
  chunk.copy = base::parse_lsn(line.copy).value_or(chunk.lsn);
  chunk.chunk = line.chunk;
  chunk.schemas.push_back(table_of(line.table).schema_line);
}

void Batch::copied_row(const change::Line& line) {
  std::vector<Part>& parts = chunk_->parts;
  if (parts.empty() || parts.back().file.bytes() >= limits_.part_bytes) {
    if (!parts.empty()) parts.back().file.flush(false);
    parts.push_back({stage::SpooledFile(spool_, compressor_, chunk_->chunk.table, parts.size()), KeyRange{}});
  }
  if (chunk_->chunk.ts.empty()) chunk_->chunk.ts = line.ts;
  Part& part = parts.back();
  part.file.add(line.raw);
  part.keys.add(table_of(line.table).key, line);
  if (part.file.buffered_bytes() >= stage::kFrameBytes) part.file.flush(true);
}

void Batch::end_chunk(const change::Line& line, io::LineWriter& out) {
  stage::Chunk& chunk = chunk_->chunk;
  fill_common(chunk);
  const json::Value root = line.root();
  chunk.by = root.text_or("by", "");
  if (const json::Token* key = root.find("from_key")) chunk.from_key = key->raw();
  if (const json::Token* key = root.find("to_key")) chunk.to_key = key->raw();
  if (root.find("keys") != nullptr) chunk.keys = root.number("keys");
  chunk.high = base::parse_lsn(line.high).value_or(base::Lsn{});
  for (Part& part : chunk_->parts) {
    stage::FileEntry entry = part.file.finish();
    entry.min_key = part.keys.min();
    entry.max_key = part.keys.max();
    chunk.rows += entry.rows;
    chunk.files.push_back(std::move(entry));
  }
  out.line(stage::encode(chunk, stage::Form::line));
  out.flush();
  for (const stage::FileEntry& file : chunk.files) spool_.give_away(file.path);
  if (on_chunk) on_chunk(chunk);
}

void Batch::tick(std::int64_t now_ms, io::LineWriter& out) {
  if (!epoch_has_content() && active_.empty()) return;
  if (began_ms_ < 0) began_ms_ = now_ms;
  if (now_ms - began_ms_ < static_cast<std::int64_t>(limits_.max_seconds) * 1000) return;
  if (checker_.at_boundary()) {
    cut_epoch(out);
  } else {
    due_ = true;
  }
}

void Batch::end(io::LineWriter& out) {
  if (!checker_.at_boundary()) take_back_open_transaction();
  if (epoch_has_content()) cut_epoch(out);
  checker_.end();
}

}  // namespace cdc_batch
