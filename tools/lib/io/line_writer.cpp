// io: the last flush decides; a full disk and a closed pipe are told apart here.
// Knows write(2); must not be asked twice whether a program succeeded.
#include "io/line_writer.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/failure.hpp"

namespace io {

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      pollfd wait{fd, POLLOUT, 0};  // somebody made the shared description non-blocking
      ::poll(&wait, 1, -1);
    } else if (errno == EPIPE) {
      throw Broken{};
    } else if (errno != EINTR) {
      const bool full = errno == ENOSPC || errno == EDQUOT;
      throw base::Failure(base::Exit::retry, full ? "disk_full" : "write_failed",
                          std::string("could not write the output: ") + std::strerror(errno));
    }
  }
}

void LineWriter::flush() {
  write_all(fd_, buffer_);
  written_ += buffer_.size();
  buffer_.clear();
}

}  // namespace io
