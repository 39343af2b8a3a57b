// pgcdc-read: the output thread; the contracts are in output.hpp. Knows pipes and signals to a thread. Must not know what
// stands in a block, nor ever make the reader wait for a write.
#include "pgcdc-read/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/failure.hpp"
#include "io/line_writer.hpp"

namespace reader {
namespace {

using base::Exit;
using base::Failure;

// Ends a blocking write of the output thread. It does nothing itself; without SA_RESTART the write returns.
constexpr int kInterrupt = SIGUSR1;
void do_nothing(int) {}

// A block that one huge row has blown up is not kept.
constexpr std::size_t kKeepBytes = 2 * Output::kBlockBytes;

}  // namespace

Output::Output(int fd, Spool& spool) : fd_(fd), spool_(spool), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_.open()) io::throw_errno(errno, "make an event descriptor for", "the output");
  block_.reserve(kKeepBytes);
  struct sigaction action {};
  action.sa_handler = do_nothing;
  sigaction(kInterrupt, &action, nullptr);
  // Stop signals are for the reader, whose poll they interrupt.
  sigset_t stop;
  sigset_t before;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &stop, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Output::~Output() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  ready_.notify_all();
  // The signal may come just before the write that it should end: it is sent until the thread has gone.
  while (!ended_) {
    pthread_kill(thread_.native_handle(), kInterrupt);
    ready_.wait_for(lock, std::chrono::milliseconds(10));
  }
  lock.unlock();
  thread_.join();
}

void Output::hand_over() {
  check();
  if (block_.empty()) return;
  Piece piece;
  piece.mark = mark_;
  const bool to_spool = !roomy();
  if (to_spool) piece.extent = spool_.append(std::span(block_.data(), block_.size()));

  const std::lock_guard lock(mutex_);
  if (!to_spool) {
    piece.block.swap(block_);
    memory_blocks_.fetch_add(1, std::memory_order_relaxed);
    if (!free_blocks_.empty()) {
      block_.swap(free_blocks_.back());
      free_blocks_.pop_back();
    }
  }
  if (block_.capacity() > 2 * kKeepBytes) std::string().swap(block_);
  block_.clear();
  block_.reserve(kKeepBytes);
  pieces_.push_back(std::move(piece));
  waiting_.fetch_add(1, std::memory_order_release);
  ready_.notify_all();
}

// out  false: told to stop
bool Output::write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd_, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      written_bytes_.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
      continue;
    }
    if (errno == EINTR) {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
    } else if (errno == EAGAIN) {  // somebody made our inherited descriptor non-blocking
      pollfd entry{fd_, POLLOUT, 0};
      poll(&entry, 1, 100);
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
    } else if (errno == EPIPE) {
      throw io::Broken{};
    } else {
      io::throw_errno(errno, "write to", "standard output");
    }
  }
  return true;
}

void Output::run() {
  std::string unspooled;
  try {
    for (;;) {
      Piece piece;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return stopping_ || !pieces_.empty(); });
        if (stopping_) break;
        piece = std::move(pieces_.front());
        pieces_.pop_front();
      }
      const bool in_memory = !piece.block.empty();
      if (!in_memory) spool_.read(piece.extent, unspooled);
      if (!write_out(in_memory ? piece.block : unspooled)) break;
      if (!in_memory) {
        spool_.release(piece.extent);
        if (unspooled.capacity() > kKeepBytes) std::string().swap(unspooled);
      }
      if (piece.mark.value > written_.load(std::memory_order_relaxed)) {
        written_.store(piece.mark.value, std::memory_order_release);
      }
      const std::lock_guard lock(mutex_);
      if (in_memory) {
        if (memory_blocks_.fetch_sub(1, std::memory_order_relaxed) == kMemoryBlocks / 2) wake();
        if (piece.block.capacity() <= 2 * kKeepBytes && free_blocks_.size() < kMemoryBlocks) {
          piece.block.clear();
          free_blocks_.push_back(std::move(piece.block));
        }
      }
      if (waiting_.fetch_sub(1, std::memory_order_acq_rel) == 1) wake();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    trouble_ = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  wake();
  ready_.notify_all();
}

void Output::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_.get(), &one, sizeof one));
}

void Output::clear_wake() {
  std::uint64_t count = 0;
  static_cast<void>(!read(wake_.get(), &count, sizeof count));
}

void Output::check() {
  const std::lock_guard lock(mutex_);
  if (trouble_) std::rethrow_exception(trouble_);
}

void Output::close_descriptor() {
  const io::Fd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (null.open()) {
    dup2(null.get(), fd_);
  } else {
    close(fd_);
  }
}

}  // namespace reader
