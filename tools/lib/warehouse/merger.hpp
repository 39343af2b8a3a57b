// warehouse: net rows into one table of an engine that takes them all at once: into a scratch table, then one MERGE. Knows the fold and how
// a value is handed over; commits nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "warehouse/merge.hpp"
#include "warehouse/table_writer.hpp"

namespace warehouse {

/// Hands over the value of a column. in  raw  JSON text, of a value that fits
void put_value(engine::Bulk& bulk, Kind kind, std::string_view raw);

class Merger final : public TableWriter {
 public:
  Merger(engine::Database& database, Shape shape);
  void write(Fold& fold, Cut cut, std::string_view loaded_at) override;

 private:
  [[nodiscard]] Window window_of(const Fold& fold, const std::vector<std::uint32_t>& rows) const;
  void put_row(engine::Bulk& bulk, const Fold& fold, std::uint32_t index, bool moves);
  void put_key(engine::Bulk& bulk, std::string_view key) const;

  Merge merge_;
  std::vector<bool> is_key_;
  std::vector<std::string> quoted_names_;
  std::vector<Kind> key_kinds_;
  std::string states_;  // of the row in hand, and its lists
  std::string unknown_;
  std::string lost_;
};

}  // namespace warehouse
