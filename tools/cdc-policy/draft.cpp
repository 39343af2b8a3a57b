// cdc-policy: drafting. One table of words decides, from the most dangerous down; what no line of it knows is red. Pure.
#include "cdc-policy/draft.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "policy/kind.hpp"
#include "policy/plan.hpp"

namespace cdc_policy {
namespace {

using policy::Kind;

struct Proposal {
  std::string klass = "red";
  std::string action = "drop";
  std::string why = "unsure: nobody has looked at it";
};

// Parts of names, matched against the words of a column's name (split at `_` and other signs).
struct Words {
  std::vector<std::string_view> words;
  Proposal proposal;
};

const std::vector<Words>& dangerous() {
  static const std::vector<Words> kTable = {
      {{"password", "passwd", "secret", "token", "tokens", "encrypted", "otp", "salt", "private", "credential",
        "credentials", "signature", "apikey", "certificate", "fingerprint", "webauthn", "session", "cookie", "digest"},
       {"red", "drop", "credentials, by its name"}},
      {{"ssn", "iban", "card", "tax", "vat", "passport", "salary", "pin", "account_number"},
       {"red", "drop", "money or papers of a person, by its name"}},
      {{"title",    "description", "note",  "notes", "body",  "message", "comment", "content",  "html",
        "markdown", "diff",        "query", "path",  "url",   "branch",  "ref",     "filename", "file",
        "payload",  "params",      "data",  "log",   "trace", "raw",     "text"},
       {"red", "drop", "content of customers, by its name"}},
      {{"birth", "born", "birthday", "birthdate", "dob"}, {"orange", "drop", "a person's date of birth, by its name"}},
      {{"ip",       "address",      "phone",     "mobile",    "city",     "street",   "zip",     "postcode",
        "location", "latitude",     "longitude", "gender",    "avatar",   "linkedin", "twitter", "skype",
        "name",     "username",     "login",     "firstname", "lastname", "nickname", "surname", "contact",
        "company",  "organization", "hostname",  "host",      "agent"},
       {"orange", "drop", "personal data, by its name"}},
  };
  return kTable;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : text) {
    if (is_word(c)) {
      word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    } else if (!word.empty()) {
      words.insert(std::exchange(word, ""));
    }
  }
  if (!word.empty()) words.insert(word);
  return words;
}

bool has_any(const std::set<std::string>& words, std::initializer_list<std::string_view> wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](std::string_view word) { return words.contains(std::string(word)); });
}

// What the column's own name, type and comment say.
Proposal by_itself(const SourceTable& table, std::size_t at) {
  const change::Column& column = table.schema.columns[at];
  const Kind kind = policy::kind_of(column);
  const std::set<std::string> words = words_of(column.name);
  const bool says = kind == Kind::text || kind == Kind::json || kind == Kind::bytea || kind == Kind::xml ||
                    kind == Kind::array || kind == Kind::other || kind == Kind::inet;
  if (kind == Kind::text && has_any(words, {"email", "mail", "emails"})) {
    return {"orange", "hash:email", "an e-mail address: joins and erasure look-ups"};
  }
  for (const Words& line : dangerous()) {
    const bool hit = std::any_of(line.words.begin(), line.words.end(),
                                 [&](std::string_view word) { return words.contains(std::string(word)); });
    if (!hit) continue;
    // A number or a time called `file_size` or `note_at` says little; credentials and papers are numbers too.
    const bool only_texts = line.proposal.klass == "red" && line.words.front() == "title";
    if (only_texts && !says) continue;
    if (!says && kind != Kind::integer && kind != Kind::numeric &&
        !has_any(words, {"birth", "born", "birthday", "birthdate", "dob"})) {
      continue;
    }
    if (!says && has_any(words, {"count", "size", "bytes", "seconds", "id"})) continue;
    return line.proposal;
  }
  switch (kind) {
    case Kind::boolean:
      return {"green", "keep", "yes or no"};
    case Kind::enumeration:
      return {"green", "keep", "one of few words"};
    case Kind::time:
      return {"green", "keep", "a time"};
    case Kind::integer:
      if (has_any(words,
                  {"count", "counter", "size", "bytes", "position", "number", "iid", "seats", "weight", "duration"})) {
        return {"yellow", "keep", "a count or size"};
      }
      return {"yellow", "keep", "a number"};
    case Kind::uuid:
      return {"green", "keep", "a surrogate"};
    case Kind::numeric:
    case Kind::floating:
      if (has_any(words, {"amount", "price", "cost", "total", "quantity", "rate", "ratio", "score", "seats", "duration",
                          "weight", "percent", "average", "sum", "usage"})) {
        return {"yellow", "keep", "an amount"};
      }
      return {"red", "drop", "unsure: a number without a known meaning"};
    case Kind::text:
      if (has_any(words, {"state", "status", "type", "kind", "currency", "locale", "country", "plan", "tier", "level",
                          "stage"})) {
        return {"yellow", "keep", "a word of a short list, by its name: have a look"};
      }
      return {"red", "drop", "unsure: a text can hold anything"};
    default:
      return {"red", "drop", "unsure: " + std::string(policy::word_of(kind)) + " can hold anything"};
  }
}

// What the values look like may make a proposal stricter; milder only where nothing was known, and they were many of few words.
Proposal by_looks(Proposal made, Looks looks) {
  const bool unsure = made.why.starts_with("unsure");
  if (looks == Looks::emails && made.action != "hash:email") {
    return {"orange", "hash:email", "e-mail addresses, by its values"};
  }
  if (looks == Looks::words && unsure) return {"yellow", "keep", "a word of a short list, by its values: have a look"};
  if (!unsure && made.action != "keep") return made;
  switch (looks) {
    case Looks::uuids:
      return {"red", "hash", "UUIDs, by its values"};
    case Looks::addresses:
      return {"orange", "drop", "IP addresses, by its values"};
    case Looks::urls:
      return {"red", "drop", "URLs, by its values"};
    case Looks::secrets:
      return {"red", "drop", "may be credentials, by its values"};
    case Looks::prose:
      return {"red", "drop", "a text that somebody wrote, by its values"};
    default:
      return made;
  }
}

class Draft {
 public:
  explicit Draft(std::span<const SourceTable> tables) : tables_(tables) {
    for (const SourceTable& table : tables) by_name_[table.schema.table] = &table;
  }

  Proposal proposal(const SourceTable& table, std::size_t at, int depth = 0) {
    const change::Column& column = table.schema.columns[at];
    // A reference is treated as what it refers to, else they would not join.
    for (const Reference& reference : table.references) {
      for (std::size_t i = 0; i < reference.columns.size() && depth < 8; ++i) {
        if (reference.columns[i] != column.name) continue;
        const auto target = by_name_.find(reference.table);
        if (target == by_name_.end() || target->second == &table) continue;
        const auto& columns = target->second->schema.columns;
        const auto found = std::find_if(columns.begin(), columns.end(),
                                        [&](const change::Column& one) { return one.name == reference.targets[i]; });
        if (found == columns.end()) continue;
        Proposal made = proposal(*target->second, static_cast<std::size_t>(found - columns.begin()), depth + 1);
        made.why = "refers to " + reference.table;
        return made;
      }
    }
    Proposal made = by_looks(by_itself(table, at), table.looks[at]);
    if (!policy::is_key(table.schema, column)) return made;
    const Kind kind = policy::kind_of(column);
    if (kind == Kind::integer || kind == Kind::uuid) return {"green", "keep", "surrogate key"};
    if (kind == Kind::time || kind == Kind::boolean || kind == Kind::enumeration)
      return {"green", "keep", "part of the key"};
    // A key must arrive: what is not harmless arrives hashed.
    if (made.action == "keep") return made;
    std::string domain;
    for (const char c : table.schema.table.substr(table.schema.table.find('.') + 1)) {
      if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') domain.push_back(c);
    }
    if (domain.empty() || domain[0] < 'a') domain.insert(0, "t");
    domain = domain.substr(0, 40) + "-key";
    const bool exact = !policy::can_be_hashed(kind);
    return {made.klass, std::string("hash:") + (exact ? "exact:" : "") + domain, "part of the key: " + made.why};
  }

 private:
  std::span<const SourceTable> tables_;
  std::map<std::string, const SourceTable*> by_name_;
};

// The names in a text: of each dotted one its parts.
std::set<std::string> names_in(const std::string& text) {
  std::set<std::string> names;
  std::string name;
  bool quoted = false;
  const auto end = [&] {
    if (!name.empty()) names.insert(std::exchange(name, ""));
  };
  for (const char c : text) {
    if (c == '"') {
      end();
      quoted = !quoted;
    } else if (quoted || is_word(c) || c == '_' || c == '$') {
      name.push_back(quoted ? c : static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    } else {
      end();
    }
  }
  end();
  return names;
}

}  // namespace

std::string draft(std::span<const SourceTable> tables, const std::optional<std::string>& wanted) {
  Draft draft(tables);
  const std::set<std::string> names = wanted ? names_in(*wanted) : std::set<std::string>{};
  std::set<std::string> wanted_tables;
  for (const SourceTable& table : tables) {
    const auto name = change::parse_table(table.schema.table);
    if (!wanted || (name && names.contains(name->name))) wanted_tables.insert(table.schema.table);
  }
  std::string text =
      "# A draft. Each line is a proposal made from names and types: read it with cdc-policy(5) beside you, change "
      "what is wrong,\n"
      "# and let somebody who answers for the data review it. What has no line is withheld.\n"
      "#table\tcolumn\ttype\tclass\taction\twhen\twhy\n";
  for (const SourceTable& table : tables) {
    if (!wanted_tables.contains(table.schema.table)) continue;
    for (std::size_t i = 0; i < table.schema.columns.size(); ++i) {
      const change::Column& column = table.schema.columns[i];
      bool joins = policy::is_key(table.schema, column);
      for (const Reference& reference : table.references) {
        const auto& own = reference.columns;
        joins = joins || (wanted_tables.contains(reference.table) &&
                          std::find(own.begin(), own.end(), column.name) != own.end());
      }
      if (wanted && !joins && !names.contains(column.name)) continue;
      const Proposal made = draft.proposal(table, i);
      // A field ends at a tab or a line's end, and names with such signs are rare enough to be left out.
      if (column.name.find_first_of("\t\n\r") != std::string::npos) continue;
      std::string why = made.why;
      std::string comment = table.comments[i].substr(0, 80);
      std::replace_if(
          comment.begin(), comment.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
      if (!comment.empty() && made.action == "drop") why += " (" + comment + ")";
      while (why.ends_with(' ')) why.pop_back();
      const auto line = [&](const std::string& klass, const std::string& action, const std::string& reason) {
        text += table.schema.table + "\t" + change::quote_identifier(column.name) + "\t" +
                std::string(policy::word_of(policy::kind_of(column))) + "\t" + klass + "\t" + action + "\t-\t" +
                reason + "\n";
      };
      line(made.klass, made.action, why);
      if (made.action == "hash:email" &&
          std::none_of(table.schema.columns.begin(), table.schema.columns.end(),
                       [&](const change::Column& other) { return other.name == column.name + "_domain"; })) {
        line("orange>yellow", "email-domain as " + change::quote_identifier(column.name + "_domain"),
             "customers by company");
      }
    }
  }
  return text;
}

}  // namespace cdc_policy
