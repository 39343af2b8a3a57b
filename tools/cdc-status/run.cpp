// cdc-status: one look. Several pipelines are asked side by side, because one that does not answer takes its time.
#include "cdc-status/run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include "cdc-status/ask.hpp"
#include "cdc-status/page.hpp"
#include "cdc-status/pipelines.hpp"
#include "cdc-status/record.hpp"
#include "cdc-status/show.hpp"
#include "io/file.hpp"
#include "io/line_writer.hpp"
#include "logging/event.hpp"
#include "tool/filter.hpp"
#include "tool/metrics.hpp"

namespace status {
namespace {

using base::Exit;
using base::Failure;

constexpr std::size_t kAtOnce = 8;
constexpr std::uint64_t kPermille = 999;  // pgcdc-slo(7)

std::vector<Verdict> look(const std::vector<Pipeline>& pipelines) {
  std::vector<Verdict> verdicts(pipelines.size());
  std::atomic<std::size_t> next = 0;
  const auto some = [&] {
    for (std::size_t i = next++; i < pipelines.size(); i = next++)
      verdicts[i] = judge(ask(pipelines[i], tool::wall_us()));
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(kAtOnce, pipelines.size()); ++i) threads.emplace_back(some);
  some();
  for (std::thread& thread : threads) thread.join();
  return verdicts;
}

// A line is one write to the end of the file: two that write at once do not mix theirs. What a full disk or a loss of power left of an
// earlier line is ended first, so that it spoils no other; what is written is on the disk before anybody is told of it.
void append(const std::string& path, const std::string& text) {
  const io::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file.open()) throw Failure(Exit::denied, "permission", path + " cannot be written");
  char last = '\n';
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size > 0 && ::pread(file.get(), &last, 1, size - 1) != 1) last = '\n';
  io::write_all(file.get(), last == '\n' ? text : "\n" + text);
  if (::fsync(file.get()) != 0 && errno != EINVAL) io::throw_errno(errno, "write", path);
}

}  // namespace

Exit run(const Options& options, const std::string& metrics) {
  if (options.pipelines.empty()) throw Failure(Exit::usage, "missing_option", "no pipeline file is named");
  if (options.json && options.prometheus)
    throw Failure(Exit::usage, "bad_option", "--json and --prometheus are two forms of the same");
  if (options.days == 0 || options.days > 3650) throw Failure(Exit::usage, "bad_option", "--days is from 1 to 3650");
  const std::vector<Verdict> verdicts = look(read_pipelines(options.pipelines, options.objective_s));
  const std::int64_t now_us = tool::wall_us();
  if (!metrics.empty()) io::replace_file(metrics, as_prometheus(verdicts, now_us), tool::kMetricsMode);
  if (!options.record.empty()) {
    std::string lines;
    for (const Verdict& verdict : verdicts) lines += record_line(verdict);
    append(options.record, lines);
  }
  if (!options.html.empty()) {
    std::size_t broken = 0;
    std::map<std::string, std::vector<Sample>> record;
    if (!options.record.empty()) record = read_record(io::read_file(options.record).value_or(""), broken);
    if (broken > 0) {
      logging::event(logging::Level::warn, "the record has lines that are none",
                     {{"err", "broken_record"}, {"lines", std::to_string(broken)}});
    }
    io::replace_file(options.html, as_page(verdicts, record, now_us, options.days, kPermille));
  }
  if (options.json) {
    io::write_all(STDOUT_FILENO, as_json(verdicts));
  } else if (options.prometheus) {
    io::write_all(STDOUT_FILENO, as_prometheus(verdicts, now_us));
  } else {
    io::write_all(STDOUT_FILENO, as_text(verdicts, options.tables));
  }
  return std::all_of(verdicts.begin(), verdicts.end(), [](const Verdict& verdict) { return verdict.in; }) ? Exit::done
                                                                                                          : Exit::no;
}

}  // namespace status
