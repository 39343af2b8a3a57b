// value: what a type's send function puts on the wire. Knows the send functions that binary.cpp can read, by name and never by
// a type's number, so that types of extensions and users count as what they are. Must not know how a value is printed. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "value/json.hpp"

namespace value {

/// How the bytes of a type are laid out; each but the first two stands for one pair of send and output function.
enum class Layout : std::uint8_t {
  unknown,         ///< cannot be read: its table needs text transfer
  sent_as_text,    ///< the type has no send function: its values come as text among the others
  text,            ///< the text itself: text, varchar, bpchar, name, json, xml, enums, citext
  versioned_text,  ///< a byte 1, then the text: jsonb, jsonpath, ltree
  boolean,
  int2,
  int4,
  int8,
  uint4,  ///< oid, xid, cid
  uint8,  ///< xid8
  float4,
  float8,
  numeric,
  money,
  byte_char,  ///< "char"
  bytea,
  uuid,
  date,
  time,
  timetz,
  timestamp,
  timestamptz,
  interval,
  finite_interval,  ///< of a server before 17, which has no infinite ones
  inet,             ///< and cidr
  macaddr,          ///< and macaddr8
  bits,             ///< bit, varbit
  pg_lsn,
  tid,
  snapshot,  ///< pg_snapshot, txid_snapshot
  point,
  line,
  lseg,
  box,
  path,
  polygon,
  circle,
  tsvector,
  hstore,
  array,
  range,
  multirange,
  record,
};

/// What append_json_binary needs to know of a column: made once per column, passed per value.
///
/// kind       what it is in JSON; an array inside of something else is Kind::text
/// delimiter  of an array: pg_type.typdelim of the element
/// oid        the number by which an array or a record names this part: pg_type.oid, not resolved where it is a domain
/// parts      array: the element; range: the bounds' type; multirange: the range; record: each column that is not dropped
struct BinaryShape {
  Layout layout = Layout::unknown;
  Kind kind = Kind::text;
  char delimiter = ',';
  base::Oid oid;
  std::vector<BinaryShape> parts;
  bool operator==(const BinaryShape&) const = default;
};

/// A type's functions as pg_proc has them.
///
/// library  where they live: empty for the server's own (language internal), else pg_proc.probin without folder and suffix
/// send     pg_proc.prosrc of typsend, empty when the type has none
/// output   pg_proc.prosrc of typoutput
struct Functions {
  std::string_view library;
  std::string_view send;
  std::string_view output;
};

/// in   server_version  150018
/// out  unknown for every pair that is not in the table: what a type sends may only be read when we know what it would print
[[nodiscard]] Layout layout_of(const Functions& functions, std::uint32_t server_version);

}  // namespace value
