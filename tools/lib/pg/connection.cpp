// pg: one session over libpq; the contracts are in connection.hpp. Knows libpq's calls, their
// order and what each failure of them means. Must not know what a statement is for, nor print a
// value.
#include "pg/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <time.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <vector>

#include "pg/sqlstate.hpp"
#include "value/json.hpp"

namespace pg {
namespace {

using base::Exit;
using base::Failure;

// SET after connecting: it wins over ALTER ROLE and ALTER DATABASE, leaves the dsn's own `options` and PGOPTIONS their
// place, and passes poolers that refuse unknown startup options.
std::string settings() {
  std::string statements;
  for (const auto& [name, setting] : value::kSessionSettings) {
    statements += "SET " + std::string(name) + " = '" + std::string(setting) + "'; ";
  }
  return statements +
         "SET standard_conforming_strings = on; SET client_min_messages = warning; SET lock_timeout = '10s'; "
         "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
         // A look-up in a large catalog runs for milliseconds; compiling it first takes a second.
         "SET jit = off";
}

constexpr std::int64_t kConnectSeconds = 30;

std::int64_t now_ms() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

// One log line: breaks become "; ", tabs blanks.
std::string one_line(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') {
      out += "; ";
    } else {
      out += c == '\t' ? ' ' : c;
    }
  }
  while (out.ends_with(' ') || out.ends_with(';')) out.pop_back();
  return out;
}

// libpq gives no SQLSTATE of a failed connection attempt, but in verbose form its text does: "FATAL:  28P01: password ...".
struct Words {
  std::string sqlstate;
  std::string text;
};
Words words_of(std::string_view message) {
  constexpr std::string_view kMark = ":  ";
  Words words{"", one_line(message)};
  for (std::size_t at = message.find(kMark); at != std::string_view::npos; at = message.find(kMark, at + 1)) {
    std::string_view rest = message.substr(at + kMark.size());
    if (rest.size() < 7 || rest.substr(5, 2) != ": ") continue;
    bool code = true;
    for (char c : rest.substr(0, 5)) code = code && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'));
    if (!code) continue;
    words.sqlstate = rest.substr(0, 5);
    rest.remove_prefix(7);
    words.text = one_line(rest.substr(0, rest.find('\n')));
  }
  return words;
}

// What the dsn says about one keyword, or nothing. err  usage/bad_dsn (libpq's own message would quote pieces of it)
std::optional<std::string> dsn_says(const std::string& dsn, std::string_view keyword) {
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(dsn.c_str(), &error);
  PQfreemem(error);
  if (options == nullptr) throw Failure(Exit::usage, "bad_dsn", "cannot read the dsn as a connection string or URI");
  std::optional<std::string> found;
  for (PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->keyword == keyword && option->val != nullptr) found = option->val;
  }
  PQconninfoFree(options);
  return found;
}

std::int64_t connect_timeout_ms(PGconn* conn) {
  std::int64_t seconds = 0;
  std::int64_t hosts = 1;
  PQconninfoOption* options = PQconninfo(conn);
  for (PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword = option->keyword;
    const std::string_view value = option->val;
    if (keyword == "connect_timeout") std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (keyword == "host") {
      for (char c : value) hosts += c == ',' ? 1 : 0;
    }
  }
  PQconninfoFree(options);
  return (seconds > 0 ? seconds : kConnectSeconds) * hosts * 1000;
}

}  // namespace

// --- results ---

void Result::Clear::operator()(pg_result* result) const { PQclear(result); }

std::size_t Result::rows() const { return static_cast<std::size_t>(PQntuples(result_.get())); }
std::size_t Result::columns() const { return static_cast<std::size_t>(PQnfields(result_.get())); }
bool Result::is_null(std::size_t row, std::size_t column) const {
  return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}
std::string_view Result::text(std::size_t row, std::size_t column) const {
  const int r = static_cast<int>(row);
  const int c = static_cast<int>(column);
  return {PQgetvalue(result_.get(), r, c), static_cast<std::size_t>(PQgetlength(result_.get(), r, c))};
}
std::int64_t Result::number(std::size_t row, std::size_t column) const {
  const std::string_view digits = text(row, column);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.empty()) {
    throw Failure(Exit::bug, "not_a_number", "the server gave something else than a whole number");
  }
  return value;
}

std::int64_t Result::affected() const {
  const std::string_view digits = PQcmdTuples(result_.get());
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// --- the session ---

struct Connection::State {
  PGconn* conn = nullptr;
  char* message = nullptr;  // the copy message given out last
  std::function<bool()> interrupted;
  std::int64_t patience_ms = 0;
  bool silent = false;  // patience has ended
  std::function<void(const Notice&)> notice;

  ~State() {
    PQfreemem(message);
    PQfinish(conn);
  }

  void drop_message() {
    PQfreemem(message);
    message = nullptr;
  }

  static void receive_notice(void* self, const PGresult* result) {
    const State& state = *static_cast<State*>(self);
    if (!state.notice) return;
    const auto field = [&](int code) {
      const char* text = PQresultErrorField(result, code);
      return std::string(text != nullptr ? text : "");
    };
    state.notice(Notice{field(PG_DIAG_SEVERITY_NONLOCALIZED), field(PG_DIAG_SQLSTATE), field(PG_DIAG_MESSAGE_PRIMARY)});
  }

  void cancel() const {
    PGcancel* handle = PQgetCancel(conn);
    if (handle == nullptr) return;
    char error[256];
    PQcancel(handle, error, sizeof error);
    PQfreeCancel(handle);
  }

  // Waits until PQgetResult would not block. out  false: the connection broke
  bool wait_result() {
    bool cancelled = false;
    auto heard = std::chrono::steady_clock::now();
    int queued = PQflush(conn);
    while (queued > 0 || PQisBusy(conn) != 0) {
      pollfd entry{PQsocket(conn), static_cast<short>(POLLIN | (queued > 0 ? POLLOUT : 0)), 0};
      if (poll(&entry, 1, 1000) < 0 && errno != EINTR) return false;
      const auto now = std::chrono::steady_clock::now();
      if (entry.revents != 0) heard = now;
      if (patience_ms != 0 && now - heard >= std::chrono::milliseconds(patience_ms)) {
        silent = true;
        return false;
      }
      if (interrupted && !cancelled && interrupted()) {
        cancelled = true;
        cancel();
      }
      if ((entry.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(conn) == 0) return false;
      if (queued > 0) queued = PQflush(conn);
      if (queued < 0) return false;
    }
    return true;
  }
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;
void Connection::close() { state_.reset(); }

Connection Connection::open(const std::string& dsn, Mode mode, const std::string& tool) {
  // Without the first test a mistyped dsn would be taken for the name of a database.
  if (!dsn.empty() && dsn.find('=') == std::string::npos && dsn.find("://") == std::string::npos) {
    throw Failure(Exit::usage, "bad_dsn", "cannot read the dsn as a connection string or URI");
  }
  const bool says_replication = dsn_says(dsn, "replication").has_value();

  std::vector<const char*> keys;
  std::vector<const char*> values;
  const auto give = [&](const char* key, const char* value) {
    keys.push_back(key);
    values.push_back(value);
  };
  // What stands before the dsn is a default, what stands behind it wins.
  give("keepalives_idle", "30");
  give("keepalives_interval", "10");
  give("keepalives_count", "3");
  give("dbname", dsn.c_str());
  give("fallback_application_name", tool.c_str());
  give("client_encoding", "UTF8");
  if (mode == Mode::replication) {
    give("replication", "database");
  } else if (says_replication) {
    give("replication", "false");
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);

  auto state = std::make_unique<State>();
  state->conn = PQconnectStartParams(keys.data(), values.data(), 1);
  PGconn* conn = state->conn;
  if (conn == nullptr) throw std::bad_alloc();
  PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
  PQsetNoticeReceiver(conn, &State::receive_notice, state.get());

  const std::int64_t until_ms = now_ms() + connect_timeout_ms(conn);
  PostgresPollingStatusType wants = PQstatus(conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  bool timed_out = false;
  while (wants != PGRES_POLLING_OK && wants != PGRES_POLLING_FAILED) {
    pollfd entry{PQsocket(conn), static_cast<short>(wants == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const std::int64_t left_ms = until_ms - now_ms();
    timed_out = left_ms <= 0;
    if (timed_out) break;
    if (poll(&entry, 1, static_cast<int>(left_ms)) > 0) wants = PQconnectPoll(conn);
  }
  if (timed_out) throw Failure(Exit::retry, "connect_failed", "could not connect: the server did not answer in time");
  if (wants == PGRES_POLLING_FAILED) {
    const Words words = words_of(PQerrorMessage(conn));
    if (words.sqlstate.empty()) {
      const bool needs_password = PQconnectionNeedsPassword(conn) != 0;
      throw Failure(needs_password ? Exit::denied : Exit::retry, needs_password ? "denied" : "connect_failed",
                    "could not connect: " + words.text);
    }
    const Exit exit = exit_of(words.sqlstate);
    throw Failure(exit, exit == Exit::denied ? "denied" : "connect_failed",
                  "could not connect: " + words.text + " (SQLSTATE " + words.sqlstate + ")");
  }
  PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
  Connection connection(std::move(state));
  connection.query(settings(), "prepare the session");
  return connection;
}

void Connection::give_up_after(std::int64_t patience_ms) { state_->patience_ms = patience_ms; }
void Connection::interrupt_when(std::function<bool()> asked) { state_->interrupted = std::move(asked); }
void Connection::on_notice(std::function<void(const Notice&)> handler) { state_->notice = std::move(handler); }
void Connection::cancel() { state_->cancel(); }
int Connection::socket() const { return PQsocket(state_->conn); }
std::uint32_t Connection::server_version() const { return static_cast<std::uint32_t>(PQserverVersion(state_->conn)); }
std::string Connection::database() const { return PQdb(state_->conn); }

void Connection::lost(const char* doing) {
  if (state_->silent) {
    throw Failure(Exit::retry, "server_silent", std::string("could not ") + doing + ": the server does not answer");
  }
  // A FATAL that came just before the end of the connection is the better reason.
  if (PGresult* result = PQgetResult(state_->conn); result != nullptr) {
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (sqlstate != nullptr) fail(result, doing);
    PQclear(result);
  }
  throw Failure(Exit::retry, "connection_lost",
                std::string("could not ") + doing + ": the connection to the server broke");
}

void Connection::fail(pg_result* result, const char* doing) {
  const Result owner(result);
  const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string sqlstate = code != nullptr ? code : "";
  if (sqlstate.empty()) {
    throw Failure(Exit::retry, "connection_lost",
                  std::string("could not ") + doing + ": the connection to the server broke");
  }
  const Exit exit = exit_of(sqlstate);
  std::string message = std::string(exit == Exit::retry ? "could not " : "cannot ") + doing;
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (words_ && primary != nullptr) message += ": " + one_line(primary);
  message += " (SQLSTATE " + sqlstate + ")";
  throw Failure(exit, "sqlstate_" + sqlstate, std::move(message));
}

// Takes all results of what was sent, keeps the last, throws the first error.
Result Connection::finish(const char* doing) {
  PGconn* conn = state_->conn;
  Result last;
  PGresult* error = nullptr;
  for (;;) {
    if (!state_->wait_result()) {
      PQclear(error);
      lost(doing);
    }
    PGresult* result = PQgetResult(conn);
    if (result == nullptr) break;
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH || status == PGRES_COPY_IN) return Result(result);
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      if (error == nullptr) {
        error = result;
      } else {
        PQclear(result);
      }
    } else {
      last = Result(result);
    }
  }
  if (error != nullptr) fail(error, doing);
  return last;
}

Result Connection::query(const std::string& statement, const char* doing) {
  if (PQsendQuery(state_->conn, statement.c_str()) == 0) lost(doing);
  return finish(doing);
}

Result Connection::query(const std::string& statement, std::span<const std::optional<std::string>> parameters,
                         const char* doing) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  if (PQsendQueryParams(state_->conn, statement.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                        nullptr, nullptr, 0) == 0) {
    lost(doing);
  }
  return finish(doing);
}

std::uint64_t Connection::copy_out(const std::string& statement, const char* doing,
                                   const std::function<void(std::string_view row)>& row) {
  query(statement, doing);
  std::uint64_t pieces = 0;
  for (;;) {
    std::string_view piece;
    switch (next(piece)) {
      case Got::message:
        ++pieces;
        row(piece);
        break;
      case Got::nothing: {
        pollfd entry{socket(), POLLIN, 0};
        if (poll(&entry, 1, 1000) < 0 && errno != EINTR) lost(doing);
        if (state_->interrupted && state_->interrupted()) cancel();
        if (entry.revents != 0) receive();
        break;
      }
      case Got::end:
        finish(doing);
        return pieces;
    }
  }
}

// Rows are sent while the connection blocks: the server takes them as fast as it can, and answers at the end.
void Connection::copy_in(const std::string& statement, const char* doing) { query(statement, doing); }

void Connection::put_copy(std::string_view bytes, const char* doing) {
  if (PQputCopyData(state_->conn, bytes.data(), static_cast<int>(bytes.size())) != 1) lost(doing);
}

std::int64_t Connection::end_copy(const char* doing) {
  if (PQputCopyEnd(state_->conn, nullptr) != 1) lost(doing);
  return finish(doing).affected();
}

// --- a replication stream ---

void Connection::start_stream(const std::string& command, const char* doing) {
  query(command, doing);
  if (PQsetnonblocking(state_->conn, 1) != 0) lost(doing);
}

Connection::Got Connection::next(std::string_view& into) {
  State& state = *state_;
  state.drop_message();
  const int size = PQgetCopyData(state.conn, &state.message, 1);
  if (size > 0) {
    into = {state.message, static_cast<std::size_t>(size)};
    return Got::message;
  }
  if (size == 0) return Got::nothing;
  if (size == -2) lost("read from the server");
  PGresult* result = PQgetResult(state.conn);
  if (result == nullptr) return Got::end;
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) fail(result, "read from the server");
  PQclear(result);
  return Got::end;
}

void Connection::receive() {
  if (PQconsumeInput(state_->conn) == 0) lost("read from the server");
}

bool Connection::send(std::string_view message) {
  if (PQputCopyData(state_->conn, message.data(), static_cast<int>(message.size())) < 0) lost("write to the server");
  return unsent();
}

bool Connection::unsent() {
  const int left = PQflush(state_->conn);
  if (left < 0) lost("write to the server");
  return left > 0;
}

void Connection::end_stream() {
  if (PQputCopyEnd(state_->conn, nullptr) < 0) lost("write to the server");
  unsent();
}

std::string identifier(std::string_view name) {
  std::string out = "\"";
  for (char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string literal(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + '\'';
}

}  // namespace pg
