// warehouse: the state tables. A position is 17 characters of text, so that `sqlite3`, sort and a person read it alike.
#include "warehouse/state.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "json/tokens.hpp"

namespace warehouse {
namespace {

using base::Exit;
using base::Failure;

constexpr const char* kCreate = R"sql(
CREATE TABLE _cdc_format(version INTEGER NOT NULL) STRICT;
INSERT INTO _cdc_format VALUES(1);
CREATE TABLE _cdc_position(source TEXT PRIMARY KEY, system_id TEXT NOT NULL, era INTEGER NOT NULL, applied_to TEXT NOT NULL,
  complete_to_time TEXT, loaded_at TEXT NOT NULL) STRICT;
CREATE TABLE _cdc_epochs(era INTEGER NOT NULL, "from" TEXT NOT NULL, "to" TEXT NOT NULL, manifest_sha256 TEXT NOT NULL,
  policy_sha256 TEXT, run TEXT NOT NULL, transactions INTEGER NOT NULL, rows INTEGER NOT NULL, applied_rows INTEGER NOT NULL,
  quarantined_rows INTEGER NOT NULL, waiting_rows INTEGER NOT NULL, last_ts TEXT, loaded_at TEXT NOT NULL,
  PRIMARY KEY(era, "from")) STRICT;
CREATE TABLE _cdc_tables("table" TEXT PRIMARY KEY, relid INTEGER NOT NULL, name TEXT NOT NULL UNIQUE, "view" TEXT NOT NULL UNIQUE,
  lsn TEXT NOT NULL, has_key INTEGER NOT NULL, history INTEGER NOT NULL, parked TEXT, parked_at TEXT, parked_since TEXT,
  waiting_rows INTEGER NOT NULL DEFAULT 0, truncated_lsn TEXT, truncated_seq INTEGER, copied_lsn TEXT, copied_high TEXT,
  may_have_unknown INTEGER NOT NULL DEFAULT 0, unknown_values INTEGER NOT NULL DEFAULT 0,
  quarantined INTEGER NOT NULL DEFAULT 0, doubted_lsn TEXT, policy TEXT) STRICT;
CREATE TABLE _cdc_columns("table" TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, source_name TEXT NOT NULL,
  type TEXT NOT NULL, typmod INTEGER NOT NULL, kind TEXT NOT NULL, attnum INTEGER, bind TEXT, "key" INTEGER NOT NULL,
  identity INTEGER NOT NULL, pk INTEGER NOT NULL, nullable INTEGER, "default" INTEGER, category TEXT NOT NULL,
  action TEXT NOT NULL, class TEXT NOT NULL, dropped INTEGER NOT NULL, PRIMARY KEY("table", position)) STRICT;
CREATE TABLE _cdc_versions("table" TEXT NOT NULL, lsn TEXT NOT NULL, version INTEGER NOT NULL, schema TEXT NOT NULL,
  PRIMARY KEY("table", lsn, version)) STRICT;
CREATE TABLE _cdc_chunks(object TEXT PRIMARY KEY, "table" TEXT NOT NULL, lsn TEXT NOT NULL, chunk INTEGER NOT NULL,
  is_last INTEGER NOT NULL, rows INTEGER NOT NULL, high TEXT NOT NULL, loaded_at TEXT NOT NULL, copy TEXT, from_key TEXT,
  to_key TEXT, keys INTEGER) STRICT;
CREATE INDEX _cdc_chunks_of_table ON _cdc_chunks("table", lsn, chunk);
CREATE TABLE _cdc_quarantine(id INTEGER PRIMARY KEY, "table" TEXT NOT NULL, "column" TEXT, lsn TEXT NOT NULL, seq INTEGER NOT NULL,
  op TEXT NOT NULL, "key" TEXT NOT NULL, value TEXT NOT NULL, quarantined_at TEXT NOT NULL) STRICT;
)sql";

// The view tells a table's state by one rule: parked, history, doubted (no copy since a change that the log does not tell), ready
// (copied, the position beyond every `high`, nothing unknown), else copying.
constexpr const char* kCreateFreshness = R"sql(
CREATE VIEW _cdc_freshness AS SELECT p.source, t."table",
  CASE WHEN t.parked IS NOT NULL THEN 'parked' WHEN t.has_key=0 THEN 'history'
       WHEN t.doubted_lsn IS NOT NULL AND coalesce(t.copied_lsn, '')<t.doubted_lsn THEN 'doubted'
       WHEN t.copied_high IS NOT NULL AND p.applied_to>=t.copied_high AND t.unknown_values=0 THEN 'ready' ELSE 'copying' END AS state,
  CASE WHEN t.parked IS NOT NULL THEN t.parked_at ELSE p.applied_to END AS complete_to_lsn,
  CASE WHEN t.parked IS NOT NULL THEN t.parked_since ELSE p.complete_to_time END AS complete_to_time,
  t.unknown_values, t.quarantined FROM _cdc_tables t LEFT JOIN _cdc_position p;
)sql";

// What a warehouse made by 0.1.0 lacks. Its copies were whole chunks, or chunks whose ends it did not keep: numbers stand for them.
constexpr const char* kAddChunkColumns = R"sql(
ALTER TABLE _cdc_chunks ADD COLUMN copy TEXT;
ALTER TABLE _cdc_chunks ADD COLUMN from_key TEXT;
ALTER TABLE _cdc_chunks ADD COLUMN to_key TEXT;
ALTER TABLE _cdc_chunks ADD COLUMN keys INTEGER;
UPDATE _cdc_chunks SET copy=lsn, from_key=CASE WHEN chunk>0 THEN CAST(chunk AS TEXT) END,
  to_key=CASE WHEN is_last=0 THEN CAST(chunk+1 AS TEXT) END;
)sql";
constexpr const char* kAddDoubt = R"sql(
ALTER TABLE _cdc_tables ADD COLUMN doubted_lsn TEXT;
DROP VIEW _cdc_freshness;
)sql";

constexpr const char* kAddPolicy = "ALTER TABLE _cdc_tables ADD COLUMN policy TEXT";

void bind_optional(Statement& statement, int at, std::string_view text) {
  if (text.empty()) {
    statement.null(at);
  } else {
    statement.copied_text(at, text);
  }
}

base::Lsn lsn_of(std::string_view text) { return base::parse_lsn(text).value_or(base::Lsn{}); }

}  // namespace

State::State(Database& database, std::string source) : database_(database), source_(std::move(source)) { reload(); }

void State::create() {
  Transaction transaction(database_);
  Statement there = database_.prepare("SELECT count(*), count(*) FILTER (WHERE name='_cdc_format') FROM sqlite_schema");
  there.step();
  const std::int64_t tables = there.integer_at(0);
  const bool ours = there.integer_at(1) != 0;  // another loader was quicker
  there.reset();
  if (!ours && tables > 0)
    throw Failure(Exit::refused, "not_a_warehouse", "the file holds tables that no cdc-load has made");
  if (!ours) {
    database_.run(kCreate);
    database_.run(kCreateFreshness);
  }
  transaction.commit();
}

void State::reload() {
  position_.reset();
  tables_.clear();
  chunks_.clear();
  other_names_.clear();
  {
    Statement there = database_.prepare("SELECT 1 FROM sqlite_schema WHERE name='_cdc_format'");
    if (!there.step()) {
      there.reset();
      create();
    }
  }
  Statement format = database_.prepare("SELECT max(version) FROM _cdc_format");
  format.step();
  if (format.integer_at(0) != kWarehouseFormat) {
    throw Failure(Exit::refused, "newer_warehouse",
                  "the warehouse has format " + std::to_string(format.integer_at(0)) + ", this program knows format " +
                      std::to_string(kWarehouseFormat));
  }
  // What a warehouse of 0.1.0 lacks is added.
  const auto has_column = [&](const std::string& statement) {
    Statement column = database_.prepare(statement);
    return column.step();
  };
  if (!has_column("SELECT 1 FROM pragma_table_info('_cdc_chunks') WHERE name='copy'")) {
    Transaction transaction(database_);
    database_.run(kAddChunkColumns);
    transaction.commit();
  }
  if (!has_column("SELECT 1 FROM pragma_table_info('_cdc_tables') WHERE name='doubted_lsn'")) {
    Transaction transaction(database_);
    database_.run(kAddDoubt);
    database_.run(kCreateFreshness);
    transaction.commit();
  }
  if (!has_column("SELECT 1 FROM pragma_table_info('_cdc_tables') WHERE name='policy'")) {
    Transaction transaction(database_);
    database_.run(kAddPolicy);
    transaction.commit();
  }
  Statement position = database_.prepare("SELECT source, system_id, era, applied_to FROM _cdc_position");
  while (position.step()) {
    if (position.view_at(0) != source_) {
      throw Failure(Exit::refused, "other_source", "the warehouse holds another source: one file holds one");
    }
    position_ =
        Position{position.text_at(1), static_cast<std::uint64_t>(position.integer_at(2)), lsn_of(position.view_at(3))};
  }
  Statement tables = database_.prepare(
      "SELECT \"table\", relid, name, \"view\", lsn, parked, parked_at, truncated_lsn, truncated_seq, "
      "may_have_unknown, history, policy "
      "FROM _cdc_tables");
  while (tables.step()) {
    Table table;
    table.shape.table = tables.text_at(0);
    table.shape.relid = base::Oid{static_cast<std::uint32_t>(tables.integer_at(1))};
    table.shape.name = tables.text_at(2);
    table.shape.view = tables.text_at(3);
    table.shape.lsn = lsn_of(tables.view_at(4));
    table.parked = tables.text_at(5);
    table.parked_at = lsn_of(tables.view_at(6));
    if (!tables.is_null(7))
      table.cut = {lsn_of(tables.view_at(7)).value, static_cast<std::uint64_t>(tables.integer_at(8))};
    table.may_have_unknown = tables.integer_at(9) != 0;
    table.history = tables.integer_at(10) != 0;
    table.policy = tables.text_at(11);
    tables_.emplace(table.shape.table, std::move(table));
  }
  Statement columns = database_.prepare(
      "SELECT \"table\", name, source_name, type, typmod, kind, attnum, bind, \"key\", identity, pk, nullable, "
      "\"default\", category, "
      "action, class, dropped FROM _cdc_columns ORDER BY \"table\", position");
  while (columns.step()) {
    Table* table = find(columns.view_at(0));
    if (table == nullptr) continue;
    TableColumn column;
    column.name = columns.text_at(1);
    column.source.name = columns.text_at(2);
    column.source.type = columns.text_at(3);
    column.source.typmod = static_cast<std::int32_t>(columns.integer_at(4));
    column.kind = parse_kind(columns.view_at(5));
    if (!columns.is_null(6)) column.source.attnum = static_cast<std::uint32_t>(columns.integer_at(6));
    if (!columns.is_null(7)) column.source.bind = columns.text_at(7);
    if (columns.integer_at(8) != 0) table->shape.key.push_back(static_cast<std::uint32_t>(table->shape.columns.size()));
    column.source.identity = columns.integer_at(9) != 0;
    column.source.pk = columns.integer_at(10) != 0;
    if (!columns.is_null(11)) column.source.nullable = columns.integer_at(11) != 0;
    if (!columns.is_null(12)) column.source.has_default = columns.integer_at(12) != 0;
    column.source.category = columns.text_at(13);
    column.source.action = columns.text_at(14);
    column.source.klass = columns.text_at(15);
    column.dropped = columns.integer_at(16) != 0;
    table->shape.columns.push_back(std::move(column));
  }
  Statement chunks = database_.prepare("SELECT object FROM _cdc_chunks");
  while (chunks.step()) chunks_.insert(chunks.text_at(0));
  Statement names = database_.prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')");
  while (names.step()) other_names_.push_back(names.text_at(0));
}

void State::begin_at(const Position& position, std::string_view loaded_at) {
  Statement insert = database_.prepare(
      "INSERT INTO _cdc_position(source, system_id, era, applied_to, loaded_at) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT "
      "DO NOTHING");
  insert.text(1, source_).text(2, position.system_id).integer(3, static_cast<std::int64_t>(position.era));
  insert.copied_text(4, base::format(position.applied_to)).text(5, loaded_at);
  insert.run();
}

bool State::advance(base::Lsn from, base::Lsn to, std::string_view complete_to_time, std::string_view loaded_at) {
  Statement move = database_.prepare(
      "UPDATE _cdc_position SET applied_to=?1, complete_to_time=coalesce(?2, complete_to_time), loaded_at=?3 "
      "WHERE source=?4 AND applied_to=?5");
  move.copied_text(1, base::format(to)).text(3, loaded_at).text(4, source_).copied_text(5, base::format(from));
  bind_optional(move, 2, complete_to_time);
  if (move.run() != 1) return false;
  if (position_) position_->applied_to = to;
  return true;
}

Table* State::find(std::string_view table) {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second;
}

std::optional<std::string> State::table_with_relid(base::Oid relid, std::string_view but) const {
  for (const auto& [name, table] : tables_) {
    if (table.shape.relid == relid && name != but) return name;
  }
  return std::nullopt;
}

State::Names State::names_for(std::string_view table, base::Oid relid) const {
  const auto parts = change::parse_table(table);
  if (!parts) throw Failure(Exit::data, "bad_table", "a table's name is not two quoted parts");
  std::vector<std::string> taken = other_names_;
  for (const auto& [ignored, there] : tables_) {
    taken.push_back(there.shape.name);
    taken.push_back(there.shape.name + "__history");
    taken.push_back(there.shape.view);
  }
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(taken.begin(), taken.end(), [&](const std::string& one) { return same_folded(one, name); });
  };
  Names names;
  names.name = free_name(parts->schema + "." + parts->name, relid.value, taken);
  while (is_taken(names.name + "__history")) names.name += "_";
  taken.push_back(names.name);
  taken.push_back(names.name + "__history");
  names.view =
      free_name(parts->schema == "public" ? parts->name : parts->schema + "_" + parts->name, relid.value, taken);
  return names;
}

Table& State::save(const Table& table) {
  const Shape& shape = table.shape;
  Statement upsert = database_.prepare(
      "INSERT INTO _cdc_tables(\"table\", relid, name, \"view\", lsn, has_key, history, may_have_unknown, policy) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(\"table\") DO UPDATE SET relid=excluded.relid, "
      "lsn=excluded.lsn, "
      "has_key=excluded.has_key, history=excluded.history, policy=excluded.policy, "
      "may_have_unknown=max(may_have_unknown, "
      "excluded.may_have_unknown)",
      shape.table);
  upsert.text(1, shape.table).integer(2, shape.relid.value).text(3, shape.name).text(4, shape.view);
  upsert.copied_text(5, base::format(shape.lsn))
      .integer(6, shape.key.empty() ? 0 : 1)
      .integer(7, table.history ? 1 : 0);
  upsert.integer(8, table.may_have_unknown ? 1 : 0);
  bind_optional(upsert, 9, table.policy);
  upsert.run();

  Statement clear = database_.prepare("DELETE FROM _cdc_columns WHERE \"table\"=?1", shape.table);
  clear.text(1, shape.table).run();
  Statement insert = database_.prepare(
      "INSERT INTO _cdc_columns VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, "
      "?18)",
      shape.table);
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const TableColumn& column = shape.columns[i];
    const change::Column& source = column.source;
    const bool is_key = std::find(shape.key.begin(), shape.key.end(), i) != shape.key.end();
    insert.text(1, shape.table).integer(2, static_cast<std::int64_t>(i + 1)).text(3, column.name).text(4, source.name);
    insert.text(5, source.type).integer(6, source.typmod).text(7, text_of(column.kind));
    source.attnum ? insert.integer(8, *source.attnum) : insert.null(8);
    source.bind ? insert.text(9, *source.bind) : insert.null(9);
    insert.integer(10, is_key ? 1 : 0).integer(11, source.identity ? 1 : 0).integer(12, source.pk ? 1 : 0);
    source.nullable ? insert.integer(13, *source.nullable ? 1 : 0) : insert.null(13);
    source.has_default ? insert.integer(14, *source.has_default ? 1 : 0) : insert.null(14);
    insert.text(15, source.category).text(16, source.action).text(17, source.klass).integer(18, column.dropped ? 1 : 0);
    insert.run();
  }
  return tables_.insert_or_assign(shape.table, table).first->second;
}

void State::save_version(const change::Schema& schema, std::string_view line) {
  Statement insert =
      database_.prepare("INSERT INTO _cdc_versions VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", schema.table);
  insert.text(1, schema.table).copied_text(2, base::format(schema.lsn));
  insert.integer(3, static_cast<std::int64_t>(schema.version)).text(4, line);
  insert.run();
}

bool State::was_copied(std::string_view table) {
  Statement query = database_.prepare("SELECT 1 FROM _cdc_chunks WHERE \"table\"=?1 LIMIT 1", table);
  query.text(1, table);
  return query.step();
}

std::optional<change::Schema> State::last_with(std::string_view key, std::string_view table) {
  Statement query = database_.prepare(
      "SELECT schema FROM _cdc_versions WHERE \"table\"=?1 AND schema -> ?2 IS NOT NULL ORDER BY lsn DESC, version "
      "DESC "
      "LIMIT 1",
      table);
  query.text(1, table).text(2, key);
  if (!query.step()) return std::nullopt;
  json::Tokenizer tokenizer;
  return change::decode_schema(json::Value(tokenizer.tokens_of_copy(query.view_at(0)), 0));
}

void State::doubt(std::string_view table, base::Lsn at) {
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET doubted_lsn=max(coalesce(doubted_lsn, ''), ?2) WHERE \"table\"=?1", table);
  update.text(1, table).copied_text(2, base::format(at)).run();
}

void State::expect_messages() {
  database_.run(
      "CREATE TABLE IF NOT EXISTS _cdc_messages(lsn TEXT NOT NULL, seq INTEGER NOT NULL, xid INTEGER NOT NULL, ts TEXT "
      "NOT "
      "NULL, prefix TEXT NOT NULL, content TEXT, base64 TEXT, PRIMARY KEY(lsn, seq)) STRICT");
}

void State::add_message(const change::Line& line) {
  Statement insert = database_.prepare("INSERT INTO _cdc_messages VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)", "_cdc_messages");
  const json::Value root = line.root();
  insert.text(1, line.lsn).integer(2, static_cast<std::int64_t>(line.seq));
  insert.integer(3, static_cast<std::int64_t>(line.xid)).text(4, line.ts).copied_text(5, root.text("prefix"));
  const auto optional = [&](int at, const char* key) {
    if (root.find(key) != nullptr) {
      insert.copied_text(at, root.text(key));
    } else {
      insert.null(at);
    }
  };
  optional(6, "content");
  optional(7, "base64");
  insert.run();
}

void State::park(const Table& table, std::string_view reason, base::Lsn at, std::string_view loaded_at) {
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET parked=?2, parked_at=?3, parked_since=?4 WHERE \"table\"=?1 AND parked IS NULL",
      table.shape.table);
  update.text(1, table.shape.table).text(2, reason).copied_text(3, base::format(at)).text(4, loaded_at);
  update.run();
  Table* there = find(table.shape.table);
  if (there != nullptr && there->parked.empty()) {
    there->parked = reason;
    there->parked_at = at;
  }
}

void State::add_waiting(std::string_view table, std::uint64_t rows) {
  Statement update = database_.prepare("UPDATE _cdc_tables SET waiting_rows=waiting_rows+?2 WHERE \"table\"=?1", table);
  update.text(1, table).integer(2, static_cast<std::int64_t>(rows)).run();
}

void State::set_cut(std::string_view table, Cut cut) {
  Statement update =
      database_.prepare("UPDATE _cdc_tables SET truncated_lsn=?2, truncated_seq=?3 WHERE \"table\"=?1", table);
  update.text(1, table)
      .copied_text(2, base::format(base::Lsn{cut.lsn}))
      .integer(3, static_cast<std::int64_t>(cut.seq))
      .run();
  if (Table* there = find(table)) there->cut = cut;
}

void State::set_unknown(std::string_view table, std::uint64_t values, bool may_have) {
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET unknown_values=?2, may_have_unknown=max(may_have_unknown, ?3) WHERE \"table\"=?1", table);
  update.text(1, table).integer(2, static_cast<std::int64_t>(values)).integer(3, may_have ? 1 : 0).run();
  if (Table* there = find(table)) there->may_have_unknown = there->may_have_unknown || may_have;
}

void State::add_quarantine(const Table& table, const Unfit& unfit, std::string_view loaded_at) {
  Statement insert = database_.prepare(
      "INSERT INTO _cdc_quarantine(\"table\", \"column\", lsn, seq, op, \"key\", value, quarantined_at) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
      table.shape.table);
  insert.text(1, table.shape.table);
  if (unfit.column < 0) {
    insert.null(2);
  } else {
    insert.text(2, table.shape.columns[static_cast<std::size_t>(unfit.column)].name);
  }
  insert.text(3, unfit.lsn).integer(4, static_cast<std::int64_t>(unfit.seq)).text(5, {&unfit.op, 1}).text(6, unfit.key);
  insert.text(7, unfit.value).text(8, loaded_at);
  insert.run();
  Statement count =
      database_.prepare("UPDATE _cdc_tables SET quarantined=quarantined+1 WHERE \"table\"=?1", table.shape.table);
  count.text(1, table.shape.table).run();
}

void State::add_epoch(const stage::Epoch& epoch, std::string_view sha256, const Counts& counts,
                      std::string_view loaded_at) {
  Statement insert =
      database_.prepare("INSERT INTO _cdc_epochs VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
  insert.integer(1, static_cast<std::int64_t>(epoch.era))
      .copied_text(2, base::format(epoch.from))
      .copied_text(3, base::format(epoch.to));
  insert.text(4, sha256).text(6, epoch.run).integer(7, static_cast<std::int64_t>(epoch.transactions));
  bind_optional(insert, 5, epoch.policy);
  insert.integer(8, static_cast<std::int64_t>(counts.rows)).integer(9, static_cast<std::int64_t>(counts.applied));
  insert.integer(10, static_cast<std::int64_t>(counts.quarantined))
      .integer(11, static_cast<std::int64_t>(counts.waiting));
  bind_optional(insert, 12, epoch.last_ts);
  insert.text(13, loaded_at).run();
}

void State::add_chunk(const std::string& object, const stage::Chunk& chunk, std::string_view loaded_at) {
  Statement insert = database_.prepare(
      "INSERT INTO _cdc_chunks VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)", chunk.table);
  insert.text(1, object).text(2, chunk.table).copied_text(3, base::format(chunk.lsn));
  insert.integer(4, static_cast<std::int64_t>(chunk.chunk)).integer(5, chunk.to_key.empty() ? 1 : 0);
  insert.integer(6, static_cast<std::int64_t>(chunk.rows)).copied_text(7, base::format(chunk.high)).text(8, loaded_at);
  insert.copied_text(9, base::format(chunk.copy));
  bind_optional(insert, 10, chunk.from_key);
  bind_optional(insert, 11, chunk.to_key);
  chunk.keys ? insert.integer(12, static_cast<std::int64_t>(*chunk.keys)) : insert.null(12);
  insert.run();
  chunks_.insert(object);
  // Rows of a later moment in a table that was whole before: it is whole again when the position is there too.
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET copied_high=max(copied_high, ?2) WHERE \"table\"=?1 AND copied_high IS NOT NULL",
      chunk.table);
  update.text(1, chunk.table).copied_text(2, base::format(chunk.high)).run();
}

// A chain of ranges from the open beginning to the open end. The ends of ranges are only compared with each other: a policy may
// have hashed them, and their order is the source's.
bool State::is_copied(std::string_view table, base::Lsn copy) {
  std::multimap<std::string, std::string> ranges;
  Statement query = database_.prepare(
      "SELECT coalesce(from_key, ''), coalesce(to_key, '') FROM _cdc_chunks WHERE \"table\"=?1 AND copy=?2 AND keys IS "
      "NULL",
      table);
  query.text(1, table).copied_text(2, base::format(copy));
  while (query.step()) ranges.emplace(query.text_at(0), query.text_at(1));
  std::set<std::string> reached;
  std::vector<std::string> next{""};
  while (!next.empty()) {
    const std::string at = std::move(next.back());
    next.pop_back();
    const auto [begin, end] = ranges.equal_range(at);
    for (auto range = begin; range != end; ++range) {
      if (range->second.empty()) return true;
      if (reached.insert(range->second).second) next.push_back(range->second);
    }
  }
  return false;
}

std::vector<base::Lsn> State::copies_between(std::string_view table, base::Lsn from, base::Lsn to) {
  std::vector<base::Lsn> positions;
  Statement query = database_.prepare(
      "SELECT DISTINCT lsn FROM _cdc_chunks WHERE \"table\"=?1 AND lsn>?2 AND lsn<?3 ORDER BY lsn", table);
  query.text(1, table).copied_text(2, base::format(from)).copied_text(3, base::format(to));
  while (query.step()) positions.push_back(lsn_of(query.view_at(0)));
  return positions;
}

void State::finish_copy(std::string_view table, base::Lsn copy) {
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET copied_lsn=max(coalesce(copied_lsn, ''), ?2), copied_high=max(coalesce(copied_high, ''), "
      "(SELECT max(high) FROM _cdc_chunks c WHERE c.\"table\"=?1)) WHERE \"table\"=?1",
      table);
  update.text(1, table).copied_text(2, base::format(copy)).run();
}

std::vector<State::Freshness> State::freshness() {
  std::vector<Freshness> all;
  Statement query =
      database_.prepare("SELECT \"table\", state, unknown_values, quarantined FROM _cdc_freshness ORDER BY 1");
  while (query.step()) {
    all.push_back({query.text_at(0), query.text_at(1), static_cast<std::uint64_t>(query.integer_at(2)),
                   static_cast<std::uint64_t>(query.integer_at(3))});
  }
  return all;
}

}  // namespace warehouse
