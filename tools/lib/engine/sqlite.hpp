// engine: SQLite, a file for one writer and any number of readers. The only file of the project that includes sqlite3.h is this one's
// body. No message holds a value.
#pragma once

#include <string>

#include "engine/database.hpp"

namespace engine {

class Sqlite final : public Database {
 public:
  /// Opens (or makes) a file for one writer: WAL, synchronous=FULL, foreign locks are waited for.
  ///
  /// in   path         of the file; its folder must exist
  ///      busy_ms      how long another writer's lock is waited for
  /// err  denied/permission; retry/warehouse_busy; refused/not_a_warehouse when the file is no SQLite database
  Sqlite(const std::string& path, int busy_ms);
  ~Sqlite() override;

  [[nodiscard]] Kind kind() const override { return Kind::sqlite; }
  [[nodiscard]] Statement prepare(const std::string& sql, std::string_view table = {}) override;
  void run(const std::string& sql) override;
  [[nodiscard]] std::vector<std::string> names() override;
  [[nodiscard]] std::vector<std::string> columns_of(const std::string& table) override;
  [[nodiscard]] bool begin() override;
  void commit() override;
  void rollback() noexcept override;
  [[nodiscard]] bool in_transaction() const override;
  [[nodiscard]] std::int64_t last_row() const override;
  [[nodiscard]] std::unique_ptr<Bulk> bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                           std::string_view table) override;

 private:
  void* raw_ = nullptr;
  std::int64_t version_ = -1;  // of the file, as this session saw it last
};

}  // namespace engine
