// cdc-policy: keys, checks and look-ups around the policy that cdc-mask applies.
// Knows the command line, files and standard streams; what a sub-command does stands beside it.
// Must not print a key or a value.
#include <unistd.h>

#include <vector>

#include "cdc-policy/commands.hpp"
#include "cdc-policy/run.hpp"
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

  std::vector<std::string> keys_file;
  bool finish = false;
  command
      .sub("rotate-key", "Make the key that is to take over, or let it take over",
           [&] {
             tool::hold_secrets();
             std::string text = io::read_secret(keys_file.front());
             cdc_policy::Rotation rotation = cdc_policy::rotate(text, keys_file.front(), finish);
             crypto::wipe(text);
             io::replace_secret(keys_file.front(), rotation.file);
             crypto::wipe(rotation.file);
             io::write_all(STDOUT_FILENO, rotation.id + "\n");
             return base::Exit::done;
           })
      .flag("finish", finish, "The next key makes all hashes from now on, the active one is kept for look-ups")
      .words("FILE", keys_file, 1, 1, "The keys file");

  cdc_policy::Options options;
  const auto with_policy = [&](tool::Command& sub) -> tool::Command& {
    return sub.text("policy", "FILE", options.policy, "Policy: one rule a line, see cdc-policy(5)").required();
  };
  const auto with_tables = [&](tool::Command& sub) {
    sub.text("clear", "CLASSES", options.clear, "Classes of data that may leave in clear")
        .text("source", "NAME", options.source, "Name of the source, as rules may have it before the table")
        .text("dsn", "CONNECTION", options.dsn, "libpq connection string or URI; PG* variables complete it")
        .text("publication", "NAME", options.publication, "Only this publication's tables; without it all")
        .flag("stream", options.stream, "Tables from a change stream on standard input, not from a database");
  };
  const auto with_pins = [&](tool::Command& sub) {
    sub.text("pins", "FILE", options.pins, "What columns were when they were accepted");
  };
  tool::Command& check =
      with_policy(command.sub("check", "Hold a policy against tables: what leaves, and all that is amiss",
                              [&] { return cdc_policy::check(options); }));
  with_tables(check);
  with_pins(check);
  check.text("keys", "FILE", options.keys, "Keys file; tells whether a key may rotate");
  tool::Command& explain = with_policy(
      command.sub("explain", "Say what decides over a column", [&] { return cdc_policy::explain(options); }));
  with_tables(explain);
  with_pins(explain);
  explain.text("ledger", "FILE", options.ledger, "What cdc-mask has held back");
  explain.words("COLUMN", options.words, 1, 1000, "SCHEMA.TABLE.COLUMN");
  tool::Command& diff = command.sub("diff", "Say what a new policy has to erase and to back-fill",
                                    [&] { return cdc_policy::diff(options); });
  with_tables(diff);
  diff.words("POLICY", options.words, 2, 2, "The old policy and the new one");
  tool::Command& draft = command.sub("draft", "Propose a policy for tables that nobody has classified yet",
                                     [&] { return cdc_policy::draft(options); });
  with_tables(draft);
  draft.text("wanted", "FILE", options.wanted, "Names or queries of what analysts use: rules for just that");
  draft.number("sample", "ROWS", options.sample, "Look at the values of so many rows of each table; 0: at none");
  tool::Command& publication = with_policy(command.sub("publication", "Print the publication that a policy needs",
                                                       [&] { return cdc_policy::publication(options); }));
  with_tables(publication);
  publication.words("TABLE", options.words, 0, 100000, "Tables that get a column list");
  tool::Command& accept = command.sub("accept", "Accept what columns are now, after somebody has looked",
                                      [&] { return cdc_policy::accept(options); });
  with_tables(accept);
  accept.text("pins", "FILE", options.pins, "What columns were when they were accepted").required();
  accept.words("COLUMN", options.words, 0, 100000, "SCHEMA.TABLE.COLUMN; without any all of all tables");

  std::string keys_path;
  std::string key;
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
             HashLines filter(cdc_policy::LookUp(keys, key, domain, exact, wide));
             return tool::run_filter(filter);
           })
      .text("keys", "FILE", keys_path, "Keys for hashes; nobody but its owner may read it")
      .required()
      .text("domain", "NAME", domain, "Domain of the hash, as the rule says it")
      .required()
      .text("key", "ID", key, "Another key than the one that makes the domain's hashes, say a retired one")
      .flag("exact", exact, "The column is part of a key: hash the value as it stands")
      .flag("wide", wide, "All 256 bits, for a rule that ends in :256");

  return tool::main_of(argc, argv, command);
}
