// A random source under random writes, for tests: random-stream SEED TRANSACTIONS FOLDER. The folder gets what a capture of it would
// have given, as change streams to be delivered in the order of their names (streams, and copies of the tables that come early or late),
// and for each table expected.N: a statement on the analysts' view, and below it the source's rows in the end, sorted.
// Knows the lines of cdc-stream.5 and how tests/e2e/engines.bash prints values. It is the oracle: it knows no fold, no position that
// wins over another, no engine, and uses none of the project's rooms.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace {

using Text = std::string;

std::mt19937 random_numbers;
int pick(int n) { return static_cast<int>(random_numbers() % static_cast<unsigned>(n)); }
bool chance(int of_hundred) { return pick(100) < of_hundred; }

Text lsn_text(int lsn) {
  char text[32];
  std::snprintf(text, sizeof text, "00000000/%08X", static_cast<unsigned>(lsn));
  return text;
}
Text time_text(int lsn) {
  char text[64];
  std::snprintf(text, sizeof text, "2026-11-22T%02d:%02d:%02d.000000Z", lsn / 3600 % 24, lsn / 60 % 60, lsn % 60);
  return text;
}
Text quoted(const Text& text) {
  Text out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// A value is its JSON in the stream and its text in the warehouse.
struct Value {
  Text json = "null";
  Text text = "NULL";
};
Value words(const Text& text) { return {quoted(text), text}; }

int values = 0;
Value some_value(const Text& type, bool nullable) {
  if (nullable && chance(8)) return {};
  const int n = ++values;
  if (type == "int4" || type == "int8") return {std::to_string(n), std::to_string(n)};
  if (type == "bool") return chance(50) ? Value{"true", "1"} : Value{"false", "0"};
  if (type == "float8") {
    static const char* const kQuarters[] = {".0", ".25", ".5", ".75"};
    const int quarter = pick(4);
    const Text whole = std::to_string(n);
    return {quarter == 0 ? whole : whole + kQuarters[quarter], whole + kQuarters[quarter]};
  }
  if (type == "numeric") return words("-98765432109876543210" + std::to_string(n) + ".10");
  if (type == "timestamptz") return words(time_text(n));
  if (type == "date") return words("2024-02-2" + std::to_string(n % 9));
  if (type == "bytea") {
    // Three bytes: four characters of base64, six of hex.
    static const char* const kBytes[][2] = {{"AAH/", "0001FF"}, {"JyJc", "27225C"}, {"", ""}, {"////", "FFFFFF"}};
    const int which = pick(4);
    return {quoted(kBytes[which][0]), kBytes[which][1]};
  }
  if (type == "jsonb") return words("{\"n\": " + std::to_string(n) + "}");
  static const char* const kTails[] = {"",   " 'one", " \"two\"", " \\back", " \xC3\xA4\xF0\x9F\x90\x98",
                                       "%_", " $1",   "\\'; --"};
  return words("v" + std::to_string(n) + kTails[pick(8)]);
}

struct Column {
  Text name, type;
  int attnum = 0;
  bool key = false;
  bool large = false;     // out of line: an update that does not touch it may leave it out
  bool defaults = false;  // rows from before it hold something else than null
};
using Key = std::vector<Value>;
bool operator<(const Value& a, const Value& b) { return a.text < b.text; }
using Row = std::map<int, Value>;  // by attnum; the key's columns too
using Rows = std::map<Key, Row>;

struct Table {
  Text name;  // as the stream writes it
  Text view;  // as a statement writes it
  int relid = 0;
  std::vector<Column> columns;
  Rows rows;
  std::vector<Row> log;  // of a table without a key: every row that ever came
  bool has_key = true;
  int version = 1;
  int next_attnum = 0;
  // What a copy at a position sees: rows and columns.
  std::map<int, std::pair<Rows, std::vector<Column>>> at;
};

std::vector<Table> tables;
int lsn = 100;
int seq = 0;
Text transaction;

Text schema_line(const Table& table, const std::vector<Column>& columns, int at) {
  Text out = "{\"op\":\"schema\",\"table\":" + quoted(table.name) + ",\"relid\":" + std::to_string(table.relid) +
             ",\"root\":null,\"lsn\":\"" + lsn_text(at) + "\",\"version\":" + std::to_string(table.version) +
             ",\"identity\":\"" + (table.has_key ? "default" : "nothing") + "\",\"columns\":[";
  for (const Column& column : columns) {
    const Text yes = column.key ? "true" : "false";
    out += (&column == &columns.front() ? "" : ",");
    out += "{\"name\":" + quoted(column.name) + ",\"type\":\"" + column.type +
           "\",\"typmod\":-1,\"attnum\":" + std::to_string(column.attnum) + ",\"bind\":\"" +
           std::to_string(table.relid) + "." + std::to_string(column.attnum) + "\",\"identity\":" + yes +
           ",\"pk\":" + yes +
           ",\"nullable\":true,\"category\":\"S\",\"default\":" + (column.defaults ? "true" : "false") + "}";
  }
  return out + "]}\n";
}

Text object(const std::vector<Column>& columns, const Row& row, bool (*wanted)(const Column&)) {
  Text out;
  for (const Column& column : columns) {
    if (!wanted(column)) continue;
    out += (out.empty() ? "" : ",") + quoted(column.name) + ":" + row.at(column.attnum).json;
  }
  return "{" + out + "}";
}
bool any(const Column&) { return true; }
bool of_key(const Column& column) { return column.key; }

void emit(const Table& table, const char* op, const Text& rest) {
  transaction += "{\"op\":\"" + Text(op) + "\",\"table\":" + quoted(table.name) + ",\"lsn\":\"" + lsn_text(lsn) +
                 "\",\"seq\":" + std::to_string(seq++) + ",\"ts\":\"" + time_text(lsn) +
                 "\",\"xid\":" + std::to_string(lsn) + rest + "}\n";
}

Key some_key(const Table& table, int spare = 0) {
  static const char* const kLetters[] = {"x", "X", "x ", "", "\xC3\xA4", "'\\\""};
  Key key;
  for (const Column& column : table.columns) {
    if (!column.key) continue;
    const int n = spare != 0 ? spare : 1 + pick(6);
    key.push_back(column.type == "text" ? words(kLetters[n % 6]) : Value{std::to_string(n), std::to_string(n)});
  }
  return key;
}
void set_key(const Table& table, Row& row, const Key& key) {
  std::size_t n = 0;
  for (const Column& column : table.columns) {
    if (column.key) row[column.attnum] = key[n++];
  }
}

void insert(Table& table, const Key& key) {
  Row row;
  set_key(table, row, key);
  for (const Column& column : table.columns) {
    if (!column.key) row[column.attnum] = some_value(column.type, true);
  }
  emit(table, "c", ",\"after\":" + object(table.columns, row, any));
  if (table.has_key) {
    table.rows[key] = row;
  } else {
    table.log.push_back(row);
  }
}
void erase(Table& table, const Key& key) {
  emit(table, "d", ",\"before\":" + object(table.columns, table.rows[key], of_key));
  table.rows.erase(key);
}
void update(Table& table, const Key& from, const Key& to) {
  const Row old = table.rows[from];
  Row row = old;
  set_key(table, row, to);
  Text after;
  Text unchanged;
  for (const Column& column : table.columns) {
    if (!column.key && chance(column.large ? 30 : 60)) {
      row[column.attnum] = some_value(column.type, true);
    } else if (column.large && !column.key && row[column.attnum].text != "NULL" && chance(80)) {
      unchanged += (unchanged.empty() ? "" : ",") + quoted(column.name);
      continue;
    }
    after += (after.empty() ? "" : ",") + quoted(column.name) + ":" + row[column.attnum].json;
  }
  Text rest = ",\"after\":{" + after + "}";
  if (from < to || to < from) rest += ",\"before\":" + object(table.columns, old, of_key);
  if (!unchanged.empty()) rest += ",\"unchanged\":[" + unchanged + "]";
  emit(table, "u", rest);
  table.rows.erase(from);
  table.rows[to] = row;
}

void some_write(Table& table) {
  const Key key = some_key(table);
  if (!table.has_key) return insert(table, key);
  const Key to = some_key(table);
  const bool there = table.rows.contains(key);
  const bool same = !(key < to) && !(to < key);
  const int what = pick(100);
  if (what < 12) {
    if (there) erase(table, key);
  } else if (what < 22) {
    if (there) erase(table, key);
    insert(table, key);
  } else if (what < 40) {
    if (there && !table.rows.contains(to)) update(table, key, to);
  } else if (what < 50) {
    if (there && table.rows.contains(to) && !same) {
      const Key aside = some_key(table, 77);
      if (table.rows.contains(aside)) return;
      update(table, key, aside);
      update(table, to, key);
      update(table, aside, to);
    }
  } else if (what < 52) {
    emit(table, "t", "");
    table.rows.clear();
  } else if (there) {
    update(table, key, key);
  } else {
    insert(table, key);
  }
}

// ALTER TABLE of the first table. Old rows get what the source gives them.
void alter(Table& table) {
  const int what = pick(5);
  std::vector<std::size_t> others;
  for (std::size_t n = 0; n < table.columns.size(); ++n) {
    if (!table.columns[n].key) others.push_back(n);
  }
  const auto add = [&](const Text& name, bool defaults) {
    Column column{name, "text", ++table.next_attnum, false, true, defaults};
    const Value value = defaults ? some_value("text", false) : Value{};
    for (auto& [key, row] : table.rows) row[column.attnum] = value;
    table.columns.push_back(column);
  };
  const std::size_t some = others[static_cast<std::size_t>(pick(static_cast<int>(others.size())))];
  if (what == 0) {
    add("added" + std::to_string(table.next_attnum), false);
  } else if (what == 1) {
    add("given" + std::to_string(table.next_attnum), true);
  } else if (what == 2) {
    table.columns[some].name = "renamed" + std::to_string(++values);
  } else if (what == 3 && others.size() > 2) {
    const Text name = table.columns[some].name;
    table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(some));
    if (chance(50)) add(name, false);
  } else {
    for (Column& column : table.columns) {
      if (column.type == "int4" && !column.key) column.type = "int8";
    }
  }
  ++table.version;
}

Text source_line(int start) {
  char run[40];
  std::snprintf(run, sizeof run, "%032d", ++values);
  return "{\"op\":\"source\",\"format\":1,\"source\":\"s\",\"run\":\"" + Text(run) +
         "\",\"system_id\":\"7\",\"timeline\":1,\"era\":0,\"server_version\":150018,\"database\":\"d\",\"slot\":\"x\","
         "\"start\":\"" +
         lsn_text(start) + "\"}\n";
}

// Table, position and number of every chunk that was copied.
std::set<std::tuple<Text, int, std::size_t>> taken;

// The chunks of one copy, or nothing where there is no moment left for it: cut at keys where the key is one number, each with a position of its own, from `begin` on.
Text copy_of(const Table& table, int begin, int latest) {
  Text out = source_line(begin);
  const bool cuts = table.columns[0].key && !table.columns[1].key && chance(60);
  const std::vector<int> bounds = cuts ? std::vector<int>{0, 3, 5, 1000} : std::vector<int>{0, 1000};
  int at = begin;
  const Text name = "\"table\":" + quoted(table.name);
  for (std::size_t n = 0; n + 1 < bounds.size(); ++n) {
    if (n > 0 && at < latest && chance(50)) at = table.at.upper_bound(at)->first;
    // Two copies do not see the same moment: here each chunk of a number has a position of its own.
    while (!taken.insert({table.name, at, n}).second) {
      const auto later = table.at.upper_bound(at);
      if (later == table.at.end()) return "";
      at = later->first;
    }
    const auto& [rows, columns] = table.at.at(at);
    const auto key = [&](std::size_t bound) {
      return bound == 0 || bound + 1 == bounds.size() ? Text("null") : "[\"" + std::to_string(bounds[bound]) + "\"]";
    };
    const Text chunk = name + ",\"lsn\":\"" + lsn_text(at) + "\",\"copy\":\"" + lsn_text(begin) +
                       "\",\"chunk\":" + std::to_string(n) + ",\"from_key\":" + key(n) + ",\"to_key\":" + key(n + 1);
    out += schema_line(table, columns, at) + "{\"op\":\"snapshot\",\"state\":\"begin\"," + chunk + "}\n";
    int count = 0;
    for (const auto& [_, row] : rows) {
      if (cuts) {
        const int id = std::atoi(row.at(columns[0].attnum).text.c_str());
        if (id < bounds[n] || id >= bounds[n + 1]) continue;
      }
      out += "{\"op\":\"r\"," + name + ",\"lsn\":\"" + lsn_text(at) + "\",\"ts\":\"" + time_text(at) +
             "\",\"after\":" + object(columns, row, any) + "}\n";
      ++count;
    }
    out += "{\"op\":\"snapshot\",\"state\":\"end\"," + chunk + ",\"rows\":" + std::to_string(count) + ",\"high\":\"" +
           lsn_text(at) + "\"}\n";
  }
  return out;
}

void remember() {
  for (Table& table : tables) table.at[lsn] = {table.rows, table.columns};
}

// A transaction begins at a multiple of ten and ends five behind it.
Text some_transaction(bool may_alter) {
  lsn += 10;
  remember();  // a copy at this position does not see it
  seq = 0;
  transaction.clear();
  if (may_alter && chance(12)) {
    alter(tables[0]);
    transaction += schema_line(tables[0], tables[0].columns, lsn);
  }
  for (int n = 1 + pick(8); n > 0; --n)
    some_write(tables[static_cast<std::size_t>(pick(static_cast<int>(tables.size())))]);
  if (seq == 0) insert(tables.back(), {});
  return transaction + "{\"op\":\"commit\",\"lsn\":\"" + lsn_text(lsn) + "\",\"end\":\"" + lsn_text(lsn + 5) +
         "\",\"ts\":\"" + time_text(lsn) + "\",\"xid\":" + std::to_string(lsn) + ",\"rows\":" + std::to_string(seq) +
         ",\"read_rows\":" + std::to_string(seq) + "}\n";
}

Table table(const Text& name, const Text& view, int relid, std::vector<Column> columns, bool has_key = true) {
  Table made;
  made.name = name, made.view = view, made.relid = relid, made.has_key = has_key;
  for (Column& column : columns) column.attnum = ++made.next_attnum;
  made.columns = std::move(columns);
  return made;
}

void write(const Text& folder, const Text& name, const Text& text) {
  std::ofstream file(folder + "/" + name, std::ios::binary);
  file << text;
  if (!file.flush()) std::exit(74);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  random_numbers.seed(static_cast<unsigned>(std::atoi(argv[1])));
  const int transactions = std::atoi(argv[2]);
  const Text folder = argv[3];
  tables = {
      table("public.t", "t", 100,
            {{"id", "int8", 0, true},
             {"note", "text", 0, false, true},
             {"blob", "text", 0, false, true},
             {"number", "int4"}}),
      table("public.\"Pair\"", "\"Pair\"", 200,
            {{"a", "int4", 0, true},
             {"b", "text", 0, true},
             {"long", "text", 0, false, true},
             {"n", "numeric"},
             {"f", "float8"},
             {"y", "bool"},
             {"at", "timestamptz"},
             {"d", "date"},
             {"bin", "bytea", 0, false, true},
             {"j", "jsonb", 0, false, true}}),
      table("public.log", "\"public.log__history\"", 300, {{"word", "text"}, {"number", "int4"}}, false),
  };
  // What was written before anybody captured: only copies bring it. Nothing of a log was.
  for (int n = pick(4); n > 0; --n) some_transaction(false);
  tables.back().log.clear();
  int file = 0;
  const auto next = [&](const char* what) {
    char name[64];
    std::snprintf(name, sizeof name, "%03d.%s", ++file, what);
    return Text(name);
  };
  int from = lsn + 5;
  std::vector<Text> waiting;  // copies that were read already and arrive later
  const auto copy = [&] {
    for (const Table& one : tables) {
      if (!one.has_key) continue;
      auto begin = one.at.lower_bound(from);
      if (begin == one.at.end()) continue;
      std::advance(begin, pick(static_cast<int>(std::distance(begin, one.at.end()))));
      if (const Text made = copy_of(one, begin->first, one.at.rbegin()->first); !made.empty()) waiting.push_back(made);
    }
  };
  const auto arrive = [&](int of_hundred) {
    for (std::size_t n = 0; n < waiting.size();) {
      if (!chance(of_hundred)) {
        ++n;
        continue;
      }
      write(folder, next("copy"), waiting[n]);
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(n));
    }
  };
  const int pieces = 1 + pick(4);
  for (int piece = 0; piece < pieces; ++piece) {
    Text stream = source_line(from);
    for (const Table& one : tables) stream += schema_line(one, one.columns, from);
    const int first = from;
    for (int n = std::max(1, transactions / pieces); n > 0; --n) stream += some_transaction(true);
    from = lsn + 5;
    lsn += 10;
    remember();
    // Before the piece that it overlaps, or after it.
    const int next_from = from;
    from = first;
    if (chance(60)) copy();
    from = next_from;
    arrive(40);
    write(folder, next("stream"),
          stream + "{\"op\":\"heartbeat\",\"end\":\"" + lsn_text(from) + "\",\"ts\":\"" + time_text(from) + "\"}\n");
    arrive(60);
  }
  arrive(100);
  // A last copy of everything, and word that the log has come that far.
  lsn += 10;
  remember();
  for (const Table& one : tables) {
    if (one.has_key) write(folder, next("copy"), copy_of(one, lsn, lsn));
  }
  write(folder, next("stream"),
        source_line(from) + "{\"op\":\"heartbeat\",\"end\":\"" + lsn_text(lsn + 5) + "\",\"ts\":\"" +
            time_text(lsn + 5) + "\"}\n");

  for (const Table& one : tables) {
    Text statement;
    for (const Column& column : one.columns)
      statement += (statement.empty() ? "SELECT \"" : ", \"") + column.name + "\"";
    std::vector<Text> lines;
    const auto add = [&](const Row& row) {
      Text line;
      for (const Column& column : one.columns)
        line += (&column == &one.columns.front() ? "" : "|") + row.at(column.attnum).text;
      lines.push_back(line + "\n");
    };
    for (const auto& [_, row] : one.rows) add(row);
    for (const Row& row : one.log) add(row);
    std::sort(lines.begin(), lines.end());
    Text text = statement + " FROM " + one.view + "\n";
    for (const Text& line : lines) text += line;
    write(folder, "expected." + std::to_string(one.relid), text);
  }
  return 0;
}
