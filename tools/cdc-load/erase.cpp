// cdc-load: erasing. A warehouse is made by loading only, so one that is missing is not opened here.
// Must not print a value.
#include "cdc-load/erase.hpp"

#include <unistd.h>

#include <optional>
#include <set>

#include "io/file.hpp"
#include "io/line_writer.hpp"
#include "stage/log.hpp"
#include "stage/store.hpp"
#include "warehouse/erase.hpp"
#include "warehouse/state.hpp"

namespace cdc_load {
namespace {

using base::Exit;
using base::Failure;

// Objects with rows of these tables, of epochs and of copies.
void list_objects(const Options& options, const std::set<std::string>& tables, std::string& text) {
  const auto store = stage::open_store(options.stage, false);
  const auto newest = stage::Log::identity(*store, options.source);
  if (!newest) return;
  stage::Log log(*store, options.source, newest->era);
  const auto list = [&](const std::vector<stage::FileEntry>& files) {
    for (const stage::FileEntry& file : files) {
      if (tables.contains(file.table)) text += "stage\t" + log.full_name(file.object) + "\n";
    }
  };
  // What a source said in an earlier era lies there still.
  for (std::uint64_t era = 0; era <= newest->era; ++era) {
    if (!stage::Log::identity(*store, options.source, era)) continue;
    log.use_era(era);
    for (auto at = log.start(); at;) {
      // Of an emptied epoch nothing is left that could hold rows.
      auto stored = log.at(*at);
      if (!stored) stored = log.next(*at);
      if (!stored) break;
      list(stored->epoch.files);
      at = stored->epoch.to;
    }
    for (const std::string& object : log.chunks()) list(log.chunk(object).files);
  }
}

}  // namespace

Exit erase(const Options& options) {
  const auto wanted = io::read_file(options.erase);
  if (!wanted) throw Failure(Exit::usage, "bad_erasure", options.erase + ": no such file");
  const std::vector<warehouse::Erasure> erasures = warehouse::read_erasures(*wanted, options.erase);
  std::string text;
  std::set<std::string> tables;
  if (const std::unique_ptr<engine::Database> database = open_warehouse(options, false)) {
    if (database->kind() == engine::Kind::sqlite) database->run("PRAGMA secure_delete=ON");
    warehouse::State state(*database, options.source);
    {
      // Where statements wait for the end of their transaction nobody knows what they take out: there each runs by itself, and saying all
      // of it once more does no harm.
      std::optional<engine::Transaction> transaction;
      if (database->kind() != engine::Kind::snowflake) transaction.emplace(*database);
      state.reload();
      for (const warehouse::Erasure& erasure : erasures) {
        const warehouse::Erased erased = warehouse::erase(*database, state, erasure);
        text += "erased\t" + erasure.table + "\t" + change::quote_identifier(erasure.column) + "\t" +
                std::to_string(erased.rows) + "\t" + std::to_string(erased.versions) + "\t" +
                std::to_string(erased.quarantined) + "\t" + (erased.holds ? "-" : "no such column") + "\n";
      }
      if (transaction) transaction->commit();
    }
    warehouse::scrub(*database);
  }
  for (const warehouse::Erasure& erasure : erasures) tables.insert(erasure.table);
  list_objects(options, tables, text);
  io::write_all(STDOUT_FILENO, text);
  return Exit::done;
}

}  // namespace cdc_load
