// tool: the loop around a filter: lines in, lines out, flush when the next read would block, end at boundaries.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/failure.hpp"
#include "io/line_writer.hpp"

namespace tool {

/// A program that reads a stream of lines and writes one. Pure programs implement this and are driven from memory by
/// unit tests and fuzzers; run_filter drives them from standard input.
class Filter {
 public:
  virtual ~Filter() = default;
  /// in   text  one line without its break; io::LineReader::kPaddingBytes may be read behind it
  virtual void line(std::string_view text, io::LineWriter& out) = 0;
  /// End of input after a whole line (also when a signal asked to stop at a boundary). err retry/cut_short when a
  /// transaction is open: nobody downstream may act on the tail.
  virtual void end(io::LineWriter& out) = 0;
  /// True between transactions: the filter may stop here when asked to.
  [[nodiscard]] virtual bool at_boundary() const = 0;
  /// Called about once a second and before every wait. now_ms: milliseconds of a steady clock, only differences count.
  virtual void tick(std::int64_t now_ms, io::LineWriter& out) {
    (void)now_ms;
    (void)out;
  }
};

/// Reads `in` to its end. On SIGTERM or SIGINT: goes on to the next boundary, end(), done; a second signal kills. A cut tail
/// (end of input after a partial line) is dropped: retry/cut_short. A Failure thrown by the filter gets the line's number
/// added to its message; lines finished before it are still written.
///
/// out  done
[[nodiscard]] base::Exit run_filter(Filter& filter, int in_fd = 0, int out_fd = 1);

/// A SIGTERM or SIGINT has arrived since catch_stop_signals().
[[nodiscard]] bool stop_asked();
/// First signal sets stop_asked, a second one kills. Interrupts poll(2) (no SA_RESTART).
void catch_stop_signals();

/// SIGHUP asks a program to read its configuration anew, instead of killing it. Asked for again and again it is one request.
void catch_reload_signal();
[[nodiscard]] bool reload_asked();
void forget_reload();

/// Milliseconds of the steady clock; microseconds of the wall clock (since 1970).
[[nodiscard]] std::int64_t steady_ms();
[[nodiscard]] std::int64_t wall_us();

}  // namespace tool
