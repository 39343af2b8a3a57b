// pgcdc-check: what can be found, each with a name that never changes, and how findings are told. Knows the one table of
// kinds, which the manual page explains line by line. Must not know how anything is found. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace check {

/// What a finding means to the pipeline. `stop`: it does not run, or the application's writes fail. `lose`: it runs, and
/// changes can be missing. `warn`: it runs, at a price. `info`: as it is meant to be, perhaps.
enum class Severity : std::uint8_t { stop, lose, warn, info };

[[nodiscard]] std::string_view word(Severity severity);

struct Kind {
  Severity severity;
  std::string_view slug;
};

/// Every kind, in the order in which findings of one severity are told.
inline constexpr std::array kKinds{
    // The server and the role.
    Kind{Severity::stop, "server_version"},
    Kind{Severity::stop, "standby_version"},
    Kind{Severity::stop, "no_encoding"},
    Kind{Severity::stop, "wal_level"},
    Kind{Severity::stop, "role_no_replication"},
    Kind{Severity::stop, "plugin_not_allowed"},
    Kind{Severity::stop, "slots_full"},
    Kind{Severity::stop, "senders_full"},
    // The slot.
    Kind{Severity::stop, "slot_physical"},
    Kind{Severity::stop, "slot_foreign"},
    Kind{Severity::stop, "slot_plugin"},
    Kind{Severity::stop, "slot_synced"},
    Kind{Severity::stop, "slot_two_phase"},
    Kind{Severity::stop, "slot_lost"},
    // The publication and its tables.
    Kind{Severity::stop, "publication_missing"},
    Kind{Severity::stop, "publication_empty"},
    Kind{Severity::stop, "no_usage"},
    Kind{Severity::stop, "no_select"},
    Kind{Severity::stop, "row_security"},
    Kind{Severity::stop, "no_key"},
    Kind{Severity::stop, "identity_nothing"},
    Kind{Severity::stop, "identity_index_gone"},
    Kind{Severity::stop, "list_misses_identity"},
    Kind{Severity::stop, "filter_misses_identity"},

    Kind{Severity::lose, "operations_missing"},
    Kind{Severity::lose, "slot_unreserved"},
    Kind{Severity::lose, "wal_keep_short"},
    Kind{Severity::lose, "standby_feedback"},

    Kind{Severity::warn, "slot_missing"},
    Kind{Severity::warn, "slot_unread"},
    Kind{Severity::warn, "slot_no_failover"},
    Kind{Severity::warn, "standby_slots_unset"},
    Kind{Severity::warn, "standby_sync_off"},
    Kind{Severity::warn, "wal_unlimited"},
    Kind{Severity::warn, "idle_slot_timeout"},
    Kind{Severity::warn, "sender_timeout"},
    Kind{Severity::warn, "transaction_blocks"},
    Kind{Severity::warn, "prepared_transaction"},
    Kind{Severity::warn, "old_transaction"},
    Kind{Severity::warn, "old_catalog_xmin"},
    Kind{Severity::warn, "partitions_apart"},
    Kind{Severity::warn, "keyless"},
    Kind{Severity::warn, "generated_column"},
    Kind{Severity::warn, "unlogged_table"},
    Kind{Severity::warn, "foreign_partition"},

    Kind{Severity::info, "identity_full"},
    Kind{Severity::info, "row_filter"},
    Kind{Severity::info, "lists_differ"},
    Kind{Severity::info, "text_type"},
    Kind{Severity::info, "foreign_table"},
    Kind{Severity::info, "unpublished_table"},
    Kind{Severity::info, "hidden_ages"},
};

/// out  the index in kKinds. A slug that is not in the table does not compile
consteval std::size_t kind(std::string_view slug) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i].slug == slug) return i;
  }
  throw "no such kind of finding";
}

/// kind     index in kKinds
/// object   what it is about: a table or another name as SQL writes it, a setting, a process; never a column's value
/// message  one sentence
/// repair   SQL that mends it, ready to paste; empty when there is none
struct Finding {
  std::size_t kind = 0;
  std::string object;
  std::string message;
  std::string repair;

  [[nodiscard]] const Kind& what() const { return kKinds[kind]; }
};

/// One JSON object: severity, slug, object, message, repair (null when there is none). No line break.
[[nodiscard]] std::string describe(const Finding& finding);

/// For people: each finding as a line, its sentence and its statement below; in the end how many there are of each severity.
/// out  whole lines
[[nodiscard]] std::string table(std::span<const Finding> findings);

}  // namespace check
