// cdc-mask: a change stream in, what the policy lets through out; fails closed.
// Knows the command line; what it works with is read in run.hpp before the first line.
// Must not know how a row is masked.
#include "cdc-mask/run.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"

int main(int argc, char** argv) {
  cdc_mask::Options options;
  tool::Command command("cdc-mask", "Let through a change stream what a policy names, and nothing else");
  command.text("policy", "FILE", options.policy, "Policy: one rule a line, see cdc-policy(5)").required();
  command.text("keys", "FILE", options.keys, "Keys for hashes; nobody but its owner may read it");
  command.text("clear", "CLASSES", options.clear, "Classes of data that may leave in clear");
  command.text("pins", "FILE", options.pins, "Remember from run to run what each column was");
  command.text("ledger", "FILE", options.ledger, "Keep a list of what is held back, for whoever writes the policy");
  return tool::main_of(argc, argv, command, [&] {
    tool::hold_secrets();
    options.metrics = command.metrics();
    cdc_mask::Run run(options);
    return tool::run_filter(run);
  });
}
