// stage: tokens. See bearer.hpp.
#include "stage/bearer.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "json/tokens.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

// A request may take as long as this to be let in.
constexpr std::int64_t kAheadS = 300;

// A short-lived token is kept for most of its life at least.
std::int64_t ahead(std::int64_t life_s) { return std::min(kAheadS, life_s / 4); }

}  // namespace

Bearer::~Bearer() { crypto::wipe(token_.value); }

void Bearer::forget() {
  crypto::wipe(token_.value);
  token_.until_s = 0;
}

const std::string& Bearer::at(std::int64_t now_s) {
  if (!token_.value.empty() && now_s < renew_s_) return token_.value;
  try {
    Token next = fetch_(now_s);
    crypto::wipe(token_.value);
    token_ = std::move(next);
    renew_s_ = token_.until_s - ahead(token_.until_s - now_s);
  } catch (const Failure& failure) {
    // There is time left for another attempt, at the next request.
    if (failure.slug != "http_failed" || token_.value.empty() || now_s >= token_.until_s) throw;
  }
  return token_.value;
}

Token fetch_token(http::Client& client, const http::Request& request, const std::string& server, std::int64_t now_s) {
  http::Response answer = client.send(request);
  const std::string words = server + " answered " + std::to_string(answer.status);
  const auto drop = [&answer] { crypto::wipe(answer.body); };
  if (answer.status != 200) {
    drop();
    // 404 and 410: Azure's instance service while it starts or is renewed.
    const bool passing = answer.status == 404 || answer.status == 408 || answer.status == 410 || answer.status == 429 ||
                         answer.status >= 500;
    if (passing) throw Failure(Exit::retry, "http_failed", words);
    throw Failure(Exit::denied, "token_denied", "the store's token was not given: " + words);
  }
  Token token;
  try {
    // Room behind the text, so that the tokenizer makes no copy of the secret.
    const std::size_t size = answer.body.size();
    answer.body.resize(size + json::kPaddingBytes);
    json::Tokenizer tokenizer;
    const json::Value root(tokenizer.tokens(std::string_view(answer.body).substr(0, size)), 0);
    token.value = root.text("access_token");
    const json::Value life = root.at("expires_in");  // a number, or a string of one
    std::uint64_t life_s = 0;
    const bool said = json::parse_whole(life.kind() == json::Kind::string ? life.as_text() : life.raw(), life_s);
    if (!said || token.value.empty()) throw Failure(Exit::data, "missing_key", "");
    token.until_s = now_s + static_cast<std::int64_t>(std::min<std::uint64_t>(life_s, 365 * 86400));
  } catch (const Failure&) {
    drop();
    throw Failure(Exit::retry, "http_failed", words + " without a token");
  }
  drop();
  return token;
}

}  // namespace stage
