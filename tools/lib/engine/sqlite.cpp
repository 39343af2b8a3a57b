// engine: SQLite's result codes as our failures, and the settings that the promises rest on (WAL so that readers never wait,
// synchronous=FULL so that a commit is durable). The engine's own message is used for statements only, never for data.
#include "engine/sqlite.hpp"

#include <sqlite3.h>

#include <cmath>
#include <utility>

#include "base/failure.hpp"

namespace engine {
namespace {

using base::Exit;
using base::Failure;

sqlite3* db_of(void* raw) { return static_cast<sqlite3*>(raw); }

[[noreturn]] void fail(int code, const std::string& table) {
  const auto at = [&](Failure failure) -> Failure { return std::move(failure).at_table(table); };
  const std::string word = sqlite3_errstr(code);
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw at(Failure(Exit::retry, "warehouse_busy", "could not write: another process holds the warehouse"));
    case SQLITE_FULL:
      throw at(Failure(Exit::retry, "disk_full", "could not write the warehouse: the disk is full"));
    case SQLITE_NOMEM:
      throw at(Failure(Exit::retry, "no_memory", "could not reserve memory for the warehouse"));
    case SQLITE_IOERR:
      // The file of the shared index could not grow: SQLite has no word for why, but there is only one reason.
      if (code == SQLITE_IOERR_SHMSIZE) fail(SQLITE_FULL, table);
      throw at(Failure(Exit::retry, "warehouse_failed", "could not read or write the warehouse: " + word));
    case SQLITE_CANTOPEN:
      throw at(Failure(Exit::retry, "warehouse_failed", "could not open the warehouse: " + word));
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      throw at(Failure(Exit::denied, "permission", "the warehouse may not be written: " + word));
    case SQLITE_CORRUPT:
      throw at(Failure(Exit::refused, "broken_warehouse", "the warehouse's file is damaged: " + word));
    case SQLITE_NOTADB:
      throw at(Failure(Exit::refused, "not_a_warehouse", "the warehouse's file is no SQLite database"));
    case SQLITE_TOOBIG:
      throw at(Failure(Exit::refused, "row_too_big", "a row is bigger than SQLite allows"));
    default:
      throw at(Failure(Exit::bug, "sql_failed", "the warehouse refused a statement: " + word));
  }
}

void check(int code, const std::string& table) {
  if (code != SQLITE_OK) fail(code, table);
}

class SqliteStatement final : public StatementBody {
 public:
  SqliteStatement(sqlite3_stmt* raw, std::string_view table) : raw_(raw), table_(table) {}
  ~SqliteStatement() override { sqlite3_finalize(raw_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  void null(int at) override { check(sqlite3_bind_null(raw_, at), table_); }
  void integer(int at, std::int64_t value) override { check(sqlite3_bind_int64(raw_, at, value), table_); }
  void real(int at, double value) override { check(sqlite3_bind_double(raw_, at, value), table_); }
  void text(int at, std::string_view value) override { bind_text(at, value, SQLITE_STATIC); }
  void copied_text(int at, std::string_view value) override { bind_text(at, value, SQLITE_TRANSIENT); }
  void copied_bytes(int at, std::string_view value) override {
    const char* bytes = value.empty() ? "" : value.data();
    check(sqlite3_bind_blob64(raw_, at, bytes, value.size(), SQLITE_TRANSIENT), table_);
  }

  bool step() override {
    const int code = sqlite3_step(raw_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    sqlite3_reset(raw_);
    fail(code, table_);
  }
  std::int64_t run() override {
    while (step()) {
    }
    const std::int64_t changed = sqlite3_changes64(sqlite3_db_handle(raw_));
    reset();
    return changed;
  }
  void reset() override { sqlite3_reset(raw_); }

  [[nodiscard]] int columns() const override { return sqlite3_column_count(raw_); }
  [[nodiscard]] bool is_null(int column) const override { return sqlite3_column_type(raw_, column) == SQLITE_NULL; }
  [[nodiscard]] std::int64_t integer_at(int column) const override { return sqlite3_column_int64(raw_, column); }
  [[nodiscard]] std::string_view view_at(int column) const override {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(raw_, column));
    const int size = sqlite3_column_bytes(raw_, column);
    return bytes == nullptr ? std::string_view() : std::string_view(bytes, static_cast<std::size_t>(size));
  }

 private:
  void bind_text(int at, std::string_view value, sqlite3_destructor_type lifetime) {
    // An empty view may point nowhere, which SQLite would take for NULL.
    const char* bytes = value.empty() ? "" : value.data();
    check(sqlite3_bind_text64(raw_, at, bytes, value.size(), lifetime, SQLITE_UTF8), table_);
  }

  sqlite3_stmt* raw_;
  std::string table_;  // for messages
};

// All rows are one transaction of the temporary database: nothing of the file is locked for it.
class SqliteBulk final : public Bulk {
 public:
  SqliteBulk(Sqlite& database, const std::string& scratch, const std::vector<ScratchColumn>& columns,
             std::string_view table)
      : database_(database) {
    std::string list;
    std::string places;
    for (const ScratchColumn& column : columns) {
      list += (list.empty() ? "" : ",") + quote_name(column.name) + " " + column.type;
      places += (places.empty() ? "?" : ",?") + std::to_string(++columns_);
    }
    const std::string name = "temp." + quote_name(scratch);
    database_.run("DROP TABLE IF EXISTS " + name + "; CREATE TEMP TABLE " + quote_name(scratch) + "(" + list +
                  ") STRICT");
    insert_ = database_.prepare("INSERT INTO " + name + " VALUES(" + places + ")", table);
    database_.run("SAVEPOINT bulk");
  }
  void null() override { insert_.null(++at_); }
  void integer(std::int64_t value) override { insert_.integer(++at_, value); }
  void real(double value) override {
    // As tables here keep them: SQLite has no NaN, and no form of an infinity that others read.
    if (std::isfinite(value)) {
      insert_.real(++at_, value);
    } else {
      insert_.copied_text(++at_, std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
    }
  }
  void boolean(bool value) override { insert_.integer(++at_, value ? 1 : 0); }
  void text(std::string_view value) override { insert_.copied_text(++at_, value); }
  void bytes(std::string_view value) override { insert_.copied_bytes(++at_, value); }
  void end_row() override {
    insert_.run();
    at_ = 0;
  }
  void finish() override { database_.run("RELEASE bulk"); }

 private:
  Sqlite& database_;
  Statement insert_;
  int columns_ = 0;
  int at_ = 0;
};

}  // namespace

Sqlite::Sqlite(const std::string& path, int busy_ms) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  raw_ = db;
  try {
    check(code, "");
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, busy_ms);
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA "
        "journal_size_limit=67108864;"
        "PRAGMA foreign_keys=OFF; PRAGMA recursive_triggers=OFF; PRAGMA trusted_schema=OFF; PRAGMA temp_store=FILE;");
  } catch (...) {
    sqlite3_close_v2(db);
    throw;
  }
}

Sqlite::~Sqlite() { sqlite3_close_v2(db_of(raw_)); }

Statement Sqlite::prepare(const std::string& sql, std::string_view table) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db_of(raw_), sql.c_str(), static_cast<int>(sql.size()) + 1,
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  auto body = std::make_unique<SqliteStatement>(raw, table);
  if (code == SQLITE_ERROR) {
    // Our own statement is at fault, and it holds names only.
    throw Failure(Exit::bug, "sql_failed",
                  std::string("the warehouse refused a statement: ") + sqlite3_errmsg(db_of(raw_)))
        .at_table(std::string(table));
  }
  check(code, std::string(table));
  return Statement(std::move(body));
}

void Sqlite::run(const std::string& sql) {
  const int code = sqlite3_exec(db_of(raw_), sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_ERROR) {
    throw Failure(Exit::bug, "sql_failed",
                  std::string("the warehouse refused a statement: ") + sqlite3_errmsg(db_of(raw_)));
  }
  check(code, "");
}

std::vector<std::string> Sqlite::names() {
  std::vector<std::string> names;
  Statement query = prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')");
  while (query.step()) names.push_back(query.text_at(0));
  return names;
}

std::vector<std::string> Sqlite::columns_of(const std::string& table) {
  std::vector<std::string> names;
  Statement query = prepare("SELECT name FROM pragma_table_info(?1)");
  query.text(1, table);
  while (query.step()) names.push_back(query.text_at(0));
  return names;
}

std::unique_ptr<Bulk> Sqlite::bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                   std::string_view table) {
  return std::make_unique<SqliteBulk>(*this, scratch, columns, table);
}

std::int64_t Sqlite::last_row() const { return sqlite3_last_insert_rowid(db_of(raw_)); }

bool Sqlite::begin() {
  run("BEGIN IMMEDIATE");
  Statement version = prepare("PRAGMA data_version");
  version.step();
  const std::int64_t now_at = version.integer_at(0);
  const bool same = now_at == version_;
  version_ = now_at;
  return same;
}

void Sqlite::commit() { run("COMMIT"); }
void Sqlite::rollback() noexcept { sqlite3_exec(db_of(raw_), "ROLLBACK", nullptr, nullptr, nullptr); }
bool Sqlite::in_transaction() const { return sqlite3_get_autocommit(db_of(raw_)) == 0; }

}  // namespace engine
