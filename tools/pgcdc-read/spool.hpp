// pgcdc-read: one unlinked, encrypted file for whatever has to wait: lines that the next program does not take yet, messages
// that came meanwhile, transactions that have not committed. Knows offsets and a limit; not what stands in an extent.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

#include "crypto/digest.hpp"
#include "io/file.hpp"

namespace reader {

/// Where bytes lie in a Spool.
struct Extent {
  std::uint64_t begin = 0;
  std::size_t size = 0;
};

/// One thread appends; any may read and release.
class Spool {
 public:
  /// in   folder       where the file is made (O_TMPFILE, mode 0600)
  ///      limit_bytes  most that may lie in it
  /// err  as io::throw_errno when it cannot be made
  Spool(std::string folder, std::uint64_t limit_bytes);

  /// Writes `bytes`, which are encrypted in place by it.
  /// err  retry/spool_full at the limit, nothing was written; retry/disk_full; retry/write_failed
  Extent append(std::span<char> bytes);
  /// out  `into` is the extent's bytes
  /// err  retry/read_failed; bug/spool_short
  void read(Extent extent, std::string& into);
  /// Gives the space back, at once where the file system can do that, else when the program ends.
  void release(Extent extent) noexcept;

  /// What lies in it now.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  /// The most that has lain in it at a time.
  [[nodiscard]] std::uint64_t most_bytes() const { return most_bytes_.load(std::memory_order_relaxed); }

 private:
  std::string folder_;
  std::uint64_t limit_bytes_;
  io::Fd file_;
  std::uint64_t end_ = 0;  ///< of the file; only ever grows, for the cipher's sake
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> most_bytes_{0};
  std::mutex cipher_mutex_;
  crypto::SpoolCipher cipher_;
};

}  // namespace reader
