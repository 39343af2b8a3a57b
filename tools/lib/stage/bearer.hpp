// stage: tokens that let in whoever bears them, and go stale: fetched when they are needed and again before they expire. Knows how token
// servers answer. Must not know which server is asked for what, and must not show a token.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/client.hpp"

namespace stage {

struct Token {
  std::string value;
  std::int64_t until_s = 0;  ///< when it expires, since 1970
};

class Bearer {
 public:
  using Fetch = std::function<Token(std::int64_t now_s)>;

  explicit Bearer(Fetch fetch) : fetch_(std::move(fetch)) {}
  ~Bearer();
  Bearer(const Bearer&) = delete;
  Bearer& operator=(const Bearer&) = delete;

  /// out  a token that lives for some minutes, or while no other can be had as long as this one lives; until the next call
  /// err  those of fetch
  const std::string& at(std::int64_t now_s);
  /// It was refused: the next one is fetched.
  void forget();

 private:
  Fetch fetch_;
  Token token_;
  std::int64_t renew_s_ = 0;
};

/// Asks a token server, whose answer is JSON with `access_token` and `expires_in`.
///
/// in   server  for messages: what it is
/// err  retry/http_failed when it cannot say now; denied/token_denied when it gives none
Token fetch_token(http::Client& client, const http::Request& request, const std::string& server, std::int64_t now_s);

}  // namespace stage
