// engine: a DuckDB file as a warehouse. All of a source lies in one schema, which bears its name. One process has the file at a time, so
// whoever has it open is the one writer. Knows how statements and rows in bulk are said to DuckDB. No message holds a value.
#pragma once

#include <memory>
#include <string>

#include "engine/database.hpp"

namespace engine {

class Duckdb final : public Database {
 public:
  /// Opens (or makes) a file; another process that has it open is waited for.
  ///
  /// in   path     of the file; its folder must exist
  ///      schema   made where it is missing and `create` is said
  ///      library  see duck::library
  ///      busy_ms  how long another process is waited for
  /// err  usage/no_duckdb; retry/warehouse_busy; refused/not_a_warehouse when the file is no DuckDB database; denied/permission
  Duckdb(const std::string& path, const std::string& schema, const std::string& library, int busy_ms, bool create);
  ~Duckdb() override;

  static constexpr const char* kBegin = "BEGIN TRANSACTION";
  [[nodiscard]] static std::string make_scratch(const std::string& scratch, const std::vector<ScratchColumn>& columns);

  /// Whether the schema is there.
  [[nodiscard]] bool exists() const { return exists_; }

  [[nodiscard]] Kind kind() const override { return Kind::duckdb; }
  [[nodiscard]] Statement prepare(const std::string& sql, std::string_view table = {}) override;
  void run(const std::string& sql) override;
  [[nodiscard]] std::vector<std::string> names() override;
  [[nodiscard]] std::vector<std::string> columns_of(const std::string& table) override;
  [[nodiscard]] bool begin() override;
  void commit() override;
  void rollback() noexcept override;
  [[nodiscard]] bool in_transaction() const override { return in_transaction_; }
  [[nodiscard]] std::unique_ptr<Bulk> bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                           std::string_view table) override;

 private:
  struct Session;
  std::unique_ptr<Session> session_;
  std::string schema_;
  bool exists_ = false;
  bool in_transaction_ = false;
  bool begun_ = false;  // a transaction was begun before: nobody else can have written since
};

}  // namespace engine
