// stage: the text of manifests. Key order is fixed: the same epoch is the same bytes, whoever writes it. Pure.
#include "stage/manifest.hpp"

#include "base/failure.hpp"
#include "json/write.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

[[noreturn]] void bad(std::string message) { throw Failure(Exit::data, "bad_manifest", std::move(message)); }

base::Lsn lsn_at(const json::Value& value, std::string_view key) {
  const auto lsn = base::parse_lsn(value.text(key));
  if (!lsn) throw Failure(Exit::data, "bad_lsn", "key '" + std::string(key) + "' is no log position");
  return *lsn;
}

std::string raw_or_empty(const json::Value& value, std::string_view key) {
  const json::Token* token = value.find(key);
  return token == nullptr ? std::string() : std::string(token->raw());
}

bool is_digest(std::string_view text) {
  if (text.size() != 64) return false;
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

std::string digest_at(const json::Value& value, std::string_view key) {
  std::string digest = value.text(key);
  if (!is_digest(digest)) bad("key '" + std::string(key) + "' is no SHA-256");
  return digest;
}

std::string digest_or_empty(const json::Value& value, std::string_view key) {
  return value.find(key) == nullptr ? std::string() : digest_at(value, key);
}

void text_or_null(json::ObjectWriter& object, std::string_view key, std::string_view value) {
  value.empty() ? object.null(key) : object.text(key, value);
}

void raw_or_null(json::ObjectWriter& object, std::string_view key, std::string_view value) {
  value.empty() ? object.null(key) : object.raw(key, value);
}

void append_sizes(json::ObjectWriter& object, const FileEntry& file) {
  object.number("rows", file.rows).number("raw_bytes", file.raw_bytes).number("bytes", file.bytes);
  object.text("sha256", file.sha256);
}

void append_place(json::ObjectWriter& object, const FileEntry& file, Form form) {
  form == Form::line ? object.text("path", file.path) : object.text("object", file.object);
  object.close();
}

std::string list_of_schemas(const Common& common) {
  std::string list = "[";
  for (const std::string& schema : common.schemas) {
    if (list.size() > 1) list.push_back(',');
    list.append(schema);
  }
  list.push_back(']');
  return list;
}

std::string list_of_files(const Common& common, Form form) {
  std::string list = "[";
  for (const FileEntry& file : common.files) {
    if (list.size() > 1) list.push_back(',');
    json::ObjectWriter object(list);
    object.text("table", file.table).number("part", file.part);
    append_sizes(object, file);
    raw_or_null(object, "min_key", file.min_key);
    raw_or_null(object, "max_key", file.max_key);
    append_place(object, file, form);
  }
  list.push_back(']');
  return list;
}

void begin(json::ObjectWriter& object, const Common& common, Form form, std::string_view op) {
  if (form == Form::line) object.text("op", op);
  object.number("format", change::kFormat).text("source", common.source).text("run", common.run);
  object.text("system_id", common.system_id).number("timeline", common.timeline).number("era", common.era);
}

void append_policy(json::ObjectWriter& object, const Common& common) {
  text_or_null(object, "policy", common.policy);
  object.raw("key_ids", common.key_ids);
  object.raw("schemas", list_of_schemas(common));
}

void check_format(const json::Value& value) {
  if (value.number("format") != change::kFormat) {
    throw Failure(Exit::data, "bad_format", "the manifest's format is not " + std::to_string(change::kFormat));
  }
}

FileEntry decode_file(const json::Value& value, bool has_table) {
  FileEntry file;
  if (has_table) {
    file.table = value.text("table");
    if (!change::parse_table(file.table)) bad("a file's table is no table name");
    file.part = value.number("part");
    file.min_key = raw_or_empty(value, "min_key");
    file.max_key = raw_or_empty(value, "max_key");
  }
  file.rows = value.number("rows");
  file.raw_bytes = value.number("raw_bytes");
  file.bytes = value.number("bytes");
  file.sha256 = digest_at(value, "sha256");
  file.path = value.text_or("path", "");
  file.object = value.text_or("object", "");
  if (file.path.empty() == file.object.empty()) bad("a file has neither path nor object, or both");
  // The name is followed below the era's folder; it must not lead out of it.
  if (file.object.starts_with('/') || file.object.find("..") != std::string::npos)
    bad("an object's name leads elsewhere");
  return file;
}

void decode_common(const json::Value& value, Common& into) {
  check_format(value);
  into.source = value.text("source");
  into.run = value.text("run");
  into.system_id = value.text("system_id");
  into.timeline = value.number("timeline");
  into.era = value.number("era");
  into.policy = digest_or_empty(value, "policy");
  const json::Value key_ids = value.at("key_ids");
  if (key_ids.kind() != json::Kind::array) bad("key_ids is no list");
  into.key_ids = key_ids.raw();
  value.at("schemas").each_element([&](const json::Value& schema) {
    if (schema.kind() != json::Kind::object) bad("a schema is no object");
    into.schemas.emplace_back(schema.raw());
  });
  into.rows = value.number("rows");
  std::uint64_t sum = 0;
  value.at("files").each_element([&](const json::Value& file) {
    into.files.push_back(decode_file(file, true));
    sum += into.files.back().rows;
  });
  if (sum != into.rows && value.find("pruned") == nullptr) bad("rows is not the sum of the files' rows");
}

template <typename F>
auto decode_text(std::string_view text, F&& decode) {
  json::Tokenizer tokenizer;
  return decode(json::Value(tokenizer.tokens_of_copy(text), 0));
}

}  // namespace

std::string encode(const Epoch& epoch, Form form) {
  std::string text;
  json::ObjectWriter object(text);
  begin(object, epoch, form, "epoch");
  object.text("from", base::format(epoch.from)).text("to", base::format(epoch.to));
  if (form == Form::stored) text_or_null(object, "prev", epoch.prev);
  if (epoch.commit) {
    std::string mark;
    json::ObjectWriter entry(mark);
    entry.text("lsn", base::format(epoch.commit->lsn)).number("xid", epoch.commit->xid).text("ts", epoch.commit->ts);
    entry.close();
    object.raw("commit", mark);
  } else {
    object.null("commit");
  }
  text_or_null(object, "first_ts", epoch.first_ts);
  text_or_null(object, "last_ts", epoch.last_ts);
  object.number("transactions", epoch.transactions).number("rows", epoch.rows);
  append_policy(object, epoch);
  if (epoch.commits) {
    std::string commits;
    json::ObjectWriter entry(commits);
    append_sizes(entry, *epoch.commits);
    append_place(entry, *epoch.commits, form);
    object.raw("commits", commits);
  } else {
    object.null("commits");
  }
  object.raw("files", list_of_files(epoch, form));
  object.close();
  return text;
}

std::string encode(const Chunk& chunk, Form form) {
  std::string text;
  json::ObjectWriter object(text);
  begin(object, chunk, form, "chunk");
  object.text("table", chunk.table).text("lsn", base::format(chunk.lsn));
  if (chunk.copy != chunk.lsn) object.text("copy", base::format(chunk.copy));
  object.number("chunk", chunk.chunk);
  if (!chunk.by.empty()) object.text("by", chunk.by);
  raw_or_null(object, "from_key", chunk.from_key);
  raw_or_null(object, "to_key", chunk.to_key);
  if (chunk.keys) object.number("keys", *chunk.keys);
  object.text("high", base::format(chunk.high)).number("rows", chunk.rows);
  text_or_null(object, "ts", chunk.ts);
  append_policy(object, chunk);
  object.raw("files", list_of_files(chunk, form));
  object.close();
  return text;
}

std::string encode_lost(base::Lsn from, base::Lsn to, std::string_view sha256) {
  std::string text;
  json::ObjectWriter object(text);
  object.text("from", base::format(from)).text("to", base::format(to));
  sha256.empty() ? object.null("sha256") : object.text("sha256", sha256);
  object.boolean("lost", true).close();
  return text;
}

Epoch decode_epoch(const json::Value& value) {
  Epoch epoch;
  epoch.from = lsn_at(value, "from");
  epoch.to = lsn_at(value, "to");
  if (epoch.from >= epoch.to) bad("the epoch's range is empty");
  if (value.find("pruned") != nullptr) {
    epoch.pruned = true;
    epoch.stub_sha256 = digest_at(value, "sha256");
    return epoch;
  }
  if (value.find("lost") != nullptr) {
    epoch.lost = true;
    epoch.stub_sha256 = digest_or_empty(value, "sha256");
    return epoch;
  }
  decode_common(value, epoch);
  epoch.prev = digest_or_empty(value, "prev");
  if (value.find("commit") != nullptr) {
    const json::Value mark = value.at("commit");
    epoch.commit = CommitMark{lsn_at(mark, "lsn"), mark.number("xid"), mark.text("ts")};
    if (epoch.commit->lsn < epoch.from || epoch.commit->lsn >= epoch.to) bad("the last commit is outside the epoch");
  }
  epoch.first_ts = value.text_or("first_ts", "");
  epoch.last_ts = value.text_or("last_ts", "");
  epoch.transactions = value.number("transactions");
  if (value.find("commits") != nullptr) epoch.commits = decode_file(value.at("commits"), false);
  if (epoch.commits.has_value() != epoch.commit.has_value()) bad("commit without commits, or the other way round");
  if (epoch.transactions != (epoch.commits ? epoch.commits->rows : 0)) bad("transactions is not the number of commits");
  if (epoch.transactions == 0 && epoch.rows != 0) bad("rows without a commit");
  return epoch;
}

Chunk decode_chunk(const json::Value& value) {
  Chunk chunk;
  decode_common(value, chunk);
  chunk.table = value.text("table");
  chunk.lsn = lsn_at(value, "lsn");
  chunk.copy = value.find("copy") == nullptr ? chunk.lsn : lsn_at(value, "copy");
  if (chunk.copy > chunk.lsn) bad("a chunk that is older than its copy");
  chunk.chunk = value.number("chunk");
  chunk.by = value.text_or("by", "");
  if (value.find("keys") != nullptr) chunk.keys = value.number("keys");
  chunk.from_key = raw_or_empty(value, "from_key");
  chunk.to_key = raw_or_empty(value, "to_key");
  chunk.high = lsn_at(value, "high");
  chunk.ts = value.text_or("ts", "");
  chunk.pruned = value.find("pruned") != nullptr;
  if (chunk.pruned && !chunk.files.empty()) bad("a chunk that was emptied and has files");
  for (const FileEntry& file : chunk.files) {
    if (file.table != chunk.table) bad("a chunk with a file of another table");
  }
  return chunk;
}

Epoch decode_epoch(std::string_view text) {
  return decode_text(text, [](const json::Value& value) { return decode_epoch(value); });
}

Chunk decode_chunk(std::string_view text) {
  return decode_text(text, [](const json::Value& value) { return decode_chunk(value); });
}

std::string encode(const Identity& identity) {
  std::string text;
  json::ObjectWriter object(text);
  object.number("format", change::kFormat).text("source", identity.source).text("system_id", identity.system_id);
  object.number("timeline", identity.timeline).number("era", identity.era);
  object.number("server_version", identity.server_version).text("database", identity.database).close();
  return text;
}

Identity decode_identity(std::string_view text) {
  return decode_text(text, [](const json::Value& value) {
    check_format(value);
    return Identity{value.text("source"), value.text("system_id"),        value.number("timeline"),
                    value.number("era"),  value.number("server_version"), value.text("database")};
  });
}

std::string table_of_schema(std::string_view schema_line) {
  return decode_text(schema_line, [](const json::Value& value) { return value.text("table"); });
}

}  // namespace stage
