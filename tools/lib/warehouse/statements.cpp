// warehouse: the SQL texts. One rule stands in all that replace rows: (lsn, seq) of what comes is greater than of what is there.
// Our own columns stand before the source's: reading a position must not walk through a long value. Pure.
#include "warehouse/statements.hpp"

#include <algorithm>

namespace warehouse {
namespace {

constexpr std::string_view kOwnNames =
    "\"_cdc_lsn\",\"_cdc_seq\",\"_cdc_op\",\"_cdc_deleted\",\"_cdc_unknown\",\"_cdc_born\",\"_cdc_committed_at\",\"_"
    "cdc_loaded_at\"";

// (lsn, seq) of a row lies before the one given.
std::string is_older(const std::string& lsn, const std::string& seq, const std::string& than_lsn,
                     const std::string& than_seq) {
  return "(" + lsn + "<" + than_lsn + " OR (" + lsn + "=" + than_lsn + " AND " + seq + "<" + than_seq + "))";
}

}  // namespace

std::string Statements::key_is() const {
  std::string text;
  for (const std::uint32_t index : shape_.key) {
    text += (text.empty() ? "" : " AND ") + column(index) + "=" + dialect_.parameter(index + 1);
  }
  return text;
}

std::string Statements::key_list() const {
  std::string text;
  for (const std::uint32_t index : shape_.key) text += (text.empty() ? "" : ",") + column(index);
  return text;
}

std::string Statements::all_names() const {
  std::string text(kOwnNames);
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) text += "," + column(i);
  return text;
}

std::string Statements::create_table() const {
  const std::string text_type = dialect_.text_type();
  const std::string integer = dialect_.integer_type();
  std::string text = "CREATE TABLE " + table() + "(\"_cdc_lsn\" " + text_type + " NOT NULL,\"_cdc_seq\" " + integer +
                     " NOT NULL,\"_cdc_op\" " + text_type + " NOT NULL,\"_cdc_deleted\" " + integer +
                     " NOT NULL,\"_cdc_unknown\" " + text_type + ",\"_cdc_born\" " + text_type +
                     ",\"_cdc_committed_at\" " + text_type + ",\"_cdc_loaded_at\" " + text_type + " NOT NULL";
  // One whole number as key: it is the row's place in the table itself, which is twice as fast as an index beside it.
  const bool whole = dialect_.kind() == engine::Kind::sqlite && shape_.key.size() == 1 &&
                     shape_.columns[shape_.key[0]].kind == Kind::integer;
  std::vector<std::string> keys;
  for (const std::uint32_t index : shape_.key) keys.push_back(column(index));
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    const bool is_key = std::find(shape_.key.begin(), shape_.key.end(), i) != shape_.key.end();
    text += "," + column(i) + " " + dialect_.type_of(shape_.columns[i]);
    if (is_key) text += whole ? " PRIMARY KEY NOT NULL" : " NOT NULL";
  }
  return text + dialect_.table_tail(whole ? std::vector<std::string>{} : keys);
}

std::string comment_of(const TableColumn& column) {
  std::string text;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += (text.empty() ? "" : " ") + std::string(name) + "=" + value;
  };
  add("class", column.source.klass);
  add("action", column.source.action);
  add("type", column.source.type);
  return text;
}

std::vector<ViewColumn> Statements::view_columns() const {
  const auto& columns = shape_.columns;
  // A column bears its source's name, unless an earlier one's differs from it in case only; dropped ones count, so that it never changes.
  std::vector<std::string> names;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = columns[i].source.name;
    const bool folds = std::any_of(
        columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i),
        [&](const TableColumn& other) { return other.source.name != name && same_folded(other.source.name, name); });
    names.push_back(folds || free_name(name, 0, {}) != name ? columns[i].name : name);
  }
  std::vector<std::string> taken = names;
  std::vector<ViewColumn> shown;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].dropped) continue;
    shown.push_back({names[i], i, false});
    if (!dialect_.shows_real_beside(columns[i])) continue;
    taken.push_back(free_name(names[i] + "__real", i + 1, taken));
    shown.push_back({taken.back(), i, true});
  }
  return shown;
}

std::string Statements::create_view() const {
  std::string list;
  std::string names;
  for (const ViewColumn& shown : view_columns()) {
    const TableColumn& of = shape_.columns[shown.index];
    const std::string name = dialect_.quote(shown.name);
    const char* real = dialect_.kind() == engine::Kind::sqlite ? "REAL" : "DOUBLE";
    list += (list.empty() ? "" : ",") +
            (shown.is_real ? "CAST(" + column(shown.index) + " AS " + real + ")"
                           : dialect_.shown(column(shown.index), of)) +
            " AS " + name;
    names += (names.empty() ? "" : ",") + name + " COMMENT " + engine::quote_text(comment_of(of));
  }
  if (list.empty()) list = "NULL AS \"_\"";
  std::string text = "CREATE VIEW " + dialect_.quote(shape_.view);
  if (dialect_.comments_with_view()) {
    if (!names.empty()) text += "(" + names + ")";
    text += " COMMENT=" + engine::quote_text("source=" + shape_.table);
  }
  return text + " AS SELECT " + list + " FROM " + table() + " WHERE \"_cdc_deleted\"=0";
}

std::vector<std::string> Statements::comments() const {
  if (!dialect_.has_comments() || dialect_.comments_with_view()) return {};
  const std::string view = dialect_.quote(shape_.view);
  std::vector<std::string> statements{"COMMENT ON VIEW " + view + " IS " +
                                      engine::quote_text("source=" + shape_.table)};
  for (const ViewColumn& shown : view_columns()) {
    statements.push_back("COMMENT ON COLUMN " + view + "." + dialect_.quote(shown.name) + " IS " +
                         engine::quote_text(comment_of(shape_.columns[shown.index])));
  }
  return statements;
}

std::string Statements::drop_view() const { return "DROP VIEW IF EXISTS " + dialect_.quote(shape_.view); }

std::string Statements::drop_table() const { return "DROP TABLE IF EXISTS " + table(); }

std::vector<std::string> Statements::set_history_aside(const std::string& name) const {
  std::vector<std::string> statements;
  if (dialect_.has_indexes()) statements.push_back("DROP INDEX IF EXISTS " + dialect_.quote(history_index()));
  statements.push_back("ALTER TABLE " + dialect_.quote(history_name()) + " RENAME TO " + dialect_.quote(name));
  return statements;
}

std::string Statements::history_index() const {
  return dialect_.kind() == engine::Kind::sqlite ? "_cdc_versions in " + shape_.name
                                                 : "_cdc_versions_" + std::to_string(shape_.relid.value);
}

std::string Statements::add_column(std::uint32_t index) const {
  return "ALTER TABLE " + table() + " ADD COLUMN " + column(index) + " " + dialect_.type_of(shape_.columns[index]);
}

std::string Statements::rename_column(std::string_view old_name, std::uint32_t index) const {
  return "ALTER TABLE " + table() + " RENAME COLUMN " + dialect_.quote(old_name) + " TO " + column(index);
}

std::string Statements::rename_unknown() const {
  return "UPDATE " + table() + " SET \"_cdc_unknown\"=replace(\"_cdc_unknown\"," + dialect_.parameter(1) + "," +
         dialect_.parameter(2) + ") WHERE \"_cdc_unknown\" IS NOT NULL";
}

std::string Statements::add_unknown() const {
  return "UPDATE " + table() + " SET \"_cdc_unknown\"=CASE WHEN \"_cdc_unknown\" IS NULL THEN '['||" +
         dialect_.parameter(1) + "||']' ELSE substr(\"_cdc_unknown\",1,length(\"_cdc_unknown\")-1)||','||" +
         dialect_.parameter(1) + "||']' END WHERE \"_cdc_deleted\"=0 AND (\"_cdc_unknown\" IS NULL OR NOT " +
         dialect_.contains("\"_cdc_unknown\"", dialect_.parameter(1)) + ")";
}

std::string Statements::create_unknown_index() const {
  if (!dialect_.has_indexes()) return "";
  const std::string name = dialect_.kind() == engine::Kind::sqlite
                               ? "_cdc_unknown in " + shape_.name
                               : "_cdc_unknown_" + std::to_string(shape_.relid.value);
  return "CREATE INDEX IF NOT EXISTS " + dialect_.quote(name) + " ON " + table() +
         "(\"_cdc_unknown\") WHERE \"_cdc_unknown\" IS NOT NULL AND \"_cdc_deleted\"=0";
}

// A list of names in JSON: of n names, n - 1 times `","` stands in it; within a name it would have a backslash.
std::string Statements::count_unknown() const {
  return "SELECT CAST(coalesce(sum((length(\"_cdc_unknown\")-length(replace(\"_cdc_unknown\",'\",\"','')))/3+1),0) "
         "AS " +
         dialect_.integer_type() + ") FROM " + table() + " WHERE \"_cdc_unknown\" IS NOT NULL AND \"_cdc_deleted\"=0";
}

std::string Statements::replace_older() const {
  std::string sets;
  for (const char* name : {"lsn", "seq", "op", "deleted", "unknown", "born", "committed_at", "loaded_at"}) {
    const std::string quoted = "\"_cdc_" + std::string(name) + "\"";
    sets += (sets.empty() ? "" : ",") + quoted + "=excluded." + quoted;
  }
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    if (std::find(shape_.key.begin(), shape_.key.end(), i) != shape_.key.end()) continue;
    sets += "," + column(i) + "=excluded." + column(i);
  }
  return " ON CONFLICT(" + key_list() + ") DO UPDATE SET " + sets + " WHERE excluded.\"_cdc_lsn\">" + table() +
         ".\"_cdc_lsn\" OR (excluded.\"_cdc_lsn\"=" + table() + ".\"_cdc_lsn\" AND excluded.\"_cdc_seq\">" + table() +
         ".\"_cdc_seq\")";
}

std::string Statements::put() const {
  std::string values;
  for (std::size_t i = 1; i < static_cast<std::size_t>(Own::extra); ++i)
    values += (i > 1 ? "," : "") + own(static_cast<Own>(i));
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) values += "," + dialect_.parameter(i + 1);
  return "INSERT INTO " + table() + "(" + all_names() + ") VALUES(" + values + ")" + replace_older();
}

std::string Statements::look() const {
  return "SELECT \"_cdc_lsn\",\"_cdc_seq\",\"_cdc_deleted\",\"_cdc_unknown\",\"_cdc_born\" FROM " + table() +
         " WHERE " + key_is();
}

std::string Statements::change(const Columns& written) const {
  std::string text = "UPDATE " + table() + " SET \"_cdc_lsn\"=" + own(Own::lsn) + ",\"_cdc_seq\"=" + own(Own::seq) +
                     ",\"_cdc_op\"=" + own(Own::op) + ",\"_cdc_deleted\"=" + own(Own::deleted) +
                     ",\"_cdc_unknown\"=" + own(Own::unknown) + ",\"_cdc_born\"=coalesce(" + own(Own::born) +
                     ",\"_cdc_born\"),\"_cdc_committed_at\"=" + own(Own::committed_at) +
                     ",\"_cdc_loaded_at\"=" + own(Own::loaded_at);
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i]) text += "," + column(i) + "=" + dialect_.parameter(i + 1);
  }
  return text + " WHERE " + key_is();
}

std::string Statements::mark() const {
  std::string values;
  for (const std::uint32_t index : shape_.key) values += "," + dialect_.parameter(index + 1);
  return "INSERT INTO " + table() +
         "(\"_cdc_lsn\",\"_cdc_seq\",\"_cdc_op\",\"_cdc_deleted\",\"_cdc_unknown\",\"_cdc_committed_at\",\"_cdc_loaded_"
         "at\"," +
         key_list() + ") VALUES(" + own(Own::lsn) + "," + own(Own::seq) + "," + own(Own::op) + ",1," +
         own(Own::unknown) + "," + own(Own::committed_at) + "," + own(Own::loaded_at) + values + ") ON CONFLICT(" +
         key_list() +
         ") DO UPDATE SET "
         "\"_cdc_lsn\"=excluded.\"_cdc_lsn\",\"_cdc_seq\"=excluded.\"_cdc_seq\",\"_cdc_op\"=excluded.\"_cdc_op\","
         "\"_cdc_deleted\"=1,\"_cdc_committed_at\"=excluded.\"_cdc_committed_at\",\"_cdc_loaded_at\"=excluded.\"_cdc_"
         "loaded_at\""
         " WHERE excluded.\"_cdc_lsn\">" +
         table() + ".\"_cdc_lsn\" OR (excluded.\"_cdc_lsn\"=" + table() + ".\"_cdc_lsn\" AND excluded.\"_cdc_seq\">" +
         table() + ".\"_cdc_seq\")";
}

std::string Statements::fill(const Columns& written) const {
  std::string text =
      "UPDATE " + table() + " SET \"_cdc_unknown\"=" + own(Own::unknown) + ",\"_cdc_loaded_at\"=" + own(Own::loaded_at);
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i]) text += "," + column(i) + "=" + dialect_.parameter(i + 1);
  }
  return text + " WHERE " + key_is();
}

std::string Statements::mark_older() const {
  return "UPDATE " + table() + " SET \"_cdc_lsn\"=" + own(Own::lsn) + ",\"_cdc_seq\"=" + own(Own::seq) +
         ",\"_cdc_op\"=" + own(Own::op) + ",\"_cdc_deleted\"=1,\"_cdc_committed_at\"=" + own(Own::committed_at) +
         ",\"_cdc_loaded_at\"=" + own(Own::loaded_at) + " WHERE \"_cdc_deleted\"=0 AND " +
         is_older("\"_cdc_lsn\"", "\"_cdc_seq\"", own(Own::lsn), own(Own::seq));
}

std::string Statements::create_moved() const {
  std::string text = "CREATE TABLE " + dialect_.scratch("_cdc_moved") + "(n INTEGER PRIMARY KEY";
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) text += ",c" + std::to_string(i);
  return text + ")";
}

std::string Statements::clear_moved() const { return "DROP TABLE IF EXISTS " + dialect_.scratch("_cdc_moved"); }

std::string Statements::save_moved() const {
  std::string list;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) list += "," + column(i);
  return "INSERT INTO " + dialect_.scratch("_cdc_moved") + " SELECT " + own(Own::extra) + list + " FROM " + table() +
         " WHERE " + key_is();
}

std::string Statements::put_moved(const Columns& kept) const {
  std::string values;
  for (std::size_t i = 1; i < static_cast<std::size_t>(Own::extra); ++i)
    values += (i > 1 ? "," : "") + own(static_cast<Own>(i));
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    values += "," + (kept[i] ? "c" + std::to_string(i) : dialect_.parameter(i + 1));
  }
  return "INSERT INTO " + table() + "(" + all_names() + ") SELECT " + values + " FROM " +
         dialect_.scratch("_cdc_moved") + " WHERE n=" + own(Own::extra) + replace_older();
}

std::string Statements::create_history() const {
  const std::string text_type = dialect_.text_type();
  const std::string integer = dialect_.integer_type();
  const std::string number = dialect_.kind() == engine::Kind::sqlite ? "INTEGER PRIMARY KEY" : integer + " NOT NULL";
  std::string text = "CREATE TABLE " + dialect_.quote(history_name()) + "(\"_cdc_version\" " + number +
                     ",\"_cdc_from_lsn\" " + text_type + " NOT NULL,\"_cdc_from_seq\" " + integer +
                     " NOT NULL,\"_cdc_valid_from\" " + text_type + " NOT NULL,\"_cdc_to_lsn\" " + text_type +
                     ",\"_cdc_to_seq\" " + integer + ",\"_cdc_valid_to\" " + text_type + ",\"_cdc_op\" " + text_type +
                     " NOT NULL,\"_cdc_to_op\" " + text_type + ",\"_cdc_born\" " + integer +
                     " NOT NULL,\"_cdc_instant\" " + integer + " DEFAULT 0 NOT NULL,\"_cdc_unknown\" " + text_type +
                     ",\"_cdc_loaded_at\" " + text_type + " NOT NULL";
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    text += "," + column(i) + " " + dialect_.type_of(shape_.columns[i]);
  }
  return text + dialect_.table_tail({});
}

std::string Statements::create_history_index() const {
  if (!dialect_.has_indexes()) return "";
  return "CREATE INDEX " + dialect_.quote(history_index()) + " ON " + dialect_.quote(history_name()) + "(" +
         key_list() + ",\"_cdc_from_lsn\",\"_cdc_from_seq\")";
}

std::string Statements::seed_history() const {
  std::string list;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) list += "," + column(i);
  return "INSERT INTO " + dialect_.quote(history_name()) +
         "(\"_cdc_version\",\"_cdc_from_lsn\",\"_cdc_from_seq\",\"_cdc_valid_from\",\"_cdc_op\",\"_cdc_born\",\"_cdc_"
         "unknown\",\"_cdc_loaded_at\"" +
         list + ") SELECT row_number() OVER (ORDER BY " + key_list() +
         "),\"_cdc_lsn\",\"_cdc_seq\",\"_cdc_committed_at\",\"_cdc_op\",CASE WHEN \"_cdc_op\" IN "
         "('c','r') THEN 1 ELSE 0 END,\"_cdc_unknown\",\"_cdc_loaded_at\"" +
         list + " FROM " + table() + " WHERE \"_cdc_deleted\"=0";
}

std::string Statements::versions() const {
  return "SELECT "
         "\"_cdc_version\",\"_cdc_from_lsn\",\"_cdc_from_seq\",\"_cdc_valid_from\",\"_cdc_to_lsn\",\"_cdc_to_seq\","
         "\"_cdc_valid_to\",\"_cdc_born\",\"_cdc_unknown\",\"_cdc_to_op\" FROM " +
         dialect_.quote(history_name()) + " WHERE " + key_is() +
         " ORDER BY \"_cdc_from_lsn\" DESC,\"_cdc_from_seq\" DESC";
}

std::string Statements::add_version(const Columns& kept) const {
  std::string names =
      "\"_cdc_from_lsn\",\"_cdc_from_seq\",\"_cdc_valid_from\",\"_cdc_op\",\"_cdc_born\",\"_cdc_unknown\",\"_cdc_"
      "loaded_at\"";
  std::string values = own(Own::lsn) + "," + own(Own::seq) + "," + own(Own::committed_at) + "," + own(Own::op) + "," +
                       own(Own::deleted) + "," + own(Own::unknown) + "," + own(Own::loaded_at);
  bool any = false;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    names += "," + column(i);
    values += "," + (kept[i] ? column(i) : dialect_.parameter(i + 1));
    any = any || kept[i];
  }
  const std::string history = dialect_.quote(history_name());
  const std::string into = "INSERT INTO " + history + "(" + names + ") ";
  if (!any) return into + "VALUES(" + values + ")";
  return into + "SELECT " + values + " FROM " + history + " WHERE \"_cdc_version\"=" + own(Own::born);
}

std::string Statements::end_version() const {
  return "UPDATE " + dialect_.quote(history_name()) + " SET \"_cdc_to_lsn\"=" + own(Own::lsn) +
         ",\"_cdc_to_seq\"=" + own(Own::seq) + ",\"_cdc_valid_to\"=max(\"_cdc_valid_from\"," + own(Own::committed_at) +
         "),\"_cdc_to_op\"=" + own(Own::op) + ",\"_cdc_instant\"=\"_cdc_from_lsn\"=" + own(Own::lsn) +
         " WHERE \"_cdc_version\"=" + own(Own::extra);
}

std::string Statements::end_older(bool swept) const {
  const std::string history = dialect_.quote(history_name());
  std::string text = "UPDATE " + history + " SET \"_cdc_to_lsn\"=" + own(Own::lsn) +
                     ",\"_cdc_to_seq\"=" + own(Own::seq) + ",\"_cdc_valid_to\"=CASE WHEN \"_cdc_valid_from\">" +
                     own(Own::committed_at) + " THEN \"_cdc_valid_from\" ELSE " + own(Own::committed_at) +
                     " END,\"_cdc_to_op\"=" + own(Own::op) +
                     ",\"_cdc_instant\"=CASE WHEN \"_cdc_from_lsn\"=" + own(Own::lsn) +
                     " THEN 1 ELSE 0 END WHERE \"_cdc_to_lsn\" IS NULL AND " +
                     is_older("\"_cdc_from_lsn\"", "\"_cdc_from_seq\"", own(Own::lsn), own(Own::seq));
  if (swept) {
    text += " AND EXISTS(SELECT 1 FROM " + table() + " AS t WHERE t.\"_cdc_lsn\"=" + own(Own::lsn) +
            " AND t.\"_cdc_seq\"=-1 AND t.\"_cdc_deleted\"=1";
    for (const std::uint32_t index : shape_.key)
      text += " AND t." + column(index) + "=" + history + "." + column(index);
    text += ")";
  }
  return text;
}

std::string Statements::fill_version(const Columns& written) const {
  std::string text = "UPDATE " + dialect_.quote(history_name()) + " SET \"_cdc_unknown\"=" + own(Own::unknown);
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i]) text += "," + column(i) + "=" + dialect_.parameter(i + 1);
  }
  return text + " WHERE \"_cdc_version\"=" + own(Own::extra);
}

std::string Statements::add_history_unknown() const {
  return "UPDATE " + dialect_.quote(history_name()) +
         " SET \"_cdc_unknown\"=CASE WHEN \"_cdc_unknown\" IS NULL THEN '['||" + dialect_.parameter(1) +
         "||']' ELSE substr(\"_cdc_unknown\",1,length(\"_cdc_unknown\")-1)||','||" + dialect_.parameter(1) +
         "||']' END WHERE \"_cdc_to_lsn\" IS NULL";
}

std::string Statements::forget_unknown(bool history) const {
  const std::string one = dialect_.parameter(1);
  const std::string left =
      "replace(','||substr(\"_cdc_unknown\",2,length(\"_cdc_unknown\")-2)||',',','||" + one + "||',',',')";
  const std::string lsn = history ? "\"_cdc_to_lsn\"" : "\"_cdc_lsn\"";
  const std::string seq = history ? "\"_cdc_to_seq\"" : "\"_cdc_seq\"";
  return "UPDATE " + (history ? dialect_.quote(history_name()) : table()) + " SET \"_cdc_unknown\"=CASE WHEN " + left +
         "=',' THEN NULL ELSE '['||substr(" + left + ",2,length(" + left + ")-2)||']' END WHERE (" + lsn + "<" +
         dialect_.parameter(2) + " OR (" + lsn + "=" + dialect_.parameter(2) + " AND " + seq + "<" +
         dialect_.parameter(3) + "))" + (history ? "" : " AND \"_cdc_deleted\"=1") +
         " AND \"_cdc_unknown\" IS NOT NULL AND " + dialect_.contains("\"_cdc_unknown\"", one);
}

std::string Statements::rename_history_unknown() const {
  return "UPDATE " + dialect_.quote(history_name()) + " SET \"_cdc_unknown\"=replace(\"_cdc_unknown\"," +
         dialect_.parameter(1) + "," + dialect_.parameter(2) + ") WHERE \"_cdc_unknown\" IS NOT NULL";
}

std::string Statements::add_history_column(std::uint32_t index) const {
  return "ALTER TABLE " + dialect_.quote(history_name()) + " ADD COLUMN " + column(index) + " " +
         dialect_.type_of(shape_.columns[index]);
}

std::string Statements::rename_history_column(std::string_view old_name, std::uint32_t index) const {
  return "ALTER TABLE " + dialect_.quote(history_name()) + " RENAME COLUMN " + dialect_.quote(old_name) + " TO " +
         column(index);
}

std::string Statements::erase_column(std::size_t index) const {
  return "UPDATE " + table() + " SET " + column(index) + "=NULL WHERE " + column(index) + " IS NOT NULL";
}

std::string Statements::erase_history_column(std::size_t index) const {
  return "UPDATE " + dialect_.quote(history_name()) + " SET " + column(index) + "=NULL WHERE " + column(index) +
         " IS NOT NULL";
}

std::string Statements::all_but_key_null() const {
  std::string sets;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    if (std::find(shape_.key.begin(), shape_.key.end(), i) != shape_.key.end()) continue;
    sets += (sets.empty() ? "" : ",") + column(i) + "=NULL";
  }
  return sets.empty() ? "\"_cdc_unknown\"=NULL" : sets + ",\"_cdc_unknown\"=NULL";
}

std::string Statements::erase_rows(std::size_t index) const {
  return "UPDATE " + table() + " SET " + all_but_key_null() + " WHERE " + column(index) + "=" + dialect_.parameter(1);
}

std::string Statements::erase_versions(std::size_t index) const {
  const std::string history = dialect_.quote(history_name());
  std::string where = column(index) + "=" + dialect_.parameter(1);
  // All versions of a key that ever held the value: a person's row before the address was changed is that person's too.
  if (!shape_.key.empty()) {
    where = "(" + key_list() + ") IN (SELECT " + key_list() + " FROM " + history + " WHERE " + where + ")";
  }
  return "UPDATE " + history + " SET " + all_but_key_null() + " WHERE " + where;
}

std::string Statements::keys_with(std::size_t index) const {
  std::string keys;
  for (const std::uint32_t key : shape_.key) {
    keys += (keys.empty() ? "" : ",") + dialect_.key_text(column(key), shape_.columns[key].kind);
  }
  return "SELECT " + keys + " FROM " + table() + " WHERE " + column(index) + "=" + dialect_.parameter(1);
}

std::string Statements::count_gone() const {
  return "SELECT count(*), max(\"_cdc_lsn\") FROM " + table() + " WHERE \"_cdc_deleted\"=1 AND \"_cdc_loaded_at\"<" +
         dialect_.parameter(1);
}

std::string Statements::purge() const {
  return "DELETE FROM " + table() + " WHERE \"_cdc_deleted\"=1 AND \"_cdc_loaded_at\"<" + dialect_.parameter(1) +
         " AND \"_cdc_lsn\"<" + dialect_.parameter(2);
}

}  // namespace warehouse
