// pgoutput: the decoder; the contracts are in message.hpp. Knows the layout of each message,
// which stands above its code; numbers are big-endian. Must not know what becomes of a row.
// Pure.
#include "pgoutput/message.hpp"

#include "pgoutput/bytes.hpp"

namespace pgoutput {
namespace {

[[noreturn]] void bad(const Bytes& in, const char* what) {
  throw base::Failure(base::Exit::data, "bad_message",
                      std::string("a message of the server has ") + what + " at offset " + std::to_string(in.offset()));
}

// TupleData
//   Int16  number of columns
//   each:  Byte1('n') null  |  Byte1('u') unchanged TOAST value, not sent  |  Byte1('t') Int32 size, Byten text
//          |  Byte1('b') Int32 size, Byten as the type's send function wrote it
// A tuple has at most as many columns as bytes left, so a wild count cannot make us reserve memory.
void take_tuple(Bytes& in, std::vector<Value>& into) {
  const std::size_t count = in.take_u16();
  if (count > in.rest().size()) bad(in, "more columns than bytes");
  into.resize(count);
  for (Value& value : into) {
    value.kind = in.take_char();
    switch (value.kind) {
      case 't':
      case 'b':
        value.bytes = in.take_bytes(in.take_u32());
        break;
      case 'n':
      case 'u':
        value.bytes = {};
        break;
      default:
        bad(in, "an unknown kind of value");
    }
  }
}

// Begin
//   Int64  LSN of the commit record
//   Int64  commit time
//   Int32  transaction number
void take_begin(Bytes& in, Begin& into) {
  into.commit_lsn = base::Lsn{in.take_u64()};
  into.ts = in.take_time();
  into.xid = base::Xid{in.take_u32()};
}

// Commit
//   Int8   flags, 0
//   Int64  LSN of the commit record
//   Int64  end LSN of the transaction
//   Int64  commit time
void take_commit(Bytes& in, Commit& into) {
  static_cast<void>(in.take_u8());
  into.lsn = base::Lsn{in.take_u64()};
  into.end = base::Lsn{in.take_u64()};
  into.ts = in.take_time();
}

// Origin
//   Int64   LSN of the commit on the origin server
//   String  name of the origin
void take_origin(Bytes& in) {
  static_cast<void>(in.take_u64());
  static_cast<void>(in.take_text());
}

// Relation
//   Int32   oid
//   String  schema, empty for pg_catalog
//   String  name
//   Int8    replica identity, as pg_class.relreplident
//   Int16   number of columns
//   each:   Int8 flags (1: part of the identity), String name, Int32 type's oid, Int32 typmod
void take_relation(Bytes& in, Relation& into, std::vector<RelationColumn>& columns) {
  into.relid = base::Oid{in.take_u32()};
  into.schema = in.take_text();
  if (into.schema.empty()) into.schema = "pg_catalog";
  into.name = in.take_text();
  into.identity = in.take_char();
  const std::size_t count = in.take_u16();
  if (count > in.rest().size()) bad(in, "more columns than bytes");
  columns.resize(count);
  for (RelationColumn& column : columns) {
    column.key = (in.take_u8() & 1U) != 0;
    column.name = in.take_text();
    column.type = base::Oid{in.take_u32()};
    column.typmod = static_cast<std::int32_t>(in.take_u32());
  }
  into.columns = columns;
}

// Type
//   Int32   oid
//   String  schema, empty for pg_catalog
//   String  name
void take_type(Bytes& in, Type& into) {
  into.oid = base::Oid{in.take_u32()};
  into.schema = in.take_text();
  if (into.schema.empty()) into.schema = "pg_catalog";
  into.name = in.take_text();
}

// Insert
//   Int32  relation's oid
//   Byte1('N') TupleData
void take_insert(Bytes& in, Row& into, std::vector<Value>& fresh) {
  into.relid = base::Oid{in.take_u32()};
  if (in.take_char() != 'N') bad(in, "no new tuple");
  take_tuple(in, fresh);
  into.new_tuple = fresh;
}

// Update
//   Int32  relation's oid
//   Byte1('K' or 'O') TupleData   only when the identity's columns changed or are toasted ('K'), or under FULL ('O')
//   Byte1('N') TupleData
void take_update(Bytes& in, Row& into, std::vector<Value>& old, std::vector<Value>& fresh) {
  into.relid = base::Oid{in.take_u32()};
  char part = in.take_char();
  if (part == 'K' || part == 'O') {
    into.old_kind = part;
    take_tuple(in, old);
    into.old_tuple = old;
    part = in.take_char();
  }
  if (part != 'N') bad(in, "no new tuple");
  take_tuple(in, fresh);
  into.new_tuple = fresh;
}

// Delete
//   Int32  relation's oid
//   Byte1('K' or 'O') TupleData
void take_delete(Bytes& in, Row& into, std::vector<Value>& old) {
  into.relid = base::Oid{in.take_u32()};
  into.old_kind = in.take_char();
  if (into.old_kind != 'K' && into.old_kind != 'O') bad(in, "no old tuple");
  take_tuple(in, old);
  into.old_tuple = old;
}

// Truncate
//   Int32  number of relations
//   Int8   1: CASCADE, 2: RESTART IDENTITY
//   each:  Int32 relation's oid
void take_truncate(Bytes& in, Truncate& into, std::vector<base::Oid>& relids) {
  const std::size_t count = in.take_u32();
  const unsigned options = in.take_u8();
  if (count > in.rest().size() / 4) bad(in, "more relations than bytes");
  into.cascade = (options & 1U) != 0;
  into.restart_identity = (options & 2U) != 0;
  relids.resize(count);
  for (base::Oid& relid : relids) relid = base::Oid{in.take_u32()};
  into.relids = relids;
}

// Message
//   Int8    1: transactional
//   Int64   LSN
//   String  prefix
//   Int32   size, Byten content
void take_message(Bytes& in, LogicalMessage& into) {
  into.transactional = (in.take_u8() & 1U) != 0;
  into.lsn = base::Lsn{in.take_u64()};
  into.prefix = in.take_text();
  into.content = in.take_bytes(in.take_u32());
}

// Stream Start
//   Int32  transaction number
//   Int8   1: its first block
void take_stream_start(Bytes& in, StreamStart& into) {
  into.xid = base::Xid{in.take_u32()};
  into.first = in.take_u8() != 0;
}

// Stream Commit
//   Int32  transaction number
//   then as Commit
void take_stream_commit(Bytes& in, StreamCommit& into) {
  into.xid = base::Xid{in.take_u32()};
  take_commit(in, into.commit);
}

// Stream Abort
//   Int32  transaction number
//   Int32  the subtransaction's, the same for a whole one
//   Int64  LSN, Int64 time of the abort: only with protocol 4 and streaming 'parallel'
void take_stream_abort(Bytes& in, StreamAbort& into) {
  into.xid = base::Xid{in.take_u32()};
  into.subxid = base::Xid{in.take_u32()};
  if (in.at_end()) return;
  static_cast<void>(in.take_u64());
  static_cast<void>(in.take_time());
}

}  // namespace

Streamed split_streamed(std::string_view bytes) {
  Bytes in(bytes);
  Streamed split;
  split.type = in.take_char();
  if (split.type != 'O') split.xid = base::Xid{in.take_u32()};
  split.rest = in.rest();
  return split;
}

const Message& Decoder::decode(std::string_view bytes) {
  Bytes in(bytes);
  const char kind = in.take_char();
  switch (kind) {
    case 'I':
      message_.kind = Kind::insert;
      message_.row = Row{};
      take_insert(in, message_.row, new_);
      break;
    case 'U':
      message_.kind = Kind::update;
      message_.row = Row{};
      take_update(in, message_.row, old_, new_);
      break;
    case 'D':
      message_.kind = Kind::erase;
      message_.row = Row{};
      take_delete(in, message_.row, old_);
      break;
    case 'B':
      message_.kind = Kind::begin;
      take_begin(in, message_.begin);
      break;
    case 'C':
      message_.kind = Kind::commit;
      take_commit(in, message_.commit);
      break;
    case 'R':
      message_.kind = Kind::relation;
      take_relation(in, message_.relation, columns_);
      break;
    case 'Y':
      message_.kind = Kind::type;
      take_type(in, message_.type);
      break;
    case 'O':
      message_.kind = Kind::origin;
      take_origin(in);
      break;
    case 'T':
      message_.kind = Kind::truncate;
      take_truncate(in, message_.truncate, relids_);
      break;
    case 'M':
      message_.kind = Kind::message;
      take_message(in, message_.message);
      break;
    case 'S':
      message_.kind = Kind::stream_start;
      take_stream_start(in, message_.stream_start);
      break;
    case 'E':
      message_.kind = Kind::stream_stop;
      break;
    case 'c':
      message_.kind = Kind::stream_commit;
      take_stream_commit(in, message_.stream_commit);
      break;
    case 'A':
      message_.kind = Kind::stream_abort;
      take_stream_abort(in, message_.stream_abort);
      break;
    default:
      throw base::Failure(
          base::Exit::data, "bad_message",
          "the server sent a message of unknown type " + std::to_string(static_cast<unsigned char>(kind)));
  }
  // What follows a message we believe to know would be a part that we do not.
  if (!in.at_end()) bad(in, "bytes behind its end");
  return message_;
}

}  // namespace pgoutput
