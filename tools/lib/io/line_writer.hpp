// io: the one owner of a program's output descriptor. Success is what the last flush says, never what was buffered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace io {

/// Buffers lines and writes them in large pieces.
class LineWriter {
 public:
  /// in   fd  written to, never closed here
  explicit LineWriter(int fd) : fd_(fd) { buffer_.reserve(kFlushBytes * 2); }

  /// Bytes after which end_line() writes by itself.
  static constexpr std::size_t kFlushBytes = 256 * 1024;

  /// Appends one line without its break; the break is added.
  void line(std::string_view text) {
    buffer_.append(text);
    end_line();
  }
  /// For a line built in place: append to buffer(), then call end_line().
  [[nodiscard]] std::string& buffer() { return buffer_; }
  void end_line() {
    buffer_.push_back('\n');
    if (buffer_.size() >= kFlushBytes) flush();
  }
  /// After appending whole lines (with breaks) to buffer().
  void lines_added() {
    if (buffer_.size() >= kFlushBytes) flush();
  }

  /// Writes everything that is buffered.
  /// err  Broken (EPIPE): the reader of the pipe is gone; retry/disk_full on ENOSPC and EDQUOT; retry/write_failed else
  void flush();
  [[nodiscard]] bool empty() const { return buffer_.empty(); }
  [[nodiscard]] std::uint64_t written_bytes() const { return written_; }

 private:
  int fd_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

/// Thrown when the other end of the output pipe is closed. tool::run restores SIGPIPE and dies by it (141).
struct Broken {};

/// Writes all bytes to a descriptor. err  as LineWriter::flush
void write_all(int fd, std::string_view bytes);

}  // namespace io
