// pgcdc-check: what is judged of the slot, and of how long the server will keep what it needs. The contract is in judge.hpp.
// Knows what a slot can be, and whose it may be. Must not know what is read from it.
// Pure.
#include <cmath>

#include "pg/connection.hpp"
#include "pgcdc-check/judge.hpp"

namespace check {
namespace {

constexpr std::uint32_t kFailover = 170000;
constexpr double kMiB = 1024 * 1024;
constexpr double kShortestOutageS = 3600;     // a slot should survive this
constexpr double kWantedOutageS = 24 * 3600;  // and this is what is proposed
constexpr std::size_t kLongestName = 63;

std::string create(const Facts& facts, const std::string& name) {
  return "SELECT pg_create_logical_replication_slot(" + pg::literal(name) + ", 'pgoutput'" +
         (facts.server_version >= kFailover && !facts.standby ? ", failover => true" : "") + ");";
}

std::string anew(const Facts& facts) {
  return "SELECT pg_drop_replication_slot(" + pg::literal(facts.slot_name) + "); " + create(facts, facts.slot_name) +
         " -- what is missed then is copied by: cdc-run --repair";
}

// Somebody else's slot is not for us to drop.
std::string another(const Facts& facts) {
  std::string name = facts.slot_name.substr(0, kLongestName - 2);
  const auto taken = [&](const std::string& candidate) {
    for (const OtherSlot& slot : facts.slots) {
      if (slot.name == candidate) return true;
    }
    return false;
  };
  for (int i = 2; i < 10; ++i) {
    const std::string candidate = name + "_" + std::to_string(i);
    if (!taken(candidate)) return create(facts, candidate) + " -- and --slot " + candidate;
  }
  return "";
}

// in   out  whether it can be read at all
bool judge_kind(const Facts& facts, const pg::Slot& slot, std::vector<Finding>& into) {
  const auto found = [&](std::size_t kind, const std::string& message, const std::string& repair) {
    into.push_back({kind, slot.name, message, repair});
    return false;
  };
  if (!slot.logical) return found(kind("slot_physical"), "It is a physical slot, of a standby.", another(facts));
  if (slot.database != facts.database) {
    return found(kind("slot_foreign"),
                 "It belongs to database " + slot.database + ", the dsn names " + facts.database + ".", another(facts));
  }
  if (slot.plugin != "pgoutput") {
    return found(kind("slot_plugin"), "It is of the output plugin " + slot.plugin + ", needed is pgoutput.",
                 another(facts));
  }
  if (slot.synced.value_or(false)) {
    return found(
        kind("slot_synced"),
        "It is this standby's copy of the primary's slot, which cannot be read before the standby is promoted: name"
        " the primary in the dsn.",
        "");
  }
  if (slot.two_phase) {
    return found(
        kind("slot_two_phase"),
        "It decodes prepared transactions when they are prepared; their rows do not come again after a restart.",
        anew(facts));
  }
  if (slot.wal_status == "lost") {
    return found(kind("slot_lost"),
                 "The server has removed what it needs" +
                     (slot.invalidation_reason.empty() ? "." : " (" + slot.invalidation_reason + ")."),
                 anew(facts));
  }
  return true;
}

// How much log an outage may fill before the slot is lost, or the disk is full.
void judge_keep(const Facts& facts, std::vector<Finding>& into) {
  const std::int64_t keep_mib = number(facts, "max_slot_wal_keep_size", -1);
  const double rate = facts.wal_bytes_per_s.value_or(0);
  const auto wanted_mib = static_cast<std::int64_t>(std::ceil(rate * kWantedOutageS / kMiB / 1024) * 1024);
  const std::string statement =
      set_and_reload("max_slot_wal_keep_size", "'" + std::to_string(std::max<std::int64_t>(wanted_mib, 1024)) + "MB'");
  if (keep_mib < 0) {
    into.push_back(
        {kind("wal_unlimited"), "max_slot_wal_keep_size",
         "There is no limit to the log that is kept for a slot that nobody reads: it can fill the server's disk." +
             (rate > 0 ? " The statement is for a day of log at the mean rate, " + size(rate) + " a second."
                       : std::string()),
         statement});
    return;
  }
  const double retained = facts.slot ? static_cast<double>(facts.slot->retained_bytes.value_or(0)) : 0;
  const double left_s = rate > 0 ? (static_cast<double>(keep_mib) * kMiB - retained) / rate : kWantedOutageS;
  if (left_s < kShortestOutageS && !(facts.slot && facts.slot->wal_status == "unreserved")) {
    into.push_back({kind("wal_keep_short"), "max_slot_wal_keep_size",
                    "A slot that nobody reads is lost after " + duration(std::max(left_s, 0.0)) +
                        " of log at the mean rate, " + size(rate) + " a second; the statement is for a day.",
                    statement});
  }
}

void judge_failover(const Facts& facts, std::vector<Finding>& into) {
  if (facts.server_version < kFailover || facts.standby) return;
  std::string standbys;
  for (const OtherSlot& slot : facts.slots) {
    if (slot.physical) standbys += (standbys.empty() ? "" : ", ") + pg::literal(slot.name);
  }
  if (facts.slot && !facts.slot->failover.value_or(true)) {
    into.push_back({kind("slot_no_failover"), facts.slot_name,
                    "Standbys keep no copy of it: after a failover the tables must be copied again.",
                    "ALTER_REPLICATION_SLOT " + pg::identifier(facts.slot_name) +
                        " (FAILOVER true); -- over a replication connection: psql 'replication=database dbname=...'"});
  }
  if (facts.slot && facts.slot->failover.value_or(false) && !standbys.empty() &&
      setting(facts, "synchronized_standby_slots").empty()) {
    into.push_back(
        {kind("standby_slots_unset"), "synchronized_standby_slots",
         "Changes can be read before a standby has them: after a failover to it the reader is ahead of the server."
         " The statement names all physical slots: leave out those that are not of standbys to fail over to.",
         set_and_reload("synchronized_standby_slots", standbys)});
  }
}

}  // namespace

void judge_slot(const Facts& facts, std::vector<Finding>& into) {
  judge_keep(facts, into);
  if (!facts.slot) {
    into.push_back({kind("slot_missing"), facts.slot_name,
                    "There is no such slot: changes are not kept before it is made, and copies begin after it.",
                    create(facts, facts.slot_name)});
    return;
  }
  const pg::Slot& slot = *facts.slot;
  if (!judge_kind(facts, slot, into)) return;
  judge_failover(facts, into);
  const double retained = static_cast<double>(slot.retained_bytes.value_or(0));
  if (slot.wal_status == "unreserved") {
    into.push_back({kind("slot_unreserved"), slot.name,
                    "It holds " + size(retained) +
                        " of log, more than max_slot_wal_keep_size: the next checkpoint may take it"
                        " away, and the slot with it.",
                    set_and_reload("max_slot_wal_keep_size",
                                   "'" + std::to_string(std::llround(std::ceil(retained * 2 / kMiB))) + "MB'")});
  }
  if (!slot.active && retained > static_cast<double>(number(facts, "max_wal_size", 1024)) * kMiB) {
    into.push_back({kind("slot_unread"), slot.name,
                    "Nobody reads it" + (slot.inactive_since ? " since " + *slot.inactive_since : std::string()) +
                        ", and the server keeps " + size(retained) +
                        " of log for it: start the pipeline, or drop the slot when it is not needed any more.",
                    "SELECT pg_drop_replication_slot(" + pg::literal(slot.name) + ");"});
  }
}

}  // namespace check
