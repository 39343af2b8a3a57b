// cdc-stage-get: per epoch, the tables' files and the commits are merged by (lsn, seq) into the order in which they were read.
#include "cdc-stage-get/get.hpp"

#include <deque>
#include <limits>
#include <memory>
#include <queue>

#include "base/failure.hpp"
#include "base/time.hpp"
#include "change/types.hpp"
#include "json/write.hpp"
#include "stage/losses.hpp"
#include "stage/names.hpp"
#include "stage/retention.hpp"

namespace cdc_stage_get {
namespace {

using base::Exit;
using base::Failure;

constexpr std::uint64_t kAfterAllRows = std::numeric_limits<std::uint64_t>::max();

// A schema line, and the first row that is written in it.
struct Shape {
  base::Lsn lsn;
  std::uint64_t seq = 0;
  std::string line;
};

// One table's files, part after part, or the commits; its head line waits to be the next one written.
struct Cursor {
  std::string table;  // empty: the commits
  std::deque<stage::FileEntry> files;
  std::optional<stage::LineFile> open;
  std::string_view text;
  base::Lsn lsn;
  std::uint64_t seq = 0;
  std::deque<Shape> schemas;  // not written yet

  // out  false when there are no more lines
  bool advance(const stage::Log& log, change::Parser& parser) {
    for (;;) {
      if (!open) {
        if (files.empty()) return false;
        open.emplace(stage::LineFile::open(log, files.front()));
        files.pop_front();
      }
      if (open->next(text)) break;
      open.reset();
    }
    const change::Line& line = parser.parse(text);
    lsn = line.lsn_value();
    seq = table.empty() ? kAfterAllRows : line.seq;
    return true;
  }
};

struct Later {
  bool operator()(const Cursor* a, const Cursor* b) const {
    return a->lsn != b->lsn ? a->lsn > b->lsn : a->seq > b->seq;
  }
};

Shape shape_of(const std::string& line) {
  json::Tokenizer tokenizer;
  const change::Schema schema = change::decode_schema(json::Value(tokenizer.tokens_of_copy(line), 0));
  return Shape{schema.lsn, schema.seq, line};
}

// The line that closed the chunk.
change::Chunk end_line(const stage::Chunk& chunk) {
  change::Chunk line;
  line.state = change::Chunk::State::end;
  line.table = chunk.table;
  line.lsn = chunk.lsn;
  if (chunk.copy != chunk.lsn) line.copy = chunk.copy;
  line.chunk = chunk.chunk;
  line.by = chunk.by;
  line.from_key = chunk.from_key;
  line.to_key = chunk.to_key;
  line.keys = chunk.keys;
  line.rows = chunk.rows;
  line.high = chunk.high;
  return line;
}

// The policy replaced the key, so that its bounds are not the source's.
bool hides_key(const stage::Chunk& chunk) {
  for (const std::string& text : chunk.schemas) {
    json::Tokenizer tokenizer;
    for (const change::Column& column : change::decode_schema(json::Value(tokenizer.tokens_of_copy(text), 0)).columns) {
      if ((column.identity || column.pk) && !column.action.empty() && column.action != "keep") return true;
    }
  }
  return false;
}

std::string the_only_source(stage::Store& store) {
  std::vector<std::string> found;
  for (const std::string& name : store.list_one_level("", "")) {
    if (store.read(name + "/source.json")) found.push_back(name);
  }
  if (found.size() != 1) {
    throw Failure(Exit::refused, "no_source",
                  "the stage at " + store.where() + " holds " + std::to_string(found.size()) +
                      " sources; name one with --source");
  }
  return found.front();
}

}  // namespace

std::optional<base::Lsn> parse_position(const char* option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto lsn = base::parse_lsn(text);
  if (!lsn) throw Failure(Exit::usage, "bad_value", std::string("--") + option + " is no log position");
  return lsn;
}

std::optional<std::uint64_t> parse_era(const std::string& text) {
  if (text.empty()) return std::nullopt;
  constexpr std::size_t kMostDigits = 9;
  if (text.size() > kMostDigits || text.find_first_not_of("0123456789") != std::string::npos)
    throw Failure(Exit::usage, "bad_value", "--era is a number");
  return std::stoull(text);
}

Get::Get(stage::Store& store, Wanted wanted) : wanted_(std::move(wanted)) {
  // The folder's name is the encoded one; the true one stands inside.
  const std::string folder = wanted_.source.empty() ? the_only_source(store) : "";
  std::optional<stage::Identity> identity;
  if (const auto text = folder.empty() ? std::nullopt : store.read(folder + "/source.json")) {
    wanted_.source = stage::decode_identity(*text).source;
  }
  if (!wanted_.source.empty()) identity = stage::Log::identity(store, wanted_.source);
  if (!identity) {
    throw Failure(Exit::refused, "no_source", "the stage at " + store.where() + " has no source " + wanted_.source);
  }
  if (wanted_.era) {
    identity = stage::Log::identity(store, identity->source, *wanted_.era);
    if (!identity) throw Failure(Exit::refused, "no_source", "the stage has no such era of its source");
  }
  identity_ = *identity;
  log_.emplace(store, identity_.source, identity_.era);
}

std::vector<std::string> Get::wanted_chunks() {
  if (!wanted_.copy && !wanted_.chunks) return {};
  if (wanted_.tables.empty()) return log_->chunks();
  std::vector<std::string> all;
  for (const std::string& table : wanted_.tables) {
    for (std::string& name : log_->chunks(table)) all.push_back(std::move(name));
  }
  return all;
}

std::optional<stage::Stored> Get::first_epoch() {
  const auto start = log_->start();
  if (!start) return std::nullopt;
  const base::Lsn wanted = std::max(*start, wanted_.from.value_or(*start));
  auto position = log_->near(wanted);
  while (position) {
    auto stored = log_->at(*position);
    if (stored && stored->epoch.to > wanted && stored->epoch.pruned) {
      throw Failure(Exit::refused, "pruned",
                    "the data of the epoch at " + base::format(*position) + " were removed by house-keeping, " +
                        stage::words_on_kept(*log_) + " (--from)")
          .at_lsn(*position);
    }
    if (!stored) stored = log_->next(*position);  // the end, or a gap
    if (!stored || stored->epoch.to > wanted) return stored;
    position = stored->epoch.to;
  }
  return std::nullopt;
}

bool Get::write_wanted(io::LineWriter& out) {
  if (wanted_.end) return write_end(out);
  if (wanted_.kept) return write_kept(out);
  wanted_.chunks ? write_chunks(out) : write(out);
  return true;
}

void Get::write(io::LineWriter& out) {
  const std::vector<std::string> chunks = wanted_chunks();
  auto epoch = first_epoch();
  base::Lsn start = log_->start().value_or(base::Lsn{});
  if (epoch) start = std::max(epoch->epoch.from, wanted_.from.value_or(epoch->epoch.from));

  for (const std::string& name : chunks) {
    const stage::Chunk chunk = log_->chunk(name);
    if (chunk.pruned) {
      throw Failure(Exit::refused, "pruned", "the rows of a copied chunk were removed by house-keeping")
          .at_table(chunk.table);
    }
    for (const stage::FileEntry& file : chunk.files) stage::verify(*log_, file);
    if (!source_written_) write_source(chunk, start, out);
    write_chunk(chunk, out);
    out.flush();
  }
  while (epoch && (!wanted_.to || epoch->epoch.from < *wanted_.to)) {
    const stage::Epoch& body = epoch->epoch;
    if (body.lost) {
      throw Failure(Exit::refused, "lost",
                    "the changes from " + base::format(body.from) + " to " + base::format(body.to) +
                        " are lost; read what is before them with --to, what is behind them with --from")
          .at_lsn(body.from);
    }
    for (const stage::FileEntry& file : body.files) {
      if (wants(file.table)) stage::verify(*log_, file);
    }
    if (body.commits) stage::verify(*log_, *body.commits);
    if (!source_written_) write_source(body, start, out);
    write_epoch(body, out);
    out.flush();
    epoch = log_->next(body.to);
  }
}

void Get::write_chunks(io::LineWriter& out) {
  const stage::Losses losses = stage::read_losses(*log_);
  for (const std::string& name : wanted_chunks()) {
    const stage::Chunk chunk = log_->chunk(name);
    // What happened to the table since is lost: a copy from before that is as good as none.
    if (chunk.copy < losses.complete_from(chunk.table)) continue;
    if (wanted_.from && (chunk.copy < *wanted_.from || chunk.pruned)) continue;
    if (!source_written_) write_source(chunk, chunk.lsn, out);
    std::string& text = out.buffer();
    change::encode(text, end_line(chunk));
    if (hides_key(chunk)) {
      text.resize(text.size() - 2);
      text.append(",\"masked\":true}\n");
    }
    out.lines_added();
  }
}

bool Get::write_end(io::LineWriter& out) {
  auto at = log_->last();
  if (!at) return false;
  std::string time;
  for (auto stored = log_->at(*at); stored; stored = log_->at(*at)) {
    at = stored->epoch.to;
    if (!stored->epoch.last_ts.empty()) time = stored->epoch.last_ts;
  }
  json::ObjectWriter object(out.buffer());
  object.text("source", identity_.source).text("system_id", identity_.system_id).number("era", log_->era());
  object.text("start", base::format(log_->start().value_or(base::Lsn{}))).text("end", base::format(*at));
  time.empty() ? object.null("ts") : object.text("ts", time);
  object.close();
  out.end_line();
  return true;
}

bool Get::write_kept(io::LineWriter& out) {
  const auto kept = stage::late_start(*log_);
  if (!kept) return false;
  out.line(base::format(*kept));
  return true;
}

void Get::write_source(const stage::Common& first, base::Lsn start, io::LineWriter& out) {
  change::Source source;
  source.source = identity_.source;
  source.run = first.run;
  source.system_id = first.system_id;
  source.timeline = static_cast<std::uint32_t>(first.timeline);
  source.era = log_->era();
  source.server_version = static_cast<std::uint32_t>(identity_.server_version);
  source.database = identity_.database;
  source.start = start;
  change::encode(out.buffer(), source);
  out.lines_added();
  source_written_ = true;
}

void Get::write_policy(const stage::Common& manifest, io::LineWriter& out) {
  if (manifest.policy.empty()) {
    if (!policy_.empty()) {
      throw Failure(
          Exit::refused, "mixed_policy",
          "part of the stage was made without cdc-mask, what comes before it with; read them apart (--from, --to)");
    }
    return;
  }
  if (manifest.policy == policy_ && manifest.key_ids == key_ids_) return;
  policy_ = manifest.policy;
  key_ids_ = manifest.key_ids;
  json::ObjectWriter(out.buffer()).text("op", "policy").text("sha256", policy_).raw("key_ids", key_ids_).close();
  out.end_line();
}

void Get::write_schema(const std::string& table, const std::string& line, io::LineWriter& out) {
  std::string& last = schemas_[table];
  if (last == line) return;
  last = line;
  out.line(line);
}

void Get::write_chunk(const stage::Chunk& chunk, io::LineWriter& out) {
  write_policy(chunk, out);
  for (const std::string& schema : chunk.schemas) write_schema(chunk.table, schema, out);
  change::Chunk line = end_line(chunk);
  line.state = change::Chunk::State::begin;
  line.rows = 0;
  change::encode(out.buffer(), line);
  out.lines_added();
  std::string_view text;
  for (const stage::FileEntry& entry : chunk.files) {
    stage::LineFile file = stage::LineFile::open(*log_, entry);
    while (file.next(text)) out.line(text);
  }
  change::encode(out.buffer(), end_line(chunk));
  out.lines_added();
}

void Get::write_epoch(const stage::Epoch& epoch, io::LineWriter& out) {
  write_policy(epoch, out);
  std::map<std::string, std::unique_ptr<Cursor>, std::less<>> cursors;
  for (const stage::FileEntry& file : epoch.files) {
    if (!wants(file.table)) continue;
    auto& cursor = cursors[file.table];
    if (!cursor) {
      cursor = std::make_unique<Cursor>();
      cursor->table = file.table;
    }
    cursor->files.push_back(file);
  }
  std::vector<std::pair<std::string, std::string>> shapes_only;  // of tables that have no rows here
  for (const std::string& schema : epoch.schemas) {
    const std::string table = stage::table_of_schema(schema);
    if (!wants(table)) continue;
    const auto cursor = cursors.find(table);
    if (cursor == cursors.end()) {
      shapes_only.emplace_back(table, schema);
    } else {
      cursor->second->schemas.push_back(shape_of(schema));
    }
  }
  if (epoch.commits) {
    auto& cursor = cursors[""];
    cursor = std::make_unique<Cursor>();
    cursor->files.push_back(*epoch.commits);
  }

  change::Parser parser;
  std::priority_queue<Cursor*, std::vector<Cursor*>, Later> next;
  for (auto& [table, cursor] : cursors) {
    if (cursor->advance(*log_, parser)) next.push(cursor.get());
  }
  const base::Lsn from = wanted_.from.value_or(epoch.from);
  const base::Lsn to = wanted_.to.value_or(epoch.to);
  std::uint64_t rows = 0;
  std::string last_ts;
  base::Lsn last_end = epoch.from;
  while (!next.empty()) {
    Cursor& cursor = *next.top();
    next.pop();
    // As many of this cursor's lines as come before all others' heads: mostly the queue is not touched per row.
    do {
      if (cursor.lsn >= to) return;
      if (cursor.table.empty()) {
        const change::Line& line = parser.parse(cursor.text);
        if (cursor.lsn >= from) {
          if (line.rows == rows) {
            out.line(cursor.text);
          } else {
            const change::Commit commit{cursor.lsn,
                                        line.end_value(),
                                        base::parse_time(line.ts).value_or(base::Time{}),
                                        base::Xid{static_cast<std::uint32_t>(line.xid)},
                                        rows,
                                        line.read_rows};
            change::encode(out.buffer(), commit);
            out.lines_added();
          }
        }
        rows = 0;
        last_ts = line.ts;
        last_end = line.end_value();
      } else if (cursor.lsn >= from) {
        // The shape that was in force; the first one also when its lsn says otherwise, because no row may come before it.
        for (; !cursor.schemas.empty(); cursor.schemas.pop_front()) {
          const Shape& shape = cursor.schemas.front();
          const bool begins_later = shape.lsn > cursor.lsn || (shape.lsn == cursor.lsn && shape.seq > cursor.seq);
          if (begins_later && schemas_.contains(cursor.table)) break;
          write_schema(cursor.table, shape.line, out);
        }
        out.line(cursor.text);
        ++rows;
      }
      if (!cursor.advance(*log_, parser)) break;
      if (!next.empty() && Later{}(&cursor, next.top())) {
        next.push(&cursor);
        break;
      }
    } while (true);
  }
  for (const auto& [table, schema] : shapes_only) write_schema(table, schema, out);
  for (auto& [table, cursor] : cursors) {
    for (const Shape& shape : cursor->schemas) write_schema(table, shape.line, out);
  }
  // Time without changes, behind the last commit.
  if (epoch.to <= to && (epoch.to != last_end || epoch.last_ts != last_ts) && !epoch.last_ts.empty()) {
    json::ObjectWriter(out.buffer())
        .text("op", "heartbeat")
        .text("end", base::format(epoch.to))
        .text("ts", epoch.last_ts)
        .close();
    out.end_line();
  }
}

}  // namespace cdc_stage_get
