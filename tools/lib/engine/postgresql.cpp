// engine: PostgreSQL. Of two loaders one changes the row of _cdc_writer first; the other waits there, and then sees by its number that
// what it knows is old.
#include "engine/postgresql.hpp"

#include <charconv>
#include <cmath>
#include <optional>

#include "base/encoding.hpp"
#include "base/failure.hpp"

namespace engine {
namespace {

using base::Exit;
using base::Failure;

constexpr std::size_t kLongestName = 63;
constexpr std::size_t kCopyBytes = std::size_t{256} * 1024;
constexpr const char* kDoing = "write the warehouse";

std::string dollar(std::size_t number) { return "$" + std::to_string(number); }

// A statement of ours that is wrong is a bug; what the server says of locks, rights and disks is not.
[[noreturn]] void rethrow(Failure& failure, const std::string& table) {
  constexpr std::string_view kState = "sqlstate_";
  if (failure.slug.starts_with(kState)) {
    const std::string_view state = std::string_view(failure.slug).substr(kState.size());
    if (state == "55P03") failure.slug = "warehouse_busy";
    if (state == "42501") failure.slug = "permission";
    if (state.starts_with("53100")) failure.slug = "disk_full";
    const bool ours = state.starts_with("42") && state != "42501";
    if (ours) failure.exit = Exit::bug;
    if (ours) failure.slug = "sql_failed";
  }
  if (failure.table.empty() && !table.empty()) failure.table = table;
  throw std::move(failure);
}

class PostgresqlStatement final : public StatementBody {
 public:
  PostgresqlStatement(Postgresql& database, Numbered sql, std::string_view table)
      : database_(database), sql_(std::move(sql)), table_(table) {}

  void null(int at) override { parameter(at).reset(); }
  void integer(int at, std::int64_t value) override { parameter(at) = std::to_string(value); }
  void real(int at, double value) override {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    parameter(at) = std::string(text, end);
  }
  void text(int at, std::string_view value) override { parameter(at) = std::string(value); }
  void copied_text(int at, std::string_view value) override { text(at, value); }
  void copied_bytes(int at, std::string_view value) override { parameter(at) = "\\x" + base::hex(value); }

  bool step() override {
    if (!result_) {
      result_ = database_.ask(sql_.sql, parameters_, table_);
      row_ = 0;
    } else {
      ++row_;
    }
    return row_ < result_->rows();
  }
  std::int64_t run() override {
    const std::int64_t affected = database_.ask(sql_.sql, parameters_, table_).affected();
    reset();
    return affected;
  }
  void reset() override { result_.reset(); }

  [[nodiscard]] int columns() const override { return static_cast<int>(result_->columns()); }
  [[nodiscard]] bool is_null(int column) const override {
    return result_->is_null(row_, static_cast<std::size_t>(column));
  }
  [[nodiscard]] std::int64_t integer_at(int column) const override {
    return is_null(column) ? 0 : result_->number(row_, static_cast<std::size_t>(column));
  }
  [[nodiscard]] std::string_view view_at(int column) const override {
    return result_->text(row_, static_cast<std::size_t>(column));
  }

 private:
  std::optional<std::string>& parameter(int at) {
    const std::size_t place = sql_.place(at);
    if (place == 0) return unused_;
    if (parameters_.size() < place) parameters_.resize(place);
    return parameters_[place - 1];
  }

  Postgresql& database_;
  Numbered sql_;
  std::string table_;
  std::vector<std::optional<std::string>> parameters_;
  std::optional<std::string> unused_;
  std::optional<pg::Result> result_;
  std::size_t row_ = 0;
};

// COPY in text form.
class PostgresqlBulk final : public Bulk {
 public:
  PostgresqlBulk(Postgresql& database, std::string scratch, std::string_view table)
      : database_(database), scratch_(std::move(scratch)), table_(table) {
    guarded([&] { database_.connection().copy_in(Postgresql::copy_in(scratch_), kDoing); });
  }

  void null() override { field().append("\\N"); }
  void integer(std::int64_t value) override {
    char text[24];
    field().append(text, std::to_chars(text, text + sizeof text, value).ptr);
  }
  void real(double value) override {
    char text[40];
    if (std::isnan(value) || std::isinf(value)) {
      field().append(std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
    } else {
      field().append(text, std::to_chars(text, text + sizeof text, value).ptr);
    }
  }
  void boolean(bool value) override { field().push_back(value ? 't' : 'f'); }
  void text(std::string_view value) override {
    std::string& into = field();
    for (std::size_t from = 0;;) {
      const std::size_t special = value.find_first_of("\\\t\n\r", from);
      into.append(value, from, special == std::string_view::npos ? special : special - from);
      if (special == std::string_view::npos) return;
      const char c = value[special];
      into.push_back('\\');
      into.push_back(c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : '\\');
      from = special + 1;
    }
  }
  void bytes(std::string_view value) override {
    field().append("\\\\x");
    base::append_hex(buffer_, value);
  }
  void end_row() override {
    buffer_.push_back('\n');
    begun_ = false;
    ++rows_;
    if (buffer_.size() >= kCopyBytes) send();
  }
  void finish() override {
    send();
    guarded([&] {
      if (database_.connection().end_copy(kDoing) != rows_) {
        throw Failure(Exit::refused, "wrong_rows", "the warehouse took another number of rows than it was given");
      }
    });
    // The planner knows nothing of a table that was filled just now.
    database_.ask(Postgresql::analyze(scratch_), {}, table_);
  }

 private:
  std::string& field() {
    if (begun_) buffer_.push_back('\t');
    begun_ = true;
    return buffer_;
  }
  void send() {
    guarded([&] { database_.connection().put_copy(buffer_, kDoing); });
    buffer_.clear();
  }
  template <class Act>
  void guarded(Act act) {
    try {
      act();
    } catch (Failure& failure) {
      rethrow(failure, table_);
    }
  }

  Postgresql& database_;
  std::string scratch_;
  std::string table_;
  std::string buffer_;
  bool begun_ = false;
  std::int64_t rows_ = 0;
};

}  // namespace

Postgresql::Postgresql(const std::string& dsn, const std::string& schema, bool create)
    : connection_(pg::Connection::open(dsn, pg::Mode::plain, "cdc-load")), schema_(schema) {
  if (schema.empty() || schema.size() > kLongestName) {
    throw Failure(Exit::usage, "bad_schema", "a source's name is the schema's in PostgreSQL: it has 1 to 63 bytes");
  }
  if (connection_.server_version() < kOldestPostgresql) {
    throw Failure(Exit::refused, "old_server", "the warehouse's server has no MERGE: PostgreSQL 15 is the oldest");
  }
  const auto there = [&] {
    const std::vector<std::optional<std::string>> name{schema_};
    return ask("SELECT 1 FROM pg_namespace WHERE nspname=$1", name, "").rows() > 0;
  };
  exists_ = there();
  if (!exists_ && create) {
    try {
      ask(create_schema(schema_), {}, "");
    } catch (const Failure&) {
      if (!there()) throw;  // else another loader was quicker
    }
    exists_ = true;
  }
  // Names without a schema are the warehouse's own, but for scratch tables, which are always looked for first.
  ask(use_schema(schema_), {}, "");
}

std::string Postgresql::create_schema(const std::string& schema) { return "CREATE SCHEMA " + quote_name(schema); }
std::string Postgresql::use_schema(const std::string& schema) { return "SET search_path = " + quote_name(schema); }

std::string Postgresql::make_writer(const std::string& schema) {
  return "BEGIN; SELECT pg_advisory_xact_lock(hashtext('pgcdc writer'), hashtext(" + quote_text(schema) +
         ")); CREATE TABLE IF NOT EXISTS _cdc_writer(serial bigint NOT NULL); INSERT INTO _cdc_writer SELECT 0 WHERE "
         "NOT "
         "EXISTS(SELECT 1 FROM _cdc_writer); COMMIT";
}

std::string Postgresql::make_scratch(const std::string& scratch, const std::vector<ScratchColumn>& columns) {
  std::string list;
  for (const ScratchColumn& column : columns)
    list += (list.empty() ? "" : ",") + quote_name(column.name) + " " + column.type;
  return "DROP TABLE IF EXISTS pg_temp." + quote_name(scratch) + "; CREATE TEMPORARY TABLE " + quote_name(scratch) +
         "(" + list + ") ON COMMIT DROP";
}

std::string Postgresql::copy_in(const std::string& scratch) {
  return "COPY pg_temp." + quote_name(scratch) + " FROM STDIN";
}

std::string Postgresql::analyze(const std::string& scratch) { return "ANALYZE pg_temp." + quote_name(scratch); }

pg::Result Postgresql::ask(const std::string& sql, std::span<const std::optional<std::string>> parameters,
                           const std::string& table) {
  try {
    return parameters.empty() ? connection_.query(sql, kDoing) : connection_.query(sql, parameters, kDoing);
  } catch (Failure& failure) {
    rethrow(failure, table);
  }
}

Statement Postgresql::prepare(const std::string& sql, std::string_view table) {
  return Statement(std::make_unique<PostgresqlStatement>(*this, number_parameters(sql, &dollar), table));
}

void Postgresql::run(const std::string& sql) { ask(sql, {}, ""); }

std::vector<std::string> Postgresql::names() {
  const std::vector<std::optional<std::string>> schema{schema_};
  const pg::Result result =
      ask("SELECT relname FROM pg_class WHERE relnamespace=(SELECT oid FROM pg_namespace WHERE nspname=$1) AND relkind "
          "IN ('r','p','v','m','f') AND relname<>'_cdc_writer'",
          schema, "");
  std::vector<std::string> names;
  for (std::size_t row = 0; row < result.rows(); ++row) names.emplace_back(result.text(row, 0));
  return names;
}

std::vector<std::string> Postgresql::columns_of(const std::string& table) {
  const std::vector<std::optional<std::string>> parameters{schema_, table};
  const pg::Result result =
      ask("SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid=a.attrelid JOIN pg_namespace n ON "
          "n.oid=c.relnamespace WHERE n.nspname=$1 AND c.relname=$2 AND attnum>0 AND NOT attisdropped ORDER BY attnum",
          parameters, table);
  std::vector<std::string> names;
  for (std::size_t row = 0; row < result.rows(); ++row) names.emplace_back(result.text(row, 0));
  return names;
}

bool Postgresql::begin() {
  if (serial_ < 0) {
    const std::vector<std::optional<std::string>> schema{schema_};
    const bool there = ask("SELECT 1 FROM pg_class WHERE relname='_cdc_writer' AND relnamespace=(SELECT oid FROM "
                           "pg_namespace WHERE nspname=$1)",
                           schema, "")
                           .rows() > 0;
    if (!there) ask(make_writer(schema_), {}, "");
  }
  ask("BEGIN", {}, "");
  in_transaction_ = true;
  const std::int64_t serial = ask(kTakeWriter, {}, "_cdc_writer").number(0, 0);
  const bool same = serial == serial_ + 1;
  serial_ = serial;
  return same;
}

void Postgresql::commit() {
  ask("COMMIT", {}, "");
  in_transaction_ = false;
}

void Postgresql::rollback() noexcept {
  in_transaction_ = false;
  serial_ = -1;
  try {
    connection_.query("ROLLBACK", kDoing);
  } catch (const Failure&) {
    // The session is gone, and its transaction with it.
  }
}

std::unique_ptr<Bulk> Postgresql::bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                       std::string_view table) {
  ask(make_scratch(scratch, columns), {}, std::string(table));
  return std::make_unique<PostgresqlBulk>(*this, scratch, table);
}

}  // namespace engine
