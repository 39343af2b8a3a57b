// pgcdc-read: messages that have to wait, in the order they came: the last ones in memory, those before them in the spool.
// Knows sizes and order; not what stands in a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "pgcdc-read/spool.hpp"

namespace reader {

class MessageQueue {
 public:
  /// in   spool          lives longer than this
  ///      memory_blocks  how many blocks may wait in memory before the spool is used
  MessageQueue(Spool& spool, std::size_t memory_blocks) : spool_(spool), memory_blocks_(memory_blocks) {}
  /// Gives back what lies in the spool.
  ~MessageQueue() { clear(); }
  MessageQueue(const MessageQueue&) = delete;
  MessageQueue& operator=(const MessageQueue&) = delete;

  /// Messages are kept together in blocks of about this size.
  static constexpr std::size_t kBlockBytes = 256 * 1024;

  /// One message is a number that the caller gives a meaning, a type and what follows it.
  struct Entry {
    base::Xid xid;
    std::string_view message;  ///< valid until the queue is next touched
  };

  /// err  as Spool::append; the message then is not in the queue
  void add(base::Xid xid, char type, std::string_view rest);
  /// Puts what is in memory into the spool, as far as the limit of blocks asks for it.
  void settle();
  /// Takes the oldest message. out  false: there is none
  [[nodiscard]] bool take(Entry& into);
  void clear() noexcept;

  [[nodiscard]] bool empty() const { return entries_ == 0; }

 private:
  struct Block {
    std::string bytes;  // empty when it lies in the spool
    Extent extent;
  };
  void seal();

  Spool& spool_;
  std::size_t memory_blocks_;
  std::deque<Block> blocks_;
  std::size_t in_memory_ = 0;  // of blocks_
  std::string tail_;           // being filled
  std::string head_;           // being read
  std::size_t head_at_ = 0;
  std::uint64_t entries_ = 0;
};

}  // namespace reader
