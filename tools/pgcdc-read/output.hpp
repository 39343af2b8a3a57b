// pgcdc-read: what stands between the socket, which must always be read, and standard output, which may stall. A thread
// writes blocks that the reader hands over; when it cannot keep up, blocks wait in memory, then in the spool. Knows descriptors and threads; not what stands in a block.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/ids.hpp"
#include "io/file.hpp"
#include "pgcdc-read/spool.hpp"

namespace reader {

class Output {
 public:
  /// in   fd     written to by the thread, closed only by close_descriptor()
  ///      spool  where blocks wait; lives longer than this
  Output(int fd, Spool& spool);
  /// Ends the thread, also out of a write that blocks. What was not written is lost: flush with hand_over() and idle().
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// A block goes on its way when it has this size, or earlier when the thread has nothing to do.
  static constexpr std::size_t kBlockBytes = 256 * 1024;
  /// Blocks that wait in memory before the spool is used.
  static constexpr std::size_t kMemoryBlocks = 16;

  /// The block that is being filled, with whole lines only.
  [[nodiscard]] std::string& block() { return block_; }
  /// Says that every transaction that ends at or before `end` stands in the blocks handed over and in block().
  void mark(base::Lsn end) { mark_ = end; }
  [[nodiscard]] bool full() const { return block_.size() >= kBlockBytes; }
  /// Gives block() to the thread, never waiting for it.
  /// err  as Spool::append; what check() throws
  void hand_over();
  /// What is handed over now would not go through the spool.
  [[nodiscard]] bool roomy() const { return memory_blocks_.load(std::memory_order_relaxed) < kMemoryBlocks; }

  /// Everything handed over has been written.
  [[nodiscard]] bool idle() const { return waiting_.load(std::memory_order_acquire) == 0; }
  /// Becomes readable when the thread turns idle, has made room again, or fails; clear_wake() before looking.
  [[nodiscard]] int wake_fd() const { return wake_.get(); }
  void clear_wake();
  /// Greatest mark all of whose bytes have been written.
  [[nodiscard]] base::Lsn written() const { return base::Lsn{written_.load(std::memory_order_acquire)}; }
  [[nodiscard]] std::uint64_t written_bytes() const { return written_bytes_.load(std::memory_order_relaxed); }
  /// err  what stopped the thread: io::Broken (EPIPE), retry/disk_full, retry/write_failed
  void check();
  /// Tells the reader of the pipe that the stream has ended: the descriptor then is /dev/null. Only when idle().
  void close_descriptor();

 private:
  struct Piece {
    std::string block;  // empty when it lies in the spool
    Extent extent;
    base::Lsn mark;
  };

  void run();
  bool write_out(std::string_view bytes);
  void wake() const;

  const int fd_;
  Spool& spool_;
  io::Fd wake_;
  std::string block_;
  base::Lsn mark_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable ready_;
  std::deque<Piece> pieces_;
  std::vector<std::string> free_blocks_;
  bool stopping_ = false;
  bool ended_ = false;
  std::exception_ptr trouble_;

  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> written_bytes_{0};
  std::atomic<std::size_t> memory_blocks_{0};
  std::thread thread_;
};

}  // namespace reader
