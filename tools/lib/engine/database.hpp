// engine: the databases in which a warehouse can lie, behind one interface: statements with parameters, transactions, rows in bulk. This
// file: the interface. Knows how an engine is spoken to; nothing of streams, tables or keys. No message holds a value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engine {

enum class Kind : std::uint8_t { sqlite, postgresql, duckdb, snowflake };

/// What an engine makes of one statement; the contracts are Statement's.
class StatementBody {
 public:
  virtual ~StatementBody() = default;
  virtual void null(int at) = 0;
  virtual void integer(int at, std::int64_t value) = 0;
  virtual void real(int at, double value) = 0;
  virtual void text(int at, std::string_view value) = 0;
  virtual void copied_text(int at, std::string_view value) = 0;
  virtual void copied_bytes(int at, std::string_view value) = 0;
  virtual bool step() = 0;
  virtual std::int64_t run() = 0;
  virtual void reset() = 0;
  [[nodiscard]] virtual int columns() const = 0;
  [[nodiscard]] virtual bool is_null(int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer_at(int column) const = 0;
  [[nodiscard]] virtual std::string_view view_at(int column) const = 0;
};

/// A prepared statement. Parameters are numbered from 1 and written `?N`, columns of a row from 0.
class Statement {
 public:
  Statement() = default;
  explicit Statement(std::unique_ptr<StatementBody> body) : body_(std::move(body)) {}
  [[nodiscard]] bool prepared() const { return body_ != nullptr; }

  // Bindings stay until they are bound anew. text must live until the row is done; copied_* are copied.
  Statement& null(int at) { return body_->null(at), *this; }
  Statement& integer(int at, std::int64_t value) { return body_->integer(at, value), *this; }
  Statement& real(int at, double value) { return body_->real(at, value), *this; }
  Statement& text(int at, std::string_view value) { return body_->text(at, value), *this; }
  Statement& copied_text(int at, std::string_view value) { return body_->copied_text(at, value), *this; }
  Statement& copied_bytes(int at, std::string_view value) { return body_->copied_bytes(at, value), *this; }

  /// out  true: a row is there; false: done. err  as Database::run
  bool step() { return body_->step(); }
  /// Steps to the end and makes the statement ready again.
  /// out  rows changed by it; where Database::deferred, 0: nobody knows yet
  std::int64_t run() { return body_->run(); }
  /// Ready for the next bindings; needed after reading rows.
  void reset() { body_->reset(); }

  [[nodiscard]] int columns() const { return body_->columns(); }
  [[nodiscard]] bool is_null(int column) const { return body_->is_null(column); }
  [[nodiscard]] std::int64_t integer_at(int column) const { return body_->integer_at(column); }
  [[nodiscard]] std::string text_at(int column) const { return std::string(body_->view_at(column)); }
  /// Valid until the next step or reset.
  [[nodiscard]] std::string_view view_at(int column) const { return body_->view_at(column); }

 private:
  std::unique_ptr<StatementBody> body_;
};

/// A column of a scratch table. type  in the engine's words
struct ScratchColumn {
  std::string name;
  std::string type;
};

/// Rows on their way into a scratch table: one call for each column, in order, then end_row.
class Bulk {
 public:
  virtual ~Bulk() = default;
  virtual void null() = 0;
  virtual void integer(std::int64_t value) = 0;
  virtual void real(double value) = 0;
  virtual void boolean(bool value) = 0;
  virtual void text(std::string_view value) = 0;
  virtual void bytes(std::string_view value) = 0;
  virtual void end_row() = 0;
  /// All rows are in the table when it returns. err  as Database::run, refused/wrong_rows when the engine has taken another number
  virtual void finish() = 0;
};

class Database {
 public:
  virtual ~Database() = default;
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] virtual Kind kind() const = 0;

  /// in   sql    one statement
  ///      table  for messages
  /// err  bug/sql_failed when the statement is not valid: it is ours
  [[nodiscard]] virtual Statement prepare(const std::string& sql, std::string_view table = {}) = 0;

  /// Runs statements without parameters, several at once when separated by `;`.
  /// err  retry/warehouse_busy (somebody else writes), retry/disk_full, retry/warehouse_failed, denied/permission,
  ///      refused/broken_warehouse, bug/sql_failed
  virtual void run(const std::string& sql) = 0;

  /// A statement that says what there is (CREATE, ALTER, DROP), or fills what was just made. Where such a statement cannot be part of a
  /// transaction it runs before it, and must do no harm when the transaction fails and all is done again.
  virtual void define(const std::string& sql) { run(sql); }

  /// Names of the tables and views that are there, where the warehouse's own would be.
  [[nodiscard]] virtual std::vector<std::string> names() = 0;
  /// Names of a table's columns; empty when there is none.
  [[nodiscard]] virtual std::vector<std::string> columns_of(const std::string& table) = 0;

  /// Begins a transaction of the one who writes here, or waits for it, or fails: retry/warehouse_busy.
  /// out  false: somebody else may have written since the last one, so what is known of the warehouse is to be read again
  [[nodiscard]] virtual bool begin() = 0;
  /// err  as run; retry/position_moved where another writer is found only now
  virtual void commit() = 0;
  /// Never fails.
  virtual void rollback() noexcept = 0;
  [[nodiscard]] virtual bool in_transaction() const = 0;

  /// In this transaction a lock that somebody else holds is waited for a second only.
  virtual void hurry() {}

  /// Within a transaction, statements that change something are only written down until it is committed, all at once; one that
  /// reads sees what was there before it.
  [[nodiscard]] virtual bool deferred() const { return false; }

  /// Number of the row that was inserted last. Only where `INTEGER PRIMARY KEY` numbers rows (SQLite).
  [[nodiscard]] virtual std::int64_t last_row() const;

  /// Makes a scratch table anew, which lives at most as long as the session, and takes rows for it. Within a transaction.
  /// in   table   for messages: whose rows they are
  [[nodiscard]] virtual std::unique_ptr<Bulk> bulk(const std::string& scratch,
                                                   const std::vector<ScratchColumn>& columns, std::string_view table);
};

/// Rolls back what was not committed when it goes out of scope.
class Transaction {
 public:
  /// out  stale  what is known of the warehouse is to be read again
  explicit Transaction(Database& database) : database_(database), stale_(!database_.begin()) {}
  ~Transaction() {
    if (database_.in_transaction()) database_.rollback();
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  [[nodiscard]] bool stale() const { return stale_; }
  void commit() { database_.commit(); }

 private:
  Database& database_;
  bool stale_;
};

/// A statement with its parameters numbered without gaps, as most engines want them.
///
/// places  for each number that it was written with, its place; 0: the statement has no such parameter
struct Numbered {
  std::string sql;
  std::vector<std::size_t> places;
  [[nodiscard]] std::size_t place(int at) const;
};
/// in   sql    parameters are `?N`, outside of quotes
///      write  how the engine wants the parameter of a place
[[nodiscard]] Numbered number_parameters(std::string_view sql, std::string (*write)(std::size_t place));

/// A name in double quotes; a text in single ones, where a backslash means itself.
[[nodiscard]] std::string quote_name(std::string_view name);
[[nodiscard]] std::string quote_text(std::string_view text);

}  // namespace engine
