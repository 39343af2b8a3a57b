// cdc-load: the check. The stage is looked at first: what is in it shows whether the warehouse can read it.
#include "cdc-load/check.hpp"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "engine/probe.hpp"
#include "io/environment.hpp"
#include "io/line_writer.hpp"
#include "stage/log.hpp"
#include "stage/names.hpp"
#include "stage/store.hpp"

namespace cdc_load {

base::Exit check(const Options& options) {
  const engine::Address address = engine::parse_address(options.warehouse);
  std::vector<engine::Verdict> verdicts;
  std::optional<stage::Identity> identity;
  const bool readable = engine::try_out(verdicts, "staged", [&] {
    const std::unique_ptr<stage::Store> store = stage::open_store(options.stage, false);
    identity = stage::Log::identity(*store, options.source);
    return "the stage can be read: " + store->where();
  });
  if (readable) {
    engine::try_out(verdicts, "source", [&] {
      if (!identity)
        throw base::Failure(base::Exit::retry, "no_source", "nobody has written " + options.source + " yet");
      return "cluster " + identity->system_id + ", database " + identity->database;
    });
  }
  engine::probe(verdicts, address, options.source, kBusyMs, io::variable,
                identity ? stage::source_object(options.source) : "");
  std::string text;
  for (const engine::Verdict& verdict : verdicts) {
    text += std::string(verdict.good ? "ok" : "no") + "\t" + verdict.what + "\t" + verdict.words + "\n";
  }
  io::write_all(STDOUT_FILENO, text);
  const bool good = std::all_of(verdicts.begin(), verdicts.end(), [](const auto& verdict) { return verdict.good; });
  return good ? base::Exit::done : base::Exit::no;
}

}  // namespace cdc_load
