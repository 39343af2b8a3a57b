// warehouse: versions in an engine that is not asked row by row: lines wait until a window of them is together, the versions of their keys
// are fetched at once, history.cpp works on them in a table in memory, and what it changed is written back at once. So there is one
// meaning of history, written once. Knows how a value travels; not what a version is.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/sqlite.hpp"
#include "warehouse/history.hpp"
#include "warehouse/table_writer.hpp"

namespace warehouse {

class BulkHistory final : public TableHistory {
 public:
  BulkHistory(engine::Database& database, Shape shape);

  void use(const Mapping& mapping) override { mapping_ = &mapping; }
  void stream_passed(bool passed) override;
  void expect(const std::vector<UnknownEdit>& edits) override { edits_ = edits; }
  bool add(const change::Line& line, std::string_view loaded_at) override;
  void flush(std::string_view loaded_at) override;
  void end_older(base::Lsn lsn, std::int64_t seq, char op, std::string_view ts) override;
  [[nodiscard]] std::vector<Unfit> take_unfit() override { return here_.take_unfit(); }
  [[nodiscard]] std::size_t bytes() const override { return bytes_; }

 private:
  struct Waiting {
    std::string line;
    const Mapping* mapping;
  };
  void fetch(const Fold& fold, base::Lsn from);
  [[nodiscard]] std::string edited_unknown(std::string_view unknown, bool is_open) const;
  void number_from_there();
  void write_back();
  void end_fetched();
  void remember();
  [[nodiscard]] std::string there() const { return dialect_.quote(statements_.history_name()); }

  engine::Database& database_;
  const Dialect& dialect_;
  Shape shape_;
  Statements statements_;  // of the engine
  engine::Sqlite local_;
  History here_;
  const Mapping* mapping_ = nullptr;
  std::vector<Waiting> lines_;
  std::size_t bytes_ = 0;
  std::int64_t last_version_ = -1;  // the greatest number there; -1: not asked yet
  // Where a transaction's statements wait for its end, what was fetched and changed before stays here until then.
  struct Ended {
    base::Lsn lsn;
    std::int64_t seq;
    std::string ts;
  };
  std::set<std::string> fetched_;  // keys
  std::vector<Ended> ended_;       // by truncates
  std::vector<UnknownEdit> edits_;
  change::Parser parser_;
};

}  // namespace warehouse
