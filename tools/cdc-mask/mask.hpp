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
  std::uint64_t policies = 0;  ///< policies taken over while running
  struct Withheld {
    policy::Reason reason = policy::Reason::none;  ///< none: a condition
    std::string lsn;                               ///< of the schema line from which on
    std::uint64_t rows = 0;
  };
  struct Table {
    std::uint64_t rows = 0;  ///< rows of a table that does not pass
    Withheld whole;          ///< why it does not
    /// Per column: rows without its value, other than by a rule that drops it.
    std::map<std::string, Withheld> withheld;
    std::map<std::string, std::uint64_t> unfit;  ///< per column: rows whose value had no residue and left as null
  };
  std::map<std::string, Table> tables;
};

/// What a mask works with. policy, keys: outlive the mask or the next use(); keys may be nullptr when the policy hashes nothing.
struct Ruling {
  const policy::Policy* policy = nullptr;
  const policy::Keys* keys = nullptr;
};

class Mask : public tool::Filter {
 public:
  /// in   notice     called once per run for each table or column and reason
  ///      pins       what columns were in earlier runs; empty: the first schema line of each table is trusted
  ///      save_pins  called with all of them before a line leaves that rests on something new
  /// err  usage/missing_keys
  Mask(Ruling ruling, std::function<void(const Notice&)> notice, policy::PinBook pins = {},
       std::function<void(const policy::PinBook&)> save_pins = {});

  /// Goes on with another policy: writes its line, and the tables' shapes as they leave from now on.
  /// in   pins  what is accepted by now, beside what was known
  ///      at_boundary() is true
  /// err  as line(); nothing has been written then
  void use(Ruling ruling, const std::optional<policy::PinBook>& pins, io::LineWriter& out);

  /// err  what change::Parser, change::Checker and policy::Planner refuse; data/already_masked for a policy line in the
  ///      input. On a failure nothing of this line has been written.
  void line(std::string_view text, io::LineWriter& out) override;
  void end(io::LineWriter& out) override;
  [[nodiscard]] bool at_boundary() const override { return checker_.at_boundary(); }

  [[nodiscard]] Counts counts() const;
  /// The stream's source; empty before its first line.
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  struct Table {
    change::Schema source;  // as it came
    policy::Plan plan;
    Counts::Table former;  // counts of former plans
    std::set<std::string> noticed;
  };

  void source(const change::Line& line, io::LineWriter& out);
  void write_policy(io::LineWriter& out);
  void schema(const change::Line& line, io::LineWriter& out);
  void take_plan(Table& table, policy::Plan plan, io::LineWriter& out);
  static void add_counts(const Table& table, Counts::Table& into);
  void row(const change::Line& line, io::LineWriter& out);
  void message(const change::Line& line, io::LineWriter& out);
  void commit(const change::Line& line, io::LineWriter& out);
  void snapshot(const change::Line& line, io::LineWriter& out);
  Table& table_of(std::string_view name);
  void tell(Table& table, Notice notice);

  Ruling ruling_;
  std::function<void(const Notice&)> notice_;
  policy::PinBook pins_;
  std::function<void(const policy::PinBook&)> save_pins_;
  change::Parser parser_;
  change::Checker checker_;
  policy::RowMask mask_;
  std::optional<policy::Planner> planner_;
  std::string source_;
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
  std::uint64_t policies_ = 0;
};

}  // namespace cdc_mask
