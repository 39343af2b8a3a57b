// cdc-policy: the sub-commands around tables. See run.hpp.
#include "cdc-policy/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "cdc-policy/accept.hpp"
#include "cdc-policy/commands.hpp"
#include "cdc-policy/draft.hpp"
#include "cdc-policy/review.hpp"
#include "cdc-policy/tables.hpp"
#include "crypto/digest.hpp"
#include "io/file.hpp"
#include "io/line_writer.hpp"
#include "io/secret_file.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"

namespace cdc_policy {
namespace {

using base::Exit;

policy::Policy read_policy(const std::string& path, const std::string& clear) {
  const policy::ClearClasses classes(clear);
  const auto text = io::read_file(path);
  if (!text) throw base::Failure(Exit::usage, "bad_policy", path + ": no such file");
  return policy::Policy::read(*text, path, classes, io::files_beside(path));
}

std::vector<SourceTable> tables_of(const Options& options) {
  if (options.stream) return read_stream(STDIN_FILENO, options.sample);
  tool::catch_stop_signals();
  pg::Connection session = pg::Connection::open(options.dsn, pg::Mode::plain, "cdc-policy");
  session.show_server_words(true);
  session.interrupt_when([] { return tool::stop_asked(); });
  std::vector<SourceTable> tables = read_catalog(session, options.publication);
  if (options.sample > 0) sample(session, options.sample, tables);
  return tables;
}

std::optional<policy::PinBook> pins_of(const Options& options) {
  if (options.pins.empty()) return std::nullopt;
  return policy::PinBook::read(io::read_file(options.pins).value_or(""), options.pins);
}

void print(const std::string& text) { io::write_all(STDOUT_FILENO, text); }

std::vector<ColumnName> columns_of(const std::vector<std::string>& words) {
  std::vector<ColumnName> columns;
  for (const std::string& word : words) columns.push_back(parse_column(word));
  return columns;
}

}  // namespace

Exit check(const Options& options) {
  const policy::Policy policy = read_policy(options.policy, options.clear);
  if (!options.stream && options.dsn.empty()) {
    print(summary(policy));
    return Exit::done;
  }
  const std::vector<SourceTable> tables = tables_of(options);
  std::optional<policy::PinBook> pins = pins_of(options);
  std::optional<policy::Keys> keys;
  if (!options.keys.empty()) {
    tool::hold_secrets();
    std::string secret = io::read_secret(options.keys);
    keys.emplace(secret, options.keys);
    crypto::wipe(secret);
  }
  std::string text = summary(policy, options.source, tables);
  bool is_good = true;
  for (const Finding& finding :
       review(policy, options.source, tables, pins ? &pins->of(options.source) : nullptr, keys ? &*keys : nullptr)) {
    text += "finding\t" + finding.what + "\t" + finding.where + "\t" + finding.words + "\n";
    is_good = is_good && finding.what == "sent_in_vain";
  }
  print(text);
  return is_good ? Exit::done : Exit::no;
}

Exit explain(const Options& options) {
  const policy::Policy policy = read_policy(options.policy, options.clear);
  const std::vector<ColumnName> columns = columns_of(options.words);
  const std::vector<SourceTable> tables = tables_of(options);
  std::optional<policy::PinBook> pins = pins_of(options);
  const std::string ledger = options.ledger.empty() ? "" : io::read_file(options.ledger).value_or("");
  for (const ColumnName& column : columns) {
    print(explain(policy, options.source, tables, column, pins ? &pins->of(options.source) : nullptr, ledger));
  }
  return Exit::done;
}

Exit diff(const Options& options) {
  const policy::Policy before = read_policy(options.words[0], options.clear);
  const policy::Policy after = read_policy(options.words[1], options.clear);
  const std::string text = difference(before, after, options.source, tables_of(options));
  print(text);
  return text.empty() ? Exit::done : Exit::no;
}

Exit draft(const Options& options) {
  if (options.sample > 0) tool::hold_secrets();
  std::optional<std::string> wanted;
  if (!options.wanted.empty()) {
    wanted = io::read_file(options.wanted);
    if (!wanted) throw base::Failure(Exit::usage, "bad_option", options.wanted + ": no such file");
  }
  print(draft(tables_of(options), wanted));
  return Exit::done;
}

Exit publication(const Options& options) {
  const policy::Policy policy = read_policy(options.policy, options.clear);
  // Every column of every table is looked at, also what an existing publication does not send.
  Options whole = options;
  whole.publication.clear();
  print(publication_sql(policy, options.source, tables_of(whole), options.publication, options.words));
  return Exit::done;
}

Exit accept(const Options& options) {
  const std::vector<ColumnName> columns = columns_of(options.words);
  const std::vector<SourceTable> tables = tables_of(options);
  std::string changed;
  io::update_file(options.pins, [&](const std::string& content) {
    policy::PinBook pins = policy::PinBook::read(content, options.pins);
    changed = accept(pins.of(options.source), tables, columns);
    return changed.empty() ? content : pins.text();
  });
  print(changed);
  return Exit::done;
}

}  // namespace cdc_policy
