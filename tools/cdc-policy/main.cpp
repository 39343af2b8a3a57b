// cdc-policy: keys, checks and look-ups around the policy that cdc-mask applies.
// Knows the command line, files and standard streams; what a sub-command does stands beside it.
// Must not print a key or a value.
#include <unistd.h>

#include <vector>

#include "cdc-policy/commands.hpp"
#include "crypto/digest.hpp"
#include "io/file.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"
#include "io/secret_file.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"

namespace {

// The values to look up, one a line, through the same loop as every filter.
class HashLines : public tool::Filter {
 public:
  explicit HashLines(cdc_policy::LookUp look_up) : look_up_(std::move(look_up)) {}
  void line(std::string_view text, io::LineWriter& out) override {
    look_up_.append(text, out.buffer());
    out.end_line();
  }
  void end(io::LineWriter&) override {}
  [[nodiscard]] bool at_boundary() const override { return true; }

 private:
  cdc_policy::LookUp look_up_;
};

}  // namespace

int main(int argc, char** argv) {
  tool::Command command("cdc-policy", "Keys, checks and look-ups around a policy");

  std::vector<std::string> new_key_file;
  command
      .sub("new-key", "Create a keys file with one new key; an existing file is left alone",
           [&] {
             tool::hold_secrets();
             std::string file = cdc_policy::new_keys_file();
             const bool created = io::create_secret(new_key_file.front(), file);
             crypto::wipe(file);
             if (!created)
               throw base::Failure(base::Exit::refused, "file_exists",
                                   new_key_file.front() + ": exists; keys are never overwritten");
             return base::Exit::done;
           })
      .words("FILE", new_key_file, 1, 1, "Where to put it, mode 0600");

  std::string policy_path;
  std::string clear = "green,yellow";
  command
      .sub("check", "Read a policy as cdc-mask does, and count what it lets out",
           [&] {
             const policy::ClearClasses classes(clear);
             const auto text = io::read_file(policy_path);
             if (!text) throw base::Failure(base::Exit::usage, "bad_policy", policy_path + ": no such file");
             io::write_all(STDOUT_FILENO, cdc_policy::summary(policy::Policy::read(*text, policy_path, classes)));
             return base::Exit::done;
           })
      .text("policy", "FILE", policy_path, "Policy: one rule a line, see cdc-policy(5)")
      .required()
      .text("clear", "CLASSES", clear, "Classes of data that may leave in clear");

  std::string keys_path;
  std::string domain;
  bool exact = false;
  bool wide = false;
  command
      .sub("hash", "Print what cdc-mask writes for each value, one a line on standard input",
           [&] {
             tool::hold_secrets();
             std::string secret = io::read_secret(keys_path);
             const policy::Keys keys(secret, keys_path);
             crypto::wipe(secret);
             HashLines filter(cdc_policy::LookUp(keys, domain, exact, wide));
             return tool::run_filter(filter);
           })
      .text("keys", "FILE", keys_path, "Keys for hashes; nobody but its owner may read it")
      .required()
      .text("domain", "NAME", domain, "Domain of the hash, as the rule says it")
      .required()
      .flag("exact", exact, "The column is part of a key: hash the value as it stands")
      .flag("wide", wide, "All 256 bits, for a rule that ends in :256");

  return tool::main_of(argc, argv, command);
}
