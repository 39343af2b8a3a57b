// tool: signals, clocks and the loop of a filter.
// Knows poll(2) and when a filter may stop; must not know what stands in a line.
#include "tool/filter.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <ctime>
#include <string>

#include "io/line_reader.hpp"

namespace tool {
namespace {

volatile sig_atomic_t g_stop_asked = 0;
volatile sig_atomic_t g_reload_asked = 0;

void on_stop(int) { g_stop_asked = 1; }
void on_reload(int) { g_reload_asked = 1; }

constexpr int kTickMs = 1000;

// Nobody will ever read what we write. Asked only after something was written: a program that writes nothing need not care.
bool is_abandoned(const io::LineWriter& out, int out_fd) {
  pollfd consumer{out_fd, 0, 0};
  return out.written_bytes() > 0 && ::poll(&consumer, 1, 0) > 0 && (consumer.revents & POLLERR) != 0;
}

}  // namespace

bool stop_asked() { return g_stop_asked != 0; }

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop;
  // The first signal asks; the handler is then gone, and a second one kills by itself.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
}

bool reload_asked() { return g_reload_asked != 0; }

void forget_reload() { g_reload_asked = 0; }

void catch_reload_signal() {
  struct sigaction action {};
  action.sa_handler = on_reload;
  ::sigaction(SIGHUP, &action, nullptr);
}

std::int64_t steady_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

std::int64_t wall_us() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

base::Exit run_filter(Filter& filter, int in_fd, int out_fd) {
  catch_stop_signals();
  io::widen_pipe(in_fd);
  io::widen_pipe(out_fd);
  io::LineReader reader(in_fd);
  io::LineWriter out(out_fd);
  std::int64_t last_tick_ms = steady_ms();
  try {
    for (;;) {
      std::string_view line;
      auto status = io::LineReader::Status::more;
      while ((status = reader.next(line)) == io::LineReader::Status::line) {
        filter.line(line, out);
        if (stop_asked() && filter.at_boundary()) break;
      }
      if (stop_asked() && filter.at_boundary()) break;
      if (status == io::LineReader::Status::end) break;
      if (status == io::LineReader::Status::cut) {
        // The tail is no line. What was whole before it is owed downstream, and end() says what is not whole.
        try {
          filter.end(out);
        } catch (const base::Failure& failure) {
          if (failure.exit != base::Exit::retry) throw;
        }
        out.flush();
        throw base::Failure(base::Exit::retry, "cut_short", "the input ended inside a line");
      }
      const std::int64_t now_ms = steady_ms();
      if (now_ms - last_tick_ms >= kTickMs) {
        last_tick_ms = now_ms;
        filter.tick(now_ms, out);
      }
      if (!reader.ready(0)) {
        filter.tick(steady_ms(), out);
        out.flush();
        if (!reader.ready(kTickMs)) {
          // The next line to write may be minutes away; whoever is upstream should hear of it now.
          if (is_abandoned(out, out_fd)) throw io::Broken{};
          continue;
        }
      }
      reader.fill();
    }
    filter.end(out);
    out.flush();
    return base::Exit::done;
  } catch (base::Failure& failure) {
    // Lines before the bad one were whole and good: they go out, nothing after them does.
    if (failure.slug != "disk_full" && failure.slug != "write_failed") out.flush();
    if (failure.exit == base::Exit::data) failure.message += ", line " + std::to_string(reader.line_number());
    throw;
  }
}

}  // namespace tool
