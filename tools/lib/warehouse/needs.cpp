// warehouse: needs. See needs.hpp. The position is read first: whatever a loader does meanwhile, nothing that is needed lies before it.
#include "warehouse/needs.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "warehouse/dialect.hpp"

namespace warehouse {
namespace {

base::Lsn position_of(std::string_view text) {
  const auto lsn = base::parse_lsn(text);
  // A position that cannot be read is not taken for one that is far on.
  if (!lsn) throw base::Failure(base::Exit::refused, "broken_warehouse", "a position of the warehouse's state is none");
  return *lsn;
}

}  // namespace

base::Lsn Needs::lowest() const {
  base::Lsn lowest = applied_to;
  for (const Held& table : held) lowest = std::min(lowest, table.from);
  return lowest;
}

std::optional<Needs> needs_of(engine::Database& database, std::string_view source) {
  const std::vector<std::string> names = database.names();
  const bool ours = std::any_of(names.begin(), names.end(),
                                [](const std::string& name) { return same_folded(name, "_cdc_position"); });
  if (!ours) return std::nullopt;
  Needs needs;
  {
    engine::Statement position =
        database.prepare("SELECT system_id, era, applied_to FROM _cdc_position WHERE source=?1");
    position.copied_text(1, source);
    if (!position.step()) return std::nullopt;
    needs.system_id = position.text_at(0);
    needs.era = static_cast<std::uint64_t>(position.integer_at(1));
    needs.applied_to = position_of(position.view_at(2));
  }
  {
    engine::Statement last = database.prepare(
        "SELECT \"from\", manifest_sha256 FROM _cdc_epochs WHERE era=?1 AND \"to\"=?2 AND \"from\"<?2 ORDER BY "
        "\"from\" DESC LIMIT 1");
    last.integer(1, static_cast<std::int64_t>(needs.era)).copied_text(2, base::format(needs.applied_to));
    if (last.step()) {
      needs.last_from = position_of(last.view_at(0));
      needs.last_sha256 = last.text_at(1);
    }
  }
  {
    // A doubted table is copied again; until then its epochs are what there is to find out by. One that the source no longer has never is.
    const std::vector<std::string> columns = database.columns_of("_cdc_tables");
    const bool has_mark = std::any_of(columns.begin(), columns.end(),
                                      [](const std::string& name) { return same_folded(name, "gone_lsn"); });
    engine::Statement tables = database.prepare(
        "SELECT \"table\", parked_at, CASE WHEN coalesce(copied_lsn, '')<doubted_lsn THEN doubted_lsn END FROM "
        "_cdc_tables " +
        std::string(has_mark ? "WHERE gone_lsn IS NULL " : "") + "ORDER BY \"table\"");
    while (tables.step()) {
      if (!tables.is_null(1)) needs.held.push_back({tables.text_at(0), "parked", position_of(tables.view_at(1))});
      if (!tables.is_null(2)) needs.held.push_back({tables.text_at(0), "doubted", position_of(tables.view_at(2))});
    }
  }
  engine::Statement chunks = database.prepare("SELECT object FROM _cdc_chunks");
  while (chunks.step()) needs.chunks.insert(chunks.text_at(0));
  return needs;
}

}  // namespace warehouse
