// warehouse: one table against a reference. The reference's rows become a scratch table of the engine, and one statement judges them all.
#include "warehouse/comparison.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "json/write.hpp"
#include "warehouse/dialect.hpp"
#include "warehouse/stored.hpp"

namespace warehouse {
namespace {

constexpr const char* kScratch = "_cdc_reference";

// A column of the reference, and the one that is the same in the warehouse.
struct Pair {
  const TableColumn* there;
  const TableColumn* here;
  bool key;
};

const TableColumn* same_column(const Shape& shape, const TableColumn& column) {
  for (const TableColumn& one : shape.columns) {
    if (one.dropped || one.kind != column.kind) continue;
    const bool bound = one.source.bind && column.source.bind;
    if (bound ? *one.source.bind == *column.source.bind : one.source.name == column.source.name) return &one;
  }
  return nullptr;
}

std::optional<std::vector<Pair>> pairs_of(const Shape& there, const Shape& here, std::string& trouble) {
  std::vector<Pair> pairs;
  for (std::uint32_t i = 0; i < there.columns.size(); ++i) {
    const TableColumn& column = there.columns[i];
    if (column.dropped) continue;
    const TableColumn* same = same_column(here, column);
    if (same == nullptr) {
      trouble = "column " + column.source.name + " is not in the warehouse, or is another one";
      return std::nullopt;
    }
    pairs.push_back({&column, same, std::find(there.key.begin(), there.key.end(), i) != there.key.end()});
  }
  for (const TableColumn& column : here.columns) {
    const bool known = column.dropped ||
                       std::any_of(pairs.begin(), pairs.end(), [&](const Pair& pair) { return pair.here == &column; });
    if (known) continue;
    trouble = "column " + column.source.name + " is in the warehouse and was not copied";
    return std::nullopt;
  }
  return pairs;
}

// A value as a line of the stream would have it, which is how an engine is asked whether it fits.
std::string raw_of(Kind kind, std::string_view text) {
  const bool plain = kind == Kind::integer || (kind == Kind::real && !text.ends_with("N") && !text.ends_with("y"));
  if (plain) return std::string(text);
  if (kind == Kind::boolean) return text == "1" ? "true" : "false";
  std::string raw;
  json::append_string(raw, text);
  return raw;
}

// A value that the engine cannot hold is none, and the row says so: it waits in quarantine there.
void put_rows(engine::Database& reference, const Shape& there, const std::vector<Pair>& pairs, const Dialect& dialect,
              engine::Database& database) {
  std::vector<engine::ScratchColumn> columns{{"lsn", dialect.text_type()}};
  std::vector<bool> limited;
  std::string list = "_cdc_lsn";
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    columns.push_back({"c" + std::to_string(i), dialect.scratch_type(*pairs[i].here)});
    limited.push_back(pairs[i].here->kind != Kind::bytes && dialect.limited(*pairs[i].here));
    list += "," + stored(*pairs[i].there);
  }
  columns.push_back({"unfit", dialect.integer_type()});
  engine::Statement rows = reference.prepare(
      "SELECT " + list + " FROM " + engine::quote_name(there.name) + " WHERE _cdc_deleted=0", there.table);
  const std::unique_ptr<engine::Bulk> bulk = database.bulk(kScratch, columns, there.table);
  while (rows.step()) {
    bool unfit = false;
    bulk->text(rows.view_at(0));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const int column = static_cast<int>(i + 1);
      if (limited[i] && !rows.is_null(column) &&
          !dialect.fits(*pairs[i].here, raw_of(pairs[i].there->kind, rows.view_at(column)))) {
        unfit = true;
        bulk->null();
      } else {
        put_stored(*bulk, pairs[i].there->kind, rows, column);
      }
    }
    bulk->integer(unfit ? 1 : 0);
    bulk->end_row();
  }
  bulk->finish();
}

}  // namespace

Compared compare(engine::Database& reference, const Table& there, base::Lsn copy, engine::Database& database,
                 const Table& here, std::size_t most, std::optional<base::Part> part) {
  Compared compared;
  if (there.shape.key.empty() || here.shape.key.empty()) {
    compared.trouble = "it has no key";
    return compared;
  }
  if (!here.parked.empty()) {
    compared.trouble = "it is parked";
    return compared;
  }
  std::string of_part;
  if (part && here.shape.key.size() == 1) {
    const TableColumn& column = here.shape.columns[here.shape.key[0]];
    if (!column.source.action.empty() && column.source.action != "keep") {
      compared.trouble = "the policy treats its key, so its parts cannot be told";
      return compared;
    }
    const std::string& type = column.source.type;
    if (type == "int2" || type == "int4" || type == "int8") {
      of_part = " AND " + base::in_part("t." + engine::quote_name(column.name), *part);
    }
  }
  const auto pairs = pairs_of(there.shape, here.shape, compared.trouble);
  if (!pairs) return compared;
  const Dialect& dialect = dialect_of(database.kind());
  // Without the writer's lock: a scratch table of PostgreSQL lives as long as a transaction, which sees one moment.
  const bool transaction = database.kind() == engine::Kind::postgresql;
  if (transaction) database.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  put_rows(reference, there.shape, *pairs, dialect, database);

  std::string on;
  std::string equal;
  std::string key_there;
  std::string key_here;
  int keys = 0;
  for (std::size_t i = 0; i < pairs->size(); ++i) {
    const TableColumn& column = *(*pairs)[i].here;
    const std::string mine = "t." + dialect.quote(column.name);
    const std::string its = dialect.from_scratch("s.c" + std::to_string(i), column);
    if ((*pairs)[i].key) {
      on += (on.empty() ? "" : " AND ") + mine + "=" + its;
      const std::string name = " AS k" + std::to_string(keys++);
      key_there += "," + dialect.key_text(its, column.kind) + name;
      key_here += "," + dialect.key_text(mine, column.kind) + name;
      continue;
    }
    // The text of JSON is the value; some engines cannot compare what they make of it.
    const bool as_text = column.kind == Kind::json;
    equal += (equal.empty() ? "" : " AND ") + (as_text ? dialect.fetched(mine, column) : mine) +
             " IS NOT DISTINCT FROM " + (as_text ? dialect.fetched(its, column) : its);
  }
  if (equal.empty()) equal = "1=1";
  const std::string table = dialect.quote(here.shape.name);
  // A commit may begin at the very position of a copy, which does not show it then: a streamed change there is newer than the copy.
  const std::string judged =
      "(SELECT CASE WHEN t.\"_cdc_lsn\" IS NULL AND s.unfit=1 THEN 'unknown' WHEN t.\"_cdc_lsn\" IS NULL THEN "
      "'missing' WHEN "
      "t.\"_cdc_lsn\">s.lsn OR (t.\"_cdc_lsn\"=s.lsn AND t.\"_cdc_seq\">=0) THEN 'moved' WHEN t.\"_cdc_deleted\"=1 "
      "THEN 'missing' WHEN s.unfit=0 AND " +
      equal +
      " THEN 'equal' WHEN s.unfit=1 OR t.\"_cdc_unknown\" IS NOT NULL THEN 'unknown' ELSE 'differs' END AS verdict" +
      key_there + " FROM " + dialect.scratch(kScratch) + " AS s LEFT JOIN " + table + " AS t ON " + on + ") AS v";
  engine::Statement counts =
      database.prepare("SELECT v.verdict,count(*) FROM " + judged + " GROUP BY v.verdict", there.shape.table);
  while (counts.step()) {
    const std::string_view verdict = counts.view_at(0);
    const auto rows = static_cast<std::uint64_t>(counts.integer_at(1));
    for (const auto& [word, into] : {std::pair{"equal", &compared.equal},
                                     {"moved", &compared.moved},
                                     {"missing", &compared.missing},
                                     {"differs", &compared.differs},
                                     {"unknown", &compared.unknown}}) {
      if (verdict == word) *into = rows;
    }
  }
  counts.reset();
  // A join, for which SQLite makes itself an index; for NOT EXISTS it would read all of the copy for each row.
  const std::string extra =
      " FROM " + table + " AS t LEFT JOIN " + dialect.scratch(kScratch) + " AS s ON " + on +
      " WHERE t.\"_cdc_deleted\"=0 AND (t.\"_cdc_lsn\"<?1 OR (t.\"_cdc_lsn\"=?1 AND t.\"_cdc_seq\"<0))" + of_part +
      " AND s.lsn IS NULL";
  const std::string position = base::format(copy);
  engine::Statement count = database.prepare("SELECT count(*)" + extra, there.shape.table);
  count.text(1, position);
  if (count.step()) compared.extra = static_cast<std::uint64_t>(count.integer_at(0));
  count.reset();

  std::string order = " ORDER BY 1";
  for (int i = 0; i < keys; ++i) order += "," + std::to_string(i + 2);
  const std::string limit = order + " LIMIT " + std::to_string(most);
  const auto name = [&](const std::string& sql, bool with_position) {
    engine::Statement suspects = database.prepare(sql, there.shape.table);
    if (with_position) suspects.text(1, position);
    while (suspects.step()) {
      Suspect& suspect = compared.suspects.emplace_back();
      suspect.verdict = suspects.text_at(0);
      for (int i = 0; i < keys; ++i) suspect.key.push_back(suspects.text_at(i + 1));
    }
  };
  if (compared.missing + compared.differs + compared.unknown > 0) {
    std::string names;
    for (int i = 0; i < keys; ++i) names += ",v.k" + std::to_string(i);
    name("SELECT v.verdict" + names + " FROM " + judged + " WHERE v.verdict IN ('missing','differs','unknown')" + limit,
         false);
  }
  if (compared.extra > 0) name("SELECT 'extra'" + key_here + extra + limit, true);
  // What waits to be made again with each statement is not needed for the next table.
  if (database.deferred()) database.rollback();
  if (transaction) database.run("ROLLBACK");
  return compared;
}

std::vector<std::string> to_read_again(const Table& there, const Compared& compared) {
  if (compared.is_equal()) return {};
  std::vector<std::string> names;
  bool is_kept = true;
  // In the order in which the comparison names them.
  for (std::uint32_t i = 0; i < there.shape.columns.size(); ++i) {
    if (std::find(there.shape.key.begin(), there.shape.key.end(), i) == there.shape.key.end()) continue;
    const change::Column& source = there.shape.columns[i].source;
    names.push_back(source.name);
    is_kept = is_kept && (source.action.empty() || source.action == "keep");
  }
  const std::uint64_t suspects = compared.missing + compared.differs + compared.unknown + compared.extra;
  std::vector<std::string> lines;
  if (!compared.trouble.empty() || !is_kept || compared.suspects.size() < suspects) {
    json::ObjectWriter(lines.emplace_back()).text("table", there.shape.table).null("key").close();
    return lines;
  }
  for (const Suspect& suspect : compared.suspects) {
    std::string key;
    json::ObjectWriter object(key);
    for (std::size_t i = 0; i < names.size(); ++i) object.text(names[i], suspect.key[i]);
    object.close();
    json::ObjectWriter(lines.emplace_back()).text("table", there.shape.table).raw("key", key).close();
  }
  return lines;
}

}  // namespace warehouse
