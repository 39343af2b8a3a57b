// Promises of the mask under policies that nobody would write: thousands of mutations of a good one, taken over in the middle of a
// stream. Whatever becomes of the policy, a value leaves in clear only when a line of the policy in force names its column, and nothing
// but the documented errors ends a run.
// Knows just enough of a policy's form to tell which columns a line could name; that judge is simpler, and more generous, than
// the mask: what even it does not allow must not be in the output.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "base/failure.hpp"
#include "cdc-mask/mask.hpp"

namespace {

struct Column {
  const char* name;
  const char* type;
  const char* category;
  const char* kind;  // as a policy says it
};
// public.t as it is at first; `was` is renamed to `name` in the end.
const std::vector<Column> kColumns = {
    {"id", "int8", "N", "int"},      {"name", "text", "S", "text"},
    {"token", "text", "S", "text"},  {"note", "jsonb", "U", "json"},
    {"tags", "_text", "A", "array"}, {"made_at", "timestamptz", "D", "time"},
    {"email", "text", "S", "text"},  {"ip", "inet", "I", "inet"},
    {"raw", "bytea", "U", "bytea"},  {"amount", "numeric", "N", "numeric"},
    {"visits", "int4", "N", "int"},  {"was", "text", "S", "text"},
};

const std::string kBase =
    "# a policy\n"
    "*\tid\tint\tgreen\tkeep\t-\tkey\n"
    "*\t*_at\ttime\tgreen\tkeep\t-\ttimes\n"
    "public.t\tname\ttext\tred\tnull\t-\twhy\n"
    "public.t\tname\ttext\tred>yellow\tkeep\tvisits = 1\twhy\n"
    "public.t\ttoken\ttext\tred\tdrop\t-\tcredentials\n"
    "public.t\temail\ttext\torange\thash:email\t-\tjoins\n"
    "public.t\temail\ttext\torange>yellow\temail-domain as email_domain\t-\tby company\n"
    "public.t\tnote\tjson\tred\thash:exact:n\t-\twhy\n"
    "public.t\tamount\tnumeric\tyellow\tkeep\t-\twhy\n"
    "*\tvisits\tint\tyellow\tkeep\t-\tcounter\n"
    "s*:public.t\traw\tbytea\tred\tconst:x\t-\twhy\n"
    "message:audit\t-\tany\tgreen\tkeep\t-\twhy\n";

// The marker of a column's values while one policy is in force. Its letters are in no hash.
std::string marker(std::size_t column, int half) {
  const std::string type = kColumns[column].type;
  const std::string number = std::to_string(10 + column) + std::to_string(half);
  if (type == "int8" || type == "int4" || type == "numeric") return "77131" + number;
  if (type == "timestamptz")
    return "91" + std::to_string(10 + column) + "-0" + std::to_string(half) + "-17T01:02:03.000004Z";
  return "Zq" + number + "yX";
}

std::string value(std::size_t column, int half) {
  const std::string type = kColumns[column].type;
  const std::string text = marker(column, half);
  if (type == "int8" || type == "int4") return text;
  if (type == "jsonb") return R"({"a":[")" + text + R"("]})";
  if (type == "_text") return R"([")" + text + R"(",null])";
  return "\"" + text + "\"";
}

std::string schema(const char* last) {
  std::string text = R"({"op":"schema","table":"public.t","relid":1,"root":null,"lsn":"00000000/00000001","version":1,)"
                     R"("identity":"default","columns":[)";
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const Column& column = kColumns[i];
    const char* name = i + 1 == kColumns.size() ? last : column.name;
    // When `was` has taken the name, the column that bore it is gone.
    if (std::string_view(last) == "name" && std::string_view(column.name) == "name") continue;
    if (text.back() != '[') text += ",";
    text += R"({"name":")" + std::string(name) + R"(","type":")" + column.type + R"(","typmod":-1,"attnum":)" +
            std::to_string(i + 1) + R"(,"bind":"1.)" + std::to_string(i + 1) + R"(","identity":)" +
            (i == 0 ? R"(true,"pk":true)" : R"(false,"pk":false)") + R"(,"nullable":true,"category":")" +
            column.category + R"(","default":false})";
  }
  return text + "]}";
}

std::string row(int half, const char* last) {
  std::string text = R"({"op":"u","table":"public.t","lsn":"00000000/00000)" + std::to_string(half) + R"(10","seq":0)" +
                     R"(,"ts":"2026-01-01T00:00:00.000000Z","xid":1,"after":{)";
  std::string members;
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const char* name = i + 1 == kColumns.size() ? last : kColumns[i].name;
    if (std::string_view(last) == "name" && std::string_view(kColumns[i].name) == "name") continue;
    members += (members.empty() ? "\"" : ",\"") + std::string(name) + "\":" + value(i, half);
  }
  return text + members + R"(},"before":{)" + members + "}}";
}

const std::string kSource =
    R"({"op":"source","format":1,"source":"shop","run":"r","system_id":"1","timeline":1,"era":0,"server_version":150018,"database":"d","slot":null,"start":"00000000/00000000"})";
std::string commit(int half) {
  const std::string at = "00000000/00000" + std::to_string(half);
  return R"({"op":"commit","lsn":")" + at + R"(10","end":")" + at +
         R"(20","ts":"2026-01-01T00:00:00.000000Z","xid":1,"rows":1,"read_rows":1})";
}

void feed(cdc_mask::Mask& mask, const std::string& text, io::LineWriter& out) {
  std::string padded = text;
  padded.append(64, ' ');
  mask.line(std::string_view(padded).substr(0, text.size()), out);
}

// Does `pattern` match, when quotes count for nothing and every star for anything?
bool could_match(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '"') return could_match(pattern.substr(1), text);
  if (pattern[0] == '*') {
    return could_match(pattern.substr(1), text) || (!text.empty() && could_match(pattern, text.substr(1)));
  }
  return !text.empty() && pattern[0] == text[0] && could_match(pattern.substr(1), text.substr(1));
}

// The judge: may a value of the column leave in clear under this policy?
bool could_leave(const std::string& policy, const Column& column) {
  std::string_view rest = policy;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    std::array<std::string_view, 7> fields{};
    std::string_view left = line;
    for (std::string_view& field : fields) {
      field = left.substr(0, left.find('\t'));
      left.remove_prefix(std::min(field.size() + 1, left.size()));
    }
    std::string_view table = fields[0];
    if (const std::size_t colon = table.find(':'); colon != std::string_view::npos) table.remove_prefix(colon + 1);
    const std::string_view klass =
        fields[3].substr(fields[3].find('>') == std::string_view::npos ? 0 : fields[3].find('>') + 1);
    const bool passes = fields[4].starts_with("keep") || fields[4].starts_with("truncate") ||
                        fields[4].starts_with("month") || fields[4].starts_with("year") ||
                        fields[4].starts_with("email-domain") || fields[4].starts_with("map");
    const bool is_pattern = (std::string(table) + std::string(fields[1])).find('*') != std::string::npos;
    const std::string_view kind = column.kind;
    if (passes && (klass == "green" || klass == "yellow") && could_match(table, "public.t") &&
        could_match(fields[1], column.name) && (fields[2] == "any" || fields[2] == kind) &&
        (!is_pattern || kind == "int" || kind == "time")) {
      return true;
    }
  }
  return false;
}

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t limit) {
  return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
}

// Words by the field in which they stand.
const std::array<std::vector<std::string_view>, 7> kWords = {{
    {"*", "public.t", "public.*", "*.t", "s*:public.t", "other:public.t", "\"public\".t", "message:audit"},
    {"*", "name", "token", "note", "was", "email", "tags", "ip", "raw", "amount", "id", "n*", "*o*", "\"token\"", "-"},
    {"any", "text", "json", "array", "int", "time", "inet", "bytea", "numeric"},
    {"green", "yellow", "orange", "red", "red>yellow", "red>green", "orange>red"},
    {"keep", "drop", "null", "hash", "hash:email", "hash:exact:n", "const:x", "truncate:3", "email-domain", "month",
     "keep as other", "keep as token", "hash as name", "null as was"},
    {"-", "visits = 1", "name is null", "token is not null", "id != 5", "visits in (1, 7713120)", "gone is null"},
    {"-", "why"},
}};

// One to five small changes, of the kind that an editor's slip, a bad merge or an attacker would make.
std::string mutate(const std::string& text, Random& random) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  // in  field  of a line; its text becomes `word`
  const auto put = [](std::string& line, std::size_t field, std::string_view word) {
    std::size_t begin = 0;
    for (; field > 0 && begin != std::string::npos; --field) begin = line.find('\t', begin + 1);
    if (begin == std::string::npos) return;
    if (begin > 0) ++begin;
    line.replace(begin, std::min(line.find('\t', begin), line.size()) - begin, word);
  };
  for (std::size_t changes = 1 + below(random, 5); changes > 0; --changes) {
    std::string& line = lines[below(random, lines.size())];
    switch (below(random, 10)) {
      case 0:  // something passes that did not
        put(line, 3, "red>yellow");
        put(line, 4, "keep");
        break;
      case 1:  // a line once more, somewhere else
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(below(random, lines.size() + 1)), std::string(line));
        break;
      case 2:  // one byte
        if (!line.empty()) line[below(random, line.size())] = static_cast<char>(below(random, 256));
        break;
      case 3:  // a piece is gone
        line.erase(below(random, line.size() + 1), below(random, 8));
        break;
      case 4:  // a line is gone
        if (lines.size() > 1) lines.erase(lines.begin() + (&line - lines.data()));
        break;
      default: {  // another word in a field's place
        const std::size_t field = below(random, kWords.size());
        put(line, field, kWords[field][below(random, kWords[field].size())]);
      }
    }
  }
  std::string mutated;
  for (const std::string& line : lines) mutated += line + "\n";
  return mutated;
}

TEST(Mutation, NoPolicyLetsOutWhatNoLineOfItNames) {
  constexpr int kRounds = 20'000;
  Random random(20261126);
  const policy::ClearClasses clear("green,yellow");
  const policy::Keys keys("k1\tactive\t" + std::string(64, 'a') + "\n", "keys");
  const policy::Policy base = policy::Policy::read(kBase, "p", clear);
  int refused = 0;
  int ran = 0;
  std::map<std::string, int> left;  // columns that left in clear under a mutated policy
  for (int round = 0; round < kRounds; ++round) {
    const std::string mutated = mutate(kBase, random);
    io::LineWriter out(-1);
    std::optional<policy::Policy> policy;
    try {
      policy.emplace(policy::Policy::read(mutated, "p", clear));
    } catch (const base::Failure& failure) {
      ASSERT_EQ(failure.exit, base::Exit::usage) << failure.message;
      ++refused;
      continue;
    }
    // The first transaction by the good policy, the second by the other, the third after a rename.
    bool whole = false;
    try {
      cdc_mask::Mask mask({&base, &keys}, [](const cdc_mask::Notice&) {});
      feed(mask, kSource, out);
      feed(mask, schema("was"), out);
      feed(mask, row(1, "was"), out);
      feed(mask, commit(1), out);
      mask.use({&*policy, &keys}, std::nullopt, out);
      feed(mask, row(2, "was"), out);
      feed(mask, commit(2), out);
      feed(mask, schema("name"), out);
      feed(mask, row(3, "name"), out);
      feed(mask, commit(3), out);
      mask.end(out);
      whole = true;
    } catch (const base::Failure& failure) {
      ASSERT_TRUE(failure.exit == base::Exit::refused || failure.exit == base::Exit::usage) << failure.message << "\n"
                                                                                            << mutated;
      ++refused;
    }
    ran += whole ? 1 : 0;
    const std::string& text = out.buffer();
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      const Column& column = kColumns[i];
      if (text.find(marker(i, 1)) != std::string::npos) {
        ASSERT_TRUE(could_leave(kBase, column)) << column.name << " left before the other policy came\n" << mutated;
      }
      if (text.find(marker(i, 2)) != std::string::npos) {
        ++left[column.name];
        ASSERT_TRUE(could_leave(mutated, column)) << column.name << " left, and no line names it\n" << mutated;
      }
      // A column under the name of another one is withheld, whatever the policy says of that name.
      if (text.find(marker(i, 3)) != std::string::npos) {
        ASSERT_STRNE(column.name, "was") << "left under another's name\n" << mutated;
        ASSERT_TRUE(could_leave(mutated, column)) << column.name << "\n" << mutated;
      }
    }
  }
  // The test sees something: many policies were read, and columns that the good one hides did leave by a line that names them.
  EXPECT_GT(ran, kRounds / 20);
  EXPECT_GT(refused, kRounds / 20);
  for (const char* hidden : {"token", "note", "raw", "name"}) EXPECT_GT(left[hidden], 0) << hidden;
}

}  // namespace
