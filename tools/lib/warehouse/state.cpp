// warehouse: the state tables. A position is 17 characters of text, so that `sqlite3`, sort and a person read it alike.
#include "warehouse/state.hpp"

#include <algorithm>
#include <array>

#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "warehouse/statements.hpp"

namespace warehouse {
namespace {

using base::Exit;
using base::Failure;
using engine::Statement;

constexpr std::int64_t kDayUs = std::int64_t{24} * 3600 * 1'000'000;
constexpr std::int64_t kEpochsKeptUs = 31 * kDayUs;

// A state table: columns in SQLite's types, which each dialect has words for, and its key.
struct StateTable {
  const char* name;
  const char* columns;
  const char* key;
};
constexpr std::array kTables{
    StateTable{"_cdc_format", "version INTEGER NOT NULL", ""},
    StateTable{"_cdc_position",
               "source TEXT NOT NULL, system_id TEXT NOT NULL, era INTEGER NOT NULL, applied_to TEXT NOT NULL, "
               "complete_to_time TEXT, loaded_at TEXT NOT NULL, begun_at TEXT",
               "source"},
    StateTable{
        "_cdc_epochs",
        "era INTEGER NOT NULL, \"from\" TEXT NOT NULL, \"to\" TEXT NOT NULL, manifest_sha256 TEXT NOT NULL, "
        "policy_sha256 TEXT, run TEXT NOT NULL, transactions INTEGER NOT NULL, \"rows\" INTEGER NOT NULL, "
        "applied_rows INTEGER NOT NULL, quarantined_rows INTEGER NOT NULL, waiting_rows INTEGER NOT NULL, last_ts "
        "TEXT, loaded_at TEXT NOT NULL",
        "era, \"from\""},
    StateTable{
        "_cdc_tables",
        "\"table\" TEXT NOT NULL, relid INTEGER NOT NULL, name TEXT NOT NULL, \"view\" TEXT NOT NULL, lsn TEXT NOT "
        "NULL, has_key INTEGER NOT NULL, history INTEGER NOT NULL, parked TEXT, parked_at TEXT, parked_since TEXT, "
        "waiting_rows INTEGER DEFAULT 0 NOT NULL, truncated_lsn TEXT, truncated_seq INTEGER, copied_lsn TEXT, "
        "copied_high TEXT, may_have_unknown INTEGER DEFAULT 0 NOT NULL, unknown_values INTEGER DEFAULT 0 NOT NULL, "
        "quarantined INTEGER DEFAULT 0 NOT NULL, doubted_lsn TEXT, policy TEXT, doubted_since TEXT, purged_lsn TEXT, "
        "gone_lsn TEXT",
        "\"table\""},
    StateTable{
        "_cdc_columns",
        "\"table\" TEXT NOT NULL, \"position\" INTEGER NOT NULL, name TEXT NOT NULL, source_name TEXT NOT NULL, "
        "type TEXT NOT NULL, typmod INTEGER NOT NULL, kind TEXT NOT NULL, attnum INTEGER, bind TEXT, \"key\" "
        "INTEGER NOT NULL, identity INTEGER NOT NULL, pk INTEGER NOT NULL, nullable INTEGER, \"default\" INTEGER, "
        "category TEXT NOT NULL, action TEXT NOT NULL, class TEXT NOT NULL, dropped INTEGER NOT NULL",
        "\"table\", \"position\""},
    StateTable{"_cdc_versions",
               "\"table\" TEXT NOT NULL, lsn TEXT NOT NULL, version INTEGER NOT NULL, \"schema\" TEXT NOT NULL",
               "\"table\", lsn, version"},
    StateTable{
        "_cdc_chunks",
        "object TEXT NOT NULL, \"table\" TEXT NOT NULL, lsn TEXT NOT NULL, chunk INTEGER NOT NULL, is_last INTEGER "
        "NOT NULL, \"rows\" INTEGER NOT NULL, high TEXT NOT NULL, loaded_at TEXT NOT NULL, copy TEXT, from_key "
        "TEXT, to_key TEXT, keys INTEGER",
        "object"},
    StateTable{"_cdc_quarantine",
               "\"table\" TEXT NOT NULL, \"column\" TEXT, lsn TEXT NOT NULL, seq INTEGER NOT NULL, op TEXT NOT NULL, "
               "\"key\" TEXT NOT NULL, \"value\" TEXT NOT NULL, quarantined_at TEXT NOT NULL",
               ""},
};
constexpr StateTable kMessages{
    "_cdc_messages",
    "lsn TEXT NOT NULL, seq INTEGER NOT NULL, xid INTEGER NOT NULL, ts TEXT NOT NULL, prefix "
    "TEXT NOT NULL, content TEXT, base64 TEXT",
    "lsn, seq"};

// The view tells a table's state by one rule: gone (it lacks something, and the source has it no longer), parked, doubted (no copy since a
// change that the log does not tell), history (no key), ready (copied, the position beyond every `high`, nothing unknown), else copying.
constexpr const char* kCreateFreshness = R"sql(CREATE VIEW _cdc_freshness AS SELECT p.source, t."table",
  CASE WHEN t.gone_lsn IS NOT NULL AND (t.parked IS NOT NULL OR t.copied_high IS NULL OR t.unknown_values>0
         OR coalesce(t.copied_lsn, '')<t.doubted_lsn) THEN 'gone'
       WHEN t.parked IS NOT NULL THEN 'parked'
       WHEN t.doubted_lsn IS NOT NULL AND coalesce(t.copied_lsn, '')<t.doubted_lsn THEN 'doubted'
       WHEN t.has_key=0 THEN 'history'
       WHEN t.copied_high IS NOT NULL AND p.applied_to>=t.copied_high AND t.unknown_values=0 THEN 'ready' ELSE 'copying' END AS state,
  CASE WHEN t.parked IS NOT NULL THEN t.parked_at ELSE p.applied_to END AS complete_to_lsn,
  CASE WHEN t.parked IS NOT NULL THEN t.parked_since
       WHEN t.doubted_lsn IS NOT NULL AND coalesce(t.copied_lsn, '')<t.doubted_lsn THEN t.doubted_since
       ELSE p.complete_to_time END AS complete_to_time,
  t.unknown_values, t.quarantined FROM _cdc_tables t LEFT JOIN _cdc_position p ON 1=1
)sql";

std::string create(const StateTable& table, const Dialect& dialect) {
  std::string text = std::string("CREATE TABLE IF NOT EXISTS ") + table.name + "(";
  for (std::string_view rest = table.columns; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find_first_of(" ,"));
    text += word == "TEXT" ? dialect.text_type() : word == "INTEGER" ? dialect.integer_type() : std::string(word);
    rest.remove_prefix(word.size());
    if (rest.empty()) break;
    text.push_back(rest.front());
    rest.remove_prefix(1);
  }
  if (table.key[0] != 0 && dialect.has_indexes()) text += std::string(", PRIMARY KEY(") + table.key + ")";
  return text + dialect.state_tail();
}

// What a warehouse made by 0.1.0 lacks. Its copies were whole chunks, or chunks whose ends it did not keep: numbers stand for them.
constexpr const char* kAddChunkColumns = R"sql(
ALTER TABLE _cdc_chunks ADD COLUMN copy TEXT;
ALTER TABLE _cdc_chunks ADD COLUMN from_key TEXT;
ALTER TABLE _cdc_chunks ADD COLUMN to_key TEXT;
ALTER TABLE _cdc_chunks ADD COLUMN keys INTEGER;
UPDATE _cdc_chunks SET copy=lsn, from_key=CASE WHEN chunk>0 THEN CAST(chunk AS TEXT) END,
  to_key=CASE WHEN is_last=0 THEN CAST(chunk+1 AS TEXT) END;
)sql";
// What a table is complete to that is doubted when it is parked.
constexpr const char* kDoubtedSince =
    "CASE WHEN doubted_lsn IS NOT NULL AND coalesce(copied_lsn, '')<doubted_lsn THEN doubted_since END";

void bind_optional(Statement& statement, int at, std::string_view text) {
  if (text.empty()) {
    statement.null(at);
  } else {
    statement.copied_text(at, text);
  }
}

base::Lsn lsn_of(std::string_view text) { return base::parse_lsn(text).value_or(base::Lsn{}); }

// Engines that fold unquoted names give them back in capitals.
bool has_name(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& one) { return same_folded(one, name); });
}

}  // namespace

State::State(engine::Database& database, std::string source)
    : database_(database), dialect_(dialect_of(database.kind())), source_(std::move(source)) {
  reload();
}

void State::create() {
  engine::Transaction transaction(database_);
  const std::vector<std::string> names = database_.names();
  bool ours = has_name(names, "_cdc_format");
  if (!ours && !names.empty())
    throw Failure(Exit::refused, "not_a_warehouse", "the warehouse holds tables that no cdc-load has made");
  if (ours) {
    engine::Statement format = database_.prepare("SELECT version FROM _cdc_format");
    ours = format.step();  // another loader was quicker
  }
  if (!ours) {
    for (const StateTable& table : kTables) database_.define(warehouse::create(table, dialect_));
    database_.run("INSERT INTO _cdc_format VALUES(" + std::to_string(kWarehouseFormat) + ")");
    database_.define(kCreateFreshness);
  }
  transaction.commit();
}

// What a warehouse of an older format lacks is added. Another loader may be at it too: what it has added is there.
void State::complete() {
  engine::Transaction transaction(database_);
  std::vector<std::string> columns = database_.columns_of("_cdc_chunks");
  if (!has_name(columns, "copy")) database_.run(kAddChunkColumns);
  columns = database_.columns_of("_cdc_tables");
  for (const char* column : {"doubted_lsn", "policy", "doubted_since", "purged_lsn", "gone_lsn"}) {
    if (has_name(columns, column)) continue;
    database_.define(std::string("ALTER TABLE _cdc_tables ADD COLUMN ") + column + " " +
                     std::string(dialect_.text_type()));
  }
  const bool has_view = has_name(columns, "gone_lsn");
  columns = database_.columns_of("_cdc_position");
  if (!has_name(columns, "begun_at")) {
    database_.define("ALTER TABLE _cdc_position ADD COLUMN begun_at " + std::string(dialect_.text_type()));
  }
  if (!has_view) {
    database_.define("DROP VIEW IF EXISTS _cdc_freshness");
    database_.define(kCreateFreshness);
  }
  database_.run("UPDATE _cdc_format SET version=" + std::to_string(kWarehouseFormat));
  transaction.commit();
}

void State::reload() {
  position_.reset();
  tables_.clear();
  chunks_.clear();
  last_.clear();
  other_names_ = database_.names();
  const auto format_here = [&]() -> std::int64_t {
    engine::Statement format = database_.prepare("SELECT version FROM _cdc_format");
    return format.step() ? format.integer_at(0) : 0;
  };
  std::int64_t version = has_name(other_names_, "_cdc_format") ? format_here() : 0;
  if (version == 0) {
    create();
    other_names_ = database_.names();
    version = format_here();
  }
  if (version > kWarehouseFormat) {
    throw Failure(Exit::refused, "newer_warehouse",
                  "the warehouse has format " + std::to_string(version) + ", this program knows format " +
                      std::to_string(kWarehouseFormat));
  }
  if (version < kWarehouseFormat) complete();
  Statement position = database_.prepare("SELECT source, system_id, era, applied_to, begun_at FROM _cdc_position");
  while (position.step()) {
    if (position.view_at(0) != source_) {
      throw Failure(Exit::refused, "other_source", "the warehouse holds another source: one file holds one");
    }
    position_ = Position{position.text_at(1), static_cast<std::uint64_t>(position.integer_at(2)),
                         lsn_of(position.view_at(3)), lsn_of(position.view_at(4))};
  }
  Statement tables = database_.prepare(
      "SELECT \"table\", relid, name, \"view\", lsn, parked, parked_at, truncated_lsn, truncated_seq, "
      "may_have_unknown, history, policy, copied_lsn, purged_lsn, gone_lsn "
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
    table.copied = lsn_of(tables.view_at(12));
    table.purged = lsn_of(tables.view_at(13));
    if (!tables.is_null(14)) table.gone = lsn_of(tables.view_at(14));
    tables_.emplace(table.shape.table, std::move(table));
  }
  Statement columns = database_.prepare(
      "SELECT \"table\", name, source_name, type, typmod, kind, attnum, bind, \"key\", identity, pk, nullable, "
      "\"default\", category, "
      "action, class, dropped FROM _cdc_columns ORDER BY \"table\", \"position\"");
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
  Statement chunks = database_.prepare(
      "SELECT object, \"table\", lsn, copy, from_key, to_key, keys, high FROM _cdc_chunks ORDER BY object");
  while (chunks.step()) {
    chunks_.emplace(chunks.text_at(0),
                    ChunkOf{chunks.text_at(1), lsn_of(chunks.view_at(2)), lsn_of(chunks.view_at(3)), chunks.text_at(4),
                            chunks.text_at(5), !chunks.is_null(6), lsn_of(chunks.view_at(7))});
  }
}

void State::begin_at(const Position& position, std::string_view loaded_at) {
  if (position_) return;
  Statement insert = database_.prepare(
      "INSERT INTO _cdc_position(source, system_id, era, applied_to, loaded_at, begun_at) VALUES(?1, ?2, ?3, ?4, ?5, "
      "?6)");
  insert.text(1, source_).text(2, position.system_id).integer(3, static_cast<std::int64_t>(position.era));
  insert.copied_text(4, base::format(position.applied_to)).text(5, loaded_at);
  bind_optional(insert, 6, position.begun_at.value == 0 ? "" : base::format(position.begun_at));
  insert.run();
}

bool State::advance(base::Lsn from, base::Lsn to, std::string_view complete_to_time, std::string_view loaded_at) {
  Statement move = database_.prepare(
      "UPDATE _cdc_position SET applied_to=?1, complete_to_time=coalesce(CAST(?2 AS VARCHAR), complete_to_time), "
      "loaded_at=?3 "
      "WHERE source=?4 AND applied_to=?5");
  move.copied_text(1, base::format(to)).text(3, loaded_at).text(4, source_).copied_text(5, base::format(from));
  bind_optional(move, 2, complete_to_time);
  const std::int64_t moved = move.run();
  if (!database_.deferred() && moved != 1) return false;
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
  if (const auto before = forgotten_.find(table); before != forgotten_.end()) return before->second;
  std::vector<std::string> taken = other_names_;
  for (const auto& [ignored, there] : tables_) {
    taken.push_back(there.shape.name);
    taken.push_back(there.shape.name + "__history");
    taken.push_back(there.shape.view);
  }
  // With their history and view each name has to stay as long as it is.
  constexpr std::string_view kHistory = "__history";
  const std::size_t longest = dialect_.longest_name() - kHistory.size();
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(taken.begin(), taken.end(), [&](const std::string& one) { return same_folded(one, name); });
  };
  Names names;
  names.name = free_name(parts->schema + "." + parts->name, relid.value, taken, longest);
  while (is_taken(names.name + "__history")) {
    taken.push_back(names.name);
    names.name = free_name(parts->schema + "." + parts->name, relid.value, taken, longest);
  }
  taken.push_back(names.name);
  taken.push_back(names.name + "__history");
  names.view = free_name(parts->schema == "public" ? parts->name : parts->schema + "_" + parts->name, relid.value,
                         taken, longest);
  return names;
}

Table& State::save(const Table& table) {
  const Shape& shape = table.shape;
  Statement write =
      tables_.contains(shape.table)
          ? database_.prepare(
                "UPDATE _cdc_tables SET relid=?2, name=?3, \"view\"=?4, lsn=?5, has_key=?6, history=?7, "
                "may_have_unknown="
                "CASE WHEN may_have_unknown=1 THEN 1 ELSE ?8 END, policy=?9 WHERE \"table\"=?1",
                shape.table)
          : database_.prepare(
                "INSERT INTO _cdc_tables(\"table\", relid, name, \"view\", lsn, has_key, history, may_have_unknown, "
                "policy) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                shape.table);
  write.text(1, shape.table).integer(2, shape.relid.value).text(3, shape.name).text(4, shape.view);
  write.copied_text(5, base::format(shape.lsn)).integer(6, shape.key.empty() ? 0 : 1).integer(7, table.history ? 1 : 0);
  write.integer(8, table.may_have_unknown ? 1 : 0);
  bind_optional(write, 9, table.policy);
  write.run();

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
  Statement insert = database_.prepare(
      "INSERT INTO _cdc_versions SELECT CAST(?1 AS VARCHAR), CAST(?2 AS VARCHAR), CAST(?3 AS BIGINT), CAST(?4 AS "
      "VARCHAR) "
      "WHERE NOT EXISTS(SELECT 1 FROM _cdc_versions AS v WHERE v.\"table\"=?1 AND v.lsn=?2 AND v.version=?3)",
      schema.table);
  insert.text(1, schema.table).copied_text(2, base::format(schema.lsn));
  insert.integer(3, static_cast<std::int64_t>(schema.version)).text(4, line);
  insert.run();
  for (const bool leaves : {true, false}) {
    if (leaves ? !schema.leaves : !schema.file) continue;
    const auto known = last_.find({leaves, schema.table});
    if (known == last_.end() || (known->second && known->second->lsn > schema.lsn)) continue;
    known->second = schema;
  }
}

bool State::was_copied(std::string_view table) const {
  return std::any_of(chunks_.begin(), chunks_.end(), [&](const auto& chunk) { return chunk.second.table == table; });
}

std::optional<change::Schema> State::last_with_leaves(const std::string& table) { return last_with(true, table); }
std::optional<change::Schema> State::last_with_file(const std::string& table) { return last_with(false, table); }

// Read once: what is saved afterwards is newer, and is remembered.
std::optional<change::Schema> State::last_with(bool leaves, const std::string& table) {
  const auto known = last_.find({leaves, table});
  if (known != last_.end()) return known->second;
  // A key of the line; within a name the quotes would have backslashes.
  Statement query = database_.prepare(
      "SELECT \"schema\" FROM _cdc_versions WHERE \"table\"=?1 AND \"schema\" LIKE ?2 ORDER BY lsn DESC, version DESC "
      "LIMIT 1",
      table);
  query.text(1, table).text(2, leaves ? "%,\"leaves\":%" : "%,\"file\":%");
  std::optional<change::Schema> found;
  if (query.step()) {
    json::Tokenizer tokenizer;
    found = change::decode_schema(json::Value(tokenizer.tokens_of_copy(query.view_at(0)), 0));
  }
  last_.insert_or_assign({leaves, table}, found);
  return found;
}

void State::doubt(std::string_view table, base::Lsn at) {
  // What it is complete to stays what it was when it was doubted first.
  Statement update =
      database_.prepare("UPDATE _cdc_tables SET doubted_since=coalesce(" + std::string(kDoubtedSince) +
                            ", (SELECT max(complete_to_time) FROM _cdc_position)), gone_lsn=NULL, "
                            "doubted_lsn=CASE WHEN doubted_lsn>?2 THEN doubted_lsn ELSE ?2 END WHERE \"table\"=?1",
                        table);
  update.text(1, table).copied_text(2, base::format(at)).run();
  if (Table* there = find(table)) there->gone.reset();
}

void State::doubt_all(base::Lsn at) {
  for (const auto& [name, table] : tables_) doubt(name, at);
}

std::vector<std::string> State::vanished() const {
  std::vector<std::string> gone;
  for (const auto& [name, table] : tables_) {
    const bool current = table.shape.key.empty() || has_name(other_names_, table.shape.name);
    const bool history = !table.history || has_name(other_names_, table.shape.name + "__history");
    if (!current || !history) gone.push_back(name);
  }
  return gone;
}

bool State::enter_era(const Position& position, std::string_view reason, std::string_view loaded_at) {
  if (!position_ || position.era <= position_->era) return false;
  Statement move = database_.prepare(
      "UPDATE _cdc_position SET system_id=?1, era=?2, applied_to=?3, loaded_at=?4, begun_at=NULL WHERE source=?5 AND "
      "era=?6 AND "
      "applied_to=?7");
  move.text(1, position.system_id).integer(2, static_cast<std::int64_t>(position.era));
  move.copied_text(3, base::format(position.applied_to)).text(4, loaded_at).text(5, source_);
  move.integer(6, static_cast<std::int64_t>(position_->era)).copied_text(7, base::format(position_->applied_to));
  const std::int64_t moved = move.run();
  if (!database_.deferred() && moved != 1) return false;
  // Its positions are of another history: what waited for one of them waits for the new beginning now.
  Statement park = database_.prepare("UPDATE _cdc_tables SET parked=?1, parked_since=coalesce(parked_since, " +
                                     std::string(kDoubtedSince) +
                                     ", (SELECT max(complete_to_time) FROM _cdc_position), CAST(?2 AS VARCHAR)), "
                                     "parked_at=?3, waiting_rows=0, gone_lsn=NULL");
  park.text(1, reason).text(2, loaded_at).copied_text(3, base::format(position.applied_to)).run();
  database_.prepare("DELETE FROM _cdc_chunks").run();
  return true;
}

bool State::set_gone(std::string_view table) {
  Table* there = find(table);
  if (there == nullptr) return false;
  const base::Lsn at = position_ ? position_->applied_to : base::Lsn{};
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET gone_lsn=?2 WHERE \"table\"=?1 AND gone_lsn IS NULL AND (parked IS NOT NULL OR "
      "copied_lsn IS NULL OR copied_lsn<doubted_lsn OR unknown_values>0)",
      table);
  const std::int64_t marked = update.text(1, table).copied_text(2, base::format(at)).run();
  if (!database_.deferred() && marked == 0) return false;
  there->gone = at;
  return true;
}

void State::come_back(std::string_view table) {
  Table* there = find(table);
  if (there == nullptr || !there->gone) return;
  Statement update = database_.prepare("UPDATE _cdc_tables SET gone_lsn=NULL WHERE \"table\"=?1", table);
  update.text(1, table).run();
  there->gone.reset();
}

void State::expect_messages() {
  if (!has_name(other_names_, kMessages.name)) database_.define(warehouse::create(kMessages, dialect_));
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
      "UPDATE _cdc_tables SET parked=?2, parked_at=?3, parked_since=coalesce(" + std::string(kDoubtedSince) +
          ", (SELECT max(complete_to_time) FROM _cdc_position), CAST(?4 AS VARCHAR)), gone_lsn=NULL "
          "WHERE \"table\"=?1 AND parked IS NULL",
      table.shape.table);
  update.text(1, table.shape.table).text(2, reason).copied_text(3, base::format(at)).text(4, loaded_at);
  update.run();
  Table* there = find(table.shape.table);
  if (there != nullptr && there->parked.empty()) {
    there->parked = reason;
    there->parked_at = at;
    there->gone.reset();
  }
}

void State::unpark(std::string_view table) {
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET parked=NULL, parked_at=NULL, parked_since=NULL, waiting_rows=0 WHERE \"table\"=?1",
      table);
  update.text(1, table).run();
  if (Table* there = find(table)) there->parked.clear();
}

void State::forget(const std::string& table) {
  const Table* there = find(table);
  if (there == nullptr) return;
  forgotten_.insert_or_assign(table, Names{there->shape.name, there->shape.view});
  for (const char* from : {"_cdc_tables", "_cdc_columns", "_cdc_versions", "_cdc_quarantine"}) {
    Statement remove = database_.prepare("DELETE FROM " + std::string(from) + " WHERE \"table\"=?1", table);
    remove.text(1, table).run();
  }
  last_.erase({true, table});
  last_.erase({false, table});
  tables_.erase(table);
}

std::string State::free_table_name(const std::string& like) const {
  return free_name(like, 2, other_names_, dialect_.longest_name());
}

void State::count_waited(std::string_view table, std::uint64_t era, base::Lsn from, const Counts& counts) {
  Statement update = database_.prepare(
      "UPDATE _cdc_epochs SET waiting_rows=waiting_rows-?1, applied_rows=applied_rows+?2, "
      "quarantined_rows=quarantined_rows+?3 WHERE era=?4 AND \"from\"=?5",
      table);
  update.integer(1, static_cast<std::int64_t>(counts.rows)).integer(2, static_cast<std::int64_t>(counts.applied));
  update.integer(3, static_cast<std::int64_t>(counts.quarantined)).integer(4, static_cast<std::int64_t>(era));
  update.copied_text(5, base::format(from)).run();
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

void State::set_purged(std::string_view table, base::Lsn before) {
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET purged_lsn=CASE WHEN purged_lsn>?2 THEN purged_lsn ELSE ?2 END WHERE \"table\"=?1",
      table);
  update.text(1, table).copied_text(2, base::format(before)).run();
  if (Table* there = find(table)) there->purged = std::max(there->purged, before);
}

void State::count_unknown(const Shape& shape) {
  Statement update = database_.prepare("UPDATE _cdc_tables SET may_have_unknown=1, unknown_values=(" +
                                           Statements(dialect_, shape).count_unknown() + ") WHERE \"table\"=?1",
                                       shape.table);
  update.text(1, shape.table).run();
  if (Table* there = find(shape.table)) there->may_have_unknown = true;
}

void State::add_quarantine(const Table& table, const Unfit& unfit, std::string_view loaded_at) {
  Statement insert = database_.prepare(
      "INSERT INTO _cdc_quarantine(\"table\", \"column\", lsn, seq, op, \"key\", \"value\", quarantined_at) "
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

void State::forget_epochs(std::int64_t now_us) {
  if (!position_) return;
  const std::string too_old = base::format(base::Time{now_us - kEpochsKeptUs - kDayUs});
  {
    Statement oldest = database_.prepare("SELECT loaded_at FROM _cdc_epochs ORDER BY era, \"from\" LIMIT 1");
    if (!oldest.step() || oldest.view_at(0) >= too_old) return;
  }
  base::Lsn lowest = position_->applied_to;
  for (const auto& [name, table] : tables_) {
    if (!table.parked.empty() && !table.gone) lowest = std::min(lowest, table.parked_at);
  }
  engine::Transaction transaction(database_);
  Statement remove =
      database_.prepare("DELETE FROM _cdc_epochs WHERE loaded_at<?1 AND (era<?2 OR (\"to\"<=?3 AND \"to\"<>?4))");
  remove.copied_text(1, base::format(base::Time{now_us - kEpochsKeptUs}));
  remove.integer(2, static_cast<std::int64_t>(position_->era)).copied_text(3, base::format(lowest));
  remove.copied_text(4, base::format(position_->applied_to)).run();
  transaction.commit();
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
  chunks_.emplace(object, ChunkOf{chunk.table, chunk.lsn, chunk.copy, chunk.from_key, chunk.to_key,
                                  chunk.keys.has_value(), chunk.high});
  // Rows of a later moment in a table that was whole before: it is whole again when the position is there too.
  Statement update =
      database_.prepare("UPDATE _cdc_tables SET copied_high=?2 WHERE \"table\"=?1 AND copied_high<?2", chunk.table);
  update.text(1, chunk.table).copied_text(2, base::format(chunk.high)).run();
}

void State::pass_chunk(const std::string& object, stage::Chunk chunk, std::string_view loaded_at) {
  chunk.rows = 0;
  chunk.keys = 0;
  add_chunk(object, chunk, loaded_at);
}

bool is_closed(const std::multimap<std::string, std::string>& ranges) {
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

bool State::is_copied(std::string_view table, base::Lsn copy) const {
  std::multimap<std::string, std::string> ranges;
  for (const auto& [object, chunk] : chunks_) {
    if (chunk.table == table && chunk.copy == copy && !chunk.of_keys) ranges.emplace(chunk.from_key, chunk.to_key);
  }
  return is_closed(ranges);
}

std::vector<base::Lsn> State::copies_between(std::string_view table, base::Lsn from, base::Lsn to) const {
  std::set<base::Lsn> positions;
  for (const auto& [object, chunk] : chunks_) {
    if (chunk.table == table && chunk.lsn > from && chunk.lsn < to) positions.insert(chunk.lsn);
  }
  return {positions.begin(), positions.end()};
}

void State::finish_copy(std::string_view table, base::Lsn copy) {
  base::Lsn high;
  for (const auto& [object, chunk] : chunks_) {
    if (chunk.table == table) high = std::max(high, chunk.high);
  }
  Statement update = database_.prepare(
      "UPDATE _cdc_tables SET copied_lsn=CASE WHEN copied_lsn>?2 THEN copied_lsn ELSE ?2 END, copied_high=CASE WHEN "
      "copied_high>?3 THEN copied_high ELSE ?3 END WHERE \"table\"=?1",
      table);
  update.text(1, table).copied_text(2, base::format(copy)).copied_text(3, base::format(high)).run();
  if (Table* there = find(table)) there->copied = std::max(there->copied, copy);
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
