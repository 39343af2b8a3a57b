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
  command.text("standby", "CONNECTION", options.standby, "read the rows from this standby of the slot's server");
  command.text("slot", "NAME", options.slot, "logical replication slot that goes on where the copy ends").required();
  command.text("publication", "NAME", options.publication, "publication whose tables are copied").required();
  command.number("max-seconds", "SECONDS", options.wait_s, "longest wait for transactions that began before the copy");
  command.number("jobs", "N", options.jobs, "tables and parts of tables that are read at the same time");
  command.bytes("chunk-bytes", "BYTES", options.chunk_bytes, "of a table, after which it is cut by its key");
  command.number("hold-seconds", "SECONDS", options.hold_s,
                 "how long a snapshot is held open, before a new one is taken");
  command.text("done", "FILE", options.done, "what cdc-stage-get --chunks says is copied already; - is standard input");
  command.text("unknown", "FILE", options.unknown,
               "copy only the rows that cdc-load --print unknown names; - is standard input");
  command
      .text("gone", "FILE", options.gone,
            "with --unknown: write here which of those tables are not published any more, for cdc-load --gone")
      .by_hand();
  command.bytes("max-rate", "BYTES", options.max_rate, "of lines that leave in a second at most; 0: as fast as can be");
  command.text("part", "K/N", options.part, "copy only the K-th of N parts of each table, for cdc-verify").by_hand();
  command.words("TABLE", options.tables, 0, 100'000, "copy these tables only, SCHEMA.NAME as in SQL");
  return tool::main_of(argc, argv, command, [&] {
    options.metrics = command.metrics();
    return snapshot::copy_tables(options);
  });
}
