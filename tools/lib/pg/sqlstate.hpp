// pg: libpq behind a small interface: connections, results, look-ups in the catalog. This file: what an SQLSTATE means
// for whoever started the program, as one table. Knows the server's error codes; must not know which statement failed.
// Pure.
#pragma once

#include <string_view>

#include "base/failure.hpp"

namespace pg {

/// The exit code that an error of the server stands for.
///
/// in   sqlstate  five characters; empty when there is none (the connection broke)
/// out  retry   the world was in the way: connection, resources, shutdown, lock, another session holds the slot; also empty
///      denied  authentication or privilege
///      usage   a name that the caller gave cannot be a name
///      refused what is missing or invalidated does not come back by waiting; every code that the table does not know too
/// src  PostgreSQL docs, appendix A; postgres-facts 13, 27, 32
[[nodiscard]] base::Exit exit_of(std::string_view sqlstate);

}  // namespace pg
