// cdc-mask: the stream through the policy. Knows the order of a stream's lines and what a plan says about a row.
// Must not know files, clocks or the log: what people should hear is handed to a function.
// Driven from memory by unit tests and fuzzers. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "change/line.hpp"
#include "policy/plan.hpp"
#include "policy/row.hpp"
#include "tool/filter.hpp"

namespace cdc_mask {

/// Something that does not leave and that somebody may be waiting for. Names only, never a value.
///
/// column   empty: the whole table
/// reason   never none or dropped
struct Notice {
  std::string table;
  std::string column;
  policy::Reason reason = policy::Reason::none;
  std::string key_column;  ///< Reason::key_withheld: which column of the key
};

/// What left and what did not, since the start.
struct Counts {
  std::uint64_t rows = 0;      ///< row lines that left
  std::uint64_t messages = 0;  ///< logical messages that did not leave
  struct Table {
    std::uint64_t rows = 0;                         ///< rows of a table that does not pass
    std::map<std::string, std::uint64_t> withheld;  ///< per column: rows without its value, other than by a rule
  };
  std::map<std::string, Table> tables;
};

class Mask : public tool::Filter {
 public:
  /// in   policy, keys  outlive this object; keys may be nullptr when the policy hashes nothing
  ///      notice        called once per run for each table or column and reason
  /// err  usage/missing_keys
  Mask(const policy::Policy& policy, const policy::Keys* keys, std::function<void(const Notice&)> notice);

  /// err  what change::Parser, change::Checker and policy::Planner refuse; data/already_masked for a policy line in the
  ///      input. On a failure nothing of this line has been written.
  void line(std::string_view text, io::LineWriter& out) override;
  void end(io::LineWriter& out) override;
  [[nodiscard]] bool at_boundary() const override { return checker_.at_boundary(); }

  [[nodiscard]] Counts counts() const;

 private:
  struct Table {
    policy::Plan plan;
    std::uint64_t denied_rows = 0;
    std::map<std::string, std::uint64_t> withheld;  // of former plans
    std::set<std::string> noticed;
  };

  void source(const change::Line& line, io::LineWriter& out);
  void schema(const change::Line& line, io::LineWriter& out);
  void row(const change::Line& line, io::LineWriter& out);
  void commit(const change::Line& line, io::LineWriter& out);
  void snapshot(const change::Line& line, io::LineWriter& out);
  Table& table_of(std::string_view name);
  void tell(Table& table, Notice notice);

  const policy::Policy& policy_;
  const policy::Keys* keys_;
  std::function<void(const Notice&)> notice_;
  change::Parser parser_;
  change::Checker checker_;
  policy::RowMask mask_;
  std::optional<policy::Planner> planner_;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, Table, Hash, std::equal_to<>> tables_;
  // The table of the last row: neighbours are mostly of one table.
  std::string_view last_name_;
  Table* last_table_ = nullptr;
  std::uint64_t passed_rows_ = 0;  // of the open transaction
  std::uint64_t rows_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace cdc_mask
