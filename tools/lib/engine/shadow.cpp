// engine: the shadow. A view is there by its name alone, and types are what SQLite makes of their words.
#include "engine/shadow.hpp"

#include <array>

#include "base/failure.hpp"

namespace engine {
namespace {

bool is_state(std::string_view sql, std::string_view verb) {
  if (!sql.starts_with(verb)) return false;
  sql.remove_prefix(verb.size());
  if (sql.starts_with('"')) sql.remove_prefix(1);
  return sql.starts_with("_cdc_");
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// The name that stands behind the first `words` of these characters, with its quotes.
std::string name_at(std::string_view sql, std::size_t at) {
  std::size_t end = at;
  for (bool quoted = false; end < sql.size() && (quoted || (sql[end] != ' ' && sql[end] != '(')); ++end) {
    if (sql[end] == '"') quoted = !quoted;
  }
  return std::string(sql.substr(at, end - at));
}

// In Snowflake's strings a backslash is written twice.
std::string without_escapes(std::string_view sql) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (quote == 0 && (sql[i] == '\'' || sql[i] == '"')) {
      quote = sql[i];
    } else if (sql[i] == quote) {
      quote = 0;
    } else if (quote == '\'' && sql[i] == '\\' && i + 1 < sql.size()) {
      ++i;
    }
    out.push_back(sql[i]);
  }
  return out;
}

}  // namespace

// out  the same in SQLite's words; empty: nothing of it matters here
std::string Shadow::adapted(const std::string& sql) const {
  if (kind_ == Kind::sqlite) return sql;
  std::string text = kind_ == Kind::snowflake ? without_escapes(sql) : sql;
  for (const std::string_view verb : {"INSERT INTO ", "UPDATE ", "DELETE FROM "}) {
    if (is_state(text, verb)) return text;
  }
  if (text.starts_with("SELECT ") || text.starts_with("BEGIN") || text == "COMMIT") return text;
  for (const std::string_view words : {"CREATE OR REPLACE VIEW ", "CREATE VIEW "}) {
    if (!text.starts_with(words)) continue;
    const std::string name = name_at(text, words.size());
    return "DROP VIEW IF EXISTS " + name + ";CREATE VIEW " + name + " AS SELECT 1";
  }
  constexpr std::string_view kReplace = "CREATE OR REPLACE TABLE ";
  if (text.starts_with(kReplace)) {
    const std::string name = name_at(text, kReplace.size());
    text = "DROP TABLE IF EXISTS " + name + ";CREATE TABLE " + text.substr(kReplace.size());
  }
  if (text.starts_with("CREATE TABLE ") || text.starts_with("DROP TABLE ") || text.starts_with("DROP VIEW ")) {
    replace(text, " COLLATE \"C\"", "");
    return text;
  }
  if (!text.starts_with("ALTER TABLE ") || text.find(" ALTER COLUMN ") != std::string::npos) return "";
  replace(text, " ADD COLUMN IF NOT EXISTS ", " ADD COLUMN ");
  return text;
}

Statement Shadow::take(const std::string& sql) {
  const std::string text = adapted(sql);
  if (text.empty() || text.find(";CREATE ") != std::string::npos) return {};
  try {
    return sqlite_.prepare(text);
  } catch (const base::Failure& failure) {
    // A question about rows in an engine's own words: there are none.
    if (failure.exit != base::Exit::bug || !text.starts_with("SELECT ")) throw;
    return {};
  }
}

void Shadow::tell(const std::string& sql) {
  const std::string text = adapted(sql);
  if (!text.empty() && !text.starts_with("SELECT ")) sqlite_.run(text);
}

}  // namespace engine
