// change: reading one line's own keys, and the grammar of the stream. Both run for every row, so both look at a few
// bytes each and allocate nothing once warm. Pure.
#include "change/line.hpp"

#include <algorithm>
#include <array>

#include "base/failure.hpp"
#include "base/time.hpp"

namespace change {
namespace {

using base::Exit;
using base::Failure;

constexpr auto kOps = std::to_array<std::string_view>(
    {"source", "policy", "schema", "c", "u", "d", "r", "t", "m", "commit", "heartbeat", "snapshot"});

[[noreturn]] void data(const char* slug, std::string message) { throw Failure(Exit::data, slug, std::move(message)); }

bool is_lsn(std::string_view text) {
  if (text.size() != base::kLsnTextBytes || text[8] != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i != 8 && !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'))) return false;
  }
  return true;
}

// Only the shape: a value's own time is not looked at on the per-row path.
bool is_time(std::string_view text) {
  return text.size() == base::kTimeTextBytes && text[4] == '-' && text[10] == 'T' && text[19] == '.' && text[26] == 'Z';
}

enum Key : std::uint32_t {
  kTable = 1u << 0,
  kLsn = 1u << 1,
  kSeq = 1u << 2,
  kTs = 1u << 3,
  kXid = 1u << 4,
  kAfter = 1u << 5,
  kBefore = 1u << 6,
  kUnchanged = 1u << 7,
  kWithheld = 1u << 8,
  kOnly = 1u << 9,
  kEnd = 1u << 10,
  kRows = 1u << 11,
  kReadRows = 1u << 12,
  kState = 1u << 13,
  kChunk = 1u << 14,
  kFromKey = 1u << 15,
  kToKey = 1u << 16,
  kHigh = 1u << 17,
  kPrefix = 1u << 18,
  kContent = 1u << 19,
  kFormatKey = 1u << 20,
  kCopy = 1u << 21,
  kBy = 1u << 22,
  kKeys = 1u << 23,
  kOther = 1u << 24
};

// What a line of each op must have and may have. A source, policy or schema line is read by its own decoder.
struct Needs {
  std::uint32_t must;
  std::uint32_t may;
};
constexpr std::uint32_t kPlace = kTable | kLsn | kSeq | kTs | kXid;
constexpr std::array<Needs, 12> kNeeds{{
    {0, ~0u},                                                                                    // source
    {0, ~0u},                                                                                    // policy
    {kTable | kLsn, ~0u},                                                                        // schema
    {kPlace | kAfter, kWithheld},                                                                // c
    {kPlace | kAfter, kBefore | kUnchanged | kWithheld},                                         // u
    {kPlace | kBefore, kWithheld},                                                               // d
    {kTable | kLsn | kTs, kAfter | kBefore | kOnly | kWithheld},                                 // r
    {kPlace, 0},                                                                                 // t
    {kLsn | kSeq | kTs | kXid | kPrefix | kContent, 0},                                          // m
    {kLsn | kEnd | kTs | kXid | kRows | kReadRows, 0},                                           // commit
    {kEnd | kTs, 0},                                                                             // heartbeat
    {kState | kTable | kLsn | kChunk, kCopy | kBy | kFromKey | kToKey | kKeys | kRows | kHigh},  // snapshot
}};

Key key_of(std::string_view key) {
  switch (key.size()) {
    case 2:
      return key == "ts" ? kTs : key == "by" ? kBy : kOther;
    case 3:
      return key == "lsn" ? kLsn : key == "seq" ? kSeq : key == "xid" ? kXid : key == "end" ? kEnd : kOther;
    case 4:
      return key == "rows"   ? kRows
             : key == "only" ? kOnly
             : key == "high" ? kHigh
             : key == "copy" ? kCopy
             : key == "keys" ? kKeys
                             : kOther;
    case 5:
      return key == "table"   ? kTable
             : key == "after" ? kAfter
             : key == "state" ? kState
             : key == "chunk" ? kChunk
                              : kOther;
    case 6:
      return key == "before"   ? kBefore
             : key == "to_key" ? kToKey
             : key == "prefix" ? kPrefix
             : key == "base64" ? kContent  // of a message whose bytes are no text
                               : kOther;
    case 7:
      return key == "content" ? kContent : kOther;
    case 8:
      return key == "withheld" ? kWithheld : key == "from_key" ? kFromKey : kOther;
    case 9:
      return key == "unchanged" ? kUnchanged : key == "read_rows" ? kReadRows : kOther;
    default:
      return kOther;
  }
}

}  // namespace

std::string_view text_of(Op op) { return kOps[static_cast<std::size_t>(op)]; }

const Line& Parser::parse(std::string_view line) { return read(line, tokenizer_.tokens(line)); }
const Line& Parser::parse_copy(std::string_view line) {
  const auto tokens = tokenizer_.tokens_of_copy(line);
  // `raw` must be the memory that the tokens point into: the copy, which begins as many blanks before the first token.
  return read({tokens[0].begin - line.find_first_not_of(" \t\n\r"), line.size()}, tokens);
}

const Line& Parser::read(std::string_view line, std::span<const json::Token> tokens) {
  line_ = Line{};
  line_.raw = line;
  line_.tokens = tokens;
  if (tokens[0].kind != json::Kind::object) data("unknown_op", "a line is not a JSON object");
  if (tokens.size() < 3 || tokens[1].inner() != "op" || tokens[2].kind != json::Kind::string) {
    data("unknown_op", "a line's first key is not 'op'");
  }
  const std::string_view op = tokens[2].inner();
  std::size_t index = 0;
  while (index < kOps.size() && kOps[index] != op) ++index;
  if (index == kOps.size()) data("unknown_op", "a line's op is not one of the stream's");
  line_.op = static_cast<Op>(index);
  const Needs needs = kNeeds[index];
  const auto wrong = [&](std::string_view key) {
    data("missing_key", "op '" + std::string(op) + "': key '" + std::string(key) + "' is of another kind");
  };

  std::uint32_t seen = 0;
  for (std::uint32_t i = 3; i < tokens.size(); i = tokens[i + 1].next) {
    const std::string_view name = tokens[i].inner();
    const json::Token& value = tokens[i + 1];
    const Key key = key_of(name);
    if (((needs.must | needs.may) & key) == 0) {
      data("unknown_key", "op '" + std::string(op) + "' does not have one of the keys that stand in the line");
    }
    // Only a key that this op reads is read: a schema's or policy's others belong to their decoders.
    if (needs.may == ~0u && (needs.must & key) == 0) continue;
    if ((seen & key) != 0)
      data("unknown_key", "op '" + std::string(op) + "': key '" + std::string(name) + "' stands twice");
    seen |= key;
    const auto text = [&](std::string_view& into, bool (*good)(std::string_view), const char* slug) {
      if (value.kind != json::Kind::string) wrong(name);
      into = value.inner();
      if (good != nullptr && !good(into)) data(slug, "key '" + std::string(name) + "' has not the stream's form");
    };
    const auto number = [&](std::uint64_t& into) {
      if (value.kind != json::Kind::number || !json::parse_whole(value.raw(), into)) wrong(name);
    };
    const auto container = [&](const json::Token*& into, json::Kind kind) {
      if (value.kind != kind) wrong(name);
      into = &value;
    };
    switch (key) {
      case kTable:
        text(line_.table, nullptr, "");
        if (line_.table.find('\\') != std::string_view::npos) line_.table = table_ = json::unescape(line_.table);
        break;
      case kLsn:
        text(line_.lsn, is_lsn, "bad_lsn");
        break;
      case kEnd:
        text(line_.end, is_lsn, "bad_lsn");
        break;
      case kHigh:
        text(line_.high, is_lsn, "bad_lsn");
        break;
      case kCopy:
        text(line_.copy, is_lsn, "bad_lsn");
        break;
      case kTs:
        text(line_.ts, is_time, "bad_time");
        break;
      case kSeq:
        number(line_.seq);
        break;
      case kXid:
        number(line_.xid);
        break;
      case kRows:
        number(line_.rows);
        break;
      case kReadRows:
        number(line_.read_rows);
        break;
      case kChunk:
        number(line_.chunk);
        break;
      case kAfter:
        container(line_.after, json::Kind::object);
        break;
      case kBefore:
        container(line_.before, json::Kind::object);
        break;
      case kUnchanged:
        container(line_.unchanged, json::Kind::array);
        break;
      case kWithheld:
        container(line_.withheld, json::Kind::array);
        break;
      case kOnly:
        container(line_.only, json::Kind::array);
        break;
      case kState: {
        std::string_view state;
        text(state, nullptr, "");
        if (state != "begin" && state != "continue" && state != "end") {
          data("missing_key", "a snapshot line's state is neither begin nor continue nor end");
        }
        line_.snapshot_state = state == "begin" ? SnapshotState::begin
                               : state == "end" ? SnapshotState::end
                                                : SnapshotState::go_on;
        break;
      }
      default:
        break;
    }
  }
  if ((seen & needs.must) != needs.must) data("missing_key", "op '" + std::string(op) + "': a key is missing");
  if (line_.op == Op::read && (line_.after == nullptr) == (line_.before == nullptr)) {
    data("missing_key", "op 'r' has either after or before");
  }
  if (line_.op == Op::snapshot && line_.snapshot_state == SnapshotState::end &&
      (seen & (kHigh | kRows)) != (kHigh | kRows)) {
    data("missing_key", "a snapshot's end has no rows or no high");
  }
  return line_;
}

void Checker::check(const Line& line) {
  if (!has_source_) {
    if (line.op != Op::source) data("no_source", "the stream does not begin with a source line");
    has_source_ = true;
    last_end_ = base::format(decode_source(line.root()).start);
    return;
  }
  switch (line.op) {
    case Op::source:
      data("two_sources", "a second source line: two streams are mixed");
    case Op::policy:
      if (!at_boundary()) data("wrong_order", "a policy line inside a transaction");
      return;
    case Op::schema:
      described_.insert_or_assign(std::string(line.table), true);
      return;
    case Op::create:
    case Op::update:
    case Op::erase:
    case Op::truncate:
    case Op::message: {
      if (!chunks_.empty()) data("wrong_order", "a transaction's line inside a copied chunk");
      if (!in_transaction_) {
        // A commit record may begin exactly where the one before ended, or at the start; never before.
        if (line.lsn < std::string_view(last_end_)) data("wrong_order", "a transaction's lsn goes back");
        in_transaction_ = true;
        lsn_ = line.lsn;
        xid_ = line.xid;
        rows_ = 0;
        next_seq_ = 0;
      } else if (line.lsn != lsn_ || line.xid != xid_) {
        data("wrong_order", "rows of two transactions are mixed");
      }
      if (line.seq < next_seq_) data("wrong_order", "seq does not count up");
      next_seq_ = line.seq + 1;
      break;
    }
    case Op::read:
      if (chunk_ == nullptr) data("wrong_order", "a copied row outside a chunk");
      if (line.lsn != chunk_->lsn) data("wrong_order", "a copied row of another lsn");
      if (line.table != chunk_->table) data("wrong_order", "a copied row of another table");
      ++chunk_->rows;
      return;
    case Op::commit:
      if (!chunks_.empty()) data("wrong_order", "a commit inside a copied chunk");
      if (!in_transaction_) {
        rows_ = 0;
        if (line.lsn < std::string_view(last_end_)) data("wrong_order", "a transaction's lsn goes back");
      } else if (line.lsn != lsn_ || line.xid != xid_) {
        data("wrong_order", "a commit that is not of the open transaction");
      }
      if (line.end <= line.lsn) data("wrong_order", "a commit's end is not behind its lsn");
      if (line.rows != rows_ && !edited_) data("rows_off", "a commit's rows is not the number of its row lines");
      in_transaction_ = false;
      last_end_ = line.end;
      return;
    case Op::heartbeat:
      if (!at_boundary()) data("wrong_order", "a heartbeat inside a transaction");
      if (line.end < std::string_view(last_end_)) data("wrong_order", "a heartbeat's end goes back");
      last_end_ = line.end;
      return;
    case Op::snapshot:
      if (in_transaction_) data("wrong_order", "a chunk inside a transaction");
      check_chunk(line);
      return;
  }
  ++rows_;
  if (line.op == Op::message || line.table == last_table_) return;
  if (!described_.contains(line.table)) data("no_schema", "a row of a table that no schema line describes");
  last_table_ = line.table;
}

// Chunks of several workers are open at once; rows belong to the one that was named last.
void Checker::check_chunk(const Line& line) {
  const auto named = std::find_if(chunks_.begin(), chunks_.end(), [&](const auto& open) {
    return open->chunk == line.chunk && open->lsn == line.lsn && open->table == line.table;
  });
  if (line.snapshot_state == SnapshotState::begin) {
    if (named != chunks_.end()) data("wrong_order", "a chunk that is open begins again");
    if (!described_.contains(line.table)) data("no_schema", "a chunk of a table that no schema line describes");
    chunks_.push_back(
        std::make_unique<OpenChunk>(OpenChunk{std::string(line.table), std::string(line.lsn), line.chunk}));
    chunk_ = chunks_.back().get();
    return;
  }
  if (named == chunks_.end()) data("wrong_order", "a chunk goes on or ends without its begin");
  if (line.snapshot_state == SnapshotState::go_on) {
    chunk_ = named->get();
    return;
  }
  if (line.rows != (*named)->rows && !edited_) data("rows_off", "a chunk's rows is not the number of its row lines");
  chunk_ = nullptr;
  chunks_.erase(named);
}

void Checker::end() const {
  if (!at_boundary()) throw Failure(Exit::retry, "cut_short", "the input ended inside a transaction or chunk");
}

}  // namespace change
