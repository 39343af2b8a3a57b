// pg: the watch over a publication. See publication.hpp. pgoutput decides by the catalog as it was when a row was written: what was not
// sent while a table was out of the publication cannot be had from the log any more, so a look can only say so, at once.
#include "pg/publication.hpp"

#include <array>
#include <utility>

#include "base/failure.hpp"
#include "change/types.hpp"

namespace pg {
namespace {

using base::Exit;
using base::Failure;

constexpr std::uint32_t kSchemas = 150000;  // pg_publication_namespace
constexpr std::array kOperations{"insert", "update", "delete", "truncate"};

}  // namespace

PublicationWatch::PublicationWatch(Connection& session, std::string publication)
    : session_(session), publication_(std::move(publication)), had_(read()) {}

PublicationWatch::Content PublicationWatch::read() {
  const bool schemas = session_.server_version() >= kSchemas;
  const Result found = session_.query(
      "SELECT p.oid, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, named.key, named.nspname, "
      "named.relname "
      "FROM pg_catalog.pg_publication p LEFT JOIN (SELECT pr.prpubid AS pubid, 't' || c.oid AS key, n.nspname, "
      "c.relname FROM "
      "pg_catalog.pg_publication_rel pr JOIN pg_catalog.pg_class c ON c.oid = pr.prrelid JOIN pg_catalog.pg_namespace "
      "n ON n.oid = "
      "c.relnamespace" +
          std::string(
              schemas ? " UNION ALL SELECT pn.pnpubid, 'n' || n.oid, n.nspname, NULL FROM "
                        "pg_catalog.pg_publication_namespace pn JOIN pg_catalog.pg_namespace n ON n.oid = pn.pnnspid"
                      : "") +
          ") AS named ON named.pubid = p.oid WHERE p.pubname = " + literal(publication_),
      "read the publication");
  Content content;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    content.oid = found.text(row, 0);
    content.all_tables = found.truth(row, 1);
    for (std::size_t i = 0; i < kOperations.size(); ++i) content.operations[kOperations[i]] = found.text(row, 2 + i);
    if (found.is_null(row, 6)) continue;
    content.named.emplace(found.text(row, 6),
                          found.is_null(row, 8)
                              ? "TABLES IN SCHEMA " + change::quote_identifier(found.text(row, 7))
                              : "TABLE " + change::quote_table(found.text(row, 7), found.text(row, 8)));
  }
  return content;
}

bool PublicationWatch::exists(const std::string& key) {
  return session_
             .query("SELECT 1 FROM pg_catalog." + std::string(key.front() == 't' ? "pg_class" : "pg_namespace") +
                        " WHERE oid = " + key.substr(1),
                    "look for a table")
             .rows() == 1;
}

void PublicationWatch::look() {
  Content now = read();
  const std::string name = change::quote_identifier(publication_);
  const std::string again =
      "; what was written meanwhile is not in the stream: copy the tables again with pgcdc-snapshot";
  if (now.oid != had_.oid) {
    throw Failure(
        Exit::refused, "publication_missing",
        "publication " + name + " was dropped while it was read" +
            (now.oid.empty() ? "; repair: CREATE PUBLICATION " + name + " ..., then " : ", and made anew; repair: ") +
            "pgcdc-slot drop and create, then copy the tables again with pgcdc-snapshot");
  }
  for (const auto& [key, what] : had_.named) {
    if (now.named.contains(key) || now.all_tables || !exists(key)) continue;
    throw Failure(Exit::refused, "table_unpublished",
                  what + " was taken out of publication " + name + " while it was read; repair: ALTER PUBLICATION " +
                      name + " ADD " + what + again + "; if it is meant to be out, start again");
  }
  for (const auto& [word, sent] : had_.operations) {
    if (sent != "t" || now.operations[word] == "t") continue;
    throw Failure(Exit::refused, "operations_missing",
                  "publication " + name + " does not send " + word + " any more; repair: ALTER PUBLICATION " + name +
                      " SET (publish = 'insert, update, delete, truncate')" + again);
  }
  had_ = std::move(now);
}

}  // namespace pg
