// cdc-mask: one run: the files that a mask works with, read at the beginning and again when asked to, and those it keeps.
// Knows files, the log and SIGHUP. Must not know how masking works, and must not see a value.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cdc-mask/mask.hpp"
#include "tool/metrics.hpp"

namespace cdc_mask {

/// Paths; an empty one: none.
struct Options {
  std::string policy;
  std::string keys;
  std::string clear = "green,yellow";
  std::string pins;
  std::string ledger;
  std::string metrics;
};

/// A policy and its keys as they stood in their files.
struct Loaded {
  policy::Policy policy;
  std::unique_ptr<policy::Keys> keys;
  [[nodiscard]] Ruling ruling() const { return {&policy, keys.get()}; }
};
/// err  usage/bad_policy, usage/bad_keys, usage/missing_keys, denied/open_secret and what reading files brings
[[nodiscard]] std::unique_ptr<Loaded> load(const Options& options);

/// A Mask that keeps its metrics, pins and ledger, and reads its policy anew at a transaction's end after SIGHUP.
class Run : public Mask {
 public:
  explicit Run(const Options& options);
  ~Run() override;  ///< writes metrics and ledger a last time, also when the program ends by a failure
  void line(std::string_view text, io::LineWriter& out) override;
  void end(io::LineWriter& out) override;
  void tick(std::int64_t now_ms, io::LineWriter& out) override;

 private:
  Run(const Options& options, std::unique_ptr<Loaded> loaded);
  void reload(io::LineWriter& out);
  void keep();

  Options options_;
  std::unique_ptr<Loaded> loaded_;
  Counts told_;  // what the ledger has of this run
  tool::Metrics metrics_;
  std::int64_t next_ms_ = 0;
};

}  // namespace cdc_mask
