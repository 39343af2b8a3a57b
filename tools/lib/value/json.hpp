// value: one column value, from PostgreSQL's text to JSON. Knows the text that each type's output function writes in a
// session with the settings of kSessionSettings; not where the text came from (COPY, pgoutput, a query). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.hpp"

namespace value {

/// Settings every session must have that yields text for this room, whatever server, database and role are set to. The
/// search path and quoting decide how regclass and its kin are written.
/// src  PostgreSQL, Client Connection Defaults
inline constexpr std::pair<std::string_view, std::string_view> kSessionSettings[] = {
    {"client_encoding", "UTF8"},   {"DateStyle", "ISO"},    {"IntervalStyle", "iso_8601"},
    {"TimeZone", "UTC"},           {"bytea_output", "hex"}, {"extra_float_digits", "3"},
    {"search_path", "pg_catalog"}, {"lc_monetary", "C"},    {"quote_all_identifiers", "off"},
};

/// How the text of a type becomes JSON; see the table at append_json.
enum class Kind : std::uint8_t {
  text,      ///< everything without a row of its own
  integer,   ///< int2, int4, oid
  wide,      ///< int8
  floating,  ///< float4, float8
  boolean,
  date,
  time,  ///< without time zone
  timetz,
  timestamp,
  timestamptz,
  interval,
  bytea,
  byte_char,  ///< the one-byte type "char"
  array,
};

/// What append_json needs to know of a column: made once per column, passed per value.
struct Shape {
  Kind kind = Kind::text;
  Kind element = Kind::text;  ///< of an array
  char delimiter = ',';       ///< between an array's elements: pg_type.typdelim of the element
  bool operator==(const Shape&) const = default;
};

/// A column's type as the catalog describes it, after domains were resolved to their base types.
///
/// oid        pg_type.oid of the base type
/// element    pg_type.oid of the element's base type when it is a true array (the element's typarray is this type), else 0.
///            int2vector, point and the like have a typelem too, but another text: 0
/// delimiter  pg_type.typdelim of the element
struct Type {
  base::Oid oid;
  base::Oid element;
  char delimiter = ',';
};

/// out  the shape; Kind::text for every type that is not built in (their oids are not fixed)
[[nodiscard]] Shape shape_of(const Type& type);

/// Appends one value that is not null.
///
///   int2 int4 oid            number
///   int8                     number up to +-2^53, beyond that a string
///   float4 float8            number, the server's shortest exact text (`1e+20`, `-0`); "NaN" "Infinity" "-Infinity"
///   bool                     true false
///   date                     "2024-02-29" "12023-07-06" "0044-03-15 BC" "infinity" "-infinity"
///   time                     "23:59:59.123400" "24:00:00.000000"
///   timetz                   "23:59:59.123400+05:30": the zone is part of the value; offset always signed, with minutes
///   timestamp                "2024-02-29T23:59:59.123400" "0044-03-15T10:00:00.000000 BC" "infinity"
///   timestamptz              "2024-02-29T23:59:59.123400Z" "0044-03-15T10:00:00.000000Z BC" "-infinity"
///   interval                 "P1Y2M3DT4H5M6.7S" as the server writes it
///   bytea                    base64
///   "char"                   string; a byte that is no ASCII as `\ooo`, as PostgreSQL 16 and later write it
///   arrays                   JSON arrays nested by dimension, null for NULL, elements as above; a string with the whole text when
///                            a lower bound is not 1; elements that are arrays themselves (by a domain) are strings
///   everything else          string with the type's own text: numeric, money, text, json, uuid, enum, range, composite ...
///
/// in   text  UTF-8 as the type's output function wrote it
/// out  `into` has grown by one valid JSON value; on err it is as it was
/// err  data/bad_value when the text is not what the type's output function writes in such a session; names no value
/// src  cdc-stream.5, VALUES; PostgreSQL, array_out, EncodeDateTime
void append_json(std::string& into, Shape shape, std::string_view text);

}  // namespace value
