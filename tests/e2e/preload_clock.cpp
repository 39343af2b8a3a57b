// A clock that is wrong, preloaded into a program: what it is told about the time of day is off by what a file says.
//
// libfaketime is not taken for this: its processes share a semaphore, which each of them holds whenever it looks at a file, and one that is
// killed just then stops all others for ever.
// Knows: the C library's ways to ask for the time of day. Must not know: who asks; waiting and the times of files are not touched.
//
// in  PGCDC_CLOCK  a file of at least 16 bytes that begins with a number of seconds, "+0000000259200\n": the clock is so much ahead. It
//                  is mapped: what is written over it holds at once. No such file: the clock is right.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace {

constexpr std::size_t kLength = 16;

const char* map_file() {
  const char* const path = std::getenv("PGCDC_CLOCK");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* const there = lseek(file, 0, SEEK_END) >= static_cast<off_t>(kLength)
                          ? mmap(nullptr, kLength, PROT_READ, MAP_SHARED, file, 0)
                          : MAP_FAILED;
  close(file);
  return there == MAP_FAILED ? nullptr : static_cast<const char*>(there);
}

time_t seconds_ahead() {
  static const volatile char* const text = map_file();
  if (text == nullptr) return 0;
  time_t seconds = 0;
  for (std::size_t at = 1; at < kLength && text[at] >= '0' && text[at] <= '9'; ++at)
    seconds = seconds * 10 + (text[at] - '0');
  return text[0] == '-' ? -seconds : seconds;
}

int ask(clockid_t clock, timespec* time) {
  using Ask = int (*)(clockid_t, timespec*);
  static const Ask real = reinterpret_cast<Ask>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int status = real(clock, time);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += seconds_ahead();
  return status;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept { return ask(clock, time); }

int gettimeofday(timeval* __restrict time, void* __restrict zone) noexcept {
  timespec now{};
  static_cast<void>(zone);  // glibc fills it with zeros; nobody asks
  ask(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* there) noexcept {
  timespec now{};
  ask(CLOCK_REALTIME_COARSE, &now);
  if (there != nullptr) *there = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(timespec* there, int base) noexcept {
  return base == TIME_UTC && ask(CLOCK_REALTIME, there) == 0 ? base : 0;
}

}  // extern "C"
