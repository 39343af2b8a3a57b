// warehouse: the MERGE. One statement, because what a row that moves takes along has to be read before any row is written, and a statement
// sees the table as it was before it.
#include "warehouse/merge.hpp"

#include <algorithm>

#include "json/write.hpp"

namespace warehouse {
namespace {

std::string quoted_json(const std::string& name) {
  std::string text;
  json::append_string(text, name);
  return text;
}

// `s` is newer than `t`.
constexpr const char* kNewer = "(s.lsn>t.\"_cdc_lsn\" OR (s.lsn=t.\"_cdc_lsn\" AND s.seq>t.\"_cdc_seq\"))";
// What the row keeps, it keeps of the row that is there; a row that was gone has nothing that belongs to it.
constexpr const char* kKeepsOwn = "(s.how='s' AND (t.\"_cdc_deleted\"=0 OR s.deleted=1))";

}  // namespace

Merge::Merge(const Dialect& dialect, const Shape& shape)
    : dialect_(dialect), shape_(shape), is_key_(shape.columns.size()) {
  for (const std::uint32_t index : shape_.key) is_key_[index] = true;
  for (const TableColumn& one : shape_.columns) quoted_names_.push_back(quoted_json(one.name));
}

std::vector<engine::ScratchColumn> Merge::scratch_columns(bool moves) const {
  const std::string text = dialect_.text_type();
  const std::string integer = dialect_.integer_type();
  std::vector<engine::ScratchColumn> columns{{"how", text},     {"states", text}, {"deleted", integer}, {"lsn", text},
                                             {"seq", integer},  {"op", text},     {"born", text},       {"ts", text},
                                             {"unknown", text}, {"lost", text}};
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    columns.push_back({"c" + std::to_string(i), dialect_.scratch_type(shape_.columns[i])});
  }
  if (!moves) return columns;
  columns.push_back({"taken_lsn", text});
  columns.push_back({"taken_seq", integer});
  for (const std::uint32_t index : shape_.key) {
    columns.push_back({"o" + std::to_string(index), dialect_.scratch_type(shape_.columns[index])});
  }
  return columns;
}

std::string Merge::value(std::size_t index, const std::string& of) const {
  return dialect_.from_scratch(of + "c" + std::to_string(index), shape_.columns[index]);
}

std::string Merge::state(std::size_t index, const std::string& of) const {
  return "substr(" + of + "states," + std::to_string(index + 1) + ",1)";
}

// The list has the column: found with what stands before it, so that no end of another name is taken for it.
std::string Merge::lists(std::size_t index, const std::string& list) const {
  return dialect_.contains("','||substr(" + list + ",2)", engine::quote_text("," + quoted_names_[index]));
}

// What is unknown once the cells of `net` have been put over the row that has the list `there`.
std::string Merge::list_after(const std::string& net, const std::string& there, const Window& window) const {
  std::string names;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    if (is_key_[i] || !(window.kept[i] || window.lost[i])) continue;
    names += std::string(names.empty() ? "" : "||") + "CASE WHEN " + state(i, net) + "='u' OR (" + state(i, net) +
             "='k' AND " + lists(i, there) + ") THEN " + engine::quote_text("," + quoted_names_[i]) + " ELSE '' END";
  }
  if (names.empty()) return net + "lost";
  return "CASE WHEN " + there + " IS NULL THEN " + net + "lost ELSE nullif('['||substr(" + names + ",2)||']','[]') END";
}

std::string Merge::key_is(const std::string& a, const std::string& b) const {
  std::string text;
  for (const std::uint32_t index : shape_.key) {
    text += (text.empty() ? "" : " AND ") + a + column(index) + "=" +
            dialect_.from_scratch(b + std::to_string(index), shape_.columns[index]);
  }
  return text;
}

// The net rows, those that moved with what they take along.
std::string Merge::source(const Window& window) const {
  const std::string net = dialect_.scratch(scratch_name());
  const bool moves = window.moves;
  const std::string taken = "(n.how='o' AND m.\"_cdc_lsn\" IS NOT NULL)";
  std::string list = moves ? "CASE WHEN n.how='o' THEN 'w' ELSE n.how END AS how" : "n.how AS how";
  list +=
      ",n.states AS states,n.deleted AS deleted,n.lsn AS lsn,n.seq AS seq,n.op AS op,n.born AS born,n.ts AS ts,n.lost "
      "AS lost,";
  list += moves ? "CASE WHEN " + taken + " THEN " + list_after("n.", "m.\"_cdc_unknown\"", window) +
                      " ELSE n.unknown END AS unknown"
                : std::string("n.unknown AS unknown");
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    const std::string own = value(i, "n.");
    const bool kept = moves && window.kept[i] && !is_key_[i];
    list +=
        "," +
        (kept ? "CASE WHEN " + taken + " AND " + state(i, "n.") + "='k' THEN m." + column(i) + " ELSE " + own + " END"
              : own) +
        " AS c" + std::to_string(i);
  }
  std::string text = "SELECT " + list + " FROM " + net + " AS n";
  if (moves) {
    text += " LEFT JOIN " + dialect_.quote(shape_.name) + " AS m ON n.how='o' AND " + key_is("m.", "n.o") +
            " AND m.\"_cdc_deleted\"=0 AND (m.\"_cdc_lsn\"<n.taken_lsn OR (m.\"_cdc_lsn\"=n.taken_lsn AND "
            "m.\"_cdc_seq\"<n.taken_seq))";
  }
  return text;
}

std::string Merge::merge(const Window& window) const {
  const std::string loaded_at = dialect_.parameter(1);
  std::string on;
  for (const std::uint32_t index : shape_.key) {
    on += (on.empty() ? "t." : " AND t.") + column(index) + "=s.c" + std::to_string(index);
  }
  if (!window.from_key.empty()) {
    on += " AND t." + column(shape_.key[0]) + " BETWEEN " + window.from_key + " AND " + window.to_key;
  }
  std::string text = "MERGE INTO " + dialect_.quote(shape_.name) + " AS t USING (" + source(window) + ") AS s ON " + on;

  // A newer row: whole, or over what is there.
  text += std::string(" WHEN MATCHED AND s.how<>'f' AND ") + kNewer +
          " THEN UPDATE SET \"_cdc_lsn\"=s.lsn,\"_cdc_seq\"=s.seq,\"_cdc_op\"=s.op,\"_cdc_deleted\"=s.deleted,\"_cdc_"
          "unknown\"=";
  text += window.keeps ? std::string("CASE WHEN ") + kKeepsOwn + " THEN " +
                             list_after("s.", "t.\"_cdc_unknown\"", window) + " ELSE s.unknown END"
                       : "s.unknown";
  text += ",\"_cdc_born\"=";
  text += window.keeps ? std::string("CASE WHEN ") + kKeepsOwn +
                             " THEN coalesce(s.born,t.\"_cdc_born\") WHEN s.how='s' THEN s.lsn ELSE s.born END"
                       : "s.born";
  text += ",\"_cdc_committed_at\"=s.ts,\"_cdc_loaded_at\"=" + loaded_at;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    if (is_key_[i]) continue;
    const std::string own = "s.c" + std::to_string(i);
    text += "," + column(i) + "=" +
            (window.keeps && window.kept[i] ? std::string("CASE WHEN ") + kKeepsOwn + " AND " + state(i, "s.") +
                                                  "='k' THEN t." + column(i) + " ELSE " + own + " END"
                                            : own);
  }

  // A copied row under a newer one: it brings what has not arrived, when it saw the same row.
  if (window.fills) {
    std::string left;
    std::string sets;
    for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
      if (is_key_[i]) continue;
      const std::string listed = lists(i, "t.\"_cdc_unknown\"");
      const std::string known = state(i, "s.") + "='.'";
      left += std::string(left.empty() ? "" : "||") + "CASE WHEN " + listed + " AND NOT " + known + " THEN " +
              engine::quote_text("," + quoted_names_[i]) + " ELSE '' END";
      sets += "," + column(i) + "=CASE WHEN " + listed + " AND " + known + " THEN s.c" + std::to_string(i) +
              " ELSE t." + column(i) + " END";
    }
    if (!left.empty()) {
      text +=
          " WHEN MATCHED AND s.op='r' AND t.\"_cdc_deleted\"=0 AND t.\"_cdc_unknown\" IS NOT NULL AND "
          "(t.\"_cdc_born\" IS NULL OR t.\"_cdc_born\"<s.lsn) THEN UPDATE SET \"_cdc_unknown\"=nullif('['||substr(" +
          left + ",2)||']','[]'),\"_cdc_loaded_at\"=" + loaded_at + sets;
    }
  }

  std::string names =
      "\"_cdc_lsn\",\"_cdc_seq\",\"_cdc_op\",\"_cdc_deleted\",\"_cdc_unknown\",\"_cdc_born\",\"_cdc_committed_at\",\"_"
      "cdc_loaded_at\"";
  std::string values = "s.lsn,s.seq,s.op,s.deleted,s.unknown,s.born,s.ts," + loaded_at;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    names += "," + column(i);
    values += ",s.c" + std::to_string(i);
  }
  return text + " WHEN NOT MATCHED AND s.how<>'f' THEN INSERT(" + names + ") VALUES(" + values + ")";
}

}  // namespace warehouse
