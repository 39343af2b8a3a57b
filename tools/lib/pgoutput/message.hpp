// pgoutput: one message of the output plugin into views of its bytes. Knows protocols 1 to 4, as far as they serve
// transactions that arrive at their commit; not what a relation is in the catalog, nor what becomes of a row. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace pgoutput {

enum class Kind : std::uint8_t {
  begin,
  commit,
  origin,
  relation,
  type,
  insert,
  update,
  erase,
  truncate,
  message,
  stream_start,
  stream_stop,
  stream_commit,
  stream_abort,
};

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

/// One column of a tuple. kind: 'n' null, 'u' unchanged and not sent, 't' text, 'b' what the type's send function wrote (also
/// in a stream in binary a type without one comes as text). bytes: of 't' and 'b' only.
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

/// Until the stream's stop, what follows belongs to this transaction, which has not ended yet.
struct StreamStart {
  base::Xid xid;
  bool first = false;  ///< of this transaction
};

/// A transaction that was streamed has committed.
struct StreamCommit {
  base::Xid xid;
  Commit commit;
};

/// A transaction that was streamed, or (where subxid differs) a part of it, was rolled back.
struct StreamAbort {
  base::Xid xid;
  base::Xid subxid;
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
  StreamStart stream_start;
  StreamCommit stream_commit;
  StreamAbort stream_abort;
};

/// A message between a stream's start and its stop bears the number of its (sub)transaction behind its type. Taken out of
/// its bytes, it is a message like any other.
///
/// xid   0 for an origin, which has none
/// rest  what follows the number
struct Streamed {
  base::Xid xid;
  char type = 0;
  std::string_view rest;
};

/// in   bytes  one whole message that is no stream's start or stop
/// out  views into `bytes`; type + rest is what Decoder::decode takes
/// err  data/bad_message when it is too short
/// src  PostgreSQL docs, "Logical Replication Message Formats"; "Int32 (TransactionId)  Xid of the transaction (only
///      present for streamed transactions)"
[[nodiscard]] Streamed split_streamed(std::string_view bytes);

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
