// pg: the table from SQLSTATE to exit code; the contract is in sqlstate.hpp. Knows PostgreSQL's
// error classes. Must not know which statement failed: one code means one thing everywhere.
// Pure.
#include "pg/sqlstate.hpp"

#include <array>

namespace pg {
namespace {

struct Row {
  std::string_view prefix;  // of the SQLSTATE: a whole code, or the two characters of a class
  base::Exit exit;
};

// The first row whose prefix fits wins: whole codes stand before their class.
constexpr std::array kRows{
    Row{"08", base::Exit::retry},       // connection exception
    Row{"25P03", base::Exit::retry},    // idle_in_transaction_session_timeout
    Row{"28", base::Exit::denied},      // authentication
    Row{"40", base::Exit::retry},       // serialization failure, deadlock
    Row{"42501", base::Exit::denied},   // insufficient privilege
    Row{"42602", base::Exit::usage},    // invalid name: of a slot
    Row{"42622", base::Exit::usage},    // name too long
    Row{"42704", base::Exit::refused},  // no such slot or publication
    Row{"53", base::Exit::retry},       // out of disk, memory, connections, slots
    Row{"55000", base::Exit::refused},  // slot invalidated, physical, of another database; wal_level too low
    Row{"55006", base::Exit::retry},    // slot is active for another session
    Row{"55P03", base::Exit::retry},    // lock_timeout
    Row{"57014", base::Exit::retry},    // cancelled, statement_timeout
    Row{"57P", base::Exit::retry},      // shutting down, starting up, crashed, terminated by an administrator
    Row{"58030", base::Exit::retry},    // I/O error
    Row{"58000", base::Exit::retry},    // system error
    Row{"58P01", base::Exit::refused},  // a WAL segment is gone
};

}  // namespace

base::Exit exit_of(std::string_view sqlstate) {
  if (sqlstate.empty()) return base::Exit::retry;
  for (const Row& row : kRows) {
    if (sqlstate.starts_with(row.prefix)) return row.exit;
  }
  return base::Exit::refused;
}

}  // namespace pg
