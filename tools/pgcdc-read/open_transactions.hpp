// pgcdc-read: transactions that the server streams before they have ended. Their messages wait in the spool until the commit
// says that they count; a rolled back one is forgotten. Knows blocks, subtransactions and their ends; not what a row is.
// src  PostgreSQL docs, "Logical Replication Message Formats", Stream Start to Stream Abort; postgres-facts 29
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/ids.hpp"
#include "pgcdc-read/message_queue.hpp"
#include "pgcdc-read/spool.hpp"

namespace reader {

/// A transaction that has committed: its messages, oldest first, without those of parts that were rolled back.
class StreamedTransaction {
 public:
  explicit StreamedTransaction(Spool& spool) : messages_(spool, 0) {}

  /// A message as a transaction that was sent whole would have it, and when it came: a number that grows with each block.
  struct Entry {
    std::uint64_t arrival = 0;
    std::string_view message;  ///< valid until the next call
  };
  /// Rows of a subtransaction that was rolled back are left out. Descriptions of relations are not: the server does not send
  /// them again for the rows of other parts, and where the rolled back part had changed a table it does.
  /// out  false: that was all
  [[nodiscard]] bool take(Entry& into);

 private:
  friend class OpenTransactions;
  MessageQueue messages_;
  std::unordered_set<std::uint32_t> aborted_;  // subtransactions
  std::uint64_t arrival_ = 0;
};

class OpenTransactions {
 public:
  /// in   spool  lives longer than this
  explicit OpenTransactions(Spool& spool) : spool_(spool) {}

  /// Between a stream's start and its stop: every message belongs to it.
  [[nodiscard]] bool in_block() const { return block_ != nullptr; }

  // err  for all of them: data/wrong_order when the server's messages do not fit together

  /// in   first    of this transaction
  ///      arrival  greater than for any block before
  void start(base::Xid xid, bool first, std::uint64_t arrival);
  /// in   payload  a whole message between start and stop
  /// err  data/bad_message; as Spool::append
  void add(std::string_view payload);
  /// err  as Spool::append
  void stop();
  /// Forgets a transaction, or a part of one when the numbers differ.
  void abort(base::Xid xid, base::Xid subxid);
  /// out  never null
  [[nodiscard]] std::unique_ptr<StreamedTransaction> commit(base::Xid xid);
  /// Forgets them all: the server will send them again.
  void clear();

  [[nodiscard]] std::size_t count() const { return open_.size(); }

 private:
  Spool& spool_;
  std::unordered_map<std::uint32_t, std::unique_ptr<StreamedTransaction>> open_;
  StreamedTransaction* block_ = nullptr;
};

}  // namespace reader
