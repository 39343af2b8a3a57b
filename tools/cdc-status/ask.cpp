// cdc-status: asks a pipeline's three ends. Each has its own time to answer, so that one that hangs keeps no other from being told.
#include "cdc-status/ask.hpp"

#include "base/failure.hpp"
#include "engine/open.hpp"
#include "io/environment.hpp"
#include "pg/slot.hpp"
#include "stage/log.hpp"
#include "tool/filter.hpp"

namespace status {
namespace {

constexpr std::int64_t kPatienceMs = 20'000;
constexpr int kBusyMs = 10'000;  // a DuckDB file is open in its loader for as long as that loads

// By the middle of question and answer.
std::int64_t clock_ahead_us(pg::Connection& session) {
  const std::int64_t asked_us = tool::wall_us();
  const pg::Result server = session.query(
      "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8", "read the clock");
  return asked_us + (tool::wall_us() - asked_us) / 2 - server.number(0, 0);
}

SourceSeen ask_source(const Pipeline& pipeline) {
  pg::Connection session = pg::Connection::open(pipeline.dsn, pg::Mode::plain, "cdc-status");
  session.give_up_after(kPatienceMs);
  SourceSeen seen;
  seen.clock_ahead_us = clock_ahead_us(session);
  const std::optional<pg::Slot> slot = pg::find_slot(session, pipeline.slot);
  if (!slot) {
    seen.slot = "none";
    return seen;
  }
  seen.slot = slot->wal_status == "lost" || !slot->invalidation_reason.empty() ? "lost"
              : slot->active                                                   ? "active"
                                                                               : "idle";
  const base::Lsn end = pg::end_of_log(session);
  if (slot->confirmed_flush)
    seen.behind_bytes = end.value > slot->confirmed_flush->value ? end.value - slot->confirmed_flush->value : 0;
  if (slot->retained_bytes && *slot->retained_bytes >= 0)
    seen.retained_bytes = static_cast<std::uint64_t>(*slot->retained_bytes);
  const pg::Result age = session.query(
      "SELECT age(catalog_xmin) FROM pg_catalog.pg_replication_slots WHERE slot_name = " + pg::literal(pipeline.slot),
      "read the slot's age");
  if (age.rows() > 0 && !age.is_null(0, 0)) seen.catalog_age = static_cast<std::uint64_t>(age.number(0, 0));
  return seen;
}

// in   reached  where the warehouse is, if it was asked
std::optional<StageSeen> ask_stage(const Pipeline& pipeline, const std::optional<WarehouseSeen>& reached) {
  const std::unique_ptr<stage::Store> store = stage::open_store(pipeline.stage, false);
  const auto identity = stage::Log::identity(*store, pipeline.source);
  if (!identity) return std::nullopt;
  stage::Log log(*store, pipeline.source, identity->era);
  StageSeen seen;
  const bool same = reached && reached->applied_to.value > 0 && reached->era == identity->era;
  auto at = log.last(same ? std::optional(reached->applied_to) : std::nullopt);
  while (at) {
    const auto stored = log.at(*at);
    seen.to = *at;
    if (!stored) break;
    if (!stored->epoch.last_ts.empty()) seen.time = stored->epoch.last_ts;
    at = seen.to = stored->epoch.to;
  }
  return seen;
}

WarehouseSeen ask_warehouse(const Pipeline& pipeline) {
  WarehouseSeen seen;
  const auto database =
      engine::open(engine::parse_address(pipeline.warehouse), pipeline.source, kBusyMs, false, io::variable, {});
  if (!database) return seen;
  bool ours = false;
  for (const std::string& name : database->names()) ours = ours || name == "_cdc_freshness";
  if (!ours) return seen;
  engine::Statement position =
      database->prepare("SELECT applied_to, complete_to_time, era FROM _cdc_position WHERE source=?1");
  position.text(1, pipeline.source);
  if (!position.step()) return seen;
  seen.applied_to = base::parse_lsn(position.view_at(0)).value_or(base::Lsn{});
  if (!position.is_null(1)) seen.complete_to_time = position.text_at(1);
  seen.era = static_cast<std::uint64_t>(position.integer_at(2));
  position.reset();
  engine::Statement tables = database->prepare(
      "SELECT \"table\", state, complete_to_time, unknown_values, quarantined FROM _cdc_freshness WHERE source=?1 "
      "ORDER BY \"table\"");
  tables.text(1, pipeline.source);
  while (tables.step()) {
    TableSeen table;
    table.table = tables.text_at(0);
    table.state = tables.text_at(1);
    if (!tables.is_null(2)) table.complete_to_time = tables.text_at(2);
    table.unknown_values = static_cast<std::uint64_t>(tables.integer_at(3));
    table.quarantined = static_cast<std::uint64_t>(tables.integer_at(4));
    seen.tables.push_back(std::move(table));
  }
  return seen;
}

}  // namespace

Seen ask(const Pipeline& pipeline, std::int64_t at_us) {
  Seen seen;
  seen.pipeline = pipeline;
  seen.at_us = at_us;
  const auto part = [&](const char* name, bool wanted, const auto& body) {
    if (!wanted) return;
    try {
      body();
    } catch (const base::Failure& failure) {
      seen.troubles.push_back({name, failure.slug, failure.message});
    }
  };
  part("source", !pipeline.dsn.empty() && !pipeline.slot.empty(), [&] { seen.source = ask_source(pipeline); });
  part("warehouse", !pipeline.warehouse.empty(), [&] { seen.warehouse = ask_warehouse(pipeline); });
  part("stage", !pipeline.stage.empty(), [&] { seen.stage = ask_stage(pipeline, seen.warehouse); });
  return seen;
}

}  // namespace status
