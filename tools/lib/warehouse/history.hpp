// warehouse: every version of every row, half open in (lsn, seq) and in time. A line at a time goes through a fold of its own, so that
// keys, kept columns and moved rows mean here what they mean for current tables. Knows the history table; commits nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "change/line.hpp"
#include "warehouse/fold.hpp"
#include "warehouse/sqlite.hpp"
#include "warehouse/statements.hpp"
#include "warehouse/writer.hpp"

namespace warehouse {

class History {
 public:
  /// in   shape  of a table whose history table exists
  History(Database& database, Shape shape);
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  void use(const Mapping& mapping) { fold_.use(mapping); }

  /// Before copied rows: whether every transaction below their position has been taken. Then a version that covers it is theirs too; else
  /// lines between may be missing, and the copied row is a version of its own.
  void stream_passed(bool passed) { stream_passed_ = passed; }

  /// Takes one c, u, d or r line, in stream order. A line that is not newer than its key's last version changes nothing; a copied row older
  /// than all versions becomes the first one, and fills what is unknown in those after it.
  ///
  /// out  false: the row's key is unfit (the current table's fold keeps the line; without a key it always fits)
  bool add(const change::Line& line, std::string_view loaded_at);

  /// Ends open versions that began before (lsn, seq): a truncate (op t), or rows that a finished copy did not see (op d, seq -1).
  void end_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts, std::string_view loaded_at);

  /// Unfit values of the lines since the last call.
  [[nodiscard]] std::vector<Unfit> take_unfit();

 private:
  struct Version {
    std::int64_t number = 0;
    std::string from_lsn, valid_from, to_lsn, valid_to, to_op, unknown;
    std::int64_t from_seq = 0, to_seq = 0;
    bool open = false;
    bool born = false;
  };
  // Where a position stands among a key's versions.
  struct Place {
    std::vector<Version> newer;  // begin after it; the newest first
    std::optional<Version> at;   // the last one that began before it
    bool covers = false;         // `at` goes on at it and beyond
    bool ends_here = false;      // `at` ends exactly at it
    bool exact = false;          // one begins exactly at it
  };
  Place locate(std::string_view key, std::string_view lsn, std::int64_t seq);
  void write(std::uint32_t index, std::string_view loaded_at);
  void write_copied(std::uint32_t index, std::string_view loaded_at);
  void fill(const Version& version, std::uint32_t index);
  std::int64_t add_version(std::uint32_t index, const Version* kept_from, std::string_view not_before,
                           std::string_view loaded_at);
  void end(std::int64_t version, std::string_view lsn, std::int64_t seq, std::string_view ts, char op);
  void end_like_before(std::int64_t number, const Place& place);
  [[nodiscard]] int number(Own own) const { return static_cast<int>(parameter_of(shape_, own)); }

  Database& database_;
  Shape shape_;
  Statements statements_;
  Fold fold_;
  std::vector<std::string> quoted_names_;
  std::vector<Unfit> unfit_;
  bool stream_passed_ = false;
  Statement versions_;
  Statement end_;
  std::map<Columns, Statement> add_;
};

}  // namespace warehouse
