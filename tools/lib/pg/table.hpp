// pg: libpq behind a small interface. This file: a table as the catalog has it, read alone or many at once before they are asked
// for. Knows pg_class, pg_attribute and the publication's catalogs. Must not know what a message or a schema line is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "pg/align.hpp"
#include "pg/connection.hpp"

namespace pg {

/// An attribute as the catalog has it now. The name of a dropped one is empty.
struct Attribute {
  std::uint32_t attnum = 0;
  std::string name;
  Presence presence = Presence::always;
  bool settled = false;  ///< its catalog row is older than everything the slot sends
  base::Oid type;
  std::int32_t typmod = -1;
  bool nullable = true;
  bool has_default = false;  ///< has or had a default, is an identity or generated
  bool pk = false;
  bool identity = false;  ///< of the replica identity (under `full`: all)
};

/// A table, partition or partitioned table as the catalog has it now, for one publication.
///
/// listed   a column list decides which attributes are sent
/// steady   the table's place in the publication is older than everything the slot sends, so that the list was the same
///          then; also when there can be none
/// kept     its rows were never written anew in place (no table rewrite, no truncate): no default can hide in them
/// visible  the transaction that was asked for is visible in what was read
struct Table {
  base::Oid relid;
  std::string schema;
  std::string name;
  char kind = 'r';
  char identity = 'd';
  std::optional<std::string> root;  ///< topmost parent of a partition, quoted
  bool listed = false;
  bool steady = false;
  bool kept = false;
  bool visible = true;
  std::vector<Attribute> attributes;
};

/// Which transactions were over when something was read: pg_current_snapshot().
class Visibility {
 public:
  /// in   text  `xmin:xmax:xip,xip`, numbers of 64 bits
  /// err  bug/bad_snapshot
  explicit Visibility(std::string_view text);
  /// in   xid  32 bits, as pgoutput has them: the 64 bits are those that bring it nearest to the snapshot's end
  [[nodiscard]] bool shows(base::Xid xid) const;

 private:
  std::uint64_t xmin_ = 0;
  std::uint64_t xmax_ = 0;
  std::vector<std::uint64_t> running_;
};

/// Changes to the catalog by older transactions were committed before anything that a slot still sends.
///
/// xid   the slot's catalog_xmin, read before its first transaction
/// slot  else its name: it is asked for its catalog_xmin with every look, since that moves on with what is confirmed
/// Neither: nothing is that old.
struct Horizon {
  std::optional<base::Xid> xid;
  std::string slot;
};

/// Reads tables over one session.
class Tables {
 public:
  /// in   as Catalog's
  Tables(Connection& session, std::string publication, Horizon horizon);

  // err  for both below: as Connection::query

  /// Reads one anew.
  ///
  /// in   asked  a transaction whose visibility is wanted
  /// out  nothing when there is no such relation now
  [[nodiscard]] std::optional<Table> read(base::Oid relid, std::optional<base::Xid> asked = std::nullopt);

  /// For a message that stood in transaction `xid`: as read() gives it, or as it was read ahead with others, if that was late
  /// enough to show the transaction: nothing that is concluded from a catalog needs it to be newer than that.
  ///
  /// A reader that begins meets thousands of tables it has not seen, one after the other, and a round trip for each would take
  /// longer than their rows. After some single look-ups many more are read in one statement. Where that is in vain, because each
  /// transaction is newer than what was read before it, it is done ever more rarely.
  [[nodiscard]] std::optional<Table> of_message(base::Oid relid, base::Xid xid);

 private:
  struct Ahead {
    Table table;
    std::shared_ptr<const Visibility> seen;
  };
  void read_ahead(base::Oid from);
  [[nodiscard]] std::vector<Table> read_all(std::string_view relids, std::optional<base::Xid> asked);

  Connection& session_;
  std::string publication_;
  Horizon horizon_;
  std::unordered_map<std::uint32_t, Ahead> ahead_;
  std::unordered_set<std::uint32_t> asked_;  ///< in this round: not read ahead once more
  std::shared_ptr<const Visibility> seen_;   ///< of what was read ahead last
  std::size_t alone_ = 0;                    ///< tables read alone since then
  std::size_t patience_ = 0;                 ///< how many of those it takes until many are read again
};

}  // namespace pg
