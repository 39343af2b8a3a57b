// engine: a warehouse that is nowhere and empty: it writes what an engine would be told, in the engine's own words, and answers like one that
// was empty when it began. Rows in bulk are counted, not written. Knows what each engine's session says around a loader's statements.
// Must not reach a server or a file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "engine/shadow.hpp"
#include "engine/snowflake.hpp"

namespace engine {

/// Takes one line, without its break.
using Sink = std::function<void(const std::string& line)>;

/// Statements as lines: `;` at the end, line breaks only within quotes, the same one several times in a row once with their number.
class Printer {
 public:
  explicit Printer(Sink sink) : sink_(std::move(sink)) {}
  void statement(std::string_view sql);
  void remark(const std::string& text);
  /// What is still to be said of the last statement.
  void finish();

 private:
  Sink sink_;
  std::string last_;
  std::size_t repeated_ = 0;
};

class Printing final : public Database {
 public:
  /// in   kind    of an engine that takes statements one by one: not snowflake
  ///      schema  named like the source
  Printing(Kind kind, const std::string& schema, Sink sink);
  ~Printing() override;

  [[nodiscard]] Kind kind() const override { return kind_; }
  [[nodiscard]] Statement prepare(const std::string& sql, std::string_view table = {}) override;
  void run(const std::string& sql) override;
  [[nodiscard]] std::vector<std::string> names() override { return shadow_.database().names(); }
  [[nodiscard]] std::vector<std::string> columns_of(const std::string& table) override {
    return shadow_.database().columns_of(table);
  }
  [[nodiscard]] bool begin() override;
  void commit() override;
  void rollback() noexcept override;
  [[nodiscard]] bool in_transaction() const override { return in_transaction_; }
  [[nodiscard]] std::int64_t last_row() const override;
  [[nodiscard]] std::unique_ptr<Bulk> bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                           std::string_view table) override;

 private:
  Kind kind_;
  std::string schema_;
  mutable Shadow shadow_;
  Printer printer_;
  bool begun_ = false;
  bool in_transaction_ = false;
};

/// The account that Snowflake's requests go to when they are only to be seen.
class PrintedAccount final : public ::snowflake::Requests {
 public:
  explicit PrintedAccount(Sink sink) : shadow_(Kind::snowflake), printer_(std::move(sink)) {}
  ~PrintedAccount() override { printer_.finish(); }

  ::snowflake::Answer run(std::string_view statement, std::string_view query_tag) override;
  ::snowflake::Answer run_all(const std::vector<std::string>& statements, std::string_view query_tag) override;
  ::snowflake::Answer result(const std::string& handle) override;

 private:
  std::vector<::snowflake::Row> rows_of(const std::string& statement);

  Shadow shadow_;
  Printer printer_;
  std::vector<::snowflake::Row> last_rows_;  // of the last statement of the last request
};

}  // namespace engine
