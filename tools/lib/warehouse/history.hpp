// warehouse: every version of every row, half open in (lsn, seq) and in time. A line at a time goes through a fold of its own, so that
// keys, kept columns and moved rows mean here what they mean for current tables. Knows the history table; commits nothing.
#pragma once

#include <cstdint>
#include <map>
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
    std::string from_lsn, valid_from, to_lsn, unknown;
    std::int64_t from_seq = 0, to_seq = 0;
    bool open = false;
    bool born = false;
  };
  std::vector<Version> versions(std::string_view key, std::size_t most);
  void write(std::uint32_t index, std::string_view loaded_at);
  void write_copied(std::uint32_t index, std::string_view loaded_at);
  std::int64_t add_version(std::uint32_t index, const Version* before, std::string_view loaded_at);
  void end(const Version& version, std::string_view lsn, std::int64_t seq, std::string_view ts, char op);
  [[nodiscard]] int number(Own own) const { return static_cast<int>(parameter_of(shape_, own)); }

  Database& database_;
  Shape shape_;
  Statements statements_;
  Fold fold_;
  std::vector<std::string> quoted_names_;
  std::vector<Unfit> unfit_;
  Statement versions_;
  Statement end_;
  std::map<Columns, Statement> add_;
};

}  // namespace warehouse
