// pg: libpq behind a small interface. This file: which attribute of the catalog a column of a relation message is. The message
// has names but no attribute numbers, and names can be reused; the catalog is read later, and may be ahead. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace pg {

/// What is known of an attribute in a relation message that was written before the catalog was read.
enum class Presence : std::uint8_t {
  certain,  ///< in the message: alive now, and known to have been alive before it was written
  always,   ///< alive now: in the message, if it existed then
  perhaps,  ///< dropped since: it may have been alive then
  never,  ///< not published (generated, outside the column list), or dropped before everything that the slot still sends
};

/// One attribute that the catalog has or had, in the order of attnum.
struct Candidate {
  std::string_view name;  ///< its present name; of a dropped one without meaning
  Presence presence = Presence::always;
  bool same_name = false;  ///< a `certain` one: it had this name already
};

/// Which candidate a column is, as its index.
///
/// proven    it is this one; nothing: not certain
/// greatest  it is none behind this one; nothing: not known, it may be any of the relation's
struct Place {
  std::optional<std::size_t> proven;
  std::optional<std::size_t> greatest;
};

/// Finds the attribute of each column, where it is certain, and else how far it can lie.
///
/// Columns stand in the order of attnum, attnums are never reused, and a new attribute's exceeds all older ones. So a message
/// holds every `certain` (under its name, where that is known), every `always` up to its last attribute, any of the `perhaps`,
/// and nothing else. A column is proven when all ways of laying the message over the candidates give it the same attribute.
///
///   candidates (attnum)         message      proven            why
///   1 2 3                       a b          1 2               3 was added later
///   1 2x 3                      a b c        1 2 3             b was attribute 2, which is gone now
///   1 2x 3                      a b          1 -               b is 2, and 3 came later; or 3, and 2 was gone already
///   1 2x 3(certain)             a b          1 3
///   1 2x(never) 3               a b          1 3
///
/// A column that is found to be a living attribute, but has the present name of another one, says that something unforeseen
/// happened (a generated column made plain, names exchanged): then nothing is proven, and nothing known.
///
/// in   columns     names of the message's columns, in order
///      candidates  in order of attnum, as of a catalog snapshot in which the message's transaction is visible
/// src  PostgreSQL, logicalrep_write_attrs; cdc-stream.5, Tables and columns
[[nodiscard]] std::vector<Place> align(std::span<const std::string_view> columns,
                                       std::span<const Candidate> candidates);

}  // namespace pg
