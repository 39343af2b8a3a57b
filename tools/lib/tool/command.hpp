// tool: what every program's main has in common: command line (CLI11), pipeline file (Boost.Program_options), signals,
// exit codes, metrics file, the loop of a filter. Knows the process; not what a program does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace tool {

/// A program's command line. Options are declared, then parse() fills the variables: command line first, then the
/// program's own section of --config FILE, then the section [pipeline].
///
/// Every program has --config, --metrics, --verbose, --help and --version without declaring them.
class Command {
 public:
  /// in   name     the program, and its section in the pipeline file
  ///      purpose  one line for --help
  Command(std::string name, std::string purpose);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// in   option   without dashes (`stage`)
  ///      value    the word for the value in --help (`FOLDER`)
  ///      into     keeps its present content as the default
  Command& text(const std::string& option, const std::string& value, std::string& into, const std::string& help);
  /// The same for one that may be given several times on the command line. in  into  keeps what it holds, the words are added
  Command& texts(const std::string& option, const std::string& value, std::vector<std::string>& into,
                 const std::string& help);
  /// Bytes, with an optional unit KiB, MiB, GiB, kB, MB, GB.
  Command& bytes(const std::string& option, std::string_view value, std::uint64_t& into, const std::string& help);
  Command& number(const std::string& option, const std::string& value, std::uint64_t& into, const std::string& help);
  Command& flag(const std::string& option, bool& into, const std::string& help);
  /// Must be given by the command line or the pipeline file, else usage/missing_option.
  Command& required();
  /// Is said on the command line or not at all, since what it asks for would do harm each time: usage/bad_config in the pipeline file.
  Command& by_hand();
  /// Positional words, `min` to `max` of them. Not in the pipeline file.
  Command& words(const std::string& name, std::vector<std::string>& into, std::size_t min, std::size_t max,
                 const std::string& help);
  /// A sub-command (`create`): its options are declared on the object returned; `body` runs when it was chosen.
  /// A program with sub-commands needs exactly one. `config` of the section is shared by all.
  Command& sub(const std::string& name, const std::string& purpose, std::function<base::Exit()> body);

  /// The values of the options that every program has.
  [[nodiscard]] const std::string& config() const;
  [[nodiscard]] const std::string& metrics() const;
  [[nodiscard]] const std::string& name() const;

 private:
  friend base::Exit run(int, char**, Command&, const std::function<base::Exit()>&);
  struct Parts;
  explicit Command(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Parses, runs `body` (or the chosen sub-command's), and ends the program's story: a Failure is logged once and becomes
/// its exit code; io::Broken restores SIGPIPE and raises it; --help and --version print and are `done`. Ignores SIGPIPE
/// meanwhile, makes the standard descriptors sane when they are closed.
///
/// out  what main returns (as int)
[[nodiscard]] base::Exit run(int argc, char** argv, Command& command, const std::function<base::Exit()>& body);

/// The process as main sees it: `int main(int argc, char** argv) { return tool::main_of(argc, argv, command, body); }`
[[nodiscard]] int main_of(int argc, char** argv, Command& command, const std::function<base::Exit()>& body = {});

/// No core files and not dumpable: for programs that hold red data or keys. Call first in body.
void hold_secrets();

}  // namespace tool
