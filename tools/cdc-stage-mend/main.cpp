// cdc-stage-mend: the command line. What is looked at, and what is written, is in mend.cpp; whose history it is, in judge.cpp.
// Must not know either.
#include "cdc-stage-mend/mend.hpp"
#include "io/file.hpp"
#include "io/line_writer.hpp"
#include "stage/store.hpp"
#include "tool/command.hpp"

int main(int argc, char** argv) {
  std::string stage;
  std::string server;
  std::string reached;
  mend::Wanted wanted;
  tool::Command command("cdc-stage-mend", "Looks a stage through for what is lost, and writes that down in it");
  command
      .text("stage", "FOLDER", stage,
            "file:///FOLDER, a path, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX")
      .required();
  command.text("source", "NAME", wanted.source, "whose log").required();
  command.text("server", "FILE", server, "what pgcdc-slot show --identify says of the server that goes on with it");
  command.text("reached", "FILE", reached, "what cdc-load --print position says of a warehouse that goes on with it");
  command.flag("adopt", wanted.adopt, "the server may be of another cluster");
  command.flag("digests", wanted.digests, "read every file and compare its SHA-256, not only whether it is there");
  command.flag("check", wanted.check, "say what is amiss and write nothing; status 1 when something is");
  return tool::main_of(argc, argv, command, [&] {
    const auto content = [](const std::string& file) {
      auto text = io::read_file(file);
      if (!text) throw base::Failure(base::Exit::usage, "bad_value", "cannot read " + file);
      return *std::move(text);
    };
    if (!server.empty()) wanted.server = mend::parse_server(content(server));
    if (!reached.empty()) wanted.reached = mend::parse_reached(content(reached));
    const auto store = stage::open_store(stage, wanted.server && !wanted.check);
    io::LineWriter out(1);
    const bool check = wanted.check;
    const std::size_t findings = mend::Mend(*store, std::move(wanted), out).run();
    return check && findings > 0 ? base::Exit::no : base::Exit::done;
  });
}
