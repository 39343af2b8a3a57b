// cdc-compare: a warehouse against a reference. Comparing nothing proves nothing: it is a no.
#include "cdc-compare/compare.hpp"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cdc-compare/outcome.hpp"
#include "engine/open.hpp"
#include "io/environment.hpp"
#include "io/file.hpp"
#include "io/line_writer.hpp"
#include "stage/names.hpp"
#include "stage/store.hpp"
#include "warehouse/comparison.hpp"
#include "warehouse/state.hpp"
#include "warehouse/unknown.hpp"

namespace cdc_compare {
namespace {

using base::Exit;
using base::Failure;

constexpr int kBusyMs = 30'000;

std::unique_ptr<engine::Database> open(const Options& options, const engine::Address& address) {
  engine::Landing landing;
  landing.folder = stage::encode_name(options.source) + "/net";
  landing.spool = io::temporary_folder();
  if (address.kind == engine::Kind::snowflake) {
    if (options.stage.empty())
      throw Failure(Exit::usage, "missing_option", "rows reach Snowflake through a stage: --stage");
    const std::shared_ptr<stage::Store> store = stage::open_store(options.stage, false);
    landing.place = [store](const std::string& path, const std::string& name) { store->place(path, name); };
  }
  auto database = engine::open(address, options.source, kBusyMs, false, io::variable, landing);
  const auto names = database ? database->names() : std::vector<std::string>();
  if (std::find(names.begin(), names.end(), "_cdc_format") == names.end()) {
    throw Failure(Exit::retry, "not_there_yet", "nothing has been loaded into the warehouse yet");
  }
  return database;
}

Copied copied(engine::Database& reference, const std::string& table) {
  engine::Statement query = reference.prepare("SELECT copied_lsn, copied_high FROM _cdc_tables WHERE \"table\"=?1");
  query.text(1, table);
  Copied copied;
  if (query.step() && !query.is_null(0)) {
    copied.copy = base::parse_lsn(query.view_at(0)).value_or(base::Lsn{});
    copied.high = base::parse_lsn(query.view_at(1)).value_or(base::Lsn{});
  }
  return copied;
}

}  // namespace

Exit compare(const Options& options) {
  const engine::Address address = engine::parse_address(options.warehouse);
  const std::optional<base::Part> part = base::parse_part(options.part);
  if (!options.part.empty() && !part) throw Failure(Exit::usage, "bad_value", "--part is K/N, the K-th of N parts");
  const engine::Address reference_address = engine::parse_address(options.reference);
  std::unique_ptr<engine::Database> reference;
  if (reference_address.kind == engine::Kind::sqlite)
    reference = engine::open(reference_address, options.source, kBusyMs, false, io::variable, {});
  if (!reference) throw Failure(Exit::usage, "no_reference", "--reference names no warehouse in SQLite");
  const std::unique_ptr<engine::Database> database = open(options, address);
  const warehouse::State there(*reference, options.source);
  warehouse::State here(*database, options.source);
  if (!options.json) {
    io::write_all(STDOUT_FILENO, text_head());
  }
  // Whoever reads again wants to know all of them.
  const std::uint64_t most = options.again.empty() ? options.suspects : warehouse::kMostKeys;
  std::string again;
  bool equal = true;
  std::size_t compared_tables = 0;
  for (const auto& [name, table] : there.tables()) {
    if (!options.tables.empty() &&
        std::find(options.tables.begin(), options.tables.end(), name) == options.tables.end())
      continue;
    const Copied whole = copied(*reference, name);
    if (here.position() && here.position()->applied_to < whole.high) {
      throw Failure(Exit::retry, "not_there_yet", "the warehouse has not been loaded up to where the copy ends")
          .at_table(name)
          .at_lsn(whole.high);
    }
    warehouse::Compared compared;
    const warehouse::Table* mine = here.find(name);
    if (whole.copy.value == 0) {
      compared.trouble = "its copy is not whole";
    } else if (mine == nullptr) {
      compared.trouble = "it is not in the warehouse";
    } else {
      compared = warehouse::compare(*reference, table, whole.copy, *database, *mine, most, part);
    }
    // Copies only, so far: what the log will bring, or what it will remove, may be all there is between them.
    if (!here.position() && compared.trouble.empty() && !compared.is_equal()) {
      throw Failure(Exit::retry, "not_there_yet", "the warehouse holds copies, and nothing of the log yet")
          .at_table(name);
    }
    for (const std::string& line : warehouse::to_read_again(table, compared)) again += line + "\n";
    if (!options.again.empty() && compared.suspects.size() > options.suspects)
      compared.suspects.resize(options.suspects);
    io::write_all(STDOUT_FILENO, options.json ? as_json(name, compared, whole) : as_text(name, compared));
    equal = equal && compared.is_equal();
    ++compared_tables;
  }
  if (!options.again.empty()) io::replace_file(options.again, again);
  return equal && compared_tables > 0 && compared_tables >= options.tables.size() ? Exit::done : Exit::no;
}

}  // namespace cdc_compare
