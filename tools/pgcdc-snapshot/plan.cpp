// pgcdc-snapshot: the tables of a publication. See plan.hpp.
#include "pgcdc-snapshot/plan.hpp"

#include "change/types.hpp"
#include "pg/slot.hpp"

namespace snapshot {
namespace {

using base::Exit;
using base::Failure;

constexpr std::uint32_t kRowFilters = 150000;  // pg_publication_tables.attnames and rowfilter

// From 16 on the server opens every table to list its columns, and so waits behind whoever alters one. The session's lock_timeout
// bounds that.
pg::Result read_publication(pg::Connection& session, const std::string& statement) {
  try {
    return session.query(statement, "read the publication");
  } catch (const Failure& failure) {
    if (failure.slug != "sqlstate_55P03") throw;
  }
  session.query("ROLLBACK", "look for who is in the way");
  const pg::Result holder = session.query(
      "SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted "
      "AND "
      "database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) ORDER BY pid LIMIT 1",
      "look for who is in the way");
  throw Failure(Exit::retry, "blocked",
                "could not list the publication's tables in time: " +
                    (holder.rows() == 0 ? std::string("a lock on one of them has only just gone")
                                        : "process " + std::string(holder.text(0, 0)) +
                                              " has locked one; end it, or wait longer with --max-seconds"));
}

}  // namespace

Wanted parse_tables(std::span<const std::string> words) {
  Wanted names;
  for (const std::string& word : words) {
    const auto name = change::parse_table(word);
    if (!name) {
      throw Failure(Exit::usage, "bad_table", "cannot read a table's name: it is SCHEMA.NAME, quoted as in SQL");
    }
    names.insert(change::quote_table(name->schema, name->name));
  }
  return names;
}

std::vector<Target> read_targets(pg::Connection& session, const std::string& publication, const Wanted& wanted) {
  Wanted missing = wanted;
  if (!pg::publication_exists(session, publication)) {
    throw Failure(Exit::refused, "no_publication",
                  "publication " + publication + " does not exist; repair: CREATE PUBLICATION " +
                      change::quote_identifier(publication) +
                      " FOR ..., then the slot anew: rows written before are not in it");
  }
  const bool filters = session.server_version() >= kRowFilters;
  const pg::Result found = read_publication(
      session,
      std::string("SELECT c.oid, n.nspname, c.relname, c.relkind, ") +
          (filters ? "p.attnames::text, coalesce(p.rowfilter, '')" : "'', ''") +
          ", has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid) "
          "FROM pg_catalog.pg_publication_tables p JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname "
          "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename WHERE p.pubname = " +
          pg::literal(publication) + " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"");

  std::vector<Target> targets;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    Target target;
    target.relid = base::Oid{static_cast<std::uint32_t>(found.number(row, 0))};
    target.schema = found.text(row, 1);
    target.name = found.text(row, 2);
    target.kind = found.text(row, 3).front();
    target.columns = found.text(row, 4);
    target.filter = found.text(row, 5);
    const std::string table = change::quote_table(target.schema, target.name);
    if (!wanted.empty() && !wanted.contains(table)) continue;
    missing.erase(table);
    if (!found.truth(row, 6)) {
      throw Failure(Exit::denied, "no_select",
                    "cannot copy " + table + ": this role may not read it; repair: GRANT USAGE ON SCHEMA " +
                        change::quote_identifier(target.schema) + " and GRANT SELECT ON " + table)
          .at_table(table);
    }
    if (found.truth(row, 7)) {
      throw Failure(
          Exit::denied, "row_security",
          "cannot copy " + table + ": row-level security hides rows from this role; repair: ALTER ROLE ... BYPASSRLS")
          .at_table(table);
    }
    targets.push_back(std::move(target));
  }
  if (!missing.empty()) {
    throw Failure(Exit::refused, "not_published",
                  "publication " + publication + " does not have " + *missing.begin() + "; repair: ALTER PUBLICATION " +
                      change::quote_identifier(publication) + " ADD TABLE " + *missing.begin())
        .at_table(*missing.begin());
  }
  return targets;
}

}  // namespace snapshot
