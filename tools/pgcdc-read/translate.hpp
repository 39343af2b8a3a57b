// pgcdc-read: pgoutput's messages into lines of the change stream. Knows both formats; asks one given function what
// a relation is in the catalog. No socket, descriptor or clock: unit tests and the fuzzer drive it from memory.
// Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "change/types.hpp"
#include "pgoutput/message.hpp"
#include "value/json.hpp"
#include "value/layout.hpp"

namespace reader {

/// What the catalog says about a relation: its schema line (lsn and version do not count), and how each column's text
/// becomes JSON; both in the order of the relation's columns.
///
/// final   false: the catalog does not show the transaction yet; it is asked again in the next one
/// binary  how each column's bytes become JSON when they come in binary; empty when none do
struct Described {
  change::Schema schema;
  std::vector<value::Shape> shapes;
  bool final = true;
  std::vector<value::BinaryShape> binary = {};
};

/// in   relation  as the server sent it
///      xid       of the transaction that the next row belongs to
using Describe = std::function<Described(const pgoutput::Relation& relation, base::Xid xid)>;

/// Turns messages into lines, transaction by transaction.
class Translator {
 public:
  /// in   prefix  of the logical messages that become lines; empty: none do
  explicit Translator(Describe describe, std::string prefix = {})
      : describe_(std::move(describe)), prefix_(std::move(prefix)) {}

  /// in   payload  one message of pgoutput, whole
  /// out  `into` has grown by no, one or more whole lines
  /// err  data/bad_message, data/wrong_order (a row outside of a transaction, a commit of another), data/unknown_relation,
  ///      data/bad_value; each with the table and the commit LSN where known. retry/binary_unknown: a value came in binary whose
  ///      type is not known so; nothing of its row was written, and after resume() the same in text is right
  void translate(std::string_view payload, std::string& into);

  /// Writes a table's schema line again, with what its rows lie in, between two transactions.
  ///
  /// in   lsn     position that the stream has passed, and that is not before what the catalog showed
  ///      add     adds to the line what the catalog shows
  ///      schema  what the catalog says of the table, for one that no row of this stream has described yet
  void tell_again(base::Oid relid, base::Lsn lsn, const std::function<void(change::Schema&)>& add,
                  const std::function<change::Schema()>& schema, std::string& into);
  /// A row of this stream has described the table.
  [[nodiscard]] bool has_described(base::Oid relid) const;

  /// Says when the messages that follow came: descriptions of relations count in that order, whatever the order of commits.
  void arrived(std::uint64_t arrival) { arrival_ = arrival; }
  /// Around the messages of a transaction that was streamed: as its BEGIN and COMMIT would. What it said of a relation stays,
  /// unless something that came later was translated before it.
  /// err  as translate
  void begin_streamed(const pgoutput::Begin& message);
  void end_streamed(const pgoutput::Commit& message, std::string& into);

  /// The server is asked again for everything from last_end() on, so a transaction that was open comes a second time: the rows
  /// of it that stand in the stream already are passed over. Called between two messages.
  void resume();

  /// Between BEGIN and COMMIT.
  [[nodiscard]] bool in_transaction() const { return in_transaction_; }
  /// Commit LSN of the open transaction.
  [[nodiscard]] base::Lsn commit_lsn() const { return commit_lsn_; }
  /// End LSN of the last transaction that was closed; 0 before the first.
  [[nodiscard]] base::Lsn last_end() const { return last_end_; }
  /// The last transaction had no rows and has left no line.
  [[nodiscard]] bool last_was_empty() const { return last_was_empty_; }
  [[nodiscard]] base::Time last_commit_ts() const { return ts_; }
  [[nodiscard]] std::uint64_t transactions() const { return transactions_; }
  [[nodiscard]] std::uint64_t rows() const { return all_rows_; }

 private:
  struct Column {
    std::string lead;  ///< `,"name":`
    value::Shape shape;
    value::BinaryShape binary;
    bool key = false;
  };
  // A relation as it was sent; its names live in `texts`.
  struct Wire {
    pgoutput::Relation relation;
    std::vector<pgoutput::RelationColumn> columns;
    std::string texts;
    std::uint64_t arrival = 0;
  };
  struct Table {
    std::unique_ptr<Wire> wire;
    bool described = false;  ///< the schema line that stands in the stream is this relation's
    base::Lsn ask_again;     ///< described, but not finally: the commit LSN of the transaction that asked; else 0
    change::Schema schema;
    std::vector<Column> columns;
    std::string lead;  ///< `"table":"public.t","lsn":"`
  };
  enum class Take : std::uint8_t { all, key };

  void begin(const pgoutput::Begin& message);
  void commit(const pgoutput::Commit& message, std::string& into);
  void remember(const pgoutput::Relation& relation);
  bool pass_over(const pgoutput::Message& message);
  [[nodiscard]] std::string table_in(std::string_view payload) const;
  Table& table_of(base::Oid relid, std::string& into);
  void describe(Table& table, std::string& into);
  void open_row(std::string_view op, const Table& table, std::string& into);
  void insert(const pgoutput::Row& row, std::string& into);
  void update(const pgoutput::Row& row, std::string& into);
  void erase(const pgoutput::Row& row, std::string& into);
  void truncate(const pgoutput::Truncate& message, std::string& into);
  [[nodiscard]] bool is_asked_for(const pgoutput::LogicalMessage& message) const;
  void tell(const pgoutput::LogicalMessage& message, std::string& into);
  static void append_value(const Column& column, const pgoutput::Value& value, std::string& into);
  static void append_tuple(const Table& table, std::span<const pgoutput::Value> tuple, Take take, std::string& into);
  static void append_unchanged(const Table& table, std::span<const pgoutput::Value> tuple, std::string& into);
  void check_size(const Table& table, std::span<const pgoutput::Value> tuple) const;

  Describe describe_;
  std::string prefix_;
  pgoutput::Decoder decoder_;
  std::unordered_map<std::uint32_t, Table> tables_;
  Table* last_table_ = nullptr;
  std::uint64_t arrival_ = 0;
  bool streamed_ = false;                        ///< the open transaction was streamed
  std::vector<std::unique_ptr<Wire>> replaced_;  ///< what it replaced, once for each relation
  base::Lsn resume_lsn_;                         ///< commit LSN of the transaction that comes a second time; else 0
  std::uint64_t resume_rows_ = 0;                ///< how many rows of it stand in the stream
  std::uint64_t pass_rows_ = 0;                  ///< how many are still to be passed over
  std::vector<pgoutput::Value> merged_;

  bool in_transaction_ = false;
  bool last_was_empty_ = false;
  base::Lsn commit_lsn_;
  base::Lsn last_end_;
  base::Time ts_;
  base::Xid xid_;
  std::string lsn_text_;   ///< `0000000A/3A41C8F0","seq":`
  std::string tail_;       ///< `,"ts":"...","xid":123`
  std::size_t whole_ = 0;  ///< size of the output before the row that is being written
  std::uint64_t rows_ = 0;
  std::uint64_t all_rows_ = 0;
  std::uint64_t transactions_ = 0;
};

}  // namespace reader
