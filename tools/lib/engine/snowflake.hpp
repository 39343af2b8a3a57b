// engine: a schema of a Snowflake account as a warehouse. A transaction is one request of several statements, because each request is a
// session of its own: what changes something is written down until commit, what reads is asked at once and sees what was there before.
// Rows in bulk are files in the external stage, which lies where the stage of the epochs lies.
// Knows the order of such a request; how it is sent is the room snowflake's. No message holds a value.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "snowflake/account.hpp"
#include "snowflake/session.hpp"

namespace engine {

/// Where rows in bulk are put so that Snowflake reads them.
///
/// place   brings a local file into the stage, durable when it returns; names are relative to the external stage's place
/// folder  below which they are, without a slash at its end
/// spool   local folder for the files in the making
struct Landing {
  std::function<void(const std::string& path, const std::string& name)> place;
  std::string folder;
  std::string spool;
};

class Snowflake final : public Database {
 public:
  /// in   account  with a stage: usage/no_snowflake_stage else
  ///      create   make what is missing; the schema itself is not made here, see cdc-snowflake(7)
  /// err  those of snowflake::Session
  Snowflake(::snowflake::Account account, Landing landing, bool create);
  /// The same, where requests go somewhere else.
  Snowflake(::snowflake::Account account, std::unique_ptr<::snowflake::Requests> requests, Landing landing,
            bool create);
  ~Snowflake() override;

  /// Whether a loader has been here.
  [[nodiscard]] bool exists() const { return exists_; }

  [[nodiscard]] Kind kind() const override { return Kind::snowflake; }
  [[nodiscard]] Statement prepare(const std::string& sql, std::string_view table = {}) override;
  void run(const std::string& sql) override;
  void define(const std::string& sql) override;
  [[nodiscard]] std::vector<std::string> names() override;
  [[nodiscard]] std::vector<std::string> columns_of(const std::string& table) override;
  [[nodiscard]] bool begin() override;
  void commit() override;
  void rollback() noexcept override;
  [[nodiscard]] bool in_transaction() const override { return in_transaction_; }
  [[nodiscard]] bool deferred() const override { return in_transaction_; }
  [[nodiscard]] std::unique_ptr<Bulk> bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                           std::string_view table) override;

  /// A statement that reads: its rows now. One that changes something: within a transaction it is written down, else it runs now.
  [[nodiscard]] std::vector<::snowflake::Row> ask(const std::string& statement, const std::string& table);
  std::int64_t change(const std::string& statement, const std::string& table);
  /// Rows of a file as a scratch table of this name, from here on.
  void land(const std::string& scratch, const std::vector<ScratchColumn>& columns, const std::string& path,
            const std::string& digest, std::uint64_t rows);

 private:
  [[nodiscard]] std::string with_scratch(std::string_view statement) const;
  [[nodiscard]] std::int64_t serial();
  [[nodiscard]] std::vector<std::string> move_serial() const;
  void send(const std::vector<std::string>& statements);
  void settle_definitions();

  ::snowflake::Account account_;
  std::unique_ptr<::snowflake::Requests> session_;
  Landing landing_;
  bool exists_ = false;
  bool in_transaction_ = false;
  std::int64_t serial_ = -1;                    // of the writer's lock, as this session left it
  std::vector<std::string> definitions_;        // what there is to be
  std::string defining_;                        // names, as a list of texts, that are defined and not yet in use
  std::vector<std::string> first_;              // of the request, before its transaction: scratch tables
  std::vector<std::string> then_;               // the transaction
  std::map<std::string, std::string> scratch_;  // scratch tables by their names, as this request calls them
  std::size_t scratch_count_ = 0;
};

/// A statement as Snowflake takes it: names in small letters quoted, so that they stay small, and parameters as literals.
/// in   parameters  each an SQL literal
[[nodiscard]] std::string to_snowflake(std::string_view sql, const std::vector<std::string>& parameters);

}  // namespace engine
