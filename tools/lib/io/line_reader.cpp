// io: one buffer, moved only when it must; a line is found with memchr and given out in place.
// Must not copy a line, look at its content, or give out the part of one.
#include "io/line_reader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/failure.hpp"

namespace io {

LineReader::LineReader(int fd, std::size_t capacity_bytes) : fd_(fd), buffer_(capacity_bytes + kPaddingBytes) {}

LineReader::Status LineReader::next(std::string_view& into) {
  const char* const from = buffer_.data() + scanned_;
  const auto* stop = static_cast<const char*>(std::memchr(from, '\n', end_ - scanned_));
  if (stop == nullptr) {
    scanned_ = end_;
    if (!at_end_) return Status::more;
    return begin_ == end_ ? Status::end : Status::cut;
  }
  const auto at = static_cast<std::size_t>(stop - buffer_.data());
  into = std::string_view(buffer_.data() + begin_, at - begin_);
  offset_ += at + 1 - begin_;
  ++lines_;
  begin_ = scanned_ = at + 1;
  return Status::line;
}

bool LineReader::ready(int timeout_ms) const {
  pollfd wait{fd_, POLLIN, 0};
  return ::poll(&wait, 1, timeout_ms) > 0;
}

void LineReader::fill() {
  if (begin_ == end_) {
    begin_ = end_ = scanned_ = 0;
  } else if (end_ + kPaddingBytes == buffer_.size()) {
    if (begin_ > buffer_.size() / 2) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      scanned_ -= begin_;
      begin_ = 0;
    } else {
      buffer_.resize(buffer_.size() * 2);
    }
  }
  const ssize_t got = ::read(fd_, buffer_.data() + end_, buffer_.size() - kPaddingBytes - end_);
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
  } else if (got == 0) {
    at_end_ = true;
  } else if (errno != EINTR && errno != EAGAIN) {
    throw base::Failure(base::Exit::retry, "read_failed",
                        std::string("could not read the input: ") + std::strerror(errno));
  }
}

void widen_pipe(int fd) {
#ifdef F_SETPIPE_SZ
  constexpr int kPipeBytes = 1024 * 1024;
  if (::fcntl(fd, F_GETPIPE_SZ) < kPipeBytes) ::fcntl(fd, F_SETPIPE_SZ, kPipeBytes);
#else
  (void)fd;
#endif
}

void narrow_pipe(int fd) {
#ifdef F_SETPIPE_SZ
  ::fcntl(fd, F_SETPIPE_SZ, 4096);
#else
  (void)fd;
#endif
}

}  // namespace io
