// warehouse: SQLite's result codes as our failures, and the settings that the promises rest on (WAL so that readers never wait,
// synchronous=FULL so that a commit is durable). The engine's own message is used for statements only, never for data.
#include "warehouse/sqlite.hpp"

#include <sqlite3.h>

#include <utility>

#include "base/failure.hpp"

namespace warehouse {
namespace {

using base::Exit;
using base::Failure;

sqlite3* db_of(void* raw) { return static_cast<sqlite3*>(raw); }
sqlite3_stmt* stmt_of(void* raw) { return static_cast<sqlite3_stmt*>(raw); }

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

}  // namespace

Statement::~Statement() { sqlite3_finalize(stmt_of(raw_)); }

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(raw_, other.raw_);
  std::swap(table_, other.table_);
  return *this;
}

Statement& Statement::null(int at) {
  check(sqlite3_bind_null(stmt_of(raw_), at), table_);
  return *this;
}

Statement& Statement::integer(int at, std::int64_t value) {
  check(sqlite3_bind_int64(stmt_of(raw_), at, value), table_);
  return *this;
}

Statement& Statement::real(int at, double value) {
  check(sqlite3_bind_double(stmt_of(raw_), at, value), table_);
  return *this;
}

Statement& Statement::text(int at, std::string_view value) {
  // An empty view may point nowhere, which SQLite would take for NULL.
  const char* bytes = value.empty() ? "" : value.data();
  check(sqlite3_bind_text64(stmt_of(raw_), at, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8), table_);
  return *this;
}

Statement& Statement::copied_text(int at, std::string_view value) {
  const char* bytes = value.empty() ? "" : value.data();
  check(sqlite3_bind_text64(stmt_of(raw_), at, bytes, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8), table_);
  return *this;
}

Statement& Statement::copied_bytes(int at, std::string_view value) {
  const char* bytes = value.empty() ? "" : value.data();
  check(sqlite3_bind_blob64(stmt_of(raw_), at, bytes, value.size(), SQLITE_TRANSIENT), table_);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(stmt_of(raw_));
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3_reset(stmt_of(raw_));
  fail(code, table_);
}

std::int64_t Statement::run() {
  while (step()) {
  }
  const std::int64_t changed = sqlite3_changes64(sqlite3_db_handle(stmt_of(raw_)));
  reset();
  return changed;
}

void Statement::reset() { sqlite3_reset(stmt_of(raw_)); }

int Statement::columns() const { return sqlite3_column_count(stmt_of(raw_)); }
bool Statement::is_null(int column) const { return sqlite3_column_type(stmt_of(raw_), column) == SQLITE_NULL; }
std::int64_t Statement::integer_at(int column) const { return sqlite3_column_int64(stmt_of(raw_), column); }
std::string Statement::text_at(int column) const { return std::string(view_at(column)); }

std::string_view Statement::view_at(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(stmt_of(raw_), column));
  const int size = sqlite3_column_bytes(stmt_of(raw_), column);
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, static_cast<std::size_t>(size));
}

Database::Database(const std::string& path, int busy_ms) {
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

Database::~Database() { sqlite3_close_v2(db_of(raw_)); }

Statement Database::prepare(const std::string& sql, std::string_view table) {
  Statement statement;
  statement.table_ = table;
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db_of(raw_), sql.c_str(), static_cast<int>(sql.size()) + 1,
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  statement.raw_ = raw;
  if (code == SQLITE_ERROR) {
    // Our own statement is at fault, and it holds names only.
    throw Failure(Exit::bug, "sql_failed",
                  std::string("the warehouse refused a statement: ") + sqlite3_errmsg(db_of(raw_)))
        .at_table(statement.table_);
  }
  check(code, statement.table_);
  return statement;
}

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(db_of(raw_), sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_ERROR) {
    throw Failure(Exit::bug, "sql_failed",
                  std::string("the warehouse refused a statement: ") + sqlite3_errmsg(db_of(raw_)));
  }
  check(code, "");
}

std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(db_of(raw_)); }
void Database::begin() { run("BEGIN IMMEDIATE"); }
void Database::commit() { run("COMMIT"); }
void Database::rollback() noexcept { sqlite3_exec(db_of(raw_), "ROLLBACK", nullptr, nullptr, nullptr); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(db_of(raw_)) == 0; }

}  // namespace warehouse
