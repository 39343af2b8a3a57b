// pg: one table or many, in one statement, so that everything said about them is of one moment. See table.hpp.
#include "pg/table.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/failure.hpp"
#include "change/types.hpp"

namespace pg {
namespace {

constexpr std::uint32_t kColumnLists = 150000;         // pg_publication_rel.prattrs, pg_publication_namespace
constexpr std::uint32_t kGeneratedPublished = 180000;  // pg_publication.pubgencols
constexpr std::size_t kFirstPatience = 16;
constexpr std::size_t kMostPatience = 1024;
// What is read ahead at once, and kept: bounds of memory, a few MB.
constexpr std::size_t kMostTables = 1000;
constexpr std::int64_t kMostColumns = 32'000;
constexpr std::size_t kMostKept = 4000;
constexpr const char* kMostLookedThrough = "20000";

// SQL condition: the catalog row `alias` was written by a transaction older than the horizon. age() counts modulo 2^32; a row
// so old that it looks new again is merely not settled.
std::string settled(std::string_view alias, const Horizon& horizon) {
  const std::string age = "age(" + std::string(alias) + ".xmin) > ";
  if (horizon.xid) return age + "age('" + std::to_string(horizon.xid->value) + "'::xid)";
  if (horizon.slot.empty()) return "false";
  return "coalesce(" + age +
         "(SELECT age(catalog_xmin) FROM pg_catalog.pg_replication_slots WHERE slot_name = " + literal(horizon.slot) +
         "), false)";
}

// SQL expression: is this transaction visible in the statement's snapshot? pgoutput gives 32 bits; the epoch is the one that
// brings it nearest to the snapshot's end.
std::string visible(base::Xid xid) {
  return "(SELECT pg_visible_in_snapshot(GREATEST(CASE WHEN x - e > 2147483648 THEN x - 4294967296 "
         "WHEN e - x > 2147483648 THEN x + 4294967296 ELSE x END, 0)::text::xid8, pg_current_snapshot()) FROM "
         "(SELECT e, e / 4294967296 * 4294967296 + " +
         std::to_string(xid.value) +
         " AS x FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS e) AS snapshot) AS near)";
}

std::string key_condition(std::string_view index) {
  const std::string i(index);
  return "coalesce(a.attnum = ANY ((" + i + ".indkey::int2[])[0:" + i + ".indnkeyatts - 1]), false)";
}

// One attribute of a row of read_all's statement.
Attribute attribute_of(const Result& result, std::size_t row, const Table& table) {
  Attribute attribute;
  attribute.attnum = static_cast<std::uint32_t>(result.number(row, 10));
  attribute.settled = result.truth(row, 21);
  if (result.truth(row, 12)) {
    // A column list holds its columns fast: one that is dropped takes the table out of the publication.
    attribute.presence = attribute.settled || (table.listed && table.steady) ? Presence::never : Presence::perhaps;
    return attribute;
  }
  attribute.name = result.text(row, 11);
  attribute.type = base::Oid{static_cast<std::uint32_t>(result.number(row, 13))};
  attribute.typmod = static_cast<std::int32_t>(result.number(row, 14));
  attribute.nullable = !result.truth(row, 15);
  attribute.has_default = result.truth(row, 16);
  attribute.presence = result.text(row, 17) == "plain" && result.truth(row, 18) ? Presence::always : Presence::never;
  attribute.pk = result.truth(row, 19);
  attribute.identity = table.identity == 'f' || (table.identity == 'd' && attribute.pk) ||
                       (table.identity == 'i' && result.truth(row, 20));
  return attribute;
}

}  // namespace

Tables::Tables(Connection& session, std::string publication, Horizon horizon)
    : session_(session), publication_(std::move(publication)), horizon_(std::move(horizon)) {}

std::vector<Table> Tables::read_all(std::string_view relids, std::optional<base::Xid> asked) {
  const std::string oids = "'{" + std::string(relids) + "}'::oid[]";
  const bool lists = session_.server_version() >= kColumnLists;
  const bool generated = session_.server_version() >= kGeneratedPublished;
  const std::string namespace_settled = lists ? " WHEN pn.oid IS NOT NULL THEN " + settled("pn", horizon_) : "";
  const std::string statement =
      "WITH RECURSIVE up(want, oid, level) AS (SELECT oid, oid, 0 FROM unnest(" + oids +
      ") AS wanted(oid) UNION ALL SELECT up.want, i.inhparent, up.level + 1 FROM up JOIN pg_catalog.pg_class p ON "
      "p.oid = "
      "up.oid AND p.relispartition JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid), "
      "down(want, oid) AS (SELECT oid, oid FROM unnest(" +
      oids +
      ") AS wanted(oid) UNION ALL SELECT down.want, i.inhrelid FROM down JOIN pg_catalog.pg_class p ON p.oid = "
      "down.oid AND "
      "p.relkind = 'p' JOIN pg_catalog.pg_inherits i ON i.inhparent = down.oid), "
      "root AS (SELECT DISTINCT ON (up.want) up.want, n.nspname, c.relname FROM up JOIN pg_catalog.pg_class c ON c.oid "
      "= "
      "up.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE up.level > 0 ORDER BY up.want, up.level "
      "DESC), "
      "rewritten AS (SELECT down.want, bool_and(s.relfilenode = s.oid) AS never FROM down JOIN pg_catalog.pg_class s "
      "ON "
      "s.oid = down.oid WHERE s.relkind = 'r' GROUP BY down.want) "
      "SELECT n.nspname, c.relname, c.relkind, c.relreplident, root.nspname, root.relname, "
      /* 6 listed */
      + (lists ? "pr.prattrs IS NOT NULL" : "false") +
      /* 7 steady */ ", CASE WHEN p.oid IS NULL THEN false WHEN p.puballtables THEN " + settled("p", horizon_) +
      " WHEN pr.oid IS NOT NULL THEN " + settled("pr", horizon_) + namespace_settled + " ELSE false END" +
      /* 8 kept */ ", coalesce(rewritten.never, true)" +
      /* 9 visible */ ", " + (asked ? visible(*asked) : "true") +
      /* 10 */
      ", a.attnum, a.attname, a.attisdropped, a.atttypid, a.atttypmod, a.attnotnull"
      /* 16 has_default */
      ", a.atthasdef OR a.atthasmissing OR a.attidentity <> '' OR a.attgenerated <> ''"
      /* 17 generated */ ", CASE WHEN a.attgenerated = '' THEN 'plain' WHEN a.attgenerated = 's' THEN " +
      (generated ? "CASE WHEN p.pubgencols = 's' OR pr.prattrs IS NOT NULL THEN 'plain' ELSE 'unpublished' END"
                 : "'unpublished'") +
      " ELSE 'unpublished' END" +
      /* 18 in the list */ ", " + (lists ? "coalesce(a.attnum = ANY (pr.prattrs::int2[]), true)" : "true") +
      /* 19 */ ", " + key_condition("pk") + /* 20 */ ", " + key_condition("ri") +
      /* 21 */ ", " + settled("a", horizon_) + /* 22 */ ", c.oid" +
      " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "LEFT JOIN root ON root.want = c.oid LEFT JOIN rewritten ON rewritten.want = c.oid "
      "LEFT JOIN pg_catalog.pg_publication p ON p.pubname = " +
      literal(publication_) +
      " LEFT JOIN pg_catalog.pg_publication_rel pr ON pr.prpubid = p.oid AND pr.prrelid = c.oid " +
      (lists ? "LEFT JOIN pg_catalog.pg_publication_namespace pn ON pn.pnpubid = p.oid AND pn.pnnspid = c.relnamespace "
             : "") +
      "LEFT JOIN pg_catalog.pg_index pk ON pk.indrelid = c.oid AND pk.indisprimary "
      "LEFT JOIN pg_catalog.pg_index ri ON ri.indrelid = c.oid AND ri.indisreplident "
      "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
      "WHERE c.oid = ANY (" +
      oids + ") ORDER BY c.oid, a.attnum";
  const Result result = session_.query(statement, "read the catalog");

  std::vector<Table> tables;
  for (std::size_t row = 0; row < result.rows(); ++row) {
    const base::Oid relid{static_cast<std::uint32_t>(result.number(row, 22))};
    if (tables.empty() || tables.back().relid != relid) {
      Table& table = tables.emplace_back();
      table.relid = relid;
      table.schema = result.text(row, 0);
      table.name = result.text(row, 1);
      table.kind = result.text(row, 2).front();
      table.identity = result.text(row, 3).front();
      if (!result.is_null(row, 5)) table.root = change::quote_table(result.text(row, 4), result.text(row, 5));
      table.listed = result.truth(row, 6);
      table.steady = result.truth(row, 7);
      table.kept = result.truth(row, 8);
      table.visible = result.truth(row, 9);
    }
    if (!result.is_null(row, 10)) tables.back().attributes.push_back(attribute_of(result, row, tables.back()));
  }
  return tables;
}

std::optional<Table> Tables::read(base::Oid relid, std::optional<base::Xid> asked) {
  std::vector<Table> found = read_all(std::to_string(relid.value), asked);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

std::optional<Table> Tables::of_message(base::Oid relid, base::Xid xid) {
  // Asked for again: a new round, in which all may be.
  if (!asked_.insert(relid.value).second) asked_ = {relid.value};
  const auto take = [&]() -> std::optional<Table> {
    const auto found = ahead_.find(relid.value);
    if (found == ahead_.end()) return std::nullopt;
    Ahead ahead = std::move(found->second);
    ahead_.erase(found);
    if (!ahead.seen->shows(xid)) return std::nullopt;
    return std::move(ahead.table);
  };
  if (auto table = take()) return table;
  // What comes is newer than what was read last: then it will be newer than the next, too.
  const bool too_new = seen_ != nullptr && !seen_->shows(xid);
  if (!too_new) patience_ = kFirstPatience;
  if (++alone_ >= patience_) {
    if (too_new) {
      patience_ = std::min(patience_ * 2, kMostPatience);
      ahead_.clear();
    }
    read_ahead(relid);
    if (auto table = take()) return table;
  }
  return read(relid, xid);
}

// This one and the next published tables by number that have not been asked for: tables that were made together are often used
// together.
void Tables::read_ahead(base::Oid from) {
  alone_ = 0;
  if (ahead_.size() > kMostKept) ahead_.clear();
  const std::string number = std::to_string(from.value);
  const bool schemas = session_.server_version() >= kColumnLists;
  // The snapshot is the earlier statement's: what it shows, the later one shows too.
  const Result published = session_.query(
      "SELECT c.oid, c.relnatts, pg_current_snapshot() FROM pg_catalog.pg_class c JOIN pg_catalog.pg_publication p ON "
      "p.pubname "
      "= " +
          literal(publication_) +
          " WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384 AND (p.puballtables OR "
          "c.relispartition OR "
          "EXISTS (SELECT FROM pg_catalog.pg_publication_rel pr WHERE pr.prpubid = p.oid AND pr.prrelid = c.oid)" +
          (schemas ? " OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace pn WHERE pn.pnpubid = p.oid AND "
                     "pn.pnnspid = "
                     "c.relnamespace)"
                   : "") +
          ") ORDER BY c.oid < " + number + ", c.oid LIMIT " + kMostLookedThrough,
      "read the catalog");
  if (published.rows() == 0) return;
  seen_ = std::make_shared<const Visibility>(published.text(0, 2));
  std::string wanted;
  std::size_t tables = 0;
  std::int64_t columns = 0;
  for (std::size_t row = 0; row < published.rows() && tables < kMostTables && columns < kMostColumns; ++row) {
    const auto oid = static_cast<std::uint32_t>(published.number(row, 0));
    if (oid != from.value && (asked_.contains(oid) || ahead_.contains(oid))) continue;
    wanted += (wanted.empty() ? "" : ",") + std::to_string(oid);
    ++tables;
    columns += published.number(row, 1);
  }
  for (Table& table : read_all(wanted, std::nullopt)) {
    const std::uint32_t relid = table.relid.value;
    ahead_.insert_or_assign(relid, Ahead{std::move(table), seen_});
  }
}

Visibility::Visibility(std::string_view text) {
  const auto number = [&](char end) {
    std::uint64_t value = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto taken = static_cast<std::size_t>(at - text.data());
    if (error != std::errc{} || (end != 0 && (taken == text.size() || text[taken] != end))) {
      throw base::Failure(base::Exit::bug, "bad_snapshot", "the server gave something else than a snapshot");
    }
    text.remove_prefix(end == 0 ? taken : taken + 1);
    return value;
  };
  xmin_ = number(':');
  xmax_ = number(':');
  while (!text.empty()) {
    running_.push_back(number(0));
    if (text.starts_with(',')) text.remove_prefix(1);
  }
}

bool Visibility::shows(base::Xid xid) const {
  constexpr std::uint64_t kEpoch = std::uint64_t{1} << 32;
  std::uint64_t full = xmax_ / kEpoch * kEpoch + xid.value;
  if (full > xmax_ + kEpoch / 2 && full >= kEpoch) full -= kEpoch;
  if (full + kEpoch / 2 < xmax_) full += kEpoch;
  return full < xmin_ || (full < xmax_ && std::find(running_.begin(), running_.end(), full) == running_.end());
}

}  // namespace pg
