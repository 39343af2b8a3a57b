// value: one column value, from what its type's send function wrote to JSON: the same bytes that append_json makes of what the
// output function writes. Knows every layout of layout.hpp; not where the bytes came from. Pure.
#pragma once

#include <string>
#include <string_view>

#include "value/layout.hpp"

namespace value {

/// Appends one value that is not null, as append_json does: the table stands there.
///
/// What is not a kind of its own is a string with the text that the server would write, so for types that hold others (records,
/// ranges, arrays with lower bounds) the server's rules of quoting are kept too. A high byte of "char" inside of those is `\ooo`,
/// as PostgreSQL 16 and later write it.
///
/// in   shape  layout other than unknown and sent_as_text, also in its parts
///      bytes  as the type's send function wrote them in a session with client_encoding UTF8
/// out  `into` has grown by one valid JSON value; on err it is as it was. At most 200 kB more than 40 times the bytes
/// err  data/bad_value when the bytes are not what the send function writes; retry/binary_unknown when an array or a record holds
///      another type than the shape says, because the catalog has changed: its text is still right. Names no value
/// src  PostgreSQL, the send and output functions in src/backend/utils/adt
void append_json_binary(std::string& into, const BinaryShape& shape, std::string_view bytes);

}  // namespace value
