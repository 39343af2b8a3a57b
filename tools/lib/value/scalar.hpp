// value: the server's own text of a type that holds no other, from its send format. Knows numbers, bits, addresses, geometry and the
// two text search and key-value types; dates and times are in moment. Pure.
#pragma once

#include <string>
#include <string_view>

#include "value/layout.hpp"

namespace value {

/// Appends `NaN`, `Infinity`, `-Infinity` or the shortest exact text.
void append_float_text(std::string& into, double value);
void append_float_text(std::string& into, float value);

/// Appends what the type's output function would have written.
///
/// in   layout  any but array, range, multirange, record, unknown, sent_as_text
/// err  data/bad_value; `into` may then hold a beginning
/// src  PostgreSQL, the send and output functions in src/backend/utils/adt, contrib/hstore, contrib/ltree
void append_scalar_text(std::string& into, Layout layout, std::string_view bytes);

/// The text of a value that stands behind its version. err  data/bad_value for another version than 1
[[nodiscard]] std::string_view text_behind_version(std::string_view bytes);

}  // namespace value
