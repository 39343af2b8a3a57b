// pgcdc-snapshot: the program: its options, as pgcdc-snapshot.1 describes them, handed on.
// Knows: the command line. Must not know: servers, tables or rows; what it does is in snapshot.hpp.
#include "pgcdc-snapshot/snapshot.hpp"
#include "tool/command.hpp"

int main(int argc, char** argv) {
  snapshot::Options options;
  tool::Command command("pgcdc-snapshot",
                        "copies the rows of published tables at one position of the log, as a change stream");
  command.text("source", "NAME", options.source, "name of this source in the stream").required();
  command.text("dsn", "CONNECTION", options.dsn, "libpq connection string or URI; PG* variables complete it");
  command.text("slot", "NAME", options.slot, "logical replication slot that goes on where the copy ends").required();
  command.text("publication", "NAME", options.publication, "publication whose tables are copied").required();
  command.number("max-seconds", "SECONDS", options.wait_s, "longest wait for transactions that began before the copy");
  command.words("TABLE", options.tables, 0, 100'000, "copy these tables only, SCHEMA.NAME as in SQL");
  return tool::main_of(argc, argv, command, [&] {
    options.metrics = command.metrics();
    return snapshot::copy_tables(options);
  });
}
