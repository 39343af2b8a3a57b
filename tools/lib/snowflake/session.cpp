// snowflake: requests, and when they are sent again. See session.hpp.
#include "snowflake/session.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <random>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "crypto/jwt.hpp"
#include "http/client.hpp"
#include "io/secret_file.hpp"
#include "json/write.hpp"
#include "snowflake/refusal.hpp"

namespace snowflake {
namespace {

using base::Exit;
using base::Failure;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kStatements = "/api/v2/statements";
// Of its life, which is not used to its end: a request takes time, and clocks differ.
constexpr std::int64_t kTokenUse_s = kTokenLife_s - 10 * 60;
constexpr int kFirstPollMs = 100;
constexpr int kLongestPollMs = 5'000;

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Version 4 of RFC 9562.
std::string request_id() {
  std::array<unsigned char, 16> bytes{};
  crypto::random_bytes(bytes);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
  std::string id = base::hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (const std::size_t at : {8U, 13U, 18U, 23U}) id.insert(at, 1, '-');
  return id;
}

// A handle goes into an address: what the server calls one and is none goes nowhere.
bool is_handle(std::string_view handle) {
  return !handle.empty() && handle.size() <= 80 && std::all_of(handle.begin(), handle.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

[[noreturn]] void refuse_answer(const std::string& words) { throw Failure(Exit::retry, "snowflake_answer", words); }

// A secret that goes with the block that it was needed in, however that ends.
struct Wiped {
  std::string& text;
  explicit Wiped(std::string& secret) : text(secret) {}
  ~Wiped() { crypto::wipe(text); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
};

template <class Decode>
auto understood(Decode decode) {
  try {
    return decode();
  } catch (const Failure& failure) {
    if (failure.exit != Exit::data) throw;
    refuse_answer("could not read Snowflake's answer: " + failure.slug);
  }
}

}  // namespace

struct Session::State {
  State(Account given, Limits bounds)
      : account(std::move(given)),
        limits(bounds),
        key(read_key(account)),
        client({bounds.connect_s, bounds.silence_s}) {}
  ~State() {
    crypto::wipe(token);
    crypto::wipe(account.passphrase);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static crypto::PrivateKey read_key(const Account& account) {
    std::string pem = io::read_secret(account.key_file);
    const Wiped secret{pem};
    return crypto::PrivateKey::from_pem(pem, account.passphrase);
  }

  // What is asked, and may be asked several times.
  struct Call {
    std::string method;
    std::string path;
    std::string id;  // of the request; empty: asking changes nothing
    std::string body;
  };

  http::Response ask(const Call& call);
  http::Response ask_once(const Call& call, bool may_have_run);
  std::string statement_body(std::string_view statement, std::size_t count, std::string_view query_tag) const;
  Answer submit(std::string_view statement, std::size_t count, std::string_view query_tag);
  Answer finish(http::Response response);
  void cancel(const std::string& handle);
  const std::string& fresh_token();
  // At random up to `most_ms`, so that many that lost one server do not come back all at once.
  void pause(int most_ms) { ::poll(nullptr, 0, std::uniform_int_distribution<int>(most_ms / 4, most_ms)(random)); }

  Account account;
  Limits limits;
  crypto::PrivateKey key;
  http::Client client;
  std::string token;
  std::int64_t token_from_s = 0;
  std::int64_t ahead_s = 0;  // the server's clock, before ours
  std::minstd_rand random{std::random_device{}()};
};

const std::string& Session::State::fresh_token() {
  const std::int64_t now = now_s() + ahead_s;
  if (token.empty() || now < token_from_s || now - token_from_s >= kTokenUse_s) {
    crypto::wipe(token);
    token = crypto::jwt_rs256(key, R"({"alg":"RS256","typ":"JWT"})", token_claims(account, key.fingerprint(), now));
    token_from_s = now;
  }
  return token;
}

http::Response Session::State::ask_once(const Call& call, bool may_have_run) {
  http::Request request;
  request.method = call.method;
  request.url = account.host + call.path;
  if (!call.id.empty()) {
    request.url += (call.path.find('?') == std::string::npos ? "?requestId=" : "&requestId=") + call.id;
    if (may_have_run) request.url += "&retry=true";
  }
  request.headers = {"", "X-Snowflake-Authorization-Token-Type: KEYPAIR_JWT", "User-Agent: pgcdc/" PGCDC_VERSION,
                     "Accept: application/json"};
  if (call.method == "POST") request.headers.emplace_back("Content-Type: application/json");
  request.headers.front() = "Authorization: Bearer " + fresh_token();
  const Wiped bearer{request.headers.front()};
  request.body = call.body;
  request.compressed = true;
  return client.send(request);
}

http::Response Session::State::ask(const Call& call) {
  bool has_new_token = false;
  bool may_have_run = false;
  for (int attempt = 1;; ++attempt) {
    std::string trouble;
    try {
      http::Response answer = ask_once(call, may_have_run);
      const long status = answer.status;
      if (status == 200 || status == 202 || status == 408 || status == 422) return answer;
      const Status said = decode_status(answer.body);
      const std::string words = "Snowflake answered " + std::to_string(status) +
                                (said.code.empty() ? "" : " with an error's code") + " to " + call.method + " of " +
                                account.account;
      if (status == 401 && !has_new_token) {
        // It has expired, or our clock is off: signed anew by the server's.
        has_new_token = true;
        std::tm parts{};
        if (::strptime(answer.headers["date"].c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) != nullptr) {
          ahead_s = ::timegm(&parts) - now_s();
        }
        crypto::wipe(token);
        token.clear();
        --attempt;
        continue;
      }
      if (status == 401) {
        throw Failure(Exit::denied, "snowflake_denied",
                      "Snowflake does not know " + account.user +
                          " by this key: DESC USER shows RSA_PUBLIC_KEY_FP, ours is SHA256:" + key.fingerprint());
      }
      if (status == 403)
        throw Failure(Exit::denied, "snowflake_denied", words + ": a network policy, or no right to log in");
      if (status == 404 && call.method == "POST") {
        throw Failure(Exit::usage, "no_snowflake_account",
                      "there is no account " + account.account + " at " + account.host);
      }
      if (status == 400 || status == 405 || status == 415) {
        throw Refusal(Exit::bug, "snowflake_request", words, refusal(said.code, said.sql_state, "").code,
                      said.sql_state.substr(0, 5));
      }
      if (status != 429 && status < 500) refuse_answer(words);
      trouble = "it answered " + std::to_string(status);
    } catch (const Failure& failure) {
      if (failure.slug != "http_failed") throw;
      trouble = failure.message;
    }
    may_have_run = true;
    if (attempt >= limits.most_attempts) {
      throw Failure(Exit::retry, "snowflake_unavailable",
                    "could not reach " + account.host + " in " + std::to_string(attempt) + " attempts: " + trouble);
    }
    pause(std::min(limits.longest_pause_ms, limits.first_pause_ms << std::min(attempt - 1, 10)));
  }
}

std::string Session::State::statement_body(std::string_view statement, std::size_t count,
                                           std::string_view query_tag) const {
  std::string parameters;
  json::ObjectWriter with(parameters);
  with.text("timezone", "UTC")
      .text("date_output_format", "YYYY-MM-DD")
      .text("time_output_format", "HH24:MI:SS.FF6")
      .text("timestamp_output_format", "YYYY-MM-DD HH24:MI:SS.FF6")
      .text("timestamp_ntz_output_format", "YYYY-MM-DD HH24:MI:SS.FF6")
      .text("timestamp_ltz_output_format", "YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM")
      .text("timestamp_tz_output_format", "YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM")
      .text("binary_output_format", "BASE64")
      .text("MULTI_STATEMENT_COUNT", std::to_string(count));
  if (!query_tag.empty()) with.text("query_tag", query_tag);
  with.close();
  std::string body;
  json::ObjectWriter writer(body);
  writer.text("statement", statement)
      .number("timeout", static_cast<std::uint64_t>(limits.statement_s))
      .text("database", account.database)
      .text("schema", account.schema);
  if (!account.warehouse.empty()) writer.text("warehouse", account.warehouse);
  if (!account.role.empty()) writer.text("role", account.role);
  writer.raw("parameters", parameters).close();
  return body;
}

Answer Session::State::submit(std::string_view statement, std::size_t count, std::string_view query_tag) {
  return finish(ask({"POST", std::string(kStatements), request_id(), statement_body(statement, count, query_tag)}));
}

// Waits for the end of what runs on, and takes all pieces of its rows.
Answer Session::State::finish(http::Response response) {
  const Clock::time_point end = Clock::now() + std::chrono::seconds(limits.statement_s + limits.grace_s);
  int most_ms = kFirstPollMs;
  while (response.status == 202) {
    const std::string handle = decode_status(response.body).handle;
    if (!is_handle(handle)) refuse_answer("Snowflake said that a statement runs on, and not which");
    if (Clock::now() >= end) {
      cancel(handle);
      throw Failure(Exit::retry, "snowflake_timed_out",
                    "a statement did not end in its time and was cancelled: " + handle);
    }
    pause(std::min(most_ms, limits.longest_pause_ms));
    most_ms = std::min(most_ms * 3 / 2, kLongestPollMs);
    response = ask({"GET", std::string(kStatements) + "/" + handle, "", ""});
  }
  if (response.status == 408) {
    throw Failure(Exit::retry, "snowflake_timed_out", "a statement did not end in its time: Snowflake cancelled it");
  }
  if (response.status == 422) {
    const Status said = decode_status(response.body);
    throw refusal(said.code, said.sql_state, said.handle);
  }
  Answer answer = understood([&] { return decode_answer(response.body); });
  if (!is_handle(answer.handle)) refuse_answer("Snowflake gave a statement no handle");
  for (std::uint64_t piece = 1; piece < answer.partitions; ++piece) {
    const http::Response more =
        ask({"GET", std::string(kStatements) + "/" + answer.handle + "?partition=" + std::to_string(piece), "", ""});
    if (more.status != 200)
      refuse_answer("Snowflake answered " + std::to_string(more.status) + " in the middle of a result");
    understood([&] {
      decode_partition(more.body, answer.rows);
      return 0;
    });
  }
  return answer;
}

// As well as it goes: what cannot be cancelled ends by the server's own time-out.
void Session::State::cancel(const std::string& handle) {
  try {
    static_cast<void>(
        ask_once({"POST", std::string(kStatements) + "/" + handle + "/cancel", request_id(), "{}"}, false));
  } catch (const Failure&) {
    return;
  }
}

Session::Session(Account account, Limits limits) : state_(std::make_unique<State>(std::move(account), limits)) {}
Session::~Session() = default;

Answer Session::run(std::string_view statement, std::string_view query_tag) {
  return state_->submit(statement, 1, query_tag);
}

Answer Session::run_all(const std::vector<std::string>& statements, std::string_view query_tag) {
  if (statements.empty()) throw Failure(Exit::bug, "no_statement", "a request without a statement");
  std::string text;
  for (const std::string& statement : statements) {
    // On a line of its own: one that ends in a comment does not swallow the next.
    if (!text.empty()) text += ";\n";
    text += statement;
  }
  Answer answer = state_->submit(text, statements.size(), query_tag);
  if (statements.size() == 1) answer.handles = {answer.handle};
  if (answer.handles.size() != statements.size()) {
    refuse_answer("Snowflake answered for " + std::to_string(answer.handles.size()) + " of " +
                  std::to_string(statements.size()) + " statements");
  }
  return answer;
}

Answer Session::result(const std::string& handle) {
  if (!is_handle(handle)) throw Failure(Exit::bug, "no_handle", "a result was asked for without a handle");
  return state_->finish(state_->ask({"GET", std::string(kStatements) + "/" + handle, "", ""}));
}

}  // namespace snowflake
