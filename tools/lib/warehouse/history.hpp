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
#include "engine/database.hpp"
#include "warehouse/fold.hpp"
#include "warehouse/statements.hpp"
#include "warehouse/table_writer.hpp"
#include "warehouse/writer.hpp"

namespace warehouse {

class History final : public TableHistory {
 public:
  History(engine::Database& database, Shape shape);
  /// For the table of another engine, which takes fewer values. in  dialect  its
  History(engine::Database& database, Shape shape, const Dialect& dialect);

  void use(const Mapping& mapping) override { fold_.use(mapping); }
  void stream_passed(bool passed) override { stream_passed_ = passed; }
  bool add(const change::Line& line, std::string_view loaded_at) override;
  void flush(std::string_view) override {}
  void end_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts) override;
  [[nodiscard]] std::vector<Unfit> take_unfit() override;

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

  engine::Database& database_;
  Shape shape_;
  Statements statements_;
  Fold fold_;
  std::vector<std::string> quoted_names_;
  std::vector<Unfit> unfit_;
  bool stream_passed_ = false;
  engine::Statement versions_;
  engine::Statement end_;
  std::map<Columns, engine::Statement> add_;
};

}  // namespace warehouse
