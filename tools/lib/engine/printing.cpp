// engine: what would be said. Parameters stay parameters where an engine has such; where it has none (Snowflake) they are literals, which
// can be values of rows in quarantine.
#include "engine/printing.hpp"

#include <utility>

#include "engine/duckdb.hpp"
#include "engine/postgresql.hpp"

namespace engine {
namespace {

std::string dollar(std::size_t number) { return "$" + std::to_string(number); }

class PrintedStatement final : public StatementBody {
 public:
  PrintedStatement(Printer& printer, std::string sql, Statement shadow)
      : printer_(printer), sql_(std::move(sql)), shadow_(std::move(shadow)) {}

  void null(int at) override {
    if (shadow_.prepared()) shadow_.null(at);
  }
  void integer(int at, std::int64_t value) override {
    if (shadow_.prepared()) shadow_.integer(at, value);
  }
  void real(int at, double value) override {
    if (shadow_.prepared()) shadow_.real(at, value);
  }
  void text(int at, std::string_view value) override {
    if (shadow_.prepared()) shadow_.text(at, value);
  }
  void copied_text(int at, std::string_view value) override {
    if (shadow_.prepared()) shadow_.copied_text(at, value);
  }
  void copied_bytes(int at, std::string_view value) override {
    if (shadow_.prepared()) shadow_.copied_bytes(at, value);
  }
  bool step() override {
    if (!stepped_) printer_.statement(sql_);
    stepped_ = true;
    return shadow_.prepared() && shadow_.step();
  }
  std::int64_t run() override {
    printer_.statement(sql_);
    return shadow_.prepared() ? shadow_.run() : 0;
  }
  void reset() override {
    stepped_ = false;
    if (shadow_.prepared()) shadow_.reset();
  }
  [[nodiscard]] int columns() const override { return shadow_.columns(); }
  [[nodiscard]] bool is_null(int column) const override { return shadow_.is_null(column); }
  [[nodiscard]] std::int64_t integer_at(int column) const override { return shadow_.integer_at(column); }
  [[nodiscard]] std::string_view view_at(int column) const override { return shadow_.view_at(column); }

 private:
  Printer& printer_;
  std::string sql_;
  Statement shadow_;
  bool stepped_ = false;
};

class CountedBulk final : public Bulk {
 public:
  CountedBulk(Printer& printer, std::string after) : printer_(printer), after_(std::move(after)) {}
  void null() override {}
  void integer(std::int64_t) override {}
  void real(double) override {}
  void boolean(bool) override {}
  void text(std::string_view) override {}
  void bytes(std::string_view) override {}
  void end_row() override { ++rows_; }
  void finish() override {
    printer_.remark("-- " + std::to_string(rows_) + " rows");
    if (!after_.empty()) printer_.statement(after_);
  }

 private:
  Printer& printer_;
  std::string after_;
  std::uint64_t rows_ = 0;
};

// A text in single quotes that begins at `at`.
std::string literal_at(std::string_view sql, std::size_t at) {
  std::string text;
  for (++at; at < sql.size() && (sql[at] != '\'' || (at + 1 < sql.size() && sql[at + 1] == '\'')); ++at) {
    if (sql[at] == '\'' || sql[at] == '\\') ++at;
    text.push_back(sql[at]);
  }
  return text;
}

}  // namespace

void Printer::statement(std::string_view sql) {
  std::string line;
  char quote = 0;
  for (const char c : sql) {
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
    if (quote != 0 || (c != '\n' && c != ' ')) {
      line.push_back(c);
    } else if (!line.empty() && line.back() != ' ') {
      line.push_back(' ');
    }
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == ';')) line.pop_back();
  line.push_back(';');
  if (line == last_) {
    ++repeated_;
    return;
  }
  finish();
  sink_(line);
  last_ = std::move(line);
}

void Printer::remark(const std::string& text) {
  finish();
  sink_(text);
}

void Printer::finish() {
  if (repeated_ > 0) sink_("-- " + std::to_string(repeated_) + " more of the same");
  repeated_ = 0;
  last_.clear();
}

Printing::Printing(Kind kind, const std::string& schema, Sink sink)
    : kind_(kind), schema_(schema), shadow_(kind), printer_(std::move(sink)) {
  if (kind_ == Kind::postgresql) {
    printer_.statement(Postgresql::create_schema(schema));
    printer_.statement(Postgresql::use_schema(schema));
  }
  if (kind_ == Kind::duckdb) {
    printer_.statement("CREATE SCHEMA " + quote_name(schema));
    printer_.statement("USE " + quote_name(schema));
  }
}

Printing::~Printing() { printer_.finish(); }

Statement Printing::prepare(const std::string& sql, std::string_view) {
  const std::string shown = kind_ == Kind::sqlite ? sql : number_parameters(sql, &dollar).sql;
  return Statement(std::make_unique<PrintedStatement>(printer_, shown, shadow_.take(sql)));
}

void Printing::run(const std::string& sql) {
  printer_.statement(sql);
  shadow_.tell(sql);
}

bool Printing::begin() {
  if (kind_ == Kind::postgresql) {
    if (!begun_) printer_.statement(Postgresql::make_writer(schema_));
    printer_.statement("BEGIN");
    printer_.statement(Postgresql::kTakeWriter);
  } else {
    printer_.statement(kind_ == Kind::duckdb ? Duckdb::kBegin : "BEGIN IMMEDIATE");
  }
  shadow_.database().run("BEGIN");
  in_transaction_ = true;
  return std::exchange(begun_, true);
}

void Printing::commit() {
  printer_.statement("COMMIT");
  shadow_.database().run("COMMIT");
  in_transaction_ = false;
}

void Printing::rollback() noexcept {
  in_transaction_ = false;
  begun_ = false;
  shadow_.database().rollback();
}

std::int64_t Printing::last_row() const { return shadow_.database().last_row(); }

std::unique_ptr<Bulk> Printing::bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                     std::string_view) {
  if (kind_ == Kind::duckdb) {
    printer_.statement(Duckdb::make_scratch(scratch, columns));
    return std::make_unique<CountedBulk>(printer_, "");
  }
  printer_.statement(Postgresql::make_scratch(scratch, columns));
  printer_.statement(Postgresql::copy_in(scratch));
  return std::make_unique<CountedBulk>(printer_, Postgresql::analyze(scratch));
}

std::vector<::snowflake::Row> PrintedAccount::rows_of(const std::string& statement) {
  printer_.statement(statement);
  std::vector<::snowflake::Row> rows;
  if (statement.starts_with("SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES")) {
    for (const std::string& name : shadow_.database().names()) {
      if (name != "_cdc_writer" && name != "_cdc_defining") rows.push_back({name});
    }
  } else if (statement.starts_with("SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS")) {
    constexpr std::string_view kTable = " AND TABLE_NAME=";
    const std::string table = literal_at(statement, statement.find(kTable) + kTable.size());
    for (const std::string& name : shadow_.database().columns_of(table)) rows.push_back({name});
  } else if (statement.starts_with("SELECT ")) {
    Statement query = shadow_.take(statement);
    while (query.prepared() && query.step()) {
      ::snowflake::Row& row = rows.emplace_back();
      for (int i = 0; i < query.columns(); ++i) {
        row.push_back(query.is_null(i) ? std::nullopt : std::optional<std::string>(query.text_at(i)));
      }
    }
  } else {
    shadow_.tell(statement);
  }
  return rows;
}

::snowflake::Answer PrintedAccount::run(std::string_view statement, std::string_view) {
  ::snowflake::Answer answer;
  answer.rows = rows_of(std::string(statement));
  return answer;
}

::snowflake::Answer PrintedAccount::run_all(const std::vector<std::string>& statements, std::string_view) {
  ::snowflake::Answer answer;
  for (const std::string& statement : statements) {
    last_rows_ = rows_of(statement);
    answer.handles.emplace_back();
  }
  return answer;
}

::snowflake::Answer PrintedAccount::result(const std::string&) {
  ::snowflake::Answer answer;
  answer.rows = last_rows_;
  return answer;
}

}  // namespace engine
