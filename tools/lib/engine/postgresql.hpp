// engine: a PostgreSQL database as a warehouse. All of a source lies in one schema, which bears its name. Knows how statements, rows in bulk
// and the one writer's lock are said to PostgreSQL; libpq is the room pg's. No message holds a value.
#pragma once

#include <string>

#include "engine/database.hpp"
#include "pg/connection.hpp"

namespace engine {

/// PostgreSQL's first version with MERGE.
inline constexpr std::uint32_t kOldestPostgresql = 150000;

class Postgresql final : public Database {
 public:
  /// Connects, and makes the schema where it is missing and `create` is said.
  ///
  /// in   dsn     as libpq takes it: `postgresql://...`, or `service=...`
  /// err  those of pg::Connection; usage/bad_schema for a name that PostgreSQL would cut; refused/old_server before version 15
  Postgresql(const std::string& dsn, const std::string& schema, bool create);

  // What is said to the server around a loader's own statements.
  [[nodiscard]] static std::string create_schema(const std::string& schema);
  [[nodiscard]] static std::string use_schema(const std::string& schema);
  [[nodiscard]] static std::string make_writer(const std::string& schema);
  static constexpr const char* kTakeWriter = "UPDATE _cdc_writer SET serial=serial+1 RETURNING serial";
  [[nodiscard]] static std::string make_scratch(const std::string& scratch, const std::vector<ScratchColumn>& columns);
  [[nodiscard]] static std::string copy_in(const std::string& scratch);
  [[nodiscard]] static std::string analyze(const std::string& scratch);

  /// Whether the schema is there.
  [[nodiscard]] bool exists() const { return exists_; }

  [[nodiscard]] Kind kind() const override { return Kind::postgresql; }
  [[nodiscard]] Statement prepare(const std::string& sql, std::string_view table = {}) override;
  void run(const std::string& sql) override;
  [[nodiscard]] std::vector<std::string> names() override;
  [[nodiscard]] std::vector<std::string> columns_of(const std::string& table) override;
  /// Takes the writer's lock, which another one keeps until its transaction ends.
  [[nodiscard]] bool begin() override;
  void commit() override;
  void rollback() noexcept override;
  [[nodiscard]] bool in_transaction() const override { return in_transaction_; }
  void hurry() override { run("SET LOCAL lock_timeout='1s'"); }
  [[nodiscard]] std::unique_ptr<Bulk> bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                           std::string_view table) override;

  /// One statement, its failures in the words of a warehouse. in  table  for messages
  pg::Result ask(const std::string& sql, std::span<const std::optional<std::string>> parameters,
                 const std::string& table);
  [[nodiscard]] pg::Connection& connection() { return connection_; }

 private:
  pg::Connection connection_;
  std::string schema_;
  bool exists_ = false;
  bool in_transaction_ = false;
  std::int64_t serial_ = -1;  // of the writer's lock, as this session left it
};

}  // namespace engine
