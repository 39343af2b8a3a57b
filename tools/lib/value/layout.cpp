// value: the table of send functions. Left out on purpose: reg* (a bare number on the wire, a name in text), tsquery, the
// old vectors, types of other extensions. Pure.
#include "value/layout.hpp"

namespace value {
namespace {

constexpr std::uint32_t kInfiniteIntervals = 170000;

struct Row {
  Functions functions;
  Layout layout;
};

constexpr Row kTable[] = {
    {{"", "textsend", "textout"}, Layout::text},
    {{"", "varcharsend", "varcharout"}, Layout::text},
    {{"", "bpcharsend", "bpcharout"}, Layout::text},
    {{"", "namesend", "nameout"}, Layout::text},
    {{"", "json_send", "json_out"}, Layout::text},
    {{"", "xml_send", "xml_out"}, Layout::text},
    {{"", "enum_send", "enum_out"}, Layout::text},
    {{"", "jsonb_send", "jsonb_out"}, Layout::versioned_text},
    {{"", "jsonpath_send", "jsonpath_out"}, Layout::versioned_text},
    {{"ltree", "ltree_send", "ltree_out"}, Layout::versioned_text},
    {{"ltree", "lquery_send", "lquery_out"}, Layout::versioned_text},
    {{"ltree", "ltxtq_send", "ltxtq_out"}, Layout::versioned_text},
    {{"", "boolsend", "boolout"}, Layout::boolean},
    {{"", "int2send", "int2out"}, Layout::int2},
    {{"", "int4send", "int4out"}, Layout::int4},
    {{"", "int8send", "int8out"}, Layout::int8},
    {{"", "oidsend", "oidout"}, Layout::uint4},
    {{"", "xidsend", "xidout"}, Layout::uint4},
    {{"", "cidsend", "cidout"}, Layout::uint4},
    {{"", "xid8send", "xid8out"}, Layout::uint8},
    {{"", "float4send", "float4out"}, Layout::float4},
    {{"", "float8send", "float8out"}, Layout::float8},
    {{"", "numeric_send", "numeric_out"}, Layout::numeric},
    {{"", "cash_send", "cash_out"}, Layout::money},
    {{"", "charsend", "charout"}, Layout::byte_char},
    {{"", "byteasend", "byteaout"}, Layout::bytea},
    {{"", "uuid_send", "uuid_out"}, Layout::uuid},
    {{"", "date_send", "date_out"}, Layout::date},
    {{"", "time_send", "time_out"}, Layout::time},
    {{"", "timetz_send", "timetz_out"}, Layout::timetz},
    {{"", "timestamp_send", "timestamp_out"}, Layout::timestamp},
    {{"", "timestamptz_send", "timestamptz_out"}, Layout::timestamptz},
    {{"", "interval_send", "interval_out"}, Layout::interval},
    {{"", "inet_send", "inet_out"}, Layout::inet},
    {{"", "cidr_send", "cidr_out"}, Layout::inet},
    {{"", "macaddr_send", "macaddr_out"}, Layout::macaddr},
    {{"", "macaddr8_send", "macaddr8_out"}, Layout::macaddr},
    {{"", "bit_send", "bit_out"}, Layout::bits},
    {{"", "varbit_send", "varbit_out"}, Layout::bits},
    {{"", "pg_lsn_send", "pg_lsn_out"}, Layout::pg_lsn},
    {{"", "tidsend", "tidout"}, Layout::tid},
    {{"", "pg_snapshot_send", "pg_snapshot_out"}, Layout::snapshot},
    {{"", "point_send", "point_out"}, Layout::point},
    {{"", "line_send", "line_out"}, Layout::line},
    {{"", "lseg_send", "lseg_out"}, Layout::lseg},
    {{"", "box_send", "box_out"}, Layout::box},
    {{"", "path_send", "path_out"}, Layout::path},
    {{"", "poly_send", "poly_out"}, Layout::polygon},
    {{"", "circle_send", "circle_out"}, Layout::circle},
    {{"", "tsvectorsend", "tsvectorout"}, Layout::tsvector},
    {{"hstore", "hstore_send", "hstore_out"}, Layout::hstore},
    {{"", "array_send", "array_out"}, Layout::array},
    {{"", "range_send", "range_out"}, Layout::range},
    {{"", "multirange_send", "multirange_out"}, Layout::multirange},
    {{"", "record_send", "record_out"}, Layout::record},
};

}  // namespace

Layout layout_of(const Functions& functions, std::uint32_t server_version) {
  if (functions.send.empty()) return Layout::sent_as_text;
  for (const Row& row : kTable) {
    if (row.functions.send != functions.send || row.functions.output != functions.output ||
        row.functions.library != functions.library) {
      continue;
    }
    if (row.layout == Layout::interval && server_version < kInfiniteIntervals) return Layout::finite_interval;
    return row.layout;
  }
  return Layout::unknown;
}

}  // namespace value
