// pg: libpq behind a small interface. This file: one session with the server, its results and its copy streams. The
// only room that includes libpq-fe.h. Knows the protocol; must not know what a statement is for. Values never stand in
// its messages.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/failure.hpp"

struct pg_conn;
struct pg_result;

namespace pg {

/// plain: SQL only. replication: a walsender of the database, SQL and replication commands.
enum class Mode : std::uint8_t { plain, replication };

/// The rows that a statement gave, as text. Views live as long as the Result.
class Result {
 public:
  Result() = default;
  explicit Result(pg_result* result) : result_(result) {}

  [[nodiscard]] std::size_t rows() const;
  [[nodiscard]] std::size_t columns() const;
  [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const;
  /// out  the value's text, empty for null
  [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const;
  /// err  bug/not_a_number when the text is not a whole number: for counts and ids that the catalog gives
  [[nodiscard]] std::int64_t number(std::size_t row, std::size_t column) const;
  /// out  rows that the statement inserted, changed or removed; 0 for one that does not
  [[nodiscard]] std::int64_t affected() const;
  /// out  the text is `t`
  [[nodiscard]] bool truth(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

/// What the server said besides results, while a statement or stream ran.
struct Notice {
  std::string severity;  ///< not translated: NOTICE, WARNING, ...
  std::string sqlstate;
  std::string message;  ///< may hold names; the caller decides whether it can hold data
};

/// One session. All of them, for the stream and for copies alike, have the settings of value::kSessionSettings, so that a
/// value has the same text everywhere; and lock_timeout 10s, client_min_messages warning, no idle or statement time limit, no jit.
class Connection {
 public:
  /// Connects and applies the settings.
  ///
  /// in   dsn   a libpq connection string or URI, completed from PG* variables, service and password files; may be empty
  ///      tool  application_name, where the dsn does not give one
  /// err  usage/bad_dsn; denied/denied (28xxx, 42501); retry/connect_failed (also after the connect_timeout, 30 s when not
  ///      set); else by exit_of. The message has the server's words, never a password
  /// src  PostgreSQL docs, libpq, "Connection Strings"; postgres-facts 20
  [[nodiscard]] static Connection open(const std::string& dsn, Mode mode, const std::string& tool);

  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;

  /// Ends the session now, out of whatever it does; afterwards only another one may be assigned.
  void close();

  /// Called while waiting for the server whenever a signal came; true: the statement is cancelled (then retry/interrupted).
  void interrupt_when(std::function<bool()> asked);

  /// From now on a statement that has had no word from the server for so long fails (retry/server_silent): a network that has
  /// stopped forwarding ends nothing by itself. 0: waits for ever, as at first.
  void give_up_after(std::int64_t patience_ms);

  // err  for the statements below: exit_of the SQLSTATE, slug `sqlstate_XXXXX`; the message holds `doing` and the SQLSTATE,
  //      and the server's words only after show_server_words(true); retry/connection_lost when the connection broke

  /// One statement without parameters (simple protocol: also replication commands, BEGIN, DECLARE, SET; several separated
  /// by semicolons give the last one's result).
  ///
  /// in   doing  for messages: "could not <doing>", "read the catalog"
  Result query(const std::string& statement, const char* doing);
  /// One statement with text parameters; nullopt is null.
  Result query(const std::string& statement, std::span<const std::optional<std::string>> parameters, const char* doing);
  /// The server's own primary message may go into a Failure: only for statements whose errors cannot hold a column's value
  /// (slot and replication commands, catalogs). Off at first.
  void show_server_words(bool may) { words_ = may; }

  /// Runs COPY ... TO STDOUT, giving each piece (a whole row in text and CSV form, its line break included) to `row`.
  /// The view lives until `row` returns. out  number of pieces
  std::uint64_t copy_out(const std::string& statement, const char* doing,
                         const std::function<void(std::string_view row)>& row);

  /// Begins COPY ... FROM STDIN: then rows in text form by put_copy, in pieces of any size, then end_copy.
  void copy_in(const std::string& statement, const char* doing);
  void put_copy(std::string_view bytes, const char* doing);
  /// out  rows that the server took
  std::int64_t end_copy(const char* doing);

  // --- a replication stream (Mode::replication) ---

  /// Sends START_REPLICATION and waits for the server to begin the copy; from here on sends never block.
  void start_stream(const std::string& command, const char* doing);

  enum class Got : std::uint8_t { message, nothing, end };
  /// One message of the stream, without waiting.
  ///
  /// out  message: `into` is its bytes, valid until the next call; nothing: wait for socket() and call receive();
  ///      end: the server closed the stream in order
  /// err  as for statements; retry/connection_lost
  [[nodiscard]] Got next(std::string_view& into);
  /// Reads what the socket has, without waiting. err  retry/connection_lost
  void receive();
  /// Queues a message and sends as much as the socket takes. out  as unsent(). err  retry/connection_lost
  bool send(std::string_view message);
  /// Sends what is queued. out  true: some is still queued, wait until the socket can be written
  bool unsent();
  /// Ends the stream in order (CopyDone), without waiting for the server's answer.
  void end_stream();

  [[nodiscard]] int socket() const;
  [[nodiscard]] std::uint32_t server_version() const;  ///< 150018
  [[nodiscard]] std::string database() const;
  void on_notice(std::function<void(const Notice&)> handler);

  /// Cancels what the session runs, from outside of it. Errors are ignored.
  void cancel();

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  Result finish(const char* doing);
  [[noreturn]] void fail(pg_result* result, const char* doing);
  [[noreturn]] void lost(const char* doing);

  std::unique_ptr<State> state_;
  bool words_ = false;
};

/// A name as an SQL identifier, always quoted. A string as an SQL literal (standard_conforming_strings or not).
[[nodiscard]] std::string identifier(std::string_view name);
[[nodiscard]] std::string literal(std::string_view text);

}  // namespace pg
