// pgcdc-read: one run; the contract is in reader.hpp. Knows the order of things: connect, refuse, start, read and
// answer, end, confirm. Must not wait for standard output, the disk or the next program while the connection is
// open.
#include "pgcdc-read/reader.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "crypto/digest.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"
#include "logging/event.hpp"
#include "pg/catalog.hpp"
#include "pg/connection.hpp"
#include "pg/slot.hpp"
#include "pgcdc-read/ack.hpp"
#include "pgcdc-read/output.hpp"
#include "pgcdc-read/pace.hpp"
#include "pgcdc-read/translate.hpp"
#include "pgoutput/envelope.hpp"
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
constexpr std::int64_t kFinalAckLookGapMs = 20;
constexpr std::int64_t kFinalAckWaitMs = 60'000;  // after the stream's end, for the last program to make it durable
constexpr std::int64_t kStopGraceMs = 10'000;     // a server that is shutting down waits for our last confirmation
constexpr std::int64_t kStopStallMs = 2'000;      // ... but not for a consumer that has stalled for so long
constexpr std::int64_t kEndWaitMs = 5'000;
constexpr std::int64_t kLastLinesMs = 5'000;
constexpr std::uint32_t kOldestServer = 140000;
constexpr std::int64_t kVisibleWaitMs = 200;
constexpr std::int64_t kGiveGapMs = 5;
constexpr std::int64_t kCountGapMs = 1'000;

std::optional<Lsn> position_option(const std::string& text, const char* option, const char* slug) {
  if (text.empty()) return std::nullopt;
  const auto lsn = base::parse_lsn(text);
  if (!lsn) throw Failure(Exit::usage, slug, std::string("--") + option + " is no log position like 0/16B3748");
  return lsn;
}

std::string spool_folder(const std::string& asked) {
  if (!asked.empty()) return asked;
  const char* temporary = std::getenv("TMPDIR");
  return temporary != nullptr && *temporary != '\0' ? temporary : "/var/tmp";
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
  [[nodiscard]] Described describe(const pgoutput::Relation& relation, base::Xid xid);

  void turn();
  void take_messages();
  void take(std::string_view bytes);
  void take_data(const pgoutput::Envelope& envelope);
  void take_keepalive(const pgoutput::Envelope& envelope);
  void check_notice() const;
  void heartbeat();
  void look_at_ack();
  void tell_server();
  void advance();
  void finish_reading();
  void end_session();
  void give_what_is_whole() noexcept;
  void give_output();
  void count();
  void wait();
  [[nodiscard]] bool owes_nothing() const { return options_.ack.empty() || durable_ >= last_sent_; }

  const Options& options_;
  const std::optional<Lsn> start_;
  std::optional<Lsn> until_;
  const std::string run_ = crypto::random_id();

  pg::Connection session_;
  pg::Connection stream_;
  std::optional<pg::Catalog> catalog_;
  std::optional<pg::Notice> fatal_notice_;
  Translator translator_;
  Output output_;
  std::optional<Pace> pace_;
  tool::Metrics metrics_;

  Phase phase_ = Phase::reading;
  std::int64_t now_ms_ = tool::steady_ms();
  std::int64_t phase_ends_ms_ = 0;
  bool heard_nothing_ = false;  ///< the last round brought no message: the socket is empty
  bool unsent_ = false;
  Lsn received_;       ///< how far the server has sent
  Lsn durable_;        ///< what may be confirmed
  Lsn last_sent_;      ///< greatest end or start handed to the output
  Lsn idle_position_;  ///< of the last keepalive between transactions
  base::Time idle_ts_;
  std::int64_t heartbeat_ms_ = 0;
  std::int64_t given_ms_ = 0;
  std::int64_t counted_ms_ = 0;
  std::int64_t ack_look_ms_ = 0;
  std::int64_t stop_grace_ends_ms_ = 0;
  std::int64_t stop_stalls_ms_ = 0;  ///< when it counts as stalled, unless something is written before
  std::uint64_t stop_written_bytes_ = 0;
  std::uint64_t messages_ = 0;
};

Run::Run(const Options& options)
    : options_(options),
      start_(position_option(options.start, "start", "bad_start")),
      until_(options.until == "now" ? std::nullopt : position_option(options.until, "until", "bad_until")),
      session_(pg::Connection::open(options.dsn, pg::Mode::plain, "pgcdc-read")),
      stream_(pg::Connection::open(options.dsn, pg::Mode::replication, "pgcdc-read")),
      translator_([this](const pgoutput::Relation& relation, base::Xid xid) { return describe(relation, xid); }),
      output_(kOutput, spool_folder(options.spool), options.max_bytes),
      metrics_(options.metrics, "pgcdc-read") {
  metrics_.declare("cdc_read_rows_total", "Row changes read from the slot.");
  metrics_.declare("cdc_read_transactions_total", "Transactions read from the slot.");
  metrics_.declare("cdc_read_written_bytes_total", "Bytes of the change stream that have left the process.");
  metrics_.declare("cdc_read_spooled_bytes", "Bytes that wait in the spool because the next program is slow.");
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
  catalog_.emplace(session_, options_.publication, slot->catalog_xmin);

  const pg::Result identity = stream_.query("IDENTIFY_SYSTEM", "identify the server");
  const Lsn log_end = base::parse_lsn(identity.text(0, 2)).value_or(Lsn{});
  if (start_ && *start_ > log_end) {
    throw Failure(Exit::refused, "beyond_log", "--start lies beyond the end of the server's log");
  }
  if (options_.until == "now") until_ = pg::end_of_log(session_);
  const pg::Result timeout =
      stream_.query("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'", "read a setting");

  // Streaming itself says nothing for people except errors, and those may quote data (a row filter's).
  stream_.on_notice([this](const pg::Notice& notice) {
    // "skipped loading publication": from then on its rows are missing without an error. The text is translated, the code is not.
    if (notice.severity == "WARNING" && notice.sqlstate == "55000" && !fatal_notice_) fatal_notice_ = notice;
  });
  const std::string names = pg::literal(pg::identifier(options_.publication));
  stream_.start_stream("START_REPLICATION SLOT " + pg::identifier(options_.slot) + " LOGICAL " +
                           base::format(start_.value_or(Lsn{})) + " (proto_version '1', publication_names " + names +
                           ")",
                       "start reading the slot");
  stream_.show_server_words(false);
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
                      " repair: drop and create the slot, then copy the tables again");
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
  return Described{std::move(description.schema), std::move(description.shapes), description.visible};
}

// --- reading ---

void Run::run() {
  try {
    start();
    while (phase_ != Phase::ended) turn();
  } catch (const Failure& failure) {
    give_what_is_whole();
    // The publication exists now, or start() would have said so: it did not when these rows were written.
    if (failure.slug == "sqlstate_42704") {
      throw Failure(Exit::refused, "publication_missing",
                    "publication " + options_.publication +
                        " did not exist at this point of the server's log, which cannot be"
                        " passed; repair: pgcdc-slot drop and create, then copy the tables again with pgcdc-snapshot");
    }
    throw;
  }
  metrics_.write();
}

// One round: everything that has arrived is taken, what may go out goes out, the server hears what it must.
void Run::turn() {
  stream_.receive();
  take_messages();
  now_ms_ = tool::steady_ms();
  if (!heard_nothing_) pace_->heard(now_ms_);
  output_.check();
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
    ++messages_;
    take(message);
  }
}

void Run::check_notice() const {
  if (!fatal_notice_) return;
  throw Failure(
      Exit::refused, "publication_skipped",
      "the server went on without publication " + options_.publication +
          ", which did not exist at this point of its log: rows would be lost; repair: create it if it is gone,"
          " then pgcdc-slot drop and create, then copy the tables again");
}

void Run::take(std::string_view bytes) {
  const pgoutput::Envelope envelope = pgoutput::decode_envelope(bytes);
  if (envelope.kind == pgoutput::Envelope::Kind::keepalive) {
    take_keepalive(envelope);
  } else if (phase_ == Phase::reading) {
    take_data(envelope);
  }
  // Past the end what still comes is dropped: it is not confirmed, so it comes again.
}

void Run::take_data(const pgoutput::Envelope& envelope) {
  const bool was_open = translator_.in_transaction();
  translator_.translate(envelope.payload, output_.block());
  if (!was_open && translator_.in_transaction()) {
    // A transaction of after the end asked for has not written anything yet.
    if (until_ && translator_.commit_lsn() >= *until_) finish_reading();
  } else if (was_open && !translator_.in_transaction()) {
    last_sent_ = translator_.last_end();
    received_ = std::max(received_, last_sent_);
    output_.mark(last_sent_);
    if ((until_ && last_sent_ >= *until_) || tool::stop_asked()) finish_reading();
  }
  if (output_.full()) output_.hand_over();
}

void Run::take_keepalive(const pgoutput::Envelope& envelope) {
  pace_->keepalive(tool::steady_ms(), envelope.position, envelope.reply_requested);
  if (envelope.position > received_) {
    received_ = envelope.position;
    pace_->news();
  }
  if (phase_ != Phase::reading || translator_.in_transaction()) return;
  // Every transaction whose commit lies before this has been sent, and stands in the output.
  idle_position_ = envelope.position;
  idle_ts_ = envelope.sent;
  if (until_ && idle_position_ >= *until_) finish_reading();
}

void Run::heartbeat() {
  if (phase_ != Phase::reading || translator_.in_transaction() || idle_position_ <= last_sent_) return;
  if (now_ms_ - heartbeat_ms_ < kHeartbeatGapMs) return;
  change::encode_heartbeat(output_.block(), idle_position_, idle_ts_);
  heartbeat_ms_ = now_ms_;
  last_sent_ = idle_position_;
  output_.mark(last_sent_);
}

void Run::look_at_ack() {
  if (options_.ack.empty()) return;
  const std::int64_t gap_ms = phase_ == Phase::waiting ? kFinalAckLookGapMs : kAckLookGapMs;
  if (now_ms_ - ack_look_ms_ < gap_ms) return;
  ack_look_ms_ = now_ms_;
  const Lsn now = confirmable(read_ack(options_.ack), run_, output_.written(), durable_);
  if (now > durable_) {
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
  }
  if (phase_ == Phase::waiting && (owes_nothing() || now_ms_ >= phase_ends_ms_)) {
    if (!owes_nothing()) {
      logging::event(logging::Level::warn, "the end of the stream was not confirmed in time; it will come again",
                     {{"err", "ack_late"}, {"lsn", base::format(last_sent_)}});
    }
    end_session();
    phase_ = Phase::ended;
  }
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
  metrics_.set("cdc_read_spooled_bytes", "", static_cast<double>(output_.spooled_bytes()));
  metrics_.set("cdc_read_received_lsn", "", static_cast<double>(received_.value));
  metrics_.set("cdc_read_durable_lsn", "", static_cast<double>(durable_.value));
  metrics_.set("cdc_read_last_commit_timestamp_seconds", "",
               static_cast<double>(translator_.last_commit_ts().unix_us) / 1e6);
  metrics_.write_at_intervals(now_ms_);
}

void Run::wait() {
  int wait_ms = pace_->wait_ms(now_ms_);
  if (phase_ == Phase::waiting) wait_ms = std::min<int>(wait_ms, kFinalAckLookGapMs);
  if (!options_.ack.empty() && durable_ < last_sent_) wait_ms = std::min<int>(wait_ms, kAckLookGapMs);
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
