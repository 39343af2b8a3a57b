// pg: the watch over a publication. See publication.hpp. pgoutput decides by the catalog as it was when a row was written: what was not
// sent while a table was out of the publication cannot be had from the log any more, so a look can only say so, at once.
#include "pg/publication.hpp"

#include <array>
#include <utility>

#include "base/failure.hpp"
#include "change/types.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"

namespace pg {
namespace {

using base::Exit;
using base::Failure;

constexpr std::uint32_t kSchemas = 150000;  // pg_publication_namespace, column lists, row filters
constexpr std::array kOperations{"insert", "update", "delete", "truncate"};

}  // namespace

std::string encode(const PublicationContent& content) {
  std::string operations;
  json::ObjectWriter sent(operations);
  for (const auto& [word, is_sent] : content.operations) sent.boolean(word, is_sent);
  sent.close();
  std::string entries;
  json::ObjectWriter named(entries);
  for (const auto& [key, entry] : content.named) {
    std::string one;
    json::ObjectWriter object(one);
    object.text("oid", entry.oid).text("limits", entry.limits).text("what", entry.what).close();
    named.raw(key, one);
  }
  named.close();
  std::string text;
  json::ObjectWriter object(text);
  object.text("oid", content.oid).boolean("all_tables", content.all_tables);
  object.raw("operations", operations).raw("named", entries).close();
  return text + "\n";
}

PublicationContent decode_publication(std::string_view text) {
  json::Tokenizer tokenizer;
  const json::Value value(tokenizer.tokens_of_copy(text), 0);
  PublicationContent content;
  content.oid = value.text("oid");
  content.all_tables = value.boolean("all_tables");
  const json::Value operations = value.at("operations");
  for (const char* word : kOperations) content.operations[word] = operations.boolean(word);
  const json::Value named = value.at("named");
  if (named.kind() != json::Kind::object) throw Failure(Exit::data, "bad_json", "named is no object");
  named.each_member([&](std::string_view key, const json::Value& entry) {
    content.named.emplace(key, PublicationContent::Entry{entry.text("oid"), entry.text("limits"), entry.text("what")});
  });
  return content;
}

PublicationWatch::PublicationWatch(Connection& session, std::string publication, std::string forget)
    : session_(session), publication_(std::move(publication)), forget_(std::move(forget)), had_(read()) {}

PublicationContent PublicationWatch::read() {
  const bool lists = session_.server_version() >= kSchemas;
  const Result found = session_.query(
      "SELECT p.oid, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, named.key, named.oid, "
      "named.limits, named.nspname, named.relname "
      "FROM pg_catalog.pg_publication p LEFT JOIN (SELECT pr.prpubid AS pubid, 't' || c.oid AS key, pr.oid, " +
          std::string(lists ? "md5(concat(pr.prattrs, '/', pr.prqual))" : "''") +
          " AS limits, n.nspname, c.relname FROM pg_catalog.pg_publication_rel pr JOIN pg_catalog.pg_class c "
          "ON c.oid = pr.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" +
          (lists ? " UNION ALL SELECT pn.pnpubid, 'n' || n.oid, pn.oid, '', n.nspname, NULL FROM "
                   "pg_catalog.pg_publication_namespace pn JOIN pg_catalog.pg_namespace n ON n.oid = pn.pnnspid"
                 : "") +
          ") AS named ON named.pubid = p.oid WHERE p.pubname = " + literal(publication_),
      "read the publication");
  PublicationContent content;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    content.oid = found.text(row, 0);
    content.all_tables = found.truth(row, 1);
    for (std::size_t i = 0; i < kOperations.size(); ++i) content.operations[kOperations[i]] = found.truth(row, 2 + i);
    if (found.is_null(row, 6)) continue;
    content.named.emplace(
        found.text(row, 6),
        PublicationContent::Entry{std::string(found.text(row, 7)), std::string(found.text(row, 8)),
                                  found.is_null(row, 10)
                                      ? "TABLES IN SCHEMA " + change::quote_identifier(found.text(row, 9))
                                      : "TABLE " + change::quote_table(found.text(row, 9), found.text(row, 10))});
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

void PublicationWatch::look() { look(PublicationContent(had_)); }

void PublicationWatch::look(const PublicationContent& before) {
  PublicationContent now = read();
  const std::string name = change::quote_identifier(publication_);
  const std::string again =
      "what was written meanwhile is not in the stream: copy again with pgcdc-snapshot, then " + forget_;
  if (now.oid != before.oid) {
    throw Failure(
        Exit::refused, "publication_missing",
        "publication " + name + " was dropped" +
            (now.oid.empty() ? "; repair: CREATE PUBLICATION " + name + " ..., then " : ", and made anew; repair: ") +
            "pgcdc-slot drop, then " + forget_ + ", then cdc-run --repair");
  }
  for (const auto& [key, entry] : before.named) {
    if (now.all_tables) break;
    const auto found = now.named.find(key);
    // Another catalog row with the same limits was put back; one with others may just have got them.
    if (found != now.named.end() && (found->second.oid == entry.oid || found->second.limits != entry.limits)) continue;
    if (found == now.named.end() && !exists(key)) continue;
    throw Failure(Exit::refused, "table_unpublished",
                  entry.what + " was taken out of publication " + name +
                      (found == now.named.end() ? "; repair: ALTER PUBLICATION " + name + " ADD " + entry.what + "; " +
                                                      again + "; if it is meant to be out, only " + forget_
                                                : ", and put back; repair: " + again));
  }
  for (const auto& [word, sent] : before.operations) {
    if (!sent || now.operations[word]) continue;
    throw Failure(Exit::refused, "operations_missing",
                  "publication " + name + " does not send " + word + " any more; repair: ALTER PUBLICATION " + name +
                      " SET (publish = 'insert, update, delete, truncate'); " + again);
  }
  had_ = std::move(now);
}

}  // namespace pg
