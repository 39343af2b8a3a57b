// snowflake: the table of codes. See refusal.hpp.
#include "snowflake/refusal.hpp"

#include <algorithm>
#include <array>

namespace snowflake {
namespace {

using base::Exit;

struct Meaning {
  std::string_view code;
  Exit exit;
  std::string_view slug;
  std::string_view words;
};

// There is no official list of all of them. Those with (*) were seen in Snowflake's documentation or samples, the others in reports of
// other programs' users; cdc-snowflake.7 has them on the list of what a real account confirms.
constexpr std::array kMeanings{
    Meaning{"000008", Exit::bug, "snowflake_statement",
            "the number of statements is not the one that was announced"},  // (*)
    Meaning{"000603", Exit::retry, "snowflake_unavailable", "Snowflake had an internal error"},
    Meaning{"000604", Exit::retry, "snowflake_cancelled", "a statement was cancelled"},  // (*)
    Meaning{"000606", Exit::denied, "snowflake_no_warehouse",
            "no warehouse is active: the role lacks USAGE on it, or its name is another"},               // (*)
    Meaning{"000625", Exit::retry, "snowflake_locked", "another transaction held a lock for too long"},  // (*)
    Meaning{"000630", Exit::retry, "snowflake_cancelled", "a statement took longer than its time-out"},
    Meaning{"000904", Exit::refused, "snowflake_no_column", "a column is not there that should be"},
    Meaning{"001003", Exit::bug, "snowflake_statement", "a statement's syntax was refused"},  // (*)
    Meaning{"001757", Exit::denied, "snowflake_no_object", "a table is not there, or the role may not see it"},
    Meaning{"002002", Exit::refused, "snowflake_exists", "an object is there already"},
    Meaning{"002003", Exit::denied, "snowflake_no_object",
            "an object is not there, or the role may not see it"},  // (*)
    Meaning{"002043", Exit::denied, "snowflake_no_object", "an object is not there, or the role may not see it"},
    Meaning{"003001", Exit::denied, "snowflake_denied", "the role's privileges do not suffice"},  // (*)
    Meaning{"003003", Exit::denied, "snowflake_denied", "the role's privileges do not suffice"},
    Meaning{"090073", Exit::retry, "snowflake_no_warehouse", "the warehouse is suspended and cannot be resumed now"},
    Meaning{"090105", Exit::denied, "snowflake_no_object",
            "the database or the schema is not there, or the role may not see it"},
    Meaning{"090106", Exit::denied, "snowflake_no_object", "the schema is not there, or the role may not see it"},
    Meaning{"090109", Exit::denied, "snowflake_no_warehouse", "a resource monitor has stopped the warehouse"},
    Meaning{"091016", Exit::refused, "snowflake_no_file", "a file of the stage is not there"},
    Meaning{"100035", Exit::refused, "snowflake_value", "a text is no point in time that Snowflake can hold"},
    Meaning{"100038", Exit::refused, "snowflake_value", "a text is not the number that it was to be"},  // (*)
    Meaning{"100039", Exit::refused, "snowflake_value", "a number is too large for its column"},
    Meaning{"100040", Exit::refused, "snowflake_value", "a text is no date that Snowflake can hold"},
    Meaning{"100046", Exit::refused, "snowflake_value", "a number has more digits than its column"},
    Meaning{"100069", Exit::refused, "snowflake_value", "a line of a file is no JSON"},
    Meaning{"100072", Exit::refused, "snowflake_value", "a value is missing in a column that must have one"},
    Meaning{"100078", Exit::refused, "snowflake_value", "a text is longer than its column"},
    Meaning{"100082", Exit::refused, "snowflake_value", "a row is longer than Snowflake can hold"},
    Meaning{"100090", Exit::bug, "snowflake_duplicate", "two rows of one statement have the same key"},  // (*)
    Meaning{"390201", Exit::denied, "snowflake_no_object",
            "the warehouse, the role or the database is not there, or may not be used"},
    Meaning{"391903", Exit::bug, "snowflake_statement", "a request came without a User-Agent"},               // (*)
    Meaning{"391911", Exit::bug, "snowflake_statement", "a statement is none that the SQL API takes alone"},  // (*)
};
static_assert(std::is_sorted(kMeanings.begin(), kMeanings.end(), [](auto& a, auto& b) { return a.code < b.code; }));

// Classes of the standard, for codes that nobody has listed.
constexpr std::array kClasses{
    Meaning{"08", Exit::retry, "snowflake_unavailable", "a connection inside of Snowflake failed"},
    Meaning{"22", Exit::refused, "snowflake_value", "a value does not fit"},
    Meaning{"23", Exit::refused, "snowflake_value", "a value breaks a constraint"},
    Meaning{"28", Exit::denied, "snowflake_denied", "the user was not let in"},
    Meaning{"40", Exit::retry, "snowflake_locked", "a transaction had to give way"},
    Meaning{"42501", Exit::denied, "snowflake_denied", "the role's privileges do not suffice"},
    Meaning{"42S02", Exit::denied, "snowflake_no_object", "an object is not there, or the role may not see it"},
    Meaning{"42", Exit::bug, "snowflake_statement", "a statement was refused"},
    Meaning{"53", Exit::retry, "snowflake_unavailable", "Snowflake lacked resources"},
    Meaning{"57", Exit::retry, "snowflake_cancelled", "a statement was stopped"},
    Meaning{"58", Exit::retry, "snowflake_unavailable", "Snowflake's storage failed"},
};

constexpr Meaning kUnknown{"", Exit::refused, "snowflake_refused", "a statement failed"};

// They go into the log.
std::string letters(std::string_view text) {
  std::string kept;
  for (const char c : text.substr(0, 40)) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-') kept.push_back(c);
  }
  return kept;
}

const Meaning& meaning_of(std::string_view code, std::string_view sql_state) {
  for (const Meaning& meaning : kMeanings) {
    if (meaning.code == code) return meaning;
  }
  for (const Meaning& meaning : kClasses) {
    if (sql_state.starts_with(meaning.code)) return meaning;
  }
  return kUnknown;
}

}  // namespace

Refusal refusal(std::string_view code, std::string_view sql_state, std::string_view handle) {
  std::string number = letters(code);
  while (!number.empty() && number.size() < 6) number.insert(0, 1, '0');
  std::string state = letters(sql_state);
  const Meaning& meaning = meaning_of(number, state);
  std::string words(meaning.words);
  words += ": Snowflake's error " + (number.empty() ? "without a code" : number);
  if (!state.empty()) words += ", SQL state " + state;
  if (!handle.empty()) words += ", statement " + letters(handle);
  return {meaning.exit, std::string(meaning.slug), std::move(words), std::move(number), std::move(state)};
}

}  // namespace snowflake
