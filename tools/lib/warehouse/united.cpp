// warehouse: the text of such a view. It reads the tables, not the sources' own views, because it must know when a row was committed.
#include "warehouse/united.hpp"

#include <algorithm>
#include <optional>

#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"
#include "warehouse/statements.hpp"

namespace warehouse {
namespace {

constexpr std::string_view kSource = "\"_cdc_source\"";
constexpr std::string_view kAt = "\"_cdc_at\"";

// A column of the view: its name, whose type it takes, and its index in each member's shape.
struct Column {
  std::string name;
  TableColumn like;
  std::vector<std::optional<std::size_t>> places;
};

std::string treatment(const TableColumn& column) {
  return column.source.action.empty() ? "keep" : column.source.action;
}

bool holds(const Dialect& dialect, const TableColumn& wide, const TableColumn& column) {
  const bool same = wide.kind == column.kind && dialect.type_of(wide) == dialect.type_of(column);
  return same || is_widened(column.source, wide.source);
}

// Every column that a source shows, in the order of the first source that has it.
std::vector<Column> columns_of(const Dialect& dialect, const std::vector<Member>& members) {
  std::vector<Column> columns;
  for (std::size_t m = 0; m < members.size(); ++m) {
    for (const ViewColumn& shown : Statements(dialect, members[m].shape).view_columns()) {
      if (shown.is_real) continue;
      auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == shown.name; });
      if (found == columns.end()) {
        columns.push_back({shown.name, {}, std::vector<std::optional<std::size_t>>(members.size())});
        found = columns.end() - 1;
      }
      found->places[m] = shown.index;
    }
  }
  return columns;
}

// out  why the column cannot be one; empty: its type is found
std::string settle(const Dialect& dialect, const std::vector<Member>& members, Column& column) {
  std::vector<std::pair<const Member*, const TableColumn*>> all;
  for (std::size_t m = 0; m < members.size(); ++m) {
    if (column.places[m]) all.emplace_back(&members[m], &members[m].shape.columns[*column.places[m]]);
  }
  const auto differs = [&](const std::string& what, const Member& one, const Member& other) {
    return "column " + column.name + " has another " + what + " in " + other.source + " than in " + one.source;
  };
  for (const auto& [member, one] : all) {
    if (treatment(*one) != treatment(*all[0].second)) return differs("treatment by the policy", *all[0].first, *member);
  }
  // No structured binding: a lambda of C++20 could not use it.
  for (const auto& wide : all) {
    const bool holds_all = std::all_of(all.begin(), all.end(),
                                       [&](const auto& other) { return holds(dialect, *wide.second, *other.second); });
    if (!holds_all) continue;
    column.like = *wide.second;
    return "";
  }
  for (const auto& [member, one] : all) {
    if (!holds(dialect, *all[0].second, *one) && !holds(dialect, *one, *all[0].second)) {
      return differs("type", *all[0].first, *member);
    }
  }
  return "column " + column.name + " has types of which none holds all values";
}

std::vector<std::string> key_names(const Dialect& dialect, const Shape& shape) {
  std::vector<std::string> names;
  for (const ViewColumn& shown : Statements(dialect, shape).view_columns()) {
    const bool is_key = std::find(shape.key.begin(), shape.key.end(), shown.index) != shape.key.end();
    if (is_key && !shown.is_real) names.push_back(shown.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string value_of(const Dialect& dialect, const Member& member, const Column& column, std::size_t m) {
  const std::string type = dialect.type_of(column.like);
  if (!column.places[m]) return "CAST(NULL AS " + type + ")";
  const TableColumn& own = member.shape.columns[*column.places[m]];
  const std::string name = dialect.quote(own.name);
  return dialect.type_of(own) == type ? name : "CAST(" + name + " AS " + type + ")";
}

std::string from(const Dialect& dialect, const Member& member) {
  return " FROM " + dialect.quote(member.schema) + "." + dialect.quote(member.shape.name) + " WHERE \"_cdc_deleted\"=0";
}

std::string source_of(const Dialect& dialect, const Member& member) {
  const char* type = dialect.kind() == engine::Kind::postgresql ? "text" : "VARCHAR";
  return "CAST(" + engine::quote_text(member.source) + " AS " + type + ") AS " + std::string(kSource);
}

// Keys of all sources with the time of their commit, against which a row is held: it is shown unless a later one has its key.
std::string latest(const Dialect& dialect, const std::vector<Member>& members, const std::vector<Column>& columns,
                   const std::vector<std::string>& keys, const std::string& rows, const std::string& list) {
  std::string others;
  for (std::size_t m = 0; m < members.size(); ++m) {
    others += (m == 0 ? "SELECT " : " UNION ALL SELECT ") + source_of(dialect, members[m]) +
              ",COALESCE(\"_cdc_committed_at\",'') AS " + std::string(kAt);
    for (const Column& column : columns) {
      const bool is_key = std::find(keys.begin(), keys.end(), column.name) != keys.end();
      if (is_key) others += "," + value_of(dialect, members[m], column, m) + " AS " + dialect.quote(column.name);
    }
    others += from(dialect, members[m]);
  }
  std::string same;
  for (const std::string& key : keys) {
    same += "o." + dialect.quote(key) + "=r." + dialect.quote(key) + " AND ";
  }
  const std::string at(kAt);
  const std::string source(kSource);
  return "SELECT " + list + " FROM (" + rows + ") r LEFT JOIN (" + others + ") o ON " + same + "(o." + at + ">r." + at +
         " OR (o." + at + "=r." + at + " AND o." + source + ">r." + source + ")) WHERE o." + source + " IS NULL";
}

}  // namespace

United united(const Dialect& dialect, std::string_view place, const std::vector<Member>& members) {
  United result;
  result.view = members[0].shape.view;
  const bool shared = members[0].shared;
  const std::vector<std::string> keys = key_names(dialect, members[0].shape);
  for (const Member& member : members) {
    const std::string pair = " in " + member.source + " than in " + members[0].source;
    if (member.shape.view != result.view) result.refused = "the view has another name" + pair;
    if (member.shared != shared) result.refused = "--unite-ids says something else" + pair;
    if (shared && key_names(dialect, member.shape) != keys) result.refused = "the table has another key" + pair;
    if (!result.refused.empty()) return result;
  }
  std::vector<Column> columns = columns_of(dialect, members);
  for (Column& column : columns) {
    result.refused = settle(dialect, members, column);
    if (!result.refused.empty()) return result;
  }

  const bool joins = shared && members.size() > 1;
  const std::string prefix = joins ? "r." : "";
  std::string rows;
  for (std::size_t m = 0; m < members.size(); ++m) {
    rows += (m == 0 ? "SELECT " : " UNION ALL SELECT ") + source_of(dialect, members[m]);
    if (joins) rows += ",COALESCE(\"_cdc_committed_at\",'') AS " + std::string(kAt);
    for (const Column& column : columns) {
      rows += "," + value_of(dialect, members[m], column, m) + " AS " + dialect.quote(column.name);
    }
    rows += from(dialect, members[m]);
  }
  std::string list = prefix + std::string(kSource) + " AS " + std::string(kSource);
  std::string names = std::string(kSource) + " COMMENT 'the source'";
  const std::string view = dialect.quote(place) + "." + dialect.quote(result.view);
  const bool beside = dialect.has_comments() && !dialect.comments_with_view();
  if (beside) {
    result.comments.push_back("COMMENT ON VIEW " + view + " IS " +
                              engine::quote_text("united=" + members[0].shape.table));
    result.comments.push_back("COMMENT ON COLUMN " + view + "." + std::string(kSource) + " IS 'the source'");
  }
  std::vector<std::string> taken;
  for (const Column& column : columns) taken.push_back(column.name);
  const auto add = [&](const std::string& expression, const std::string& name, const TableColumn& like) {
    list += "," + expression + " AS " + dialect.quote(name);
    names += "," + dialect.quote(name) + " COMMENT " + engine::quote_text(comment_of(like));
    if (!beside) return;
    result.comments.push_back("COMMENT ON COLUMN " + view + "." + dialect.quote(name) + " IS " +
                              engine::quote_text(comment_of(like)));
  };
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string expression = prefix + dialect.quote(columns[i].name);
    add(dialect.shown(expression, columns[i].like), columns[i].name, columns[i].like);
    if (!dialect.shows_real_beside(columns[i].like)) continue;
    taken.push_back(free_name(columns[i].name + "__real", i + 1, taken));
    add("CAST(" + expression + " AS DOUBLE)", taken.back(), columns[i].like);
  }
  result.create = "CREATE VIEW " + view;
  if (dialect.comments_with_view()) {
    result.create += "(" + names + ") COMMENT=" + engine::quote_text("united=" + members[0].shape.table);
  }
  result.create += " AS " + (joins ? latest(dialect, members, columns, keys, rows, list)
                                   : "SELECT " + list + " FROM (" + rows + ") r");
  return result;
}

std::string encode_columns(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const TableColumn& column = shape.columns[i];
    if (text.size() > 1) text.push_back(',');
    json::ObjectWriter writer(text);
    writer.text("name", column.name).text("source", column.source.name).text("type", column.source.type);
    writer.raw("typmod", std::to_string(column.source.typmod)).text("kind", text_of(column.kind));
    writer.text("action", column.source.action).text("class", column.source.klass).boolean("dropped", column.dropped);
    writer.boolean("key", std::find(shape.key.begin(), shape.key.end(), i) != shape.key.end());
    writer.close();
  }
  return text + "]";
}

void decode_columns(std::string_view text, Shape& shape) {
  json::Tokenizer tokenizer;
  const std::span<const json::Token> tokens = tokenizer.tokens_of_copy(text);
  json::Value(tokens, 0).each_element([&](const json::Value& one) {
    TableColumn column;
    column.name = one.text("name");
    column.source.name = one.text("source");
    column.source.type = one.text("type");
    const std::string typmod(one.at("typmod").raw());
    column.source.typmod = static_cast<std::int32_t>(std::strtol(typmod.c_str(), nullptr, 10));
    column.kind = parse_kind(one.text("kind"));
    column.source.action = one.text("action");
    column.source.klass = one.text("class");
    column.dropped = one.boolean("dropped");
    if (one.boolean("key")) shape.key.push_back(static_cast<std::uint32_t>(shape.columns.size()));
    shape.columns.push_back(std::move(column));
  });
}

}  // namespace warehouse
