// warehouse: history by way of memory. A value that is only carried along travels as the engine's own text and back; keys travel as
// numbers of the keys that were asked for, so that they are compared here in one form only.
#include "warehouse/bulk_history.hpp"

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "warehouse/key.hpp"
#include "warehouse/merger.hpp"
#include "warehouse/stored.hpp"
#include "warehouse/writer.hpp"

namespace warehouse {
namespace {

enum class Type : std::uint8_t { integer, text };
struct OwnColumn {
  const char* name;
  Type type;
};
constexpr std::array kOwn{OwnColumn{"_cdc_version", Type::integer},  OwnColumn{"_cdc_from_lsn", Type::text},
                          OwnColumn{"_cdc_from_seq", Type::integer}, OwnColumn{"_cdc_valid_from", Type::text},
                          OwnColumn{"_cdc_to_lsn", Type::text},      OwnColumn{"_cdc_to_seq", Type::integer},
                          OwnColumn{"_cdc_valid_to", Type::text},    OwnColumn{"_cdc_op", Type::text},
                          OwnColumn{"_cdc_to_op", Type::text},       OwnColumn{"_cdc_born", Type::integer},
                          OwnColumn{"_cdc_instant", Type::integer},  OwnColumn{"_cdc_unknown", Type::text},
                          OwnColumn{"_cdc_loaded_at", Type::text}};

// Their places behind the key's number, and as parameters.
constexpr int kTo = 5;
constexpr int kUnknown = 12;
static_assert(std::string_view(kOwn[kTo - 1].name) == "_cdc_to_lsn" &&
              std::string_view(kOwn[kUnknown - 1].name) == "_cdc_unknown");

constexpr const char* kKeys = "_cdc_keys";
constexpr const char* kChanged = "_cdc_changed";

int at(std::size_t n) { return static_cast<int>(n); }

std::string own_names(const std::string& of) {
  std::string names;
  for (const OwnColumn& own : kOwn) names += (names.empty() ? "" : ",") + of + engine::quote_name(own.name);
  return names;
}

// Binds what was fetched as text in the form in which bind_cell would have.
void bind_fetched(engine::Statement& into, int number, Kind kind, const engine::Statement& from, int column) {
  if (from.is_null(column)) {
    into.null(number);
    return;
  }
  const std::string_view text = from.view_at(column);
  std::int64_t integer = 0;
  double real = 0;
  switch (kind) {
    case Kind::integer:
      if (!parse_integer(text, integer)) break;
      into.integer(number, integer);
      return;
    case Kind::boolean:
      into.integer(number, text == "1" ? 1 : 0);
      return;
    case Kind::real:
      if (!parse_real(text, real)) break;
      into.real(number, real);
      return;
    case Kind::bytes:
      into.copied_bytes(number, base::decode_hex(text.substr(2)).value_or(""));
      return;
    default:
      break;
  }
  into.copied_text(number, text);
}

}  // namespace

BulkHistory::BulkHistory(engine::Database& database, Shape shape)
    : database_(database),
      dialect_(dialect_of(database.kind())),
      shape_(std::move(shape)),
      statements_(dialect_, shape_),
      local_(":memory:", 0),
      here_(local_, shape_, dialect_) {
  const Statements local(sqlite_dialect(), shape_);
  local_.run(local.create_history());
  if (!shape_.key.empty()) local_.run(local.create_history_index());
  local_.run("CREATE TABLE fetched AS SELECT * FROM " + engine::quote_name(local.history_name()));
}

void BulkHistory::stream_passed(bool passed) { here_.stream_passed(passed); }

bool BulkHistory::add(const change::Line& line, std::string_view loaded_at) {
  if (shape_.key.empty()) {
    // Nothing is looked up: each line is a version.
    if (bytes_ == 0) number_from_there();
    here_.use(*mapping_);
    bytes_ += line.raw.size();
    return here_.add(line, loaded_at);
  }
  lines_.push_back({std::string(line.raw), mapping_});
  bytes_ += line.raw.size() + sizeof(Waiting);
  return true;
}

// New versions are numbered here behind the greatest number there: a row that is nobody's stands for it.
void BulkHistory::number_from_there() {
  if (last_version_ < 0) {
    engine::Statement last =
        database_.prepare("SELECT coalesce(max(\"_cdc_version\"),0) FROM " + there(), shape_.table);
    last.step();
    last_version_ = last.integer_at(0);
  }
  const std::string name = engine::quote_name(Statements(sqlite_dialect(), shape_).history_name());
  for (const std::string& table : {name, std::string("fetched")}) {
    engine::Statement insert =
        local_.prepare("INSERT INTO " + table +
                       "(\"_cdc_version\",\"_cdc_from_lsn\",\"_cdc_from_seq\",\"_cdc_valid_from\",\"_cdc_op\",\"_cdc_"
                       "born\",\"_cdc_instant\","
                       "\"_cdc_loaded_at\") SELECT ?1,'',0,'','c',0,0,'' WHERE NOT EXISTS(SELECT 1 FROM " +
                       table + " WHERE \"_cdc_version\"=?1)");
    insert.integer(1, last_version_).run();
  }
}

// A list of unknown columns as it will be when the statements that wait have run.
std::string BulkHistory::edited_unknown(std::string_view unknown, bool is_open) const {
  std::string list(unknown);
  for (const UnknownEdit& edit : edits_) {
    if (edit.from.empty()) {
      if (!is_open) continue;
      if (list.empty()) {
        list = "[" + edit.to + "]";
      } else {
        list.insert(list.size() - 1, "," + edit.to);
      }
      continue;
    }
    for (std::size_t at = 0; (at = list.find(edit.from, at)) != std::string::npos; at += edit.to.size()) {
      list.replace(at, edit.from.size(), edit.to);
    }
  }
  return list;
}

// The versions of the fold's keys that lines from a position on can touch: those that reach it, and of each key the last.
void BulkHistory::fetch(const Fold& fold, base::Lsn from) {
  std::vector<Kind> kinds;
  std::vector<engine::ScratchColumn> columns{{"n", dialect_.integer_type()}};
  for (const std::uint32_t index : shape_.key) {
    kinds.push_back(shape_.columns[index].kind);
    columns.push_back({"k" + std::to_string(index), dialect_.scratch_type(shape_.columns[index])});
  }
  std::vector<std::string> keys;
  std::unique_ptr<engine::Bulk> bulk;
  for (std::uint32_t index = 0; index < fold.size(); ++index) {
    if (database_.deferred() && !fetched_.emplace(fold.key(fold.net(index))).second) continue;
    if (!bulk) bulk = database_.bulk(kKeys, columns, shape_.table);
    bulk->integer(static_cast<std::int64_t>(keys.size()));
    for (const std::uint32_t column : shape_.key) {
      put_value(*bulk, shape_.columns[column].kind, fold.text(fold.cells(index)[column]));
    }
    bulk->end_row();
    keys.emplace_back(fold.key(fold.net(index)));
  }
  if (!bulk) return;
  bulk->finish();

  std::string list = own_names("h.");
  std::string on;
  std::string same;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    list += "," + dialect_.fetched("h." + dialect_.quote(shape_.columns[i].name), shape_.columns[i]);
  }
  for (const std::uint32_t index : shape_.key) {
    const std::string name = dialect_.quote(shape_.columns[index].name);
    on += (on.empty() ? "h." : " AND h.") + name + "=" +
          dialect_.from_scratch("k.k" + std::to_string(index), shape_.columns[index]);
    same += " AND l." + name + "=h." + name;
  }
  engine::Statement rows = database_.prepare(
      "SELECT k.n," + list + " FROM " + dialect_.scratch(kKeys) + " AS k JOIN " + there() + " AS h ON " + on +
          " WHERE h.\"_cdc_to_lsn\" IS NULL OR h.\"_cdc_to_lsn\">=?1 OR NOT EXISTS(SELECT 1 FROM " + there() +
          " AS l WHERE (l.\"_cdc_from_lsn\">h.\"_cdc_from_lsn\" OR (l.\"_cdc_from_lsn\"=h.\"_cdc_from_lsn\" AND "
          "l.\"_cdc_from_seq\">h.\"_cdc_from_seq\"))" +
          same + ")",
      shape_.table);
  const std::string position = base::format(from);
  rows.text(1, position);

  std::string names = own_names("");
  std::string values;
  for (std::size_t i = 0; i < kOwn.size() + shape_.columns.size(); ++i) {
    values += (values.empty() ? "?" : ",?") + std::to_string(i + 1);
  }
  for (const TableColumn& column : shape_.columns) names += "," + engine::quote_name(column.name);
  engine::Statement insert =
      local_.prepare("INSERT INTO " + engine::quote_name(Statements(sqlite_dialect(), shape_).history_name()) + "(" +
                     names + ") VALUES(" + values + ")");
  // The row that stands for the greatest number there, from lines before these, may turn out to be one of the rows that come now.
  local_.run("DELETE FROM " + engine::quote_name(Statements(sqlite_dialect(), shape_).history_name()) +
             " WHERE \"_cdc_from_lsn\"=''");
  while (rows.step()) {
    for (std::size_t i = 0; i < kOwn.size(); ++i) {
      const int number = at(i + 1);
      bind_fetched(insert, number, kOwn[i].type == Type::integer ? Kind::integer : Kind::text, rows, number);
    }
    if (!edits_.empty()) {
      const std::string unknown =
          edited_unknown(rows.is_null(kUnknown) ? "" : rows.view_at(kUnknown), rows.is_null(kTo));
      if (!unknown.empty()) insert.copied_text(kUnknown, unknown);
    }
    const std::vector<KeyPart> key = decode_key(keys[static_cast<std::size_t>(rows.integer_at(0))], kinds);
    for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
      const int number = at(kOwn.size() + i + 1);
      const auto part = std::find(shape_.key.begin(), shape_.key.end(), i);
      if (part == shape_.key.end()) {
        bind_fetched(insert, number, shape_.columns[i].kind, rows, number);
      } else {
        bind_part(insert, number, key[static_cast<std::size_t>(part - shape_.key.begin())]);
      }
    }
    insert.run();
  }
  remember();
  end_fetched();
}

// What is here now is what is there, or will be: only what changes from now on is written back.
void BulkHistory::remember() {
  local_.run("DELETE FROM fetched; INSERT INTO fetched SELECT * FROM " +
             engine::quote_name(Statements(sqlite_dialect(), shape_).history_name()));
}

void BulkHistory::end_fetched() {
  for (const Ended& ended : ended_) here_.end_older(ended.lsn, ended.seq, 't', ended.ts);
}

void BulkHistory::write_back() {
  const std::string name = engine::quote_name(Statements(sqlite_dialect(), shape_).history_name());
  std::vector<engine::ScratchColumn> columns;
  std::string names;
  std::string values;
  std::string list;
  for (const OwnColumn& own : kOwn) {
    columns.push_back({own.name, own.type == Type::integer ? dialect_.integer_type() : dialect_.text_type()});
    names += (names.empty() ? "" : ",") + dialect_.quote(own.name);
  }
  values = names;
  list = names;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    const TableColumn& column = shape_.columns[i];
    const std::string scratch = "c" + std::to_string(i);
    columns.push_back({scratch, dialect_.scratch_type(column)});
    names += "," + dialect_.quote(column.name);
    values += "," + dialect_.from_scratch(scratch, column);
    list += "," + stored(column);
  }
  engine::Statement rows = local_.prepare("SELECT " + list + " FROM (SELECT * FROM " + name +
                                          " EXCEPT SELECT * FROM fetched) ORDER BY \"_cdc_version\"");
  std::unique_ptr<engine::Bulk> bulk;
  while (rows.step()) {
    if (!bulk) bulk = database_.bulk(kChanged, columns, shape_.table);
    for (std::size_t i = 0; i < kOwn.size(); ++i) {
      put_stored(*bulk, kOwn[i].type == Type::integer ? Kind::integer : Kind::text, rows, at(i));
    }
    for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
      put_stored(*bulk, shape_.columns[i].kind, rows, at(kOwn.size() + i));
    }
    bulk->end_row();
    last_version_ = std::max(last_version_, rows.integer_at(0));
  }
  if (bulk) {
    bulk->finish();
    const std::string changed = dialect_.scratch(kChanged);
    database_.run("DELETE FROM " + there() + " WHERE \"_cdc_version\" IN (SELECT \"_cdc_version\" FROM " + changed +
                  ")");
    database_.run("INSERT INTO " + there() + "(" + names + ") SELECT " + values + " FROM " + changed);
  }
  if (database_.deferred()) {
    remember();
  } else {
    local_.run("DELETE FROM " + name + "; DELETE FROM fetched");
  }
}

void BulkHistory::flush(std::string_view loaded_at) {
  if (bytes_ == 0) return;
  if (!shape_.key.empty()) {
    Fold keys(shape_, dialect_);
    base::Lsn from{~std::uint64_t{0}};
    const Mapping* used = nullptr;
    for (const Waiting& waiting : lines_) {
      if (waiting.mapping != used) keys.use(*(used = waiting.mapping));
      const change::Line& line = parser_.parse_copy(waiting.line);
      from = std::min(from, line.lsn_value());
      static_cast<void>(keys.add(line));
    }
    static_cast<void>(keys.finish());
    if (keys.size() > 0) fetch(keys, from);
    number_from_there();
    used = nullptr;
    local_.run("SAVEPOINT lines");
    for (const Waiting& waiting : lines_) {
      if (waiting.mapping != used) here_.use(*(used = waiting.mapping));
      here_.add(parser_.parse_copy(waiting.line), loaded_at);
    }
    local_.run("RELEASE lines");
    lines_.clear();
  }
  write_back();
  bytes_ = 0;
}

void BulkHistory::end_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts) {
  end_older_versions(database_, shape_, lsn, seq, op, ts);
  if (!database_.deferred() || op != 't') return;
  ended_.push_back({lsn, seq, std::string(ts)});
  end_fetched();
  remember();
}

}  // namespace warehouse
