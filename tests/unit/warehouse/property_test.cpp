// Random streams of a simulated source, however they are cut into windows, replayed, and met by a copy: the warehouse's rows are the
// source's rows. The simulation is the oracle; it knows nothing of positions or folds.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "table.hpp"

namespace {

struct Row {
  std::string note;  // out of line: an update that does not touch it does not send it
  std::string blob;  // out of line too
  int number = 0;
};

// A source table under random writes. The stream begins at `begin`: what was written before is not in it.
struct Source {
  explicit Source(unsigned seed) : random(seed) {}
  std::mt19937 random;
  std::map<int, Row> rows;
  std::vector<std::string> lines;                  // of the stream, in order
  std::vector<std::uint64_t> lsns;                 // of each line
  std::map<std::uint64_t, std::map<int, Row>> at;  // rows as a copy at this lsn sees them
  std::uint64_t lsn = 100;
  std::uint64_t seq = 0;
  int values = 0;

  int pick(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
  std::string value() { return "v" + std::to_string(++values); }
  void emit(std::string_view op, const std::string& rest) {
    lines.push_back(test::line(op, lsn, seq++, rest));
    lsns.push_back(lsn);
  }
  static std::string key(int id) { return "{\"id\":" + std::to_string(id) + "}"; }
  static std::string whole(int id, const Row& row) {
    return "{\"id\":" + std::to_string(id) + ",\"note\":\"" + row.note + "\",\"blob\":\"" + row.blob +
           "\",\"number\":" + std::to_string(row.number) + "}";
  }
  void insert(int id) {
    Row row{value(), value(), pick(1000)};
    emit("c", "\"after\":" + whole(id, row));
    rows[id] = row;
  }
  void erase(int id) {
    emit("d", "\"before\":" + key(id));
    rows.erase(id);
  }
  // Changes some columns, and the key when `to` is another.
  void update(int id, int to) {
    Row row = rows[id];
    row.number = pick(1000);
    std::string after = "\"after\":{\"id\":" + std::to_string(to);
    std::string unchanged;
    const auto column = [&](const char* name, std::string& there) {
      if (pick(3) == 0) {
        there = value();
        after += ",\"" + std::string(name) + "\":\"" + there + "\"";
      } else if (pick(4) == 0) {
        after += ",\"" + std::string(name) + "\":\"" + there + "\"";  // stored in line: sent though it did not change
      } else {
        unchanged += (unchanged.empty() ? "\"" : ",\"") + std::string(name) + "\"";
      }
    };
    column("note", row.note);
    column("blob", row.blob);
    after += ",\"number\":" + std::to_string(row.number) + "}";
    if (to != id) after += ",\"before\":" + key(id);
    emit("u", after + (unchanged.empty() ? "" : ",\"unchanged\":[" + unchanged + "]"));
    rows.erase(id);
    rows[to] = row;
  }
  void transaction() {
    lsn += 10;
    seq = 0;
    at[lsn] = rows;  // a copy at this position does not see this transaction
    for (int n = 1 + pick(6); n > 0; --n) {
      const int id = 1 + pick(7);
      const int to = 1 + pick(7);
      const bool there = rows.contains(id);
      switch (pick(10)) {
        case 0:
          if (there) erase(id);
          break;
        case 1:
          if (there) {
            erase(id);
            insert(id);
          } else {
            insert(id);
          }
          break;
        case 2:
        case 3:
          if (there && !rows.contains(to)) update(id, to);
          break;
        case 4:
          if (there && rows.contains(to) && id != to) {  // swap through a third key
            update(id, 99);
            update(to, id);
            update(99, to);
          }
          break;
        case 5:
          if (pick(12) == 0) {
            emit("t", "");
            rows.clear();
          }
          break;
        default:
          if (there) {
            update(id, id);
          } else {
            insert(id);
          }
      }
    }
  }
  [[nodiscard]] static std::string text(const std::map<int, Row>& some) {
    std::string out;
    for (const auto& [id, row] : some) {
      out += std::to_string(id) + "|" + row.note + "|" + row.blob + "|" + std::to_string(row.number) + "\n";
    }
    return out;
  }
};

change::Schema columns() { return test::schema({"id:int8", "note:text", "blob:text", "number:int4"}); }

std::vector<std::string> copied(const std::map<int, Row>& rows) {
  std::vector<std::string> out;
  for (const auto& [id, row] : rows) out.push_back("\"after\":" + Source::whole(id, row));
  return out;
}

// Rows before the stream begins, then the stream.
Source some_source(unsigned seed) {
  Source source(seed);
  for (int n = source.pick(4); n > 0; --n) source.transaction();
  source.lines.clear();
  source.lsns.clear();
  source.at.clear();
  for (int n = 1 + source.pick(12); n > 0; --n) source.transaction();
  source.lsn += 10;
  source.at[source.lsn] = source.rows;
  return source;
}

// Line by line alike, where `?` is like anything that is one column.
bool equal_where_known(const std::string& told, const std::string& truth) {
  std::size_t t = 0;
  for (std::size_t i = 0; i < told.size(); ++i) {
    if (told[i] == '?') {
      t = truth.find('|', t);
      if (t == std::string::npos) return false;
    } else if (t >= truth.size() || told[i] != truth[t++]) {
      return false;
    }
  }
  return t == truth.size();
}

TEST(Windows, one_window_many_windows_and_line_by_line_give_the_same_table) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Source source = some_source(seed);
    test::Table whole(columns());
    for (const std::string& line : source.lines) ASSERT_TRUE(whole.add(line));
    whole.flush();
    test::Table single(columns());
    for (const std::string& line : source.lines) {
      ASSERT_TRUE(single.add(line));
      single.flush();
    }
    ASSERT_EQ(whole.all(), single.all()) << "seed " << seed;
    test::Table pieces(columns());
    for (const std::string& line : source.lines) {
      ASSERT_TRUE(pieces.add(line));
      if (source.pick(4) == 0) pieces.flush();
    }
    pieces.flush();
    ASSERT_EQ(pieces.all(), single.all()) << "seed " << seed;
  }
}

TEST(Windows, replaying_any_part_again_changes_nothing) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Source source = some_source(seed);
    test::Table table(columns());
    for (const std::string& line : source.lines) ASSERT_TRUE(table.add(line));
    table.flush();
    const std::string once = table.all();
    const warehouse::Cut cut = table.cut;
    const std::size_t from =
        source.lines.empty() ? 0 : static_cast<std::size_t>(source.pick(static_cast<int>(source.lines.size())));
    for (std::size_t i = from; i < source.lines.size(); ++i) {
      if (source.lines[i].find("\"op\":\"t\"") != std::string::npos) continue;  // the loader knows its last truncate
      ASSERT_TRUE(table.add(source.lines[i]));
      table.cut = cut;
      if (source.pick(5) == 0) table.flush();
    }
    table.flush();
    ASSERT_EQ(table.all(), once) << "seed " << seed;
  }
}

TEST(Copies, a_copy_before_between_or_after_the_stream_gives_the_sources_rows) {
  for (unsigned seed = 0; seed < 600; ++seed) {
    Source source = some_source(seed);
    // The copy's position is that of some transaction; it arrives at any moment.
    auto position = source.at.begin();
    std::advance(position, source.pick(static_cast<int>(source.at.size())));
    const std::size_t arrives = static_cast<std::size_t>(source.pick(static_cast<int>(source.lines.size()) + 1));
    const bool with_history = seed % 2 == 0;
    test::Table table(columns(), with_history);
    for (std::size_t i = 0; i <= source.lines.size(); ++i) {
      if (i == arrives) {
        // A copy older than the last truncate brings nothing: the loader's cut stands.
        table.copy(position->first, copied(position->second),
                   i == source.lines.size() || source.lsns[i] >= position->first);
      }
      if (i < source.lines.size()) {
        if (arrives <= i && i > 0 && source.lsns[i - 1] < position->first && source.lsns[i] >= position->first)
          table.flush();
        ASSERT_TRUE(table.add(source.lines[i]));
        if (source.pick(4) == 0) table.flush();
      }
    }
    table.flush();
    // A row that changed its key before it was ever seen cannot be found by a copy under its old key: what of it is unknown is told, never guessed.
    const std::string told =
        "CASE WHEN instr(coalesce(_cdc_unknown,''),'\"note\"') THEN '?' ELSE note END, "
        "CASE WHEN instr(coalesce(_cdc_unknown,''),'\"blob\"') THEN '?' ELSE blob END, number";
    const std::string rows = table.query("SELECT id, " + told + " FROM \"public.t\" WHERE _cdc_deleted=0 ORDER BY id");
    ASSERT_TRUE(equal_where_known(rows, Source::text(source.rows)))
        << "seed " << seed << " copy at " << position->first << " before line " << arrives << "\n"
        << rows << Source::text(source.rows);
    ASSERT_EQ(
        table.query(
            "SELECT id FROM \"public.t\" WHERE _cdc_deleted=0 AND _cdc_unknown IS NOT NULL AND (_cdc_born IS NULL OR " +
            std::to_string(arrives) + "=0)"),
        "")
        << seed;
    if (!with_history) continue;
    const std::string open =
        table.query("SELECT id, " + told + " FROM \"public.t__history\" WHERE _cdc_to_lsn IS NULL ORDER BY id");
    ASSERT_EQ(open, rows) << "seed " << seed << " copy at " << position->first << " before line " << arrives << "\n"
                          << table.query(
                                 "SELECT * FROM \"public.t__history\" ORDER BY id, _cdc_from_lsn, _cdc_from_seq");
    ASSERT_EQ(table.query("SELECT a.id FROM \"public.t__history\" a JOIN \"public.t__history\" b ON a.id=b.id AND "
                          "a._cdc_version<>b._cdc_version WHERE "
                          "(a._cdc_from_lsn,a._cdc_from_seq)<=(b._cdc_from_lsn,b._cdc_from_seq) AND "
                          "(a._cdc_to_lsn IS NULL OR (a._cdc_to_lsn,a._cdc_to_seq)>(b._cdc_from_lsn,b._cdc_from_seq))"),
              "")
        << "two versions of a row at one position, seed " << seed;
  }
}

}  // namespace
