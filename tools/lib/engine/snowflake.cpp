// engine: Snowflake. What defines something (CREATE, ALTER, DROP) commits whatever is open, so it runs before the transaction, in a form
// that does no harm when it runs twice. Two loaders: each transaction moves the writer's number from what this one has seen, and its next
// statement fails unless it was this one that moved it. Before anything is defined the number is moved too: so nobody makes a table
// anew that another one has filled meanwhile.
#include "engine/snowflake.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "engine/snowflake_bulk.hpp"
#include "snowflake/refusal.hpp"
#include "snowflake/text.hpp"

namespace engine {
namespace {

using base::Exit;
using base::Failure;

constexpr std::string_view kNotANumber = "100038";

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

// A query that fails unless the condition holds: there is no other way to end a transaction by what is in it.
std::string require(const std::string& condition, const std::string& words) {
  return "SELECT CAST(CASE WHEN " + condition + " THEN '1' ELSE " + ::snowflake::literal(words) +
         " END AS NUMBER(38,0))";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  if (text.starts_with(from)) text.replace(0, from.size(), to);
  return text;
}

// The name of a table or view that a definition makes; empty for what makes none, and for what is only the loader's own.
std::string defined_name(std::string_view definition) {
  for (const std::string_view begin : {"CREATE OR REPLACE TABLE \"", "CREATE OR REPLACE VIEW \""}) {
    if (!definition.starts_with(begin)) continue;
    definition.remove_prefix(begin.size());
    std::string name;
    for (std::size_t i = 0; i < definition.size(); ++i) {
      if (definition[i] == '"' && definition.substr(i, 2) != "\"\"") break;
      name.push_back(definition[i]);
      if (definition[i] == '"') ++i;
    }
    // One in another schema is none of this one's.
    return name.starts_with("_cdc_") || definition.substr(0, definition.find('(')).find("\".\"") < definition.find(' ')
               ? ""
               : name;
  }
  return "";
}

class SnowflakeStatement final : public StatementBody {
 public:
  SnowflakeStatement(Snowflake& database, std::string sql, std::string_view table)
      : database_(database), sql_(std::move(sql)), table_(table) {}

  void null(int at) override { parameter(at) = "NULL"; }
  void integer(int at, std::int64_t value) override { parameter(at) = std::to_string(value); }
  void real(int at, double value) override {
    char text[40];
    parameter(at) = "'" + std::string(text, std::to_chars(text, text + sizeof text, value).ptr) + "'::FLOAT";
  }
  void text(int at, std::string_view value) override { parameter(at) = ::snowflake::literal(value); }
  void copied_text(int at, std::string_view value) override { text(at, value); }
  void copied_bytes(int at, std::string_view value) override {
    parameter(at) = "TO_BINARY('" + base::hex(value) + "','HEX')";
  }

  bool step() override {
    if (!rows_) {
      rows_ = database_.ask(to_snowflake(sql_, parameters_), table_);
      row_ = 0;
    } else {
      ++row_;
    }
    return row_ < rows_->size();
  }
  std::int64_t run() override { return database_.change(to_snowflake(sql_, parameters_), table_); }
  void reset() override { rows_.reset(); }

  [[nodiscard]] int columns() const override { return static_cast<int>((*rows_)[row_].size()); }
  [[nodiscard]] bool is_null(int column) const override { return !cell(column).has_value(); }
  [[nodiscard]] std::int64_t integer_at(int column) const override {
    const std::string_view digits = view_at(column);
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  [[nodiscard]] std::string_view view_at(int column) const override {
    return cell(column) ? std::string_view(*cell(column)) : std::string_view();
  }

 private:
  [[nodiscard]] const std::optional<std::string>& cell(int column) const {
    return (*rows_)[row_][static_cast<std::size_t>(column)];
  }
  std::string& parameter(int at) {
    const auto number = static_cast<std::size_t>(at);
    if (parameters_.size() < number) parameters_.resize(number, "NULL");
    return parameters_[number - 1];
  }

  Snowflake& database_;
  std::string sql_;
  std::string table_;
  std::vector<std::string> parameters_;
  std::optional<std::vector<::snowflake::Row>> rows_;
  std::size_t row_ = 0;
};

}  // namespace

std::string to_snowflake(std::string_view sql, const std::vector<std::string>& parameters) {
  std::string out;
  for (std::size_t i = 0; i < sql.size();) {
    const char c = sql[i];
    if (c == '\'' || c == '"') {
      out.push_back(c);
      for (++i; i < sql.size() && sql[i] != c; ++i) {
        if (c == '\'' && sql[i] == '\\') out.push_back('\\');
        out.push_back(sql[i]);
      }
      if (i < sql.size()) out.push_back(sql[i++]);
    } else if (c == '?') {
      std::size_t number = 0;
      for (++i; i < sql.size() && sql[i] >= '0' && sql[i] <= '9'; ++i) {
        number = number * 10 + static_cast<std::size_t>(sql[i] - '0');
      }
      out += number >= 1 && number <= parameters.size() ? parameters[number - 1] : "NULL";
    } else if ((c >= 'a' && c <= 'z') || c == '_') {
      const std::size_t begin = i;
      while (i < sql.size() && is_word(sql[i])) ++i;
      const std::string_view word = sql.substr(begin, i - begin);
      const bool is_function = i < sql.size() && sql[i] == '(' && !word.starts_with("_cdc_");
      if (is_function) {
        out += word;
      } else {
        ::snowflake::append_name(out, word);
      }
    } else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
      // Words of the language, and numbers.
      while (i < sql.size() && (is_word(sql[i]) || (sql[i] >= 'A' && sql[i] <= 'Z'))) out.push_back(sql[i++]);
    } else {
      out.push_back(c);
      ++i;
    }
  }
  return out;
}

Snowflake::Snowflake(::snowflake::Account account, Landing landing, bool create)
    : Snowflake(account, std::make_unique<::snowflake::Session>(account), std::move(landing), create) {}

Snowflake::Snowflake(::snowflake::Account account, std::unique_ptr<::snowflake::Requests> requests, Landing landing,
                     bool create)
    : account_(std::move(account)), session_(std::move(requests)), landing_(std::move(landing)) {
  if (account_.stage.size() != 3) {
    throw Failure(
        Exit::usage, "no_snowflake_stage",
        "--warehouse snowflake: names no external stage (stage=DATABASE.SCHEMA.NAME), through which rows come");
  }
  const auto there = session_->run("SELECT 1 FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA=" +
                                   ::snowflake::literal(account_.schema) + " AND TABLE_NAME='_cdc_writer'");
  exists_ = !there.rows.empty();
  if (exists_ || !create) return;
  // The writer's table is the last: where it is, the other one is.
  session_->run("CREATE TABLE IF NOT EXISTS \"_cdc_defining\"(\"name\" VARCHAR NOT NULL)");
  session_->run("CREATE TABLE IF NOT EXISTS \"_cdc_writer\"(\"serial\" NUMBER(19,0) NOT NULL,\"token\" VARCHAR)");
  exists_ = true;
}

Snowflake::~Snowflake() = default;

Statement Snowflake::prepare(const std::string& sql, std::string_view table) {
  return Statement(std::make_unique<SnowflakeStatement>(*this, sql, table));
}

void Snowflake::run(const std::string& sql) { change(to_snowflake(sql, {}), ""); }

// Scratch tables by the names that they have in this request.
std::string Snowflake::with_scratch(std::string_view statement) const {
  std::string out;
  for (std::size_t i = 0; i < statement.size();) {
    const char c = statement[i];
    if (c != '\'' && c != '"') {
      out.push_back(c);
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < statement.size() && statement[end] != c) end += statement[end] == '\\' ? 2 : 1;
    const std::string quoted(statement.substr(i, end + 1 - i));
    const auto found = c == '"' ? scratch_.find(quoted.substr(1, quoted.size() - 2)) : scratch_.end();
    out += found == scratch_.end() ? quoted : ::snowflake::name(found->second);
    i = end + 1;
  }
  return out;
}

std::vector<::snowflake::Row> Snowflake::ask(const std::string& statement, const std::string& table) {
  try {
    if (!definitions_.empty()) settle_definitions();
    const std::string text = with_scratch(statement);
    if (text == statement) return session_->run(text).rows;
    // Scratch tables live as long as one request: who reads one has it made in the same.
    std::vector<std::string> all = first_;
    all.push_back(text);
    return session_->result(session_->run_all(all).handles.back()).rows;
  } catch (Failure& failure) {
    if (failure.table.empty()) failure.table = table;
    throw;
  }
}

std::int64_t Snowflake::change(const std::string& statement, const std::string& table) {
  std::string text = with_scratch(statement);
  if (in_transaction_) {
    then_.push_back(std::move(text));
    return 0;
  }
  try {
    const ::snowflake::Changed changed = session_->changed(session_->run(text).handle);
    return static_cast<std::int64_t>(changed.inserted_rows + changed.updated_rows + changed.deleted_rows);
  } catch (Failure& failure) {
    if (failure.table.empty()) failure.table = table;
    throw;
  }
}

void Snowflake::define(const std::string& sql) {
  std::string text = to_snowflake(sql, {});
  text = replaced(std::move(text), "CREATE TABLE \"", "CREATE OR REPLACE TABLE \"");
  text = replaced(std::move(text), "CREATE VIEW", "CREATE OR REPLACE VIEW");
  text = replaced(std::move(text), "DROP TABLE \"", "DROP TABLE IF EXISTS \"");
  if (const std::size_t add = text.find(" ADD COLUMN \"");
      add != std::string::npos && text.starts_with("ALTER TABLE")) {
    text.insert(add + std::string_view(" ADD COLUMN").size(), " IF NOT EXISTS");
  }
  definitions_.push_back(std::move(text));
  if (!in_transaction_) settle_definitions();
}

// Not what a loader had begun to define when it died: nothing of it is in use, and it is made anew under the same name.
std::vector<std::string> Snowflake::names() {
  std::vector<std::string> names;
  const auto answer = session_->run(
      "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA=" + ::snowflake::literal(account_.schema) +
      " AND TABLE_NAME NOT IN ('_cdc_writer','_cdc_defining') AND TABLE_NAME NOT IN (SELECT \"name\" FROM "
      "\"_cdc_defining\")");
  for (const ::snowflake::Row& row : answer.rows) names.push_back(row[0].value_or(""));
  return names;
}

std::vector<std::string> Snowflake::columns_of(const std::string& table) {
  std::vector<std::string> names;
  const auto answer = session_->run(
      "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA=" + ::snowflake::literal(account_.schema) +
      " AND TABLE_NAME=" + ::snowflake::literal(table) + " ORDER BY ORDINAL_POSITION");
  for (const ::snowflake::Row& row : answer.rows) names.push_back(row[0].value_or(""));
  return names;
}

std::int64_t Snowflake::serial() {
  const auto answer = session_->run("SELECT max(\"serial\") FROM \"_cdc_writer\"");
  std::int64_t serial = 0;
  if (!answer.rows.empty() && answer.rows[0][0]) {
    const std::string& digits = *answer.rows[0][0];
    std::from_chars(digits.data(), digits.data() + digits.size(), serial);
  } else {
    session_->run("INSERT INTO \"_cdc_writer\" SELECT 0,NULL WHERE NOT EXISTS(SELECT 1 FROM \"_cdc_writer\")");
  }
  return serial;
}

bool Snowflake::begin() {
  const bool known = serial_ >= 0;
  if (!known) serial_ = serial();
  in_transaction_ = true;
  return known;
}

// The writer's number goes on by one, or the request fails.
std::vector<std::string> Snowflake::move_serial() const {
  std::array<unsigned char, 16> random{};
  crypto::random_bytes(random);
  const std::string token = base::hex({reinterpret_cast<const char*>(random.data()), random.size()});
  const std::string now = std::to_string(serial_);
  const std::string next = std::to_string(serial_ + 1);
  return {
      "BEGIN TRANSACTION",
      "UPDATE \"_cdc_writer\" SET \"serial\"=" + next + ",\"token\"='" + token + "' WHERE \"serial\"=" + now,
      require("(SELECT count(*) FROM \"_cdc_writer\" WHERE \"serial\"=" + next + " AND \"token\"='" + token + "')>0",
              "somebody else has written")};
}

void Snowflake::send(const std::vector<std::string>& statements) {
  try {
    session_->run_all(statements, "pgcdc");
    ++serial_;
  } catch (const ::snowflake::Refusal& refusal) {
    const bool moved = refusal.code == kNotANumber && serial() != serial_;
    rollback();
    if (moved) {
      throw Failure(Exit::retry, "position_moved", "could not move the position: another loader has moved it");
    }
    throw;
  } catch (...) {
    rollback();
    throw;
  }
}

void Snowflake::settle_definitions() {
  std::vector<std::string> wanted = std::move(definitions_);
  definitions_.clear();
  if (serial_ < 0) serial_ = serial();
  std::vector<std::string> mine = move_serial();
  std::string values;
  for (const std::string& definition : wanted) {
    const std::string name = defined_name(definition);
    if (name.empty()) continue;
    values += (values.empty() ? "(" : ",(") + ::snowflake::literal(name) + ")";
    defining_ += (defining_.empty() ? "" : ",") + ::snowflake::literal(name);
  }
  if (!values.empty()) mine.push_back("INSERT INTO \"_cdc_defining\" VALUES" + values);
  mine.emplace_back("COMMIT");
  send(mine);
  session_->run_all(wanted, "pgcdc");
}

void Snowflake::commit() {
  if (!definitions_.empty()) settle_definitions();
  std::vector<std::string> all = std::move(first_);
  for (const auto& part : {move_serial(), std::move(then_)}) all.insert(all.end(), part.begin(), part.end());
  if (!defining_.empty()) all.push_back("DELETE FROM \"_cdc_defining\" WHERE \"name\" IN (" + defining_ + ")");
  all.emplace_back("COMMIT");
  send(all);
  in_transaction_ = false;
  defining_.clear();
  first_.clear();
  then_.clear();
  scratch_.clear();
}

void Snowflake::rollback() noexcept {
  in_transaction_ = false;
  serial_ = -1;
  definitions_.clear();
  defining_.clear();
  first_.clear();
  then_.clear();
  scratch_.clear();
}

void Snowflake::land(const std::string& scratch, const std::vector<ScratchColumn>& columns, const std::string& path,
                     const std::string& digest, std::uint64_t rows) {
  const std::string file = digest + ".ndjson.zst";
  landing_.place(path, landing_.folder + "/" + file);
  const std::string own = scratch + "_" + std::to_string(++scratch_count_);
  const std::string name = ::snowflake::name(own);
  std::string list;
  std::string taken;
  for (const ScratchColumn& column : columns) {
    list += (list.empty() ? "" : ",") + ::snowflake::name(column.name) + " " + column.type;
    taken += (taken.empty() ? "$1:" : ",$1:") + ::snowflake::name(column.name) + "::" + column.type;
  }
  std::string stage = "@";
  for (const std::string& part : account_.stage) stage += (stage.size() > 1 ? "." : "") + ::snowflake::name(part);
  first_.push_back("CREATE OR REPLACE TEMPORARY TABLE " + name + "(" + list + ")");
  first_.push_back("COPY INTO " + name + " FROM (SELECT " + taken + " FROM " + stage + ") FILES=(" +
                   ::snowflake::literal(landing_.folder + "/" + file) +
                   ") FILE_FORMAT=(TYPE=JSON COMPRESSION=ZSTD) ON_ERROR=ABORT_STATEMENT");
  first_.push_back(require("(SELECT count(*) FROM " + name + ")=" + std::to_string(rows), "rows are missing"));
  scratch_.insert_or_assign(scratch, own);
}

std::unique_ptr<Bulk> Snowflake::bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                      std::string_view) {
  return std::make_unique<SnowflakeBulk>(*this, scratch, columns, landing_.spool);
}

}  // namespace engine
