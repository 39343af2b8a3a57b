// pgcdc-read: one run; the contract is in reader.hpp. Knows the order of things: connect, refuse, start, read and
// answer, end, confirm. Must not wait for standard output, the disk or the next program while the connection is
// open.
#include "pgcdc-read/reader.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <memory>
#include <optional>

#include "crypto/digest.hpp"
#include "io/environment.hpp"
#include "io/file.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"
#include "logging/event.hpp"
#include "pg/binary_types.hpp"
#include "pg/catalog.hpp"
#include "pg/connection.hpp"
#include "pg/leaves.hpp"
#include "pg/publication.hpp"
#include "pg/slot.hpp"
#include "pgcdc-read/ack.hpp"
#include "pgcdc-read/memory.hpp"
#include "pgcdc-read/message_queue.hpp"
#include "pgcdc-read/open_transactions.hpp"
#include "pgcdc-read/output.hpp"
#include "pgcdc-read/pace.hpp"
#include "pgcdc-read/spool.hpp"
#include "pgcdc-read/translate.hpp"
#include "pgoutput/envelope.hpp"
#include "pgoutput/message.hpp"
#include "tool/command.hpp"
#include "tool/filter.hpp"
#include "tool/metrics.hpp"

namespace reader {
namespace {

using base::Exit;
using base::Failure;
using base::Lsn;

constexpr int kOutput = 1;
constexpr std::int64_t kHeartbeatGapMs = 1'000;
constexpr std::int64_t kAckLookGapMs = 500;
// An epoch may be cut a minute after its last change: who waits for that looks less often, so that an idle pipeline costs nothing.
constexpr std::int64_t kLateAckLookGapMs = 2'000;
constexpr std::int64_t kLateAckMs = 3'000;
constexpr std::int64_t kFinalAckLookGapMs = 20;
// After the stream's end the last program makes it durable and says so: waited for as long as it lives, up to a bound; when
// nobody is seen at work on the ack file, only for a moment: the next programs may just be beginning.
constexpr std::int64_t kFinalAckWaitMs = 600'000;
constexpr std::int64_t kNobodyWaitMs = 5'000;
constexpr std::int64_t kStopGraceMs = 10'000;  // a server that is shutting down waits for our last confirmation
constexpr std::int64_t kStopStallMs = 2'000;   // ... but not for a consumer that has stalled for so long
constexpr std::int64_t kEndWaitMs = 5'000;
constexpr std::int64_t kRestartWaitMs = 60'000;  // the server ends a stream between two of its blocks
constexpr std::int64_t kLastLinesMs = 5'000;
constexpr std::uint32_t kOldestServer = 140000;
constexpr std::int64_t kSessionPatienceMs =
    10'000;  // for an answer of the second connection: the first is not read meanwhile
constexpr std::int64_t kVisibleWaitMs = 200;
constexpr std::int64_t kGiveGapMs = 5;
constexpr std::int64_t kCountGapMs = 1'000;
constexpr std::int64_t kRootsLookGapMs = 10'000;
constexpr unsigned kManyMessages = 4;
constexpr long kNapNs = 100'000;
// What is translated of a waiting transaction before the socket is looked at again: some milliseconds' worth.
constexpr std::size_t kCatchUpBytes = 1 << 20;

std::optional<Lsn> position_option(const std::string& text, const char* option, const char* slug) {
  if (text.empty()) return std::nullopt;
  const auto lsn = base::parse_lsn(text);
  if (!lsn) throw Failure(Exit::usage, slug, std::string("--") + option + " is no log position like 0/16B3748");
  return lsn;
}

std::string spool_folder(const std::string& asked) {
  if (asked.empty()) return io::temporary_folder("/var/tmp");
  io::make_private_folder(asked);
  return asked;
}

void pause_ms(int duration_ms) { static_cast<void>(poll(nullptr, 0, duration_ms)); }

class Run {
 public:
  explicit Run(const Options& options);
  void run();

 private:
  enum class Phase : std::uint8_t {
    reading,
    writing,  ///< the end was reached: what is left goes out
    waiting,  ///< standard output is closed: the last ack is awaited
    ended,
  };

  void start();
  void start_stream(Lsn from);
  [[nodiscard]] Described describe(const pgoutput::Relation& relation, base::Xid xid);

  void turn();
  void take_messages();
  void take(std::string_view bytes);
  void take_data(std::string_view payload);
  bool take_streamed(std::string_view payload);
  void take_whole(std::string_view payload);
  void closed_transaction();
  void catch_up();
  void restart(std::string_view why, std::string_view words);
  bool can_do_without(const Failure& failure);
  void take_keepalive(const pgoutput::Envelope& envelope);
  void check_notice() const;
  void heartbeat();
  void look_at_roots();
  void tell_roots(Lsn passed);
  [[nodiscard]] pg::Roots find_roots();
  void tell_again(base::Oid relid, const std::function<void(change::Schema&)>& add);
  void look_at_ack();
  [[nodiscard]] std::int64_t ack_look_gap_ms() const;
  void tell_server();
  void advance();
  void finish_reading();
  [[nodiscard]] bool nobody_acks();
  void end_session();
  void give_what_is_whole() noexcept;
  void give_output();
  void count();
  void wait();
  /// Something that the server has sent waits to be translated.
  [[nodiscard]] bool behind() const { return replay_ != nullptr || !backlog_.empty(); }
  [[nodiscard]] bool owes_nothing() const { return options_.ack.empty() || durable_ >= last_sent_; }

  const Options& options_;
  const std::optional<Lsn> start_;
  std::optional<Lsn> until_;
  const std::string run_ = crypto::random_id();

  pg::Connection session_;
  pg::Connection stream_;
  std::optional<pg::BinaryTypes> types_;
  bool binary_ = false;  ///< the server sends values in binary: fewer bytes, and sooner made
  std::optional<pg::Catalog> catalog_;
  std::optional<pg::PublicationWatch> watch_;
  PublicationMemory memory_;
  std::optional<pg::Notice> fatal_notice_;
  Translator translator_;
  Spool spool_;
  Output output_;
  OpenTransactions open_;
  // A streamed transaction that has committed and is being written out, and what came meanwhile.
  std::unique_ptr<StreamedTransaction> replay_;
  pgoutput::Commit replay_commit_;
  MessageQueue backlog_;
  // Partitions as the catalog shows them, until the stream has passed that moment; and as the stream has told of them.
  std::optional<pg::Roots> roots_;
  std::map<std::uint32_t, std::vector<change::Leaf>> told_leaves_;
  std::map<std::uint32_t, base::Oid> told_files_;
  std::int64_t roots_look_ms_ = 0;
  bool streaming_;  ///< the server may send transactions before their commit
  std::optional<Pace> pace_;
  tool::Metrics metrics_;

  pgoutput::Decoder decoder_;  // of what stands around streamed transactions; the translator has its own
  Phase phase_ = Phase::reading;
  std::int64_t now_ms_ = tool::steady_ms();
  std::int64_t phase_ends_ms_ = 0;
  std::int64_t nobody_after_ms_ = 0;
  bool heard_nothing_ = false;  ///< the last round brought no message: the socket is empty
  unsigned taken_ = 0;          ///< messages since the last wait
  bool unsent_ = false;
  Lsn received_;   ///< how far the server has sent
  Lsn durable_;    ///< what may be confirmed
  Lsn last_sent_;  ///< greatest end or start handed to the output
  Lsn owed_;       ///< what it was when it grew last
  std::int64_t owed_since_ms_ = 0;
  Lsn idle_position_;  ///< of the last keepalive between transactions
  base::Time idle_ts_;
  std::int64_t heartbeat_ms_ = 0;
  std::int64_t given_ms_ = 0;
  std::int64_t counted_ms_ = 0;
  std::int64_t ack_look_ms_ = 0;
  std::int64_t stop_grace_ends_ms_ = 0;
  std::int64_t stop_stalls_ms_ = 0;  ///< when it counts as stalled, unless something is written before
  std::uint64_t stop_written_bytes_ = 0;
  std::uint64_t arrivals_ = 0;  ///< messages translated, and blocks of streamed transactions
};

Run::Run(const Options& options)
    : options_(options),
      start_(position_option(options.start, "start", "bad_start")),
      until_(options.until == "now" ? std::nullopt : position_option(options.until, "until", "bad_until")),
      session_(pg::Connection::open(options.dsn, pg::Mode::plain, "pgcdc-read")),
      stream_(pg::Connection::open(options.dsn, pg::Mode::replication, "pgcdc-read")),
      memory_(options.ack),
      translator_([this](const pgoutput::Relation& relation, base::Xid xid) { return describe(relation, xid); },
                  options.messages),
      spool_(spool_folder(options.spool), options.max_bytes),
      output_(kOutput, spool_),
      open_(spool_),
      backlog_(spool_, Output::kMemoryBlocks),
      // A streamed message bears its whole transaction's number: one of a part that was rolled back could not be told.
      streaming_(options.messages.empty()),
      metrics_(options.metrics, "pgcdc-read") {
  metrics_.declare("cdc_read_rows_total", "Row changes read from the slot.");
  metrics_.declare("cdc_read_transactions_total", "Transactions read from the slot.");
  metrics_.declare("cdc_read_written_bytes_total", "Bytes of the change stream that have left the process.");
  metrics_.declare(
      "cdc_read_spooled_bytes",
      "Bytes in the spool: transactions that have not committed, and what the next program is slow to take.");
  metrics_.declare("cdc_read_spooled_most_bytes", "The most that has lain in the spool at a time.");
  metrics_.declare("cdc_read_open_transactions", "Transactions that the server streams and that have not ended.");
  metrics_.declare("cdc_read_received_lsn", "Position up to which the server has sent, in bytes of WAL.");
  metrics_.declare("cdc_read_durable_lsn", "Position confirmed as durable to the server, in bytes of WAL.");
  metrics_.declare("cdc_read_last_commit_timestamp_seconds", "Commit time of the last transaction read.");
}

// --- beginning ---

void Run::start() {
  session_.show_server_words(true);
  stream_.show_server_words(true);
  // A look-up in the catalog must not keep the stream's socket unread for long.
  session_.query("SET statement_timeout = '8s'", "prepare the session");
  session_.give_up_after(kSessionPatienceMs);

  if (session_.server_version() < kOldestServer) {
    throw Failure(Exit::refused, "old_server", "cannot read from a server older than PostgreSQL 14");
  }
  if (session_.query("SHOW server_encoding", "read a setting").text(0, 0) == "SQL_ASCII") {
    throw Failure(
        Exit::refused, "no_encoding",
        "the database's encoding is SQL_ASCII: nobody knows which characters its bytes are, so they cannot become"
        " UTF-8; repair: copy the database into one with an encoding");
  }
  const auto slot = pg::find_slot(session_, options_.slot);
  pg::refuse_slot(options_.slot, slot, session_.database());
  if (!pg::publication_exists(session_, options_.publication)) {
    throw Failure(
        Exit::refused, "publication_missing",
        "publication " + options_.publication + " does not exist; repair: CREATE PUBLICATION " +
            change::quote_identifier(options_.publication) +
            " ..., then pgcdc-slot drop and create, since a slot cannot pass WAL from before its publication");
  }
  // Only catalog changes older than everything that the slot sends can be vouched for.
  catalog_.emplace(session_, options_.publication, pg::Horizon{std::nullopt, options_.slot});
  watch_.emplace(session_, options_.publication, memory_.forget());
  if (const auto before = memory_.recall()) watch_->look(*before);
  memory_.remember(watch_->content());

  types_.emplace(session_);
  const std::optional<pg::TextOnly> text_only = types_->text_only(options_.publication);
  binary_ = !text_only;
  if (text_only) {
    logging::event(logging::Level::info, "values come as text, a type is not known in binary",
                   {{"table", text_only->table}, {"column", text_only->column}, {"type", text_only->type}});
  }

  const pg::Result identity = stream_.query("IDENTIFY_SYSTEM", "identify the server");
  const Lsn log_end = base::parse_lsn(identity.text(0, 2)).value_or(Lsn{});
  if (start_ && *start_ > log_end) {
    throw Failure(Exit::refused, "beyond_log", "--start lies beyond the end of the server's log");
  }
  // Before the end is set, so that this run reaches what they show.
  roots_ = find_roots();
  if (options_.until == "now") until_ = pg::end_of_log(session_);
  const pg::Result timeout =
      stream_.query("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'", "read a setting");

  start_stream(start_.value_or(Lsn{}));
  now_ms_ = tool::steady_ms();
  pace_.emplace(timeout.number(0, 0), now_ms_);

  // The slot is ours now and cannot move: what it says is where the server really began. PostgreSQL moves a smaller
  // request forward silently.
  const auto held = pg::find_slot(session_, options_.slot);
  if (!held || !held->confirmed_flush) throw Failure(Exit::retry, "slot_gone", "could not read the slot's position");
  const Lsn begin = std::max(start_.value_or(Lsn{}), *held->confirmed_flush);
  if (begin > log_end && begin > pg::end_of_log(session_)) {
    throw Failure(Exit::refused, "beyond_log",
                  "slot " + options_.slot +
                      " is confirmed beyond the end of the server's log (a restored or promoted server?);"
                      " repair: cdc-run --repair");
  }
  received_ = begin;
  durable_ = begin;
  last_sent_ = begin;
  idle_position_ = begin;

  change::Source source;
  source.source = options_.source;
  source.run = run_;
  source.system_id = identity.text(0, 0);
  source.timeline = static_cast<std::uint32_t>(identity.number(0, 1));
  source.server_version = stream_.server_version();
  source.database = session_.database();
  source.slot = options_.slot;
  source.start = begin;
  change::encode(output_.block(), source);
  output_.mark(begin);
  output_.hand_over();
  if (until_ && begin >= *until_) finish_reading();
  logging::event(logging::Level::info, "reading",
                 {{"slot", options_.slot}, {"lsn", base::format(begin)}, {"run", run_}});
}

// Protocol 2 is the first that streams transactions before their commit. Later ones add what is of no use here: PREPARE (3) and
// positions of rollbacks (4). All servers since 14 speak it.
void Run::start_stream(Lsn from) {
  // Streaming itself says nothing for people except errors, and those may quote data (a row filter's).
  stream_.on_notice([this](const pg::Notice& notice) {
    // "skipped loading publication": from then on its rows are missing without an error. The text is translated, the code is not.
    if (notice.severity == "WARNING" && notice.sqlstate == "55000" && !fatal_notice_) fatal_notice_ = notice;
  });
  std::string options = "proto_version '2', publication_names " + pg::literal(pg::identifier(options_.publication));
  if (streaming_) options += ", streaming 'on'";
  if (binary_) options += ", binary 'true'";
  if (!options_.messages.empty()) options += ", messages 'true'";
  stream_.show_server_words(true);
  stream_.start_stream("START_REPLICATION SLOT " + pg::identifier(options_.slot) + " LOGICAL " + base::format(from) +
                           " (" + options + ")",
                       "start reading the slot");
  stream_.show_server_words(false);
}

// The slot is read again in another way, from the last transaction on that is whole in the output. Nothing is confirmed by it,
// and nothing lost: the server sends again whatever came after that.
void Run::restart(std::string_view why, std::string_view words) {
  logging::event(logging::Level::warn, words, {{"err", why}, {"lsn", base::format(last_sent_)}});
  replay_.reset();
  open_.clear();
  backlog_.clear();
  translator_.resume();
  stream_.close();
  stream_ = pg::Connection::open(options_.dsn, pg::Mode::replication, "pgcdc-read");
  // The server has let the slot go, or will when it next writes to the connection that has just been closed.
  for (const std::int64_t until_ms = tool::steady_ms() + kRestartWaitMs;;) {
    try {
      start_stream(last_sent_);
      break;
    } catch (const Failure& failure) {
      if (failure.slug != "sqlstate_55006" || tool::steady_ms() >= until_ms || tool::stop_asked()) throw;
    }
    pause_ms(50);
  }
  unsent_ = false;
  now_ms_ = tool::steady_ms();
  pace_->heard(now_ms_);
}

// Whether reading can go on without what has just failed.
bool Run::can_do_without(const Failure& failure) {
  // A type that nobody could foresee: of a table that is newer than our look, or older than the catalog. An array of a type
  // without a send function ends the stream.
  if (binary_ && (failure.slug == "binary_unknown" || failure.slug == "sqlstate_42883")) {
    binary_ = false;
    restart(failure.slug, "a type cannot be read in binary: the server is asked for text");
    return true;
  }
  if (!streaming_) return false;
  if (failure.slug == "spool_full" && open_.count() != 0 && !behind()) {
    streaming_ = false;
    restart(failure.slug, "open transactions fill the spool: the server is asked to send transactions at their commit");
    return true;
  }
  // Decoding a transaction that is still running is the younger code of the server, and fails where decoding at the commit
  // does not: say, on a table that was altered in a part that was rolled back.
  if (failure.slug.starts_with("sqlstate_XX")) {
    streaming_ = false;
    restart(failure.slug,
            "the server failed while it decoded open transactions: it is asked to send them at their commit");
    return true;
  }
  return false;
}

Described Run::describe(const pgoutput::Relation& relation, base::Xid xid) {
  pg::Relation asked;
  asked.relid = relation.relid;
  asked.schema = relation.schema;
  asked.name = relation.name;
  asked.identity = relation.identity;
  for (const auto& column : relation.columns) {
    asked.columns.push_back({std::string(column.name), column.type, column.typmod, column.key});
  }
  // A commit can arrive a moment before others see it.
  const std::int64_t until_ms = tool::steady_ms() + kVisibleWaitMs;
  pg::Description description = catalog_->describe(asked, xid);
  while (!description.visible && tool::steady_ms() < until_ms) {
    pause_ms(5);
    description = catalog_->describe(asked, xid);
  }
  Described described{std::move(description.schema), std::move(description.shapes), description.visible, {}};
  if (binary_) {
    std::vector<base::Oid> oids;
    for (const auto& column : relation.columns) oids.push_back(column.type);
    described.binary = types_->shapes(oids);
  }
  return described;
}

// --- reading ---

void Run::run() {
  try {
    start();
    while (phase_ != Phase::ended) {
      try {
        turn();
      } catch (const Failure& failure) {
        if (!can_do_without(failure)) throw;
      }
    }
  } catch (const Failure& failure) {
    give_what_is_whole();
    // The publication exists now, or start() would have said so: it did not when these rows were written.
    if (failure.slug == "sqlstate_42704") {
      throw Failure(Exit::refused, "publication_missing",
                    "publication " + options_.publication +
                        " did not exist at this point of the server's log, which cannot be"
                        " passed; repair: pgcdc-slot drop, then cdc-run --repair");
    }
    // Its own bugs: say, a slot made beside a transaction that truncates. What it cannot decode now it never can.
    if (failure.slug.starts_with("sqlstate_XX")) {
      throw Failure(
          Exit::refused, "cannot_decode",
          failure.message + "; the server cannot decode its log from this slot; repair: cdc-run --repair --new-slot");
    }
    throw;
  }
  counted_ms_ = 0;
  count();
  metrics_.write();
}

// One round: everything that has arrived is taken, what may go out goes out, the server hears what it must.
void Run::turn() {
  stream_.receive();
  take_messages();
  now_ms_ = tool::steady_ms();
  if (!heard_nothing_) pace_->heard(now_ms_);
  output_.check();
  catch_up();
  look_at_roots();
  heartbeat();
  look_at_ack();
  advance();
  if (phase_ == Phase::ended) return;
  if (until_ && phase_ == Phase::reading) pace_->news();
  if (pace_->tell_due(now_ms_)) tell_server();
  if (unsent_) unsent_ = stream_.unsent();
  if (pace_->silent(now_ms_)) {
    throw Failure(Exit::retry, "server_silent", "the server has not said anything for too long, although asked");
  }
  if (heard_nothing_) {
    give_output();
    count();
    wait();
  }
}

void Run::take_messages() {
  heard_nothing_ = true;
  std::string_view message;
  for (;;) {
    const pg::Connection::Got got = stream_.next(message);
    check_notice();
    if (got == pg::Connection::Got::nothing) return;
    if (got == pg::Connection::Got::end) {
      throw Failure(Exit::retry, "server_stopping", "the server ended the stream");
    }
    heard_nothing_ = false;
    ++taken_;
    take(message);
  }
}

void Run::check_notice() const {
  if (!fatal_notice_) return;
  throw Failure(
      Exit::refused, "publication_skipped",
      "the server went on without publication " + options_.publication +
          ", which did not exist at this point of its log: rows would be lost; repair: create it if it is gone,"
          " then pgcdc-slot drop, then cdc-run --repair");
}

void Run::take(std::string_view bytes) {
  const pgoutput::Envelope envelope = pgoutput::decode_envelope(bytes);
  if (envelope.kind == pgoutput::Envelope::Kind::keepalive) {
    take_keepalive(envelope);
  } else if (phase_ == Phase::reading) {
    take_data(envelope.payload);
  }
  // Past the end what still comes is dropped: it is not confirmed, so it comes again.
}

void Run::take_data(std::string_view payload) {
  // In the order in which it came: behind what waits.
  if (behind()) {
    if (payload.empty()) throw Failure(Exit::data, "bad_message", "the server sent an empty message");
    backlog_.add(base::Xid{}, payload.front(), payload.substr(1));
    return;
  }
  if (!take_streamed(payload)) take_whole(payload);
}

// out  false: it belongs to a transaction that is sent whole
bool Run::take_streamed(std::string_view payload) {
  const char type = payload.empty() ? '\0' : payload.front();
  const bool control = type == 'S' || type == 'E' || type == 'c' || type == 'A';
  if (!control && !open_.in_block()) return false;
  if (!control) {
    open_.add(payload);
    return true;
  }
  const pgoutput::Message& message = decoder_.decode(payload);
  switch (message.kind) {
    case pgoutput::Kind::stream_start:
      if (translator_.in_transaction()) throw Failure(Exit::data, "wrong_order", "a stream inside of a transaction");
      open_.start(message.stream_start.xid, message.stream_start.first, ++arrivals_);
      break;
    case pgoutput::Kind::stream_stop:
      open_.stop();
      break;
    case pgoutput::Kind::stream_abort:
      open_.abort(message.stream_abort.xid, message.stream_abort.subxid);
      break;
    default: {
      const pgoutput::StreamCommit& end = message.stream_commit;
      if (until_ && end.commit.lsn >= *until_) {
        finish_reading();
        break;
      }
      replay_ = open_.commit(end.xid);
      replay_commit_ = end.commit;
      translator_.begin_streamed({end.commit.lsn, end.commit.ts, end.xid});
    }
  }
  return true;
}

void Run::take_whole(std::string_view payload) {
  const bool was_open = translator_.in_transaction();
  translator_.arrived(++arrivals_);
  translator_.translate(payload, output_.block());
  if (!was_open && translator_.in_transaction()) {
    // A transaction of after the end asked for has not written anything yet.
    if (until_ && translator_.commit_lsn() >= *until_) finish_reading();
  } else if (was_open && !translator_.in_transaction()) {
    closed_transaction();
  }
  if (output_.full()) output_.hand_over();
}

void Run::closed_transaction() {
  const Lsn end = translator_.last_end();
  received_ = std::max(received_, end);
  if (translator_.last_was_empty()) {
    // No line: it only moves the position, as a keepalive does.
    idle_position_ = end;
    idle_ts_ = translator_.last_commit_ts();
  } else {
    last_sent_ = end;
    output_.mark(last_sent_);
  }
  if ((until_ && end >= *until_) || tool::stop_asked()) finish_reading();
}

// A piece of what waits. Only as much as the next program takes: it lies in the spool already, and the socket must be read.
void Run::catch_up() {
  for (std::size_t done_bytes = 0;
       phase_ == Phase::reading && behind() && done_bytes < kCatchUpBytes && output_.roomy();) {
    if (!replay_) {
      MessageQueue::Entry entry;
      static_cast<void>(backlog_.take(entry));
      done_bytes += entry.message.size();
      if (!take_streamed(entry.message)) take_whole(entry.message);
      continue;
    }
    StreamedTransaction::Entry entry;
    if (replay_->take(entry)) {
      done_bytes += entry.message.size();
      translator_.arrived(entry.arrival);
      translator_.translate(entry.message, output_.block());
    } else {
      replay_.reset();
      translator_.end_streamed(replay_commit_, output_.block());
      closed_transaction();
    }
    if (output_.full()) output_.hand_over();
  }
}

void Run::take_keepalive(const pgoutput::Envelope& envelope) {
  pace_->keepalive(tool::steady_ms(), envelope.position, envelope.reply_requested);
  if (envelope.position > received_) {
    received_ = envelope.position;
    pace_->news();
  }
  if (phase_ != Phase::reading || translator_.in_transaction() || behind()) return;
  // Every transaction whose commit lies before this has been sent, and stands in the output.
  idle_position_ = std::max(idle_position_, envelope.position);
  idle_ts_ = envelope.sent;
  if (until_ && idle_position_ >= *until_) finish_reading();
}

void Run::heartbeat() {
  if (phase_ != Phase::reading || translator_.in_transaction() || behind() || idle_position_ <= last_sent_) return;
  if (now_ms_ - heartbeat_ms_ < kHeartbeatGapMs) return;
  change::encode_heartbeat(output_.block(), idle_position_, idle_ts_);
  heartbeat_ms_ = now_ms_;
  last_sent_ = idle_position_;
  output_.mark(last_sent_);
}

// A table that was never written anew lies in the file with which it was made; that is told once it has rows, for a table that came into
// being while nobody copied it.
pg::Roots Run::find_roots() {
  return pg::find_roots(session_, options_.publication, [&](const pg::Heap& heap) {
    const auto told = told_files_.find(heap.relid.value);
    if (told != told_files_.end()) return told->second != heap.file;
    return heap.file != heap.relid || translator_.has_described(heap.relid);
  });
}

// The server sends nothing when a partition is truncated, detached, dropped or attached by itself, nor for the rows that an ALTER
// TABLE writes anew.
void Run::look_at_roots() {
  if (phase_ != Phase::reading) return;
  if (!roots_ && now_ms_ - roots_look_ms_ >= kRootsLookGapMs) {
    roots_ = find_roots();
    roots_look_ms_ = now_ms_ = tool::steady_ms();
  }
  if (roots_ && !translator_.in_transaction() && !behind()) tell_roots(std::max(last_sent_, idle_position_));
}

void Run::tell_again(base::Oid relid, const std::function<void(change::Schema&)>& add) {
  const auto describe = [&] {
    const std::optional<pg::Table> table = catalog_->table(relid);
    return table ? catalog_->describe(*table).schema : change::Schema{};
  };
  translator_.tell_again(relid, roots_->at, add, describe, output_.block());
}

// in  passed  every transaction with a commit before this stands in the output
void Run::tell_roots(Lsn passed) {
  if (!roots_ || passed < roots_->at) return;
  for (const pg::Root& root : roots_->roots) {
    const auto told = told_leaves_.find(root.relid.value);
    if (told != told_leaves_.end() && told->second == root.leaves) continue;
    tell_again(root.relid, [&](change::Schema& line) { line.leaves = root.leaves; });
    told_leaves_[root.relid.value] = root.leaves;
  }
  for (const pg::Heap& heap : roots_->heaps) {
    tell_again(heap.relid, [&](change::Schema& line) { pg::say(heap, line); });
    told_files_[heap.relid.value] = heap.file;
  }
  roots_.reset();
}

std::int64_t Run::ack_look_gap_ms() const {
  if (phase_ == Phase::waiting) return kFinalAckLookGapMs;
  return now_ms_ - owed_since_ms_ < kLateAckMs ? kAckLookGapMs : kLateAckLookGapMs;
}

void Run::look_at_ack() {
  if (options_.ack.empty()) return;
  if (owed_ != last_sent_) {
    owed_ = last_sent_;
    owed_since_ms_ = now_ms_;
  }
  if (now_ms_ - ack_look_ms_ < ack_look_gap_ms()) return;
  ack_look_ms_ = now_ms_;
  const Lsn now = confirmable(read_ack(options_.ack), run_, output_.written(), durable_);
  if (now > durable_) {
    // Nothing is confirmed that came from a publication that had lost a table by then.
    watch_->look();
    memory_.remember(watch_->content());
    durable_ = now;
    pace_->news();
  }
}

void Run::tell_server() {
  pgoutput::Status status;
  if (options_.ack.empty()) {
    // Peek: a flushed position of 0 moves nothing; written = received lets a server that shuts down go.
    status.written = received_;
  } else {
    status.written = std::max(output_.written(), durable_);
    status.flushed = durable_;
  }
  status.now = base::Time{tool::wall_us()};
  // A run with an end needs to hear positions also when nothing happens.
  status.reply_requested = pace_->ask(now_ms_) || (until_ && phase_ == Phase::reading);
  unsent_ = stream_.send(pgoutput::encode(status));
  pace_->told(now_ms_);
}

// --- ending ---

void Run::finish_reading() {
  if (phase_ != Phase::reading) return;
  // What has begun by now has not written anything yet.
  if (!behind()) {
    tell_roots(translator_.in_transaction() ? translator_.commit_lsn() : std::max(last_sent_, idle_position_));
  }
  if (idle_position_ > last_sent_) {
    change::encode_heartbeat(output_.block(), idle_position_, idle_ts_);
    last_sent_ = idle_position_;
    output_.mark(last_sent_);
  }
  output_.hand_over();
  phase_ = Phase::writing;
}

void Run::advance() {
  if (phase_ == Phase::reading && tool::stop_asked() && !translator_.in_transaction()) finish_reading();
  if (pace_->stopping()) {
    // The server is shutting down and waits for us. What was sent may still become durable and be confirmed.
    if (stop_grace_ends_ms_ == 0) stop_grace_ends_ms_ = now_ms_ + kStopGraceMs;
    // Not for a consumer that takes nothing: what it has not got cannot become durable.
    if (stop_stalls_ms_ == 0 || output_.idle() || output_.written_bytes() != stop_written_bytes_) {
      stop_written_bytes_ = output_.written_bytes();
      stop_stalls_ms_ = now_ms_ + kStopStallMs;
    }
    if (now_ms_ >= std::min(stop_grace_ends_ms_, stop_stalls_ms_)) {
      if (phase_ != Phase::waiting) throw Failure(Exit::retry, "server_stopping", "the server is shutting down");
      phase_ends_ms_ = now_ms_;
    }
  }
  if (phase_ == Phase::writing && output_.idle()) {
    output_.check();
    output_.close_descriptor();
    phase_ = Phase::waiting;
    phase_ends_ms_ = now_ms_ + kFinalAckWaitMs;
    nobody_after_ms_ = now_ms_ + kNobodyWaitMs;
  }
  if (phase_ == Phase::waiting && (owes_nothing() || now_ms_ >= phase_ends_ms_ || nobody_acks())) {
    if (!owes_nothing()) {
      logging::event(logging::Level::warn, "the end of the stream was not confirmed in time; it will come again",
                     {{"err", "ack_late"}, {"lsn", base::format(last_sent_)}});
    }
    end_session();
    phase_ = Phase::ended;
  }
}

// Whoever would confirm the rest is not there any more, or never was.
bool Run::nobody_acks() {
  if (now_ms_ < nobody_after_ms_ || is_ack_awaited(options_.ack)) return false;
  // Its last word may have come after our last look.
  ack_look_ms_ = 0;
  look_at_ack();
  return true;
}

// The last confirmation, and an end in order: afterwards the slot is free for the next run.
void Run::end_session() {
  try {
    tell_server();
    stream_.end_stream();
    const std::int64_t until_ms = now_ms_ + kEndWaitMs;
    for (std::string_view message; tool::steady_ms() < until_ms;) {
      const pg::Connection::Got got = stream_.next(message);
      if (got == pg::Connection::Got::end) return;
      if (got == pg::Connection::Got::message) continue;
      pollfd entry{stream_.socket(), static_cast<short>(POLLIN | (stream_.unsent() ? POLLOUT : 0)), 0};
      static_cast<void>(poll(&entry, 1, 100));
      stream_.receive();
    }
  } catch (const Failure& failure) {
    // Everything owed has been written; a confirmation that did not arrive only makes changes come again.
    logging::event(logging::Level::info, failure.message, {{"err", failure.slug}});
  }
}

// Trouble: lines that were finished before it still go out, for as long as the next program takes them soon.
void Run::give_what_is_whole() noexcept {
  try {
    output_.hand_over();
    for (const std::int64_t until_ms = tool::steady_ms() + kLastLinesMs; !output_.idle();) {
      const std::int64_t left_ms = until_ms - tool::steady_ms();
      pollfd entry{output_.wake_fd(), POLLIN, 0};
      if (left_ms <= 0 || poll(&entry, 1, static_cast<int>(left_ms)) <= 0) return;
      output_.clear_wake();
      output_.check();
    }
  } catch (...) {  // the first trouble is the one to tell
  }
}

// --- outside ---

// At once after a quiet moment; under load not for every few rows.
void Run::give_output() {
  if (output_.block().empty() || now_ms_ - given_ms_ < kGiveGapMs || !output_.idle()) return;
  output_.hand_over();
  given_ms_ = now_ms_;
}

void Run::count() {
  if (options_.metrics.empty() || now_ms_ - counted_ms_ < kCountGapMs) return;
  counted_ms_ = now_ms_;
  metrics_.set("cdc_read_rows_total", "", static_cast<double>(translator_.rows()));
  metrics_.set("cdc_read_transactions_total", "", static_cast<double>(translator_.transactions()));
  metrics_.set("cdc_read_written_bytes_total", "", static_cast<double>(output_.written_bytes()));
  metrics_.set("cdc_read_spooled_bytes", "", static_cast<double>(spool_.bytes()));
  metrics_.set("cdc_read_spooled_most_bytes", "", static_cast<double>(spool_.most_bytes()));
  metrics_.set("cdc_read_open_transactions", "", static_cast<double>(open_.count()));
  metrics_.set("cdc_read_received_lsn", "", static_cast<double>(received_.value));
  metrics_.set("cdc_read_durable_lsn", "", static_cast<double>(durable_.value));
  metrics_.set("cdc_read_last_commit_timestamp_seconds", "",
               static_cast<double>(translator_.last_commit_ts().unix_us) / 1e6);
  metrics_.write_at_intervals(now_ms_);
}

void Run::wait() {
  // A walsender sends message by message, and each would wake us. Where they come so fast, several are let come first: the socket's
  // buffer is far from full by then.
  const bool many = taken_ >= kManyMessages;
  taken_ = 0;
  if (many) {
    const timespec nap{0, kNapNs};
    nanosleep(&nap, nullptr);
    return;
  }
  int wait_ms = pace_->wait_ms(now_ms_);
  if (phase_ == Phase::reading && behind() && output_.roomy()) wait_ms = 0;
  if (phase_ == Phase::waiting) wait_ms = std::min<int>(wait_ms, kFinalAckLookGapMs);
  if (!owes_nothing()) wait_ms = std::min<int>(wait_ms, static_cast<int>(ack_look_gap_ms()));
  if (!output_.block().empty() && output_.idle()) wait_ms = std::min<int>(wait_ms, kGiveGapMs);
  if (idle_position_ > last_sent_) wait_ms = std::min<int>(wait_ms, kHeartbeatGapMs);
  pollfd entries[3] = {
      {stream_.socket(), static_cast<short>(POLLIN | (unsent_ ? POLLOUT : 0)), 0},
      {output_.wake_fd(), POLLIN, 0},
      // Nobody reads any more: noticed also when there is nothing to write.
      {phase_ == Phase::waiting ? -1 : kOutput, 0, 0},
  };
  if (poll(entries, 3, wait_ms) < 0 && errno != EINTR) {
    throw Failure(Exit::bug, "poll_failed", "could not wait for the server");
  }
  if (entries[1].revents != 0) output_.clear_wake();
  if ((entries[2].revents & POLLERR) != 0) throw io::Broken{};
}

}  // namespace

base::Exit read_slot(const Options& options) {
  tool::hold_secrets();
  tool::catch_stop_signals();
  io::widen_pipe(kOutput);
  Run run(options);
  run.run();
  return Exit::done;
}

}  // namespace reader
