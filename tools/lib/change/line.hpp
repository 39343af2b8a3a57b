// change: one line of the stream, read without copying and without looking at values. The per-row path of every filter
// begins here. This file also keeps the order of lines honest (Checker). Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "change/types.hpp"
#include "json/tokens.hpp"

namespace change {

enum class Op : std::uint8_t {
  source,
  policy,
  schema,
  create,
  update,
  erase,
  read,
  truncate,
  message,
  commit,
  heartbeat,
  snapshot
};

/// The op's text in the stream: `source`, ..., `c`, `u`, `d`, `r`, `t`, `m`, `commit`, ...
[[nodiscard]] std::string_view text_of(Op op);
[[nodiscard]] constexpr bool is_row(Op op) { return op >= Op::create && op <= Op::truncate; }

/// A `snapshot` line's state: `begin`, `continue`, `end`.
enum class SnapshotState : std::uint8_t { begin, go_on, end };

/// A line's own keys. Views and tokens live as long as the line and until the parser's next call.
///
/// table                 decoded name (`public."Odd"`), empty when the op has none
/// lsn, end, ts, copy    positions and time as they stand in the line (checked shapes), empty when absent
/// after ... only        the member's value token, nullptr when absent
struct Line {
  Op op = Op::source;
  std::string_view raw;
  std::string_view table;
  std::string_view lsn;
  std::string_view end;
  std::string_view ts;
  std::uint64_t seq = 0;
  std::uint64_t xid = 0;
  std::uint64_t rows = 0;
  std::uint64_t read_rows = 0;
  std::uint64_t chunk = 0;
  SnapshotState snapshot_state = SnapshotState::begin;
  std::string_view high;
  std::string_view copy;
  const json::Token* after = nullptr;
  const json::Token* before = nullptr;
  const json::Token* unchanged = nullptr;
  const json::Token* withheld = nullptr;
  const json::Token* only = nullptr;
  std::span<const json::Token> tokens;

  [[nodiscard]] json::Value root() const { return {tokens, 0}; }
  [[nodiscard]] base::Lsn lsn_value() const { return base::parse_lsn(lsn).value_or(base::Lsn{}); }
  [[nodiscard]] base::Lsn end_value() const { return base::parse_lsn(end).value_or(base::Lsn{}); }
  /// Index of a member's value token in `tokens`.
  [[nodiscard]] std::uint32_t index_of(const json::Token* token) const {
    return static_cast<std::uint32_t>(token - tokens.data());
  }
};

/// Reads lines, keeping its memory from line to line.
class Parser {
 public:
  /// in   line  without its line break, with json::kPaddingBytes readable behind it
  /// out  the line's keys; valid until the next call
  /// err  data/invalid_json; data/unknown_op (also when `op` is not the first key); data/missing_key; data/bad_lsn;
  ///      data/bad_time; data/unknown_key for a key that the op does not have
  const Line& parse(std::string_view line);
  /// The same for text without padding (copied).
  const Line& parse_copy(std::string_view line);

 private:
  const Line& read(std::string_view line, std::span<const json::Token> tokens);
  json::Tokenizer tokenizer_;
  Line line_;
  std::string table_;
};

/// Holds a stream to the grammar of cdc-stream.5: every filter checks every line with it before acting on it.
///
/// A stream is: source, then any of: policy, schema; heartbeat; transactions (schema and row lines closed by commit);
/// chunks (snapshot begin, r lines of that table, snapshot end; several may be open, `continue` says whose lines follow). What it refuses, all data/...: `no_source` (first line is
/// not source), `two_sources` (a second source line), `wrong_order` (lsn or end going back, seq not counting up from
/// 0 except for gaps left by a filter, rows of two transactions mixed, commit of another lsn or xid), `no_schema` (row
/// of a table not described), `rows_off` (commit.rows or snapshot.rows is not the number of row lines, unless edited()).
class Checker {
 public:
  /// edited: something in the pipe selects rows on purpose; rows_off is not an error (cdc-batch --edited).
  explicit Checker(bool edited = false) : edited_(edited) {}

  void check(const Line& line);

  /// No transaction or chunk is open: the stream may end here.
  [[nodiscard]] bool at_boundary() const { return !in_transaction_ && chunks_.empty(); }
  [[nodiscard]] bool has_source() const { return has_source_; }
  /// Row lines seen in the transaction that is open (or was just closed).
  [[nodiscard]] std::uint64_t rows() const { return rows_; }
  /// err  retry/cut_short when the stream ended inside a transaction or chunk
  void end() const;

 private:
  void check_chunk(const Line& line);

  bool edited_;
  bool has_source_ = false;
  bool in_transaction_ = false;
  std::uint64_t rows_ = 0;
  std::uint64_t next_seq_ = 0;
  std::uint64_t xid_ = 0;
  std::string lsn_;       // of the open transaction
  std::string last_end_;  // greatest end seen; the stream's start at first
  struct OpenChunk {
    std::string table;
    std::string lsn;
    std::uint64_t chunk = 0;
    std::uint64_t rows = 0;
  };
  std::vector<std::unique_ptr<OpenChunk>> chunks_;
  OpenChunk* chunk_ = nullptr;  // the one whose rows come
  std::string last_table_;      // described, and the one of the last row: saves the look-up
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, bool, Hash, std::equal_to<>> described_;
};

}  // namespace change
