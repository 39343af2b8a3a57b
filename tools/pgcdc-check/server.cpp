// pgcdc-check: what is judged of the server, its settings, the role, and the transactions that are open on it. The contract is
// in judge.hpp. Knows what a pipeline needs of a server. Must not know the tables, nor ask anybody.
// Pure.
#include <algorithm>

#include "change/types.hpp"
#include "pg/connection.hpp"
#include "pgcdc-check/judge.hpp"

namespace check {
namespace {

constexpr std::uint32_t kStandbySlots = 160000;
constexpr std::uint32_t kSlotSync = 170000;
constexpr std::int64_t kShortTimeoutMs = 10'000;
// What is older than this share of autovacuum_freeze_max_age holds vacuum back for too long.
constexpr std::int64_t kOldShare = 10;

std::string of(const std::string& setting, const std::string& value) { return setting + " is " + value; }

void judge_settings(const Facts& facts, std::vector<Finding>& into) {
  if (setting(facts, "wal_level") != "logical") {
    into.push_back({kind("wal_level"), "wal_level",
                    of("wal_level", setting(facts, "wal_level")) + ": the log does not hold what decoding needs.",
                    set_and_restart("wal_level", "logical")});
  }
  const std::string libraries = setting(facts, "output_plugin_libraries");
  // It binds superusers, too, and knows no sign for all.
  if (facts.settings.contains("output_plugin_libraries")) {
    bool listed = false;
    std::string kept;
    for (std::size_t at = 0; at <= libraries.size();) {
      const std::size_t comma = std::min(libraries.find(',', at), libraries.size());
      std::string name = libraries.substr(at, comma - at);
      std::erase_if(name, [](char c) { return c == ' ' || c == '"'; });
      if (name == "pgoutput") listed = true;
      if (!name.empty()) kept += pg::literal(name) + ", ";
      at = comma + 1;
    }
    if (!listed) {
      into.push_back({kind("plugin_not_allowed"), "output_plugin_libraries",
                      "The server allows only the output plugins that it lists, and pgoutput is not among them.",
                      set_and_reload("output_plugin_libraries", kept + "'pgoutput'")});
    }
  }
  const std::int64_t timeout_ms = number(facts, "wal_sender_timeout", 60'000);
  if (timeout_ms < kShortTimeoutMs) {
    const std::string message = timeout_ms == 0
                                    ? "wal_sender_timeout is 0: the server never notices that a reader's host is gone,"
                                      " and keeps the slot taken for it."
                                    : "wal_sender_timeout is " + std::to_string(timeout_ms) +
                                          " ms: a short stall of the network ends the connection.";
    const auto found = facts.settings.find("wal_sender_timeout");
    const std::string source = found == facts.settings.end() ? "" : found->second.source;
    std::string repair = set_and_reload("wal_sender_timeout", "'60s'");
    if (source == "user")
      repair = "ALTER ROLE " + change::quote_identifier(facts.role.name) + " RESET wal_sender_timeout;";
    if (source == "database") {
      repair = "ALTER DATABASE " + change::quote_identifier(facts.database) + " RESET wal_sender_timeout;";
    }
    into.push_back({kind("sender_timeout"), "wal_sender_timeout", message, repair});
  }
  const std::int64_t idle_s = number(facts, "idle_replication_slot_timeout", 0);
  if (idle_s > 0) {
    into.push_back({kind("idle_slot_timeout"), "idle_replication_slot_timeout",
                    "A slot that nobody reads for " + duration(static_cast<double>(idle_s)) +
                        " is invalidated, and the tables must be copied again.",
                    set_and_reload("idle_replication_slot_timeout", "0")});
  }
}

void judge_head_room(const Facts& facts, std::vector<Finding>& into) {
  const std::int64_t most_slots = number(facts, "max_replication_slots", 0);
  const auto slots = static_cast<std::int64_t>(facts.slots.size());
  // One for the pipeline, and a temporary one for as long as a copy takes its snapshot.
  const std::int64_t wanted_slots = facts.slot ? 1 : 2;
  if (most_slots - slots < wanted_slots) {
    into.push_back({kind("slots_full"), "max_replication_slots",
                    std::to_string(slots) + " of " + std::to_string(most_slots) + " slots are taken; needed are " +
                        std::to_string(wanted_slots) + " more" +
                        (facts.slot ? ", for the copies." : ", for the pipeline and for its copies."),
                    set_and_restart("max_replication_slots", std::to_string(slots + wanted_slots + 2))});
  }
  const std::int64_t most_senders = number(facts, "max_wal_senders", 0);
  const std::int64_t wanted_senders = facts.slot && facts.slot->active ? 1 : 2;
  if (most_senders - facts.senders < wanted_senders) {
    into.push_back({kind("senders_full"), "max_wal_senders",
                    std::to_string(facts.senders) + " of " + std::to_string(most_senders) +
                        " replication connections are taken; needed are " + std::to_string(wanted_senders) +
                        " more, for the reader and for a copy.",
                    set_and_restart("max_wal_senders", std::to_string(facts.senders + wanted_senders + 2))});
  }
}

void judge_standby(const Facts& facts, std::vector<Finding>& into) {
  if (!facts.standby) return;
  if (facts.server_version < kStandbySlots) {
    into.push_back(
        {kind("standby_version"), "server",
         "It is a standby, and only from PostgreSQL 16 on can a standby have a slot: name the primary in the dsn.",
         ""});
    return;
  }
  if (setting(facts, "hot_standby_feedback") != "on") {
    into.push_back(
        {kind("standby_feedback"), "hot_standby_feedback",
         "hot_standby_feedback is off: the primary removes catalog rows that the slot needs, which invalidates it.",
         set_and_reload("hot_standby_feedback", "on")});
  }
  if (facts.server_version >= kSlotSync && setting(facts, "sync_replication_slots") != "on") {
    into.push_back(
        {kind("standby_sync_off"), "sync_replication_slots",
         "sync_replication_slots is off: when this standby is promoted it has no copy of the primary's slots.",
         set_and_reload("sync_replication_slots", "on")});
  }
}

std::string whose(const Session& session) {
  std::string words = "process " + std::to_string(session.pid);
  if (!session.database.empty()) words += " (database " + session.database;
  if (!session.role.empty()) words += ", role " + session.role;
  return words + (session.database.empty() ? "" : ")");
}

void judge_transactions(const Facts& facts, std::vector<Finding>& into) {
  const std::int64_t old_age = number(facts, "autovacuum_freeze_max_age", 200'000'000) / kOldShare;
  bool hidden = false;
  for (const Session& session : facts.sessions) {
    const std::string end = "SELECT pg_terminate_backend(" + std::to_string(session.pid) + ");";
    const std::string object = "pid " + std::to_string(session.pid);
    if (!session.xid.empty()) {
      std::string message = "A transaction of " + whose(session) + " has written and is open";
      if (session.age_s) message += ", " + duration(static_cast<double>(*session.age_s)) + " old";
      if (session.query_age_s) {
        message += ", its last statement began " + duration(static_cast<double>(*session.query_age_s)) + " ago";
      }
      hidden = hidden || !session.age_s;
      into.push_back({kind("transaction_blocks"), object,
                      message + ": no slot can be made and no copy begins before it has ended.", end});
    }
    if (session.xmin_age >= old_age) {
      into.push_back({kind("old_transaction"), object,
                      "A transaction of " + whose(session) + " holds vacuum back by " +
                          std::to_string(session.xmin_age) + " transactions.",
                      end});
    }
  }
  if (hidden) {
    into.push_back({kind("hidden_ages"), facts.role.name,
                    "The ages of other roles' transactions are not shown to this role.",
                    "GRANT pg_read_all_stats TO " + change::quote_identifier(facts.role.name) + ";"});
  }
  for (const Prepared& prepared : facts.prepared) {
    into.push_back({kind("prepared_transaction"), prepared.gid,
                    "Prepared " + duration(static_cast<double>(prepared.age_s)) + " ago in database " +
                        prepared.database + " by role " + prepared.owner +
                        " and not ended: no slot can be made and no copy begins before it is, and vacuum is held back.",
                    "ROLLBACK PREPARED " + pg::literal(prepared.gid) + "; -- in that database; or COMMIT PREPARED"});
  }
  for (const OtherSlot& slot : facts.slots) {
    if (slot.xmin_age < old_age) continue;
    into.push_back({kind("old_catalog_xmin"), slot.name,
                    "This slot holds vacuum back by " + std::to_string(slot.xmin_age) +
                        " transactions: read it, or drop it when nobody will.",
                    "SELECT pg_drop_replication_slot(" + pg::literal(slot.name) + ");"});
  }
}

}  // namespace

void judge_server(const Facts& facts, std::vector<Finding>& into) {
  if (facts.encoding == "SQL_ASCII") {
    into.push_back(
        {kind("no_encoding"), facts.database,
         "The database's encoding is SQL_ASCII: nobody knows which characters its bytes are. Copy it into one that"
         " has an encoding.",
         "CREATE DATABASE " + change::quote_identifier(facts.database + "_utf8") +
             " TEMPLATE template0 ENCODING 'UTF8';"});
  }
  if (!facts.role.replication && !facts.role.superuser) {
    into.push_back({kind("role_no_replication"), facts.role.name, "This role may not read the log.",
                    "ALTER ROLE " + change::quote_identifier(facts.role.name) + " REPLICATION;"});
  }
  judge_settings(facts, into);
  judge_head_room(facts, into);
  judge_standby(facts, into);
  judge_transactions(facts, into);
}

}  // namespace check
