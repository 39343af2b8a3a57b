// pgcdc-read: blocks of messages; the contracts are in message_queue.hpp. A message is its size and number, four bytes each
// in our own order, then its bytes; none lies in two blocks.
#include "pgcdc-read/message_queue.hpp"

#include <cstring>
#include <span>

#include "base/failure.hpp"

namespace reader {
namespace {

constexpr std::size_t kHeadBytes = 2 * sizeof(std::uint32_t);

}  // namespace

void MessageQueue::add(base::Xid xid, char type, std::string_view rest) {
  if (tail_.size() >= kBlockBytes) seal();
  const std::uint32_t head[] = {static_cast<std::uint32_t>(rest.size() + 1), xid.value};
  char head_bytes[kHeadBytes];
  std::memcpy(head_bytes, head, sizeof head);
  tail_.append(head_bytes, kHeadBytes);
  tail_.push_back(type);
  tail_.append(rest);
  ++entries_;
}

void MessageQueue::settle() {
  if (memory_blocks_ == 0 && !tail_.empty()) seal();
}

// The block goes to the spool before anything is changed here: a full spool leaves the queue as it was.
void MessageQueue::seal() {
  Block block;
  if (in_memory_ < memory_blocks_) {
    block.bytes.swap(tail_);
    ++in_memory_;
  } else {
    block.extent = spool_.append(std::span(tail_.data(), tail_.size()));
    if (tail_.capacity() > 4 * kBlockBytes) std::string().swap(tail_);  // one huge row blew it up
    tail_.clear();
  }
  blocks_.push_back(std::move(block));
}

bool MessageQueue::take(Entry& into) {
  if (entries_ == 0) return false;
  if (head_at_ == head_.size()) {
    head_at_ = 0;
    if (blocks_.empty()) {
      head_.clear();
      head_.swap(tail_);
    } else {
      Block& block = blocks_.front();
      if (block.extent.size == 0) {
        head_ = std::move(block.bytes);
        --in_memory_;
      } else {
        spool_.read(block.extent, head_);
        spool_.release(block.extent);
      }
      blocks_.pop_front();
    }
  }
  std::uint32_t head[2];
  std::memcpy(head, head_.data() + head_at_, sizeof head);
  into.xid = base::Xid{head[1]};
  into.message = std::string_view(head_).substr(head_at_ + kHeadBytes, head[0]);
  head_at_ += kHeadBytes + head[0];
  --entries_;
  return true;
}

void MessageQueue::clear() noexcept {
  for (const Block& block : blocks_) {
    if (block.extent.size != 0) spool_.release(block.extent);
  }
  blocks_.clear();
  in_memory_ = 0;
  std::string().swap(tail_);
  std::string().swap(head_);
  head_at_ = 0;
  entries_ = 0;
}

}  // namespace reader
