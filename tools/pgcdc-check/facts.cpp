// pgcdc-check: the questions to the server; the contracts are in facts.hpp. Knows which version has which column. pg_publication_tables
// and pg_get_expr open tables, and so wait for whoever alters them: the first is not used, the second only where a filter has to be
// written down, and then not waited for.
#include "pgcdc-check/facts.hpp"

#include <poll.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/failure.hpp"
#include "tool/filter.hpp"

namespace check {
namespace {

constexpr std::uint32_t kOldest = 140000;
constexpr std::uint32_t kLists = 150000;      // column lists, row filters, tables in schema
constexpr std::uint32_t kGenerated = 180000;  // pg_publication.pubgencols
constexpr std::int64_t kBetweenLooksMs = 300;
constexpr std::int64_t kShortestMeanS = 10;
constexpr const char* kDoing = "read the catalog";

// Relations that a user made: what a publication can hold, and what it cannot (unlogged, foreign).
constexpr const char* kUsersRelations =
    "c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%' AND "
    "n.nspname <> 'information_schema'";

// The whole numbers in "1 2 3" or "{1,2,3}".
Attnums numbers(std::string_view text) {
  Attnums found;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::uint32_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error == std::errc{}) found.push_back(number);
    at = error == std::errc{} ? next : at + 1;
  }
  return found;
}

std::optional<std::int64_t> maybe_number(const pg::Result& result, std::size_t row, std::size_t column) {
  if (result.is_null(row, column)) return std::nullopt;
  return result.number(row, column);
}

std::uint32_t oid_of(const pg::Result& result, std::size_t row, std::size_t column) {
  return static_cast<std::uint32_t>(result.number(row, column));
}

void read_server(pg::Connection& session, Facts& facts) {
  const pg::Result about = session.query(
      "SELECT pg_is_in_recovery(), getdatabaseencoding(), current_database(), r.rolname, r.rolsuper, r.rolreplication,"
      " (SELECT count(*) FROM pg_catalog.pg_stat_replication) FROM pg_catalog.pg_roles r WHERE r.rolname = "
      "current_user",
      kDoing);
  facts.standby = about.truth(0, 0);
  facts.encoding = about.text(0, 1);
  facts.database = about.text(0, 2);
  facts.role = {std::string(about.text(0, 3)), about.truth(0, 4), about.truth(0, 5)};
  facts.senders = about.number(0, 6);
  const pg::Result settings = session.query(
      "SELECT name, setting, source FROM pg_catalog.pg_settings WHERE name IN ('wal_level', 'max_replication_slots',"
      " 'max_wal_senders', 'max_slot_wal_keep_size', 'max_wal_size', 'wal_sender_timeout',"
      " 'idle_replication_slot_timeout', 'output_plugin_libraries', 'synchronized_standby_slots',"
      " 'sync_replication_slots', 'hot_standby_feedback', 'primary_slot_name', 'autovacuum_freeze_max_age')",
      "read the settings");
  for (std::size_t row = 0; row < settings.rows(); ++row) {
    facts.settings.insert_or_assign(std::string(settings.text(row, 0)),
                                    Setting{std::string(settings.text(row, 1)), std::string(settings.text(row, 2))});
  }
  const pg::Result wal = session.query(
      "SELECT wal_bytes::bigint, extract(epoch FROM clock_timestamp() - stats_reset)::bigint FROM "
      "pg_catalog.pg_stat_wal",
      "read the statistics");
  const auto seconds = wal.rows() == 0 ? std::nullopt : maybe_number(wal, 0, 1);
  // A standby counts only what it writes itself, which is nothing.
  if (seconds && *seconds >= kShortestMeanS && !facts.standby) {
    facts.wal_bytes_per_s = static_cast<double>(wal.number(0, 0)) / static_cast<double>(*seconds);
  }
}

void read_slots(pg::Connection& session, Facts& facts) {
  const pg::Result found = session.query(
      "SELECT slot_name, slot_type = 'physical', greatest(age(xmin), age(catalog_xmin), 0) FROM "
      "pg_catalog.pg_replication_slots ORDER BY slot_name",
      kDoing);
  for (std::size_t row = 0; row < found.rows(); ++row) {
    facts.slots.push_back({std::string(found.text(row, 0)), found.truth(row, 1), found.number(row, 2)});
  }
  facts.slot = pg::find_slot(session, facts.slot_name);
}

std::vector<Session> read_sessions(pg::Connection& session) {
  const pg::Result found = session.query(
      "SELECT pid, coalesce(datname, ''), coalesce(usename, ''), backend_xid,"
      " extract(epoch FROM clock_timestamp() - xact_start)::bigint,"
      " extract(epoch FROM clock_timestamp() - query_start)::bigint, coalesce(age(backend_xmin), 0)"
      " FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid()"
      " AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) ORDER BY pid",
      "look for open transactions");
  std::vector<Session> sessions;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    sessions.push_back({found.number(row, 0), std::string(found.text(row, 1)), std::string(found.text(row, 2)),
                        std::string(found.text(row, 3)), maybe_number(found, row, 4), maybe_number(found, row, 5),
                        found.number(row, 6)});
  }
  return sessions;
}

std::vector<Prepared> read_prepared(pg::Connection& session) {
  const pg::Result found = session.query(
      "SELECT gid, database, owner, extract(epoch FROM clock_timestamp() - prepared)::bigint FROM "
      "pg_catalog.pg_prepared_xacts ORDER BY prepared",
      "look for prepared transactions");
  std::vector<Prepared> prepared;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    prepared.push_back({std::string(found.text(row, 0)), std::string(found.text(row, 1)),
                        std::string(found.text(row, 2)), found.number(row, 3)});
  }
  return prepared;
}

void read_publication(pg::Connection& session, Facts& facts) {
  const std::array<std::optional<std::string>, 1> name{facts.publication_name};
  const pg::Result found =
      session.query(std::string("SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, ") +
                        (facts.server_version >= kGenerated ? "pubgencols = 's'" : "false") +
                        " FROM pg_catalog.pg_publication WHERE pubname = $1",
                    name, "look for the publication");
  if (found.rows() == 0) return;
  facts.publication = Publication{found.truth(0, 0), found.truth(0, 1), found.truth(0, 2), found.truth(0, 3),
                                  found.truth(0, 4), found.truth(0, 5), found.truth(0, 6)};
}

void read_relations(pg::Connection& session, Facts& facts) {
  const bool lists = facts.server_version >= kLists;
  const std::string publication = pg::literal(facts.publication_name);
  const pg::Result found = session.query(
      std::string(
          "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,"
          " CASE WHEN c.relispartition THEN (SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid"
          " LIMIT 1) END, has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),"
          " row_security_active(c.oid), pr.oid IS NOT NULL") +
          (lists ? " OR pn.oid IS NOT NULL, pr.prattrs::text, pr.prqual IS NOT NULL, (SELECT string_agg(DISTINCT m[1], "
                   "' ')"
                   " FROM regexp_matches(pr.prqual::text, ':varattno (\\d+)', 'g') AS m)"
                 : ", NULL, false, NULL") +
          " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          " LEFT JOIN pg_catalog.pg_publication p ON p.pubname = " +
          publication + " LEFT JOIN pg_catalog.pg_publication_rel pr ON pr.prpubid = p.oid AND pr.prrelid = c.oid" +
          (lists ? " LEFT JOIN pg_catalog.pg_publication_namespace pn ON pn.pnpubid = p.oid AND pn.pnnspid = n.oid"
                 : "") +
          " WHERE " + kUsersRelations + " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"",
      kDoing);
  facts.relations.reserve(found.rows());
  for (std::size_t row = 0; row < found.rows(); ++row) {
    Relation relation;
    relation.oid = oid_of(found, row, 0);
    relation.schema = found.text(row, 1);
    relation.name = found.text(row, 2);
    relation.kind = found.text(row, 3).front();
    relation.persistence = found.text(row, 4).front();
    relation.identity = found.text(row, 5).front();
    if (!found.is_null(row, 6)) relation.parent = oid_of(found, row, 6);
    // Null: dropped while we look.
    relation.usable = found.text(row, 7) != "f";
    relation.selectable = found.text(row, 8) != "f";
    relation.secured = found.truth(row, 9);
    relation.named = found.truth(row, 10);
    relation.listed = !found.is_null(row, 11);
    relation.list = numbers(found.text(row, 11));
    relation.filtered = found.truth(row, 12);
    relation.filter = numbers(found.text(row, 13));
    facts.relation_of.emplace(relation.oid, facts.relations.size());
    facts.relations.push_back(std::move(relation));
  }
}

void read_indexes(pg::Connection& session, Facts& facts) {
  const pg::Result found = session.query(
      std::string(
          "SELECT c.oid, x.relname, i.indisprimary, i.indisreplident, i.indisvalid AND i.indimmediate AND"
          " i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE"
          " a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])"
          " AND NOT a.attnotnull), ((i.indkey::int2[])[0:i.indnkeyatts - 1])::text"
          " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          " JOIN pg_catalog.pg_index i ON i.indrelid = c.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
          " WHERE i.indisunique AND ") +
          kUsersRelations + " ORDER BY c.oid, i.indnkeyatts, x.relname COLLATE \"C\"",
      kDoing);
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const auto at = facts.relation_of.find(oid_of(found, row, 0));
    if (at == facts.relation_of.end()) continue;
    // "[0:1]={1,2}": the bounds are not columns.
    const std::string_view columns = found.text(row, 5);
    const std::size_t values = columns.find('=');
    facts.relations[at->second].indexes.push_back(
        {std::string(found.text(row, 1)), found.truth(row, 2), found.truth(row, 3), found.truth(row, 4),
         numbers(values == std::string_view::npos ? columns : columns.substr(values))});
  }
}

// Columns of the tables where a list or filter decides: those that have one, and their partitions; and generated ones.
void read_columns(pg::Connection& session, Facts& facts) {
  std::string wanted;
  for (const Relation& relation : facts.relations) {
    bool decided = false;
    for (const Relation* at = &relation; at != nullptr && !decided; at = facts.relation(at->parent)) {
      decided = at->listed || at->filtered;
    }
    if (decided) wanted += (wanted.empty() ? "" : ",") + std::to_string(relation.oid);
  }
  const pg::Result found = session.query(
      std::string("SELECT c.oid, a.attnum, a.attname, a.attgenerated FROM pg_catalog.pg_class c JOIN"
                  " pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = "
                  "c.oid WHERE a.attnum > 0 AND NOT a.attisdropped AND (a.attgenerated <> ''") +
          (wanted.empty() ? "" : " OR c.oid IN (" + wanted + ")") + ") AND " + kUsersRelations,
      kDoing);
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const auto at = facts.relation_of.find(oid_of(found, row, 0));
    if (at == facts.relation_of.end()) continue;
    const std::string_view generated = found.text(row, 3);
    facts.relations[at->second].columns.insert_or_assign(
        oid_of(found, row, 1), Column{std::string(found.text(row, 2)), generated.empty() ? '\0' : generated.front()});
  }
}

// Columns without a binary form of their own: no send function (aclitem, and arrays of such), reg* (a bare number), money (no scale).
void read_odd_types(pg::Connection& session, Facts& facts) {
  const pg::Result found = session.query(
      std::string(
          "SELECT DISTINCT b.typname, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid ="
          " c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
          " AND NOT a.attisdropped JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
          " JOIN pg_catalog.pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)"
          " LEFT JOIN pg_catalog.pg_type e ON e.oid = b.typelem AND e.typarray = b.oid"
          " WHERE (coalesce(e.typsend, b.typsend) = 0 OR coalesce(e.typname, b.typname) = 'money'"
          " OR coalesce(e.typname, b.typname) LIKE 'reg%' AND coalesce(e.typnamespace, b.typnamespace) = 11) AND ") +
          kUsersRelations + " ORDER BY 1, 2",
      kDoing);
  for (std::size_t row = 0; row < found.rows(); ++row) {
    facts.odd_types.push_back({std::string(found.text(row, 0)), oid_of(found, row, 1)});
  }
}

void read_other_lists(pg::Connection& session, Facts& facts) {
  if (facts.server_version < kLists) return;
  const std::string publication = pg::literal(facts.publication_name);
  const pg::Result found = session.query(
      "SELECT p.pubname, theirs.prrelid FROM pg_catalog.pg_publication_rel theirs JOIN pg_catalog.pg_publication p ON"
      " p.oid = theirs.prpubid JOIN pg_catalog.pg_publication_rel ours ON ours.prrelid = theirs.prrelid"
      " JOIN pg_catalog.pg_publication o ON o.oid = ours.prpubid WHERE o.pubname = " +
          publication + " AND p.pubname <> " + publication +
          " AND ours.prattrs::text IS DISTINCT FROM theirs.prattrs::text ORDER BY 1, 2",
      kDoing);
  for (std::size_t row = 0; row < found.rows(); ++row) {
    facts.other_lists.push_back({std::string(found.text(row, 0)), oid_of(found, row, 1)});
  }
}

// A row filter as SQL opens its table. One that is being altered has its filter left out, nothing else.
void read_filters(pg::Connection& session, Facts& facts) {
  const std::string publication = pg::literal(facts.publication_name);
  for (Relation& relation : facts.relations) {
    if (!relation.filtered) continue;
    try {
      const pg::Result found = session.query(
          "SELECT pg_get_expr(pr.prqual, pr.prrelid) FROM pg_catalog.pg_publication_rel pr JOIN"
          " pg_catalog.pg_publication p ON p.oid = pr.prpubid WHERE p.pubname = " +
              publication + " AND pr.prrelid = " + std::to_string(relation.oid),
          kDoing);
      if (found.rows() == 1) relation.filter_text = found.text(0, 0);
    } catch (const base::Failure& failure) {
      if (failure.slug != "sqlstate_55P03") throw;
    }
  }
}

// What has only just begun or ended blocks nobody.
void keep_common(std::vector<Session>& sessions, std::vector<Session> later) {
  std::erase_if(later, [&](const Session& now) {
    for (const Session& before : sessions) {
      if (before.pid == now.pid && before.xid == now.xid) return false;
    }
    return true;
  });
  sessions = std::move(later);
}

}  // namespace

Facts gather(pg::Connection& session, const std::string& slot, const std::string& publication) {
  session.query("SET lock_timeout = '200ms'; SET statement_timeout = '10s'", "prepare the session");
  Facts facts;
  facts.slot_name = slot;
  facts.publication_name = publication;
  facts.server_version = session.server_version();
  if (facts.server_version < kOldest) return facts;

  const std::int64_t began_ms = tool::steady_ms();
  facts.sessions = read_sessions(session);
  read_server(session, facts);
  read_slots(session, facts);
  session.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "begin to read the catalog");
  read_publication(session, facts);
  read_relations(session, facts);
  read_indexes(session, facts);
  read_columns(session, facts);
  read_odd_types(session, facts);
  read_other_lists(session, facts);
  session.query("COMMIT", "end to read the catalog");
  read_filters(session, facts);

  const std::int64_t left_ms = began_ms + kBetweenLooksMs - tool::steady_ms();
  if (left_ms > 0) static_cast<void>(::poll(nullptr, 0, static_cast<int>(left_ms)));
  keep_common(facts.sessions, read_sessions(session));
  facts.prepared = read_prepared(session);
  return facts;
}

}  // namespace check
