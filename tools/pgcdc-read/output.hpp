// pgcdc-read: what stands between the socket, which must always be read, and standard output, which may stall. A thread
// writes blocks that the reader hands over; when it cannot keep up, blocks wait in memory, then in an encrypted, unlinked
// spool file. Knows descriptors and threads; not what stands in a block.
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
#include "crypto/digest.hpp"
#include "io/file.hpp"

namespace reader {

class Output {
 public:
  /// in   fd                 written to by the thread, closed only by close_descriptor()
  ///      spool_folder       where the spool file is made (O_TMPFILE, mode 0600)
  ///      spool_limit_bytes  most bytes that may wait in it
  /// err  as io::throw_errno when the spool file cannot be made
  Output(int fd, const std::string& spool_folder, std::uint64_t spool_limit_bytes);
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
  /// err  retry/spool_full at the spool's limit; retry/disk_full; what check() throws
  void hand_over();

  /// Everything handed over has been written.
  [[nodiscard]] bool idle() const { return waiting_.load(std::memory_order_acquire) == 0; }
  /// Becomes readable when the thread turns idle or fails; clear_wake() before looking.
  [[nodiscard]] int wake_fd() const { return wake_.get(); }
  void clear_wake();
  /// Greatest mark all of whose bytes have been written.
  [[nodiscard]] base::Lsn written() const { return base::Lsn{written_.load(std::memory_order_acquire)}; }
  [[nodiscard]] std::uint64_t written_bytes() const { return written_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t spooled_bytes() const { return spooled_bytes_.load(std::memory_order_relaxed); }
  /// err  what stopped the thread: io::Broken (EPIPE), retry/disk_full, retry/write_failed
  void check();
  /// Tells the reader of the pipe that the stream has ended: the descriptor then is /dev/null. Only when idle().
  void close_descriptor();

 private:
  struct Piece {
    std::string block;              // empty when it lies in the spool
    std::uint64_t spool_begin = 0;  // offset in the spool file
    std::size_t size = 0;
    base::Lsn mark;
  };

  void spool(Piece& piece);
  void unspool(const Piece& piece, std::string& into);
  void run();
  bool write_out(std::string_view bytes);
  void wake() const;

  const int fd_;
  const std::uint64_t spool_limit_bytes_;
  std::string spool_folder_;
  io::Fd spool_file_;
  io::Fd wake_;
  std::string block_;
  base::Lsn mark_;
  std::uint64_t spool_end_ = 0;

  std::mutex cipher_mutex_;
  crypto::SpoolCipher cipher_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable ready_;
  std::deque<Piece> pieces_;
  std::vector<std::string> free_blocks_;
  std::size_t memory_blocks_ = 0;
  bool stopping_ = false;
  bool ended_ = false;
  std::exception_ptr trouble_;

  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> written_bytes_{0};
  std::atomic<std::uint64_t> spooled_bytes_{0};
  std::thread thread_;
};

}  // namespace reader
