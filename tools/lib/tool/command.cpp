// tool: CLI11 behind our own exit codes. An option's text is converted by us, so that the command line and the pipeline
// file are read by the same code and complain in the same words.
#include "tool/command.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <new>
#include <optional>

#include <CLI/CLI.hpp>

#include "io/file.hpp"
#include "io/line_writer.hpp"
#include "logging/event.hpp"
#include "tool/metrics.hpp"
#include "tool/pipeline_file.hpp"

namespace tool {
namespace {

using base::Exit;
using base::Failure;

Failure usage(const std::string& message) { return {Exit::usage, "usage", message}; }

std::uint64_t parse_number(const std::string& option, std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || text.size() > 19) throw usage("--" + option + " is not a number");
  for (const char c : text) {
    if (c < '0' || c > '9') throw usage("--" + option + " is not a number");
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::uint64_t parse_bytes(const std::string& option, std::string_view text) {
  constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}, {"TiB", 1024ULL * 1024 * 1024 * 1024},
      {"kB", 1000},  {"MB", 1'000'000},    {"GB", 1'000'000'000},       {"B", 1}};
  std::uint64_t unit = 1;
  for (const auto& [name, bytes] : kUnits) {
    if (text.ends_with(name)) {
      text.remove_suffix(name.size());
      unit = bytes;
      break;
    }
  }
  while (text.ends_with(' ')) text.remove_suffix(1);
  const std::uint64_t value = parse_number(option, text);
  if (value != 0 && unit > UINT64_MAX / value) throw usage("--" + option + " is too large");
  return value * unit;
}

bool parse_flag(const std::string& option, std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  throw usage("--" + option + " is neither true nor false");
}

// One option: where its text comes from on the command line, and how a text becomes its value.
struct Declared {
  std::string name;
  CLI::Option* option = nullptr;
  std::string text;  // as CLI11 stored it
  bool given_flag = false;
  bool by_hand = false;
  bool is_flag = false;
  bool required = false;
  std::vector<std::string> texts;  // of an option that may be given several times
  std::function<void(std::string_view)> set;
};

}  // namespace

struct Command::Parts {
  std::string name;
  std::unique_ptr<CLI::App> owned;  // the outermost command owns; a sub-command points into it
  CLI::App* app = nullptr;
  Parts* outer = nullptr;
  std::vector<std::unique_ptr<Declared>> options;
  std::vector<std::unique_ptr<Command>> subs;
  std::function<Exit()> body;
  std::string config;
  std::string metrics;
  bool verbose = false;
  bool version = false;

  Declared& declare(const std::string& option, const std::string& value, const std::string& help, bool is_flag) {
    options.push_back(std::make_unique<Declared>());
    Declared& one = *options.back();
    one.name = option;
    one.is_flag = is_flag;
    if (is_flag) {
      one.option = app->add_flag("--" + option, one.given_flag, help);
    } else {
      one.option = app->add_option("--" + option, one.text, help)
                       ->type_name(value)
                       ->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    }
    return one;
  }
};

Command::Command(std::string name, std::string purpose) : parts_(std::make_unique<Parts>()) {
  parts_->name = name;
  parts_->owned = std::make_unique<CLI::App>(std::move(purpose), name);
  parts_->app = parts_->owned.get();
  parts_->app->set_help_flag("--help", "Print this help and exit");
  parts_->app->add_flag("--version", parts_->version, "Print the version and exit");
  parts_->app->fallthrough();
  text("config", "FILE", parts_->config, "Pipeline file; section [" + name + "], then [pipeline]");
  text("metrics", "FILE", parts_->metrics, "Write Prometheus metrics to FILE, at intervals and at the end");
  flag("verbose", parts_->verbose, "Log progress too, not only trouble");
}

Command::Command(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Command::~Command() = default;

const std::string& Command::config() const { return parts_->config; }
const std::string& Command::metrics() const { return parts_->metrics; }
const std::string& Command::name() const { return parts_->name; }

Command& Command::text(const std::string& option, const std::string& value, std::string& into,
                       const std::string& help) {
  const std::string note = into.empty() ? help : help + " (default " + into + ")";
  parts_->declare(option, value, note, false).set = [&into](std::string_view text) { into = text; };
  return *this;
}

Command& Command::texts(const std::string& option, const std::string& value, std::vector<std::string>& into,
                        const std::string& help) {
  parts_->options.push_back(std::make_unique<Declared>());
  Declared& one = *parts_->options.back();
  one.name = option;
  one.option = parts_->app->add_option("--" + option, one.texts, help)->type_name(value)->expected(1);
  one.option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  one.set = [&into](std::string_view text) { into.emplace_back(text); };
  return *this;
}

Command& Command::bytes(const std::string& option, std::string_view value, std::uint64_t& into,
                        const std::string& help) {
  parts_->declare(option, std::string(value), help, false).set = [&into, option](std::string_view text) {
    into = parse_bytes(option, text);
  };
  return *this;
}

Command& Command::number(const std::string& option, const std::string& value, std::uint64_t& into,
                         const std::string& help) {
  parts_->declare(option, value, help + " (default " + std::to_string(into) + ")", false).set =
      [&into, option](std::string_view text) { into = parse_number(option, text); };
  return *this;
}

Command& Command::flag(const std::string& option, bool& into, const std::string& help) {
  parts_->declare(option, "", help, true).set = [&into, option](std::string_view text) {
    into = parse_flag(option, text);
  };
  return *this;
}

Command& Command::required() {
  parts_->options.back()->required = true;
  return *this;
}

Command& Command::by_hand() {
  parts_->options.back()->by_hand = true;
  return *this;
}

Command& Command::words(const std::string& name, std::vector<std::string>& into, std::size_t min, std::size_t max,
                        const std::string& help) {
  parts_->app->add_option(name, into, help)->expected(static_cast<int>(min), static_cast<int>(max))->required(min > 0);
  return *this;
}

Command& Command::sub(const std::string& name, const std::string& purpose, std::function<Exit()> body) {
  auto parts = std::make_unique<Parts>();
  parts->name = name;
  parts->app = parts_->app->add_subcommand(name, purpose);
  parts->app->set_help_flag("--help", "Print this help and exit");
  parts->outer = parts_.get();
  parts->body = std::move(body);
  parts_->app->require_subcommand(1);
  parts_->subs.push_back(std::unique_ptr<Command>(new Command(std::move(parts))));
  return *parts_->subs.back();
}

namespace {

// Sets options that the command line gave, then the rest from the pipeline file, then complains about what is missing.
void settle(std::vector<std::unique_ptr<Declared>>& options, const PipelineFile& file, const std::string& section) {
  for (const auto& one : options) {
    if (one->option->count() > 0 && !one->texts.empty()) {
      for (const std::string& text : one->texts) one->set(text);
      one->text = one->texts.front();
      continue;
    }
    if (one->option->count() > 0) {
      one->set(one->is_flag ? std::string_view("true") : std::string_view(one->text));
      continue;
    }
    for (const std::string& place : {section, std::string("pipeline")}) {
      const auto found_section = file.find(place);
      if (found_section == file.end()) continue;
      const auto found = found_section->second.find(one->name);
      if (found == found_section->second.end()) continue;
      if (one->by_hand) {
        throw Failure(Exit::usage, "bad_config",
                      "section [" + place + "]: '" + one->name + "' is said on the command line only");
      }
      one->set(found->second);
      one->text = found->second;
      break;
    }
    if (one->required && one->text.empty()) {
      throw Failure(Exit::usage, "missing_option", "--" + one->name + " is missing");
    }
  }
}

// The standard descriptors must be open, else a data file could take number 1.
void open_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) < 0) ::_exit(70);
  }
}

Exit report(const Failure& failure) {
  logging::event(logging::Level::error, failure.message,
                 {{"err", failure.slug},
                  {"class", base::class_of(failure.exit)},
                  {"lsn", failure.lsn ? base::format(*failure.lsn) : std::string()},
                  {"table", failure.table}});
  return failure.exit;
}

Exit print(const std::string& text) {
  io::write_all(STDOUT_FILENO, text);
  return Exit::done;
}

}  // namespace

Exit run(int argc, char** argv, Command& command, const std::function<Exit()>& body) {
  Command::Parts& parts = *command.parts_;
  open_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);
  logging::init(parts.name, false);
  try {
    // --version wins over whatever else is missing, as --help does in CLI11.
    for (int i = 1; i < argc; ++i) {
      if (std::string_view(argv[i]) == "--version") return print(parts.name + " (pgcdc) " PGCDC_VERSION "\n");
    }
    try {
      parts.app->parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      const auto chosen = parts.app->get_subcommands();
      return print(chosen.empty() ? parts.app->help() : chosen.front()->help());
    } catch (const CLI::ParseError& error) {
      throw usage(error.what());
    }
    Command* chosen = nullptr;
    for (const auto& sub : parts.subs) {
      if (sub->parts_->app->parsed()) chosen = sub.get();
    }
    PipelineFile file;
    for (const auto& one : parts.options) {
      if (one->name == "config" && one->option->count() > 0) file = read_pipeline_file(one->text);
    }
    if (const auto own = file.find(parts.name); own != file.end()) {
      // The section is shared by all sub-commands: a word is known when any of them has it.
      for (const auto& [word, value] : own->second) {
        bool known = false;
        for (const auto& one : parts.options) known = known || one->name == word;
        for (const auto& sub : parts.subs) {
          for (const auto& one : sub->parts_->options) known = known || one->name == word;
        }
        if (!known)
          throw Failure(Exit::usage, "bad_config", "section [" + parts.name + "]: unknown word '" + word + "'");
      }
    }
    settle(parts.options, file, parts.name);
    if (chosen != nullptr) settle(chosen->parts_->options, file, parts.name);
    logging::init(parts.name, parts.verbose);
    if (!parts.config.empty()) Metrics::name_pipeline(parts.config);
    return chosen != nullptr ? chosen->parts_->body() : body();
  } catch (const Failure& failure) {
    return report(failure);
  } catch (const io::Broken&) {
    // The parent shall see the truth: this program ended because nobody reads its output (141).
    ::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
    return Exit::retry;
  } catch (const std::bad_alloc&) {
    return report(Failure(Exit::retry, "no_memory", "could not reserve memory"));
  } catch (const std::exception& error) {
    return report(Failure(Exit::bug, "bug", error.what()));
  }
}

int main_of(int argc, char** argv, Command& command, const std::function<Exit()>& body) {
  return static_cast<int>(run(argc, argv, command, body));
}

void hold_secrets() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace tool
