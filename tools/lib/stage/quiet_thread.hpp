// stage: a thread that no signal is delivered to, so that whoever waits for one in the program's own thread gets it, and that is joined
// when it goes out of scope.
// Knows signal masks and threads; must not know what is done in one.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace stage {

class QuietThread {
 public:
  template <class Body>
  explicit QuietThread(Body body) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = std::thread(std::move(body));
    } catch (...) {
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~QuietThread() {
    if (thread_.joinable()) thread_.join();
  }
  QuietThread(QuietThread&&) noexcept = default;
  QuietThread& operator=(QuietThread&&) = delete;

 private:
  std::thread thread_;
};

}  // namespace stage
