// pgcdc-read: the spool file; the contracts are in spool.hpp. Knows a file without a name, its cipher and its holes. Must
// not know who waits in it.
#include "pgcdc-read/spool.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/failure.hpp"

namespace reader {
namespace {

using base::Exit;
using base::Failure;

}  // namespace

Spool::Spool(std::string folder, std::uint64_t limit_bytes)
    : folder_(std::move(folder)), limit_bytes_(limit_bytes), file_(io::unnamed_file(folder_)) {}

Extent Spool::append(std::span<char> bytes) {
  const std::uint64_t waiting = bytes_.load() + bytes.size();
  if (waiting > limit_bytes_) {
    throw Failure(Exit::retry, "spool_full",
                  "the next program is slow and the spool has reached its limit of " + std::to_string(limit_bytes_) +
                      " bytes: the connection is closed, the server keeps the rest");
  }
  const Extent extent{end_, bytes.size()};
  {
    const std::lock_guard lock(cipher_mutex_);
    cipher_.apply(bytes, extent.begin);
  }
  for (std::size_t done = 0; done < extent.size;) {
    const ssize_t n =
        pwrite(file_.get(), bytes.data() + done, extent.size - done, static_cast<off_t>(extent.begin + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) io::throw_errno(errno, "write the spool file in", folder_);
    done += static_cast<std::size_t>(n);
  }
  end_ += extent.size;
  bytes_.fetch_add(extent.size);
  if (waiting > most_bytes_.load(std::memory_order_relaxed)) most_bytes_.store(waiting, std::memory_order_relaxed);
  return extent;
}

void Spool::read(Extent extent, std::string& into) {
  into.resize(extent.size);
  for (std::size_t done = 0; done < extent.size;) {
    const ssize_t n =
        pread(file_.get(), into.data() + done, extent.size - done, static_cast<off_t>(extent.begin + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) io::throw_errno(errno, "read the spool file in", folder_);
    if (n == 0) throw Failure(Exit::bug, "spool_short", "the spool file is shorter than what was written to it");
    done += static_cast<std::size_t>(n);
  }
  const std::lock_guard lock(cipher_mutex_);
  cipher_.apply(std::span(into.data(), into.size()), extent.begin);
}

void Spool::release(Extent extent) noexcept {
  static_cast<void>(fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(extent.begin),
                              static_cast<off_t>(extent.size)));
  bytes_.fetch_sub(extent.size);
}

}  // namespace reader
