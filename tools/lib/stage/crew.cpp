// stage: threads over a list. See crew.hpp.
#include "stage/crew.hpp"

#include <algorithm>
#include <exception>
#include <thread>

#include "base/failure.hpp"
#include "stage/quiet_thread.hpp"

namespace stage {

Crew::Crew(Store& store, std::size_t hands, OpenAnother another)
    : store_(store), hands_(std::max<std::size_t>(hands, 1)), another_(std::move(another)) {}
Crew::~Crew() = default;

void Crew::each(std::size_t count, const std::function<void(Store&, std::size_t)>& act) {
  const std::size_t helpers = std::min(hands_, count) - (count == 0 ? 0 : 1);
  while (others_.size() < helpers) {
    others_.push_back(another_());
    others_.back()->stop_when(stopped_);
  }
  stopped_ = false;
  std::atomic<std::size_t> next = 0;
  // Nobody is told of a request that was given up because of another's trouble.
  std::vector<std::exception_ptr> trouble(count);
  const auto work = [&](Store& store) {
    for (std::size_t i = next++; i < count && !stopped_; i = next++) {
      try {
        act(store, i);
      } catch (const base::Failure& failure) {
        if (failure.slug != "stopped") trouble[i] = std::current_exception();
        stopped_ = true;
      } catch (...) {
        trouble[i] = std::current_exception();
        stopped_ = true;
      }
    }
  };
  {
    std::vector<QuietThread> threads;
    for (std::size_t i = 0; i < helpers; ++i) threads.emplace_back([&, i] { work(*others_[i]); });
    work(store_);
  }
  for (const std::exception_ptr& one : trouble) {
    if (one) std::rethrow_exception(one);
  }
}

}  // namespace stage
