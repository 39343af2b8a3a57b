// stage: the same thing done to many objects, some at a time, each over a connection of its own. Knows threads and how a store is opened
// again; must not know what is done.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "stage/store.hpp"

namespace stage {

/// Opens one more store at the same place; what it throws is thrown by who asked for it.
using OpenAnother = std::function<std::unique_ptr<Store>()>;

class Crew {
 public:
  /// in   store    used by the thread that asks; outlives this
  ///      hands    how many at once, 1 or more
  ///      another  opens the stores of the others, when they are first needed; they are kept
  Crew(Store& store, std::size_t hands, OpenAnother another);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls `act(store, i)` for every i < count, in that order but up to `hands` at once, and returns when all have ended.
  ///
  /// err  of the calls that failed, what the one with the smallest i threw; those not begun by then are not begun, those under way are
  ///      given up
  void each(std::size_t count, const std::function<void(Store&, std::size_t)>& act);

 private:
  Store& store_;
  std::size_t hands_;
  OpenAnother another_;
  std::vector<std::unique_ptr<Store>> others_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace stage
