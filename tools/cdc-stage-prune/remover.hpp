// cdc-stage-prune: objects that are to go, gathered and removed some at a time; and the count of what was freed. Knows a store's crew.
// Must not know why an object may go: whoever gives it has made sure that nothing names it any more.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stage/crew.hpp"

namespace cdc_stage_prune {

/// What a run has freed; with --dry-run what one would free.
struct Freed {
  std::uint64_t epochs = 0;
  std::uint64_t chunks = 0;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

class Remover {
 public:
  /// in   crew     outlives this
  ///      dry_run  only count
  Remover(stage::Crew& crew, bool dry_run) : crew_(crew), dry_run_(dry_run) {}

  /// The object goes now or with one of the next calls.
  void add(std::string name, std::uint64_t bytes);
  /// All that were given are gone when it returns. err  those of the store
  void flush();
  [[nodiscard]] bool dry_run() const { return dry_run_; }

  Freed freed;

 private:
  stage::Crew& crew_;
  bool dry_run_;
  std::vector<std::string> names_;
};

}  // namespace cdc_stage_prune
