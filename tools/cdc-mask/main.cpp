// cdc-mask: a change stream in, what the policy lets through out; fails closed.
// Reads the policy and the keys before the first line, then runs the filter. Knows the command line.
// Must not know how a row is masked.
#include <memory>

#include "cdc-mask/report.hpp"
#include "crypto/digest.hpp"
#include "io/file.hpp"
#include "io/secret_file.hpp"
#include "policy/keys.hpp"
#include "policy/rule.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"

int main(int argc, char** argv) {
  std::string policy_path;
  std::string keys_path;
  std::string clear = "green,yellow";
  tool::Command command("cdc-mask", "Let through a change stream what a policy names, and nothing else");
  command.text("policy", "FILE", policy_path, "Policy: one rule a line, see cdc-policy(5)").required();
  command.text("keys", "FILE", keys_path, "Keys for hashes; nobody but its owner may read it");
  command.text("clear", "CLASSES", clear, "Classes of data that may leave in clear");
  return tool::main_of(argc, argv, command, [&] {
    tool::hold_secrets();
    const policy::ClearClasses clear_classes(clear);
    const auto text = io::read_file(policy_path);
    if (!text) throw base::Failure(base::Exit::usage, "bad_policy", policy_path + ": no such file");
    const auto policy = policy::Policy::read(*text, policy_path, clear_classes);
    std::unique_ptr<policy::Keys> keys;
    if (!keys_path.empty()) {
      std::string secret = io::read_secret(keys_path);
      keys = std::make_unique<policy::Keys>(secret, keys_path);
      crypto::wipe(secret);
    }
    cdc_mask::MeasuredMask mask(policy, keys.get(), command.metrics());
    return tool::run_filter(mask);
  });
}
