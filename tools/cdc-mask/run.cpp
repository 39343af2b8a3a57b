// cdc-mask: one run. See run.hpp.
#include "cdc-mask/run.hpp"

#include "cdc-mask/ledger.hpp"
#include "cdc-mask/report.hpp"
#include "crypto/digest.hpp"
#include "io/file.hpp"
#include "io/secret_file.hpp"
#include "logging/event.hpp"
#include "tool/filter.hpp"

namespace cdc_mask {
namespace {

constexpr std::int64_t kIntervalMs = 15'000;

policy::PinBook read_pins(const std::string& path) {
  if (path.empty()) return {};
  return policy::PinBook::read(io::read_file(path).value_or(""), path);
}

std::function<void(const policy::PinBook&)> saver(const std::string& path) {
  if (path.empty()) return {};
  return [path](const policy::PinBook& pins) {
    io::update_file(path, [&](const std::string& content) {
      policy::PinBook all = pins;
      all.add_others(policy::PinBook::read(content, path));
      return all.text();
    });
  };
}

}  // namespace

std::unique_ptr<Loaded> load(const Options& options) {
  const policy::ClearClasses clear(options.clear);
  const auto text = io::read_file(options.policy);
  if (!text) throw base::Failure(base::Exit::usage, "bad_policy", options.policy + ": no such file");
  auto loaded = std::make_unique<Loaded>(
      Loaded{policy::Policy::read(*text, options.policy, clear, io::files_beside(options.policy)), nullptr});
  if (!options.keys.empty()) {
    std::string secret = io::read_secret(options.keys);
    loaded->keys = std::make_unique<policy::Keys>(secret, options.keys);
    crypto::wipe(secret);
  }
  return loaded;
}

Run::Run(const Options& options) : Run(options, load(options)) {}

Run::Run(const Options& options, std::unique_ptr<Loaded> loaded)
    : Mask(loaded->ruling(), log_notice, read_pins(options.pins), saver(options.pins)),
      options_(options),
      loaded_(std::move(loaded)),
      metrics_(options.metrics, "cdc-mask") {
  declare_metrics(metrics_);
  // A file that is no ledger is told of before the first line.
  if (!options_.ledger.empty()) {
    static_cast<void>(ledger(io::read_file(options_.ledger).value_or(""), options_.ledger, "", Counts{}));
  }
  tool::catch_reload_signal();
}

Run::~Run() {
  try {
    keep();
  } catch (const base::Failure& failure) {
    logging::event(logging::Level::warn, failure.message, {{"err", failure.slug}});
  }
}

void Run::line(std::string_view text, io::LineWriter& out) {
  if (tool::reload_asked() && at_boundary()) reload(out);
  Mask::line(text, out);
}

void Run::end(io::LineWriter& out) {
  Mask::end(out);
  keep();
}

void Run::reload(io::LineWriter& out) {
  tool::forget_reload();
  std::unique_ptr<Loaded> fresh = load(options_);
  std::optional<policy::PinBook> pins;
  if (!options_.pins.empty()) pins = read_pins(options_.pins);
  use(fresh->ruling(), pins, out);
  loaded_ = std::move(fresh);
  logging::event(logging::Level::info, "another policy", {{"policy", loaded_->policy.sha256()}});
}

void Run::keep() {
  const Counts counted = counts();
  if (!options_.metrics.empty()) {
    set_metrics(metrics_, counted);
    metrics_.write();
  }
  if (options_.ledger.empty() || source().empty()) return;
  const Counts more = since(told_, counted);
  io::update_file(options_.ledger, [&](const std::string& content) {
    return content.empty() && more.tables.empty() ? content : ledger(content, options_.ledger, source(), more);
  });
  told_ = counted;
}

void Run::tick(std::int64_t now_ms, io::LineWriter& out) {
  if (tool::reload_asked() && at_boundary()) reload(out);
  if (now_ms < next_ms_) return;
  next_ms_ = now_ms + kIntervalMs;
  keep();
}

}  // namespace cdc_mask
