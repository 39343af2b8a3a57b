// pgcdc-slot: the program. Knows the commands, their options and where the
// values go; what is done with them is in slot.hpp. Must not do anything
// itself.
#include "pgcdc-slot/slot.hpp"
#include "tool/command.hpp"

int main(int argc, char** argv) {
  slot::Options options;
  tool::Command command("pgcdc-slot", "creates, shows and drops the replication slot");
  const auto common = [&](tool::Command& sub) {
    sub.text("dsn", "CONNECTION", options.dsn, "libpq connection string or URI; PG* variables complete it");
    sub.text("slot", "NAME", options.slot, "logical replication slot").required();
  };
  tool::Command& create = command.sub("create", "creates the slot", [&] { return slot::create(options); });
  common(create);
  create.text("publication", "NAME", options.publication, "publication that will be read, must exist").required();
  create.number("max-seconds", "SECONDS", options.wait_seconds, "longest wait for transactions that hold it up");
  tool::Command& show = command.sub("show", "prints the slot as one JSON line", [&] { return slot::show(options); });
  common(show);
  show.flag("identify", options.server,
            "also the server's cluster, timeline, and where it branched off: for cdc-stage-mend");
  common(command.sub("drop", "drops the slot and frees its WAL", [&] { return slot::drop(options); }));
  return tool::main_of(argc, argv, command);
}
