// logging: logfmt. One write(2) per event, so that lines of several programs on one terminal do not mix.
#include "logging/event.hpp"

#include <ctime>

#include <unistd.h>

#include "base/time.hpp"

namespace logging {
namespace {

std::string g_tool = "pgcdc";
bool g_verbose = false;

std::string_view word(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "error";
}

void append_value(std::string& into, std::string_view value) {
  bool plain = !value.empty();
  for (const char c : value) {
    plain = plain && static_cast<unsigned char>(c) > ' ' && c != '"' && c != '=' && c != '\\' && c != 0x7F;
  }
  if (plain) {
    into.append(value);
    return;
  }
  into.push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      into.push_back('\\');
      into.push_back(c);
    } else if (c == '\n') {
      into.append("\\n");
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) {
      into.push_back(' ');
    } else {
      into.push_back(c);
    }
  }
  into.push_back('"');
}

}  // namespace

void init(std::string_view tool, bool verbose) {
  g_tool = tool;
  g_verbose = verbose;
}

bool is_verbose() { return g_verbose; }

std::string format(std::string_view ts, std::string_view tool, Level level, std::string_view message,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  std::string line;
  line.append("ts=").append(ts).append(" tool=").append(tool).append(" level=").append(word(level));
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    line.push_back(' ');
    line.append(name).push_back('=');
    append_value(line, value);
  }
  line.append(" msg=");
  append_value(line, message);
  return line;
}

void event(Level level, std::string_view message,
           std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  if (level < Level::warn && !g_verbose) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const base::Time ts{std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000};
  const std::string line = format(base::format(ts), g_tool, level, message, fields) + "\n";
  // Nothing can be done when standard error is gone; the exit code still tells.
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace logging
