// snowflake: statements to an account and their answers, over the SQL API (version 2). Knows requests, tokens, what may be asked again
// and how. Must not know what statements are for, and shows nobody a value, a token or the server's words.
//
// Every request is a session of its own on the server's side: a transaction and its temporary tables are one request of several
// statements. A request whose answer was lost is sent again under its own id, and the server runs it once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "snowflake/account.hpp"
#include "snowflake/answer.hpp"

namespace snowflake {

/// statement_s       after which the server gives a request up; grace_s: after that, when it does not
/// most_attempts     of one request, at a server that does not answer or has no time
/// first_pause_ms, longest_pause_ms  between attempts, and between questions after a request that runs on: both grow
/// connect_s, silence_s  of one connection; the server answers a request that takes longer than 45 s before that
struct Limits {
  long statement_s = 3600;
  long grace_s = 60;
  int most_attempts = 8;
  int first_pause_ms = 200;
  int longest_pause_ms = 20'000;
  long connect_s = 10;
  long silence_s = 120;
};

/// Where statements go.
class Requests {
 public:
  virtual ~Requests() = default;
  Requests() = default;
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;
  // The contracts are Session's.
  virtual Answer run(std::string_view statement, std::string_view query_tag = {}) = 0;
  virtual Answer run_all(const std::vector<std::string>& statements, std::string_view query_tag = {}) = 0;
  virtual Answer result(const std::string& handle) = 0;

  /// How many rows one statement changed. in  handle: from run or run_all
  Changed changed(const std::string& handle) { return result(handle).changed; }
};

class Session final : public Requests {
 public:
  /// err  usage/no_file, denied/secret_exposed, usage/bad_private_key: of the key's file; nothing is sent
  explicit Session(Account account, Limits limits = {});
  ~Session() override;

  /// One statement, in a transaction of its own; none that begins or ends one.
  ///
  /// in   query_tag  what the query history shows beside it; may be empty
  /// out  all of its rows
  /// err  Refusal, when the statement failed, see refusal.hpp. retry/snowflake_unavailable after several attempts, when nobody knows
  ///      whether it ran; retry/snowflake_timed_out: it was cancelled; retry/snowflake_answer; denied/snowflake_denied: the token was
  ///      refused; usage/no_snowflake_account
  Answer run(std::string_view statement, std::string_view query_tag = {}) override;

  /// Several statements, one request: one session, in which BEGIN TRANSACTION and COMMIT hold. The first that fails is the last that
  /// runs, and a transaction that it leaves open is rolled back.
  ///
  /// in   statements  at least one, without `;` at their ends
  /// out  handles: one of each statement; no rows of theirs
  /// err  as run; retry/snowflake_unavailable also when nobody knows whether the transaction was committed
  Answer run_all(const std::vector<std::string>& statements, std::string_view query_tag = {}) override;

  /// What one statement of a request answered, for 24 hours. in  handle: from run_all. err  as run
  Answer result(const std::string& handle) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace snowflake
