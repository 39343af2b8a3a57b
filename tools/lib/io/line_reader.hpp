// io: file descriptors and files. This file: lines from a descriptor. Knows how a line ends; not what stands in it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace io {

/// Cuts a byte stream into lines. A line ends in '\n' or it is not a line.
class LineReader {
 public:
  /// in   fd               read from, never closed here
  ///      capacity_bytes   first size of the buffer; it grows to the longest line
  explicit LineReader(int fd, std::size_t capacity_bytes = 1024 * 1024);

  /// Bytes that may be read (not used) behind every line given out: json::kPaddingBytes.
  static constexpr std::size_t kPaddingBytes = 64;

  enum class Status : std::uint8_t {
    line,  ///< `into` is a line without its break, valid until the next fill()
    more,  ///< the buffer holds no whole line: call fill()
    end,   ///< end of input after a whole line
    cut,   ///< end of input after a partial line, which is dropped
  };
  [[nodiscard]] Status next(std::string_view& into);

  /// True when fill() would return at once (data or end of input is there), waiting at most timeout_ms (-1: for ever).
  /// A signal ends the wait early with false.
  [[nodiscard]] bool ready(int timeout_ms) const;

  /// Reads once. err  retry/read_failed
  void fill();

  /// Bytes consumed as whole lines so far, for messages ("at offset").
  [[nodiscard]] std::uint64_t offset_bytes() const { return offset_; }
  /// Number of the line given out last, from 1.
  [[nodiscard]] std::uint64_t line_number() const { return lines_; }

 private:
  int fd_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;    // first byte not given out
  std::size_t end_ = 0;      // end of the bytes read
  std::size_t scanned_ = 0;  // up to here there is no line break
  std::uint64_t offset_ = 0;
  std::uint64_t lines_ = 0;
  bool at_end_ = false;
};

/// Asks the kernel for a 1 MiB pipe, where the descriptor is a pipe; a refusal does not matter.
void widen_pipe(int fd);
/// Asks for the smallest pipe: what is written waits for its reader, so that what the lines stand for does not pile up.
void narrow_pipe(int fd);

}  // namespace io
