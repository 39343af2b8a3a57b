// pgcdc-read: pgoutput's messages into lines of the change stream. Knows both formats; asks one given function what
// a relation is in the catalog. No socket, descriptor or clock: unit tests and the fuzzer drive it from memory.
// Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "change/types.hpp"
#include "pgoutput/message.hpp"
#include "value/json.hpp"

namespace reader {

/// What the catalog says about a relation: its schema line (lsn and version do not count), and how each column's text
/// becomes JSON; both in the order of the relation's columns.
///
/// final  false: the catalog does not show the transaction yet; it is asked again in the next one
struct Described {
  change::Schema schema;
  std::vector<value::Shape> shapes;
  bool final = true;
};

/// in   relation  as the server sent it
///      xid       of the transaction that the next row belongs to
using Describe = std::function<Described(const pgoutput::Relation& relation, base::Xid xid)>;

/// Turns messages into lines, transaction by transaction.
class Translator {
 public:
  explicit Translator(Describe describe) : describe_(std::move(describe)) {}

  /// in   payload  one message of pgoutput, whole
  /// out  `into` has grown by no, one or more whole lines
  /// err  data/bad_message, data/wrong_order (a row outside of a transaction, a commit of another), data/unknown_relation,
  ///      data/bad_value; each with the table and the commit LSN where known
  void translate(std::string_view payload, std::string& into);

  /// Between BEGIN and COMMIT.
  [[nodiscard]] bool in_transaction() const { return in_transaction_; }
  /// Commit LSN of the open transaction.
  [[nodiscard]] base::Lsn commit_lsn() const { return commit_lsn_; }
  /// End LSN of the last transaction that was closed; 0 before the first.
  [[nodiscard]] base::Lsn last_end() const { return last_end_; }
  [[nodiscard]] base::Time last_commit_ts() const { return ts_; }
  [[nodiscard]] std::uint64_t transactions() const { return transactions_; }
  [[nodiscard]] std::uint64_t rows() const { return all_rows_; }

 private:
  struct Column {
    std::string lead;  ///< `,"name":`
    value::Shape shape;
    bool key = false;
  };
  struct Table {
    // The relation as it was sent last; its names live in `texts`.
    pgoutput::Relation wire;
    std::vector<pgoutput::RelationColumn> wire_columns;
    std::string texts;
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
  Table& table_of(base::Oid relid, std::string& into);
  void describe(Table& table, std::string& into);
  void open_row(std::string_view op, const Table& table, std::string& into);
  void insert(const pgoutput::Row& row, std::string& into);
  void update(const pgoutput::Row& row, std::string& into);
  void erase(const pgoutput::Row& row, std::string& into);
  void truncate(const pgoutput::Truncate& message, std::string& into);
  static void append_tuple(const Table& table, std::span<const pgoutput::Value> tuple, Take take, std::string& into);
  static void append_unchanged(const Table& table, std::span<const pgoutput::Value> tuple, std::string& into);
  void check_size(const Table& table, std::span<const pgoutput::Value> tuple) const;

  Describe describe_;
  pgoutput::Decoder decoder_;
  std::unordered_map<std::uint32_t, Table> tables_;
  Table* last_table_ = nullptr;
  std::vector<pgoutput::Value> merged_;

  bool in_transaction_ = false;
  base::Lsn commit_lsn_;
  base::Lsn last_end_;
  base::Time ts_;
  base::Xid xid_;
  std::string lsn_text_;  ///< `0000000A/3A41C8F0","seq":`
  std::string tail_;      ///< `,"ts":"...","xid":123`
  std::uint64_t rows_ = 0;
  std::uint64_t all_rows_ = 0;
  std::uint64_t transactions_ = 0;
};

}  // namespace reader
