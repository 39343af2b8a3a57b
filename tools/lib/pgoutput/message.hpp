// pgoutput: one message of the output plugin into views of its bytes. Knows protocol 1 in text form; not what a relation
// is in the catalog, nor what becomes of a row. Protocols 2 to 4 add a transaction number to messages inside a stream
// block and messages around it: they fit in Decoder::decode. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace pgoutput {

enum class Kind : std::uint8_t { begin, commit, origin, relation, type, insert, update, erase, truncate, message };

struct Begin {
  base::Lsn commit_lsn;  ///< where the commit record begins
  base::Time ts;
  base::Xid xid;
};

struct Commit {
  base::Lsn lsn;
  base::Lsn end;  ///< where the commit record ends
  base::Time ts;
};

struct RelationColumn {
  bool key = false;  ///< part of the replica identity; all are under FULL
  std::string_view name;
  base::Oid type;
  std::int32_t typmod = -1;
};

/// identity: 'd' default, 'i' index, 'f' full, 'n' nothing. An empty schema name on the wire means pg_catalog.
struct Relation {
  base::Oid relid;
  std::string_view schema;
  std::string_view name;
  char identity = 'd';
  std::span<const RelationColumn> columns;
};

struct Type {
  base::Oid oid;
  std::string_view schema;
  std::string_view name;
};

/// One column of a tuple. kind: 'n' null, 'u' unchanged and not sent, 't' text. bytes: of 't' only.
struct Value {
  std::string_view bytes;
  char kind = 'n';
};

/// What the old tuple of an update or delete holds: 'K' the identity's columns (others are 'n' and mean nothing),
/// 'O' the whole row; 0 when there is none.
struct Row {
  base::Oid relid;
  char old_kind = 0;
  std::span<const Value> old_tuple;
  std::span<const Value> new_tuple;
};

struct Truncate {
  std::span<const base::Oid> relids;
  bool cascade = false;
  bool restart_identity = false;
};

/// A logical message (pg_logical_emit_message).
struct LogicalMessage {
  bool transactional = false;
  base::Lsn lsn;
  std::string_view prefix;
  std::string_view content;
};

/// What was decoded last: `kind` names the one member that counts.
struct Message {
  Kind kind = Kind::begin;
  Begin begin;
  Commit commit;
  Relation relation;
  Type type;
  Row row;  ///< insert, update, erase
  Truncate truncate;
  LogicalMessage message;
};

/// Decodes messages, keeping its memory from one to the next.
class Decoder {
 public:
  /// in   bytes  one whole message
  /// out  views into `bytes` and into the decoder's memory, valid until the next call
  /// err  data/bad_message when cut short, too long, of an unknown kind or with an unknown part; the offset is told, the content is not
  /// src  PostgreSQL docs, "Logical Replication Message Formats"
  [[nodiscard]] const Message& decode(std::string_view bytes);

 private:
  Message message_;
  std::vector<RelationColumn> columns_;
  std::vector<Value> old_;
  std::vector<Value> new_;
  std::vector<base::Oid> relids_;
};

}  // namespace pgoutput
