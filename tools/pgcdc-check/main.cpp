// pgcdc-check: the program. Knows the options and where their values go; what is
// done with them is in check.hpp. Must not do anything itself.
#include "pgcdc-check/check.hpp"
#include "tool/command.hpp"

int main(int argc, char** argv) {
  check::Options options;
  tool::Command command("pgcdc-check", "says what stands in the way of reading a source, and how to mend it");
  command.text("dsn", "CONNECTION", options.dsn, "libpq connection string or URI; PG* variables complete it");
  command.text("slot", "NAME", options.slot, "logical replication slot that is or will be read").required();
  command.text("publication", "NAME", options.publication, "publication whose tables are read").required();
  command.flag("json", options.json, "one JSON object a line instead of a table");
  return tool::main_of(argc, argv, command, [&] { return check::check_source(options); });
}
