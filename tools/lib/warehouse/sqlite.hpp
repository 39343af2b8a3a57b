// warehouse: SQLite behind two small classes. The only file of the project that includes sqlite3.h is this one's body. Knows the
// engine; nothing of streams, tables or keys. No message holds a value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace warehouse {

/// A prepared statement. Parameters are numbered from 1, columns of a row from 0.
class Statement {
 public:
  Statement() = default;
  ~Statement();
  Statement(Statement&& other) noexcept : raw_(other.raw_), table_(std::move(other.table_)) { other.raw_ = nullptr; }
  Statement& operator=(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  [[nodiscard]] bool prepared() const { return raw_ != nullptr; }

  // Bindings stay until they are bound anew. text and bytes must live until the row is done; copied_* are copied.
  Statement& null(int at);
  Statement& integer(int at, std::int64_t value);
  Statement& real(int at, double value);
  Statement& text(int at, std::string_view value);
  Statement& copied_text(int at, std::string_view value);
  Statement& copied_bytes(int at, std::string_view value);

  /// out  true: a row is there; false: done. err  as Database::run
  bool step();
  /// Steps to the end and makes the statement ready again. out  rows changed by it
  std::int64_t run();
  /// Ready for the next bindings; needed after reading rows.
  void reset();

  [[nodiscard]] int columns() const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer_at(int column) const;
  [[nodiscard]] std::string text_at(int column) const;
  /// Valid until the next step or reset.
  [[nodiscard]] std::string_view view_at(int column) const;

 private:
  friend class Database;
  void* raw_ = nullptr;
  std::string table_;  // for messages
};

class Database {
 public:
  /// Opens (or makes) a file for one writer: WAL, synchronous=FULL, foreign locks are waited for.
  ///
  /// in   path         of the file; its folder must exist
  ///      busy_ms      how long another writer's lock is waited for
  /// err  denied/permission; retry/warehouse_busy; refused/not_a_warehouse when the file is no SQLite database
  Database(const std::string& path, int busy_ms);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// in   sql    one statement
  ///      table  for messages
  /// err  bug/sql_failed when the statement is not valid: it is ours
  [[nodiscard]] Statement prepare(const std::string& sql, std::string_view table = {});

  /// Runs statements without parameters, several at once when separated by `;`.
  /// err  retry/warehouse_busy (another process writes), retry/disk_full, retry/warehouse_failed (I/O), denied/permission,
  ///      refused/broken_warehouse (the file is damaged), bug/sql_failed
  void run(const std::string& sql);

  /// Number of the row that was inserted last.
  [[nodiscard]] std::int64_t last_row() const;

  /// Begins a transaction that can write at once, or waits, or fails: retry/warehouse_busy.
  void begin();
  void commit();
  /// Never fails.
  void rollback() noexcept;
  [[nodiscard]] bool in_transaction() const;

 private:
  void* raw_ = nullptr;
};

/// Rolls back what was not committed when it goes out of scope.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.begin(); }
  ~Transaction() {
    if (database_.in_transaction()) database_.rollback();
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() { database_.commit(); }

 private:
  Database& database_;
};

}  // namespace warehouse
