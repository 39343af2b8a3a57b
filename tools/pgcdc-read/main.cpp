// pgcdc-read: the program. Knows the options and where their values
// go; what is done with them is in reader.hpp. Must not do anything
// itself.
#include "pgcdc-read/reader.hpp"
#include "tool/command.hpp"

int main(int argc, char** argv) {
  reader::Options options;
  tool::Command command("pgcdc-read", "reads a replication slot and writes the change stream");
  command.text("source", "NAME", options.source, "name of this source in the stream").required();
  command.text("dsn", "CONNECTION", options.dsn, "libpq connection string or URI; PG* variables complete it");
  command.text("slot", "NAME", options.slot, "logical replication slot").required();
  command.text("publication", "NAME", options.publication, "publication whose tables are read").required();
  command.text("start", "LSN", options.start, "begin here, when the slot's own position is not greater");
  command.text("until", "now|LSN", options.until, "end when all commits before this position have been written");
  command.text("messages", "PREFIX", options.messages, "write logical messages with this prefix too");
  command.text("ack", "FILE", options.ack, "confirm what this file says is durable; without it the slot never moves");
  command.text("spool", "FOLDER", options.spool, "where changes wait while the next program is slow");
  command.bytes("max-bytes", "BYTES", options.max_bytes, "most that may wait there (default 1GiB)");
  return tool::main_of(argc, argv, command, [&] {
    options.metrics = command.metrics();
    return reader::read_slot(options);
  });
}
