// policy: who may see what. This file: the kinds of types a rule can name.
// Knows PostgreSQL's type names as a schema line gives them.
// Must not know what a rule does with them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "change/types.hpp"

namespace policy {

/// What the third field of a rule can say.
///
///   word       types
///   any        every type
///   int        int2 int4 int8 oid xid
///   numeric    numeric money
///   float      float4 float8
///   bool       bool
///   time       date, time, timestamp (with and without zone), interval
///   enum       every enum
///   text       text varchar bpchar char name citext and their like
///   uuid  inet (inet cidr macaddr)  json (json jsonb)  bytea  xml
///   array      arrays of anything
///   other      ranges, composites, bit strings, geometric and extension types, and what is not known
enum class Kind : std::uint8_t {
  any,
  integer,
  numeric,
  floating,
  boolean,
  time,
  enumeration,
  text,
  uuid,
  inet,
  json,
  bytea,
  xml,
  array,
  other
};

/// The kind's word in a policy.
[[nodiscard]] std::string_view word_of(Kind kind);
/// out  nothing when the word names no kind
[[nodiscard]] std::optional<Kind> parse_kind(std::string_view word);

/// in   column  as a schema line describes it: `type` decides, else `category`
/// out  never `any`; `other` for what is not known, which passes nothing by a pattern
[[nodiscard]] Kind kind_of(const change::Column& column);

/// A pattern may let through only what can hold little: numbers of things, times, yes or no, one of a few words.
[[nodiscard]] constexpr bool passes_by_pattern(Kind kind) {
  return kind == Kind::integer || kind == Kind::time || kind == Kind::boolean || kind == Kind::enumeration;
}

/// Whether equal values always have equal texts, so that a hash of the text joins. Composites are among `other`, and so
/// are extension types of which nothing is known.
[[nodiscard]] constexpr bool can_be_hashed(Kind kind) {
  return kind != Kind::json && kind != Kind::array && kind != Kind::floating && kind != Kind::other;
}

}  // namespace policy
