// stage: a key from whoever gives it. See aws_credentials.hpp.
#include "stage/aws_credentials.hpp"

#include <poll.h>

#include <algorithm>
#include <ctime>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "http/client.hpp"
#include "io/file.hpp"
#include "json/tokens.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

// As AWS's own: taken again when it has less than this left; when that failed or brought the same, not asked for at every request.
constexpr std::int64_t kRenewBeforeS = 300;
constexpr std::int64_t kAgainAfterS = 30;
constexpr int kAttempts = 3;
constexpr int kPauseMs = 300;
// Beside us, or nowhere: an instance that has no such address must not be waited for.
constexpr http::Patience kNear{1, 2};
constexpr http::Patience kFar{10, 20};
// What a profile may say that would have a program run, a browser opened or another profile's role taken on.
constexpr const char* kNotFollowed[] = {"credential_process", "sso_session", "sso_start_url", "source_profile",
                                        "credential_source"};

void wipe(S3Key& key) {
  crypto::wipe(key.secret);
  crypto::wipe(key.token);
  key = {};
}

Failure unavailable(const std::string& words) {
  return {Exit::retry, "credentials_unavailable", "could not get a key for the store: " + words};
}

// 2026-11-26T18:21:59Z, with or without a fraction
std::optional<std::int64_t> time_of(const std::string& text) {
  std::tm parts{};
  if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return std::nullopt;
  return ::timegm(&parts);
}

AwsKey whole(AwsKey key, const std::string& expires, const char* whose) {
  key.expires_s = time_of(expires);
  if (key.key.id.empty() || key.key.secret.empty() || (!expires.empty() && !key.expires_s)) {
    throw unavailable(std::string("the answer of ") + whose + " holds none");
  }
  return key;
}

std::string_view element(std::string_view xml, const std::string& name) {
  const std::string open = "<" + name + ">";
  const std::size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return {};
  const std::size_t from = begin + open.size();
  return xml.substr(from, std::min(xml.find("</" + name + ">", from), xml.size()) - from);
}

std::string encode_form(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  std::string form;
  for (const auto& [name, value] : fields) {
    form += (form.empty() ? "" : "&") + std::string(name) + "=" + encode_uri(value);
  }
  return form;
}

// A container's address may be asked without TLS only on this machine: its answer is a key.
bool may_be_plain(std::string_view url) {
  for (const char* host : {"127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"}) {
    const std::string begin = std::string("http://") + host;
    if (url.starts_with(begin) && (url.size() == begin.size() || url[begin.size()] == ':' || url[begin.size()] == '/'))
      return true;
  }
  return false;
}

}  // namespace

std::string aws_domain(std::string_view region) {
  return region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

AwsKey parse_sts(std::string_view xml) {
  const std::string_view given = element(xml, "Credentials");
  const auto text = [&](const char* name) { return std::string(element(given, name)); };
  return whole({{text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken")}, std::nullopt}, text("Expiration"),
               "STS");
}

AwsKey parse_metadata(std::string_view json) {
  try {
    json::Tokenizer tokenizer;
    const json::Value root(tokenizer.tokens_of_copy(json), 0);
    return whole({{root.text_or("AccessKeyId", ""), root.text_or("SecretAccessKey", ""), root.text_or("Token", "")},
                  std::nullopt},
                 root.text_or("Expiration", ""), "who gives it");
  } catch (const Failure& failure) {
    if (failure.exit == Exit::retry) throw;
    throw unavailable("the answer of who gives it is no JSON");
  }
}

struct AwsCredentials::Parts {
  Variable variable;
  std::string region;
  std::function<std::int64_t()> clock;
  std::optional<AwsKey> held;
  std::int64_t not_before_s = 0;  // of the next attempt to renew

  [[nodiscard]] std::string value(const char* name) const { return variable(name).value_or(""); }

  AwsKey take();
  AwsKey take_web_identity(const std::string& token_file, const std::string& role, std::string session);
  AwsKey take_container(const std::string& url);
  std::optional<AwsKey> take_instance();
  [[noreturn]] static void refuse_profile(const AwsProfile& profile);
  static http::Response ask(http::Client& client, const http::Request& request, const char* whom);
};

// Asks again what may pass. out  an answer of 2xx, or of 404, which says that nothing is kept there
http::Response AwsCredentials::Parts::ask(http::Client& client, const http::Request& request, const char* whom) {
  for (int attempt = 1;; ++attempt) {
    std::string trouble;
    try {
      http::Response answer = client.send(request);
      if (answer.status < 300 || answer.status == 404) return answer;
      // STS says with 400 that it could not reach who signed the token.
      const bool passing = answer.status == 429 || answer.status >= 500 ||
                           answer.body.find("IDPCommunicationError") != std::string::npos;
      trouble = std::string(whom) + " answered " + std::to_string(answer.status);
      if (!passing) {
        const std::string code(element(answer.body, "Code"));
        const bool plain =
            std::all_of(code.begin(), code.end(), [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; });
        throw Failure(Exit::denied, "credentials_denied",
                      "no key for the store: " + trouble + (plain && !code.empty() ? " " + code : ""));
      }
    } catch (const Failure& failure) {
      if (failure.slug != "http_failed") throw;
      trouble = std::string(whom) + ": " + failure.message;
    }
    if (attempt == kAttempts) throw unavailable(trouble);
    ::poll(nullptr, 0, kPauseMs * attempt);
  }
}

AwsKey AwsCredentials::Parts::take_web_identity(const std::string& token_file, const std::string& role,
                                                std::string session) {
  // Whoever puts the token there replaces it every hour or so: read each time.
  std::optional<std::string> token = io::read_file(token_file);
  if (!token) throw unavailable("there is no web identity token at " + token_file);
  while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
  if (session.empty()) session = "pgcdc";
  std::string form = encode_form({{"Action", "AssumeRoleWithWebIdentity"},
                                  {"Version", "2011-06-15"},
                                  {"RoleArn", role},
                                  {"RoleSessionName", session},
                                  {"WebIdentityToken", *token}});
  std::string url = value("AWS_ENDPOINT_URL_STS");
  if (url.empty()) url = "https://sts." + region + "." + aws_domain(region);
  if (!url.ends_with('/')) url.push_back('/');
  http::Client client(kFar);
  http::Response answer = ask(client, {"POST", url, {"Accept: application/xml"}, form}, "STS");
  crypto::wipe(form);
  crypto::wipe(*token);
  AwsKey key = parse_sts(answer.body);
  crypto::wipe(answer.body);
  return key;
}

AwsKey AwsCredentials::Parts::take_container(const std::string& url) {
  if (!url.starts_with("https://") && !may_be_plain(url)) {
    throw Failure(Exit::usage, "no_credentials",
                  "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine");
  }
  http::Request request{"GET", url, {"Accept: application/json"}};
  std::string token = value("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
    const auto text = io::read_file(file);
    if (!text) throw unavailable("there is no container token at " + file);
    token = *text;
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.find_first_of("\r\n") != std::string::npos) {
    throw Failure(Exit::usage, "no_credentials", "the container's token is more than one line");
  }
  if (!token.empty()) request.headers.push_back("Authorization: " + token);
  http::Client client(kNear);
  const http::Response answer = ask(client, request, "the container's address");
  return parse_metadata(answer.body);
}

std::optional<AwsKey> AwsCredentials::Parts::take_instance() {
  std::string flag = value("AWS_EC2_METADATA_DISABLED");
  std::transform(flag.begin(), flag.end(), flag.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (flag == "true") return std::nullopt;
  std::string base = value("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (base.empty()) base = "http://169.254.169.254";
  while (base.ends_with('/')) base.pop_back();
  http::Client client(kNear);
  http::Response token;
  try {
    token = client.send({"PUT", base + "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds: 21600"}});
  } catch (const Failure& failure) {
    // Nobody there: this is no instance. One that was there is waited for.
    if (failure.slug != "http_failed") throw;
    if (held) throw unavailable("the instance's metadata: " + failure.message);
    return std::nullopt;
  }
  if (token.status == 403) return std::nullopt;  // switched off for this instance
  if (token.status != 200) throw unavailable("the instance's metadata answered " + std::to_string(token.status));
  const std::string header = "X-aws-ec2-metadata-token: " + token.body;
  const std::string roles = base + "/latest/meta-data/iam/security-credentials/";
  const http::Response role = ask(client, {"GET", roles, {header}}, "the instance's metadata");
  const std::string name = role.body.substr(0, role.body.find('\n'));
  if (role.status == 404 || name.empty()) return std::nullopt;  // an instance without a role
  return parse_metadata(ask(client, {"GET", roles + encode_uri(name), {header}}, "the instance's metadata").body);
}

void AwsCredentials::Parts::refuse_profile(const AwsProfile& profile) {
  for (const char* name : kNotFollowed) {
    if (!profile.contains(name)) continue;
    throw Failure(Exit::usage, "no_credentials",
                  std::string("the profile says ") + name +
                      ", which is not followed; have the key put into the environment or the shared file");
  }
  throw Failure(
      Exit::usage, "no_credentials",
      "no key for the store: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials, or a web "
      "identity, a container's or an instance's role");
}

AwsKey AwsCredentials::Parts::take() {
  AwsKey key;
  key.key = {value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"), value("AWS_SESSION_TOKEN")};
  if (!key.key.id.empty() && !key.key.secret.empty()) return key;
  if (const std::string file = value("AWS_WEB_IDENTITY_TOKEN_FILE"); !file.empty()) {
    const std::string role = value("AWS_ROLE_ARN");
    if (role.empty()) {
      throw Failure(Exit::usage, "no_credentials", "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not");
    }
    return take_web_identity(file, role, value("AWS_ROLE_SESSION_NAME"));
  }
  const AwsProfile profile = aws_profile(variable);
  const auto of = [&](std::string_view name) {
    const auto at = profile.find(name);
    return at == profile.end() ? std::string() : at->second;
  };
  if (!of("web_identity_token_file").empty() && !of("role_arn").empty()) {
    return take_web_identity(of("web_identity_token_file"), of("role_arn"), of("role_session_name"));
  }
  key.key = {of("aws_access_key_id"), of("aws_secret_access_key"), of("aws_session_token")};
  if (!key.key.id.empty() && !key.key.secret.empty()) {
    // A role to be taken on with this key is another identity than the key's own.
    if (of("role_arn").empty()) return key;
    refuse_profile(profile);
  }
  for (const char* name : kNotFollowed) {
    if (profile.contains(name)) refuse_profile(profile);
  }
  if (const std::string path = value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty()) {
    return take_container("http://169.254.170.2" + path);
  }
  if (const std::string url = value("AWS_CONTAINER_CREDENTIALS_FULL_URI"); !url.empty()) return take_container(url);
  if (auto instance = take_instance()) return std::move(*instance);
  refuse_profile(profile);
}

AwsCredentials::AwsCredentials(Variable variable, std::string region, std::function<std::int64_t()> clock)
    : parts_(std::make_unique<Parts>()) {
  parts_->variable = std::move(variable);
  parts_->region = std::move(region);
  parts_->clock = std::move(clock);
}

AwsCredentials::~AwsCredentials() {
  if (parts_->held) wipe(parts_->held->key);
}

const S3Key& AwsCredentials::key() {
  Parts& parts = *parts_;
  const std::int64_t now = parts.clock();
  if (parts.held && (!parts.held->expires_s || now < *parts.held->expires_s - kRenewBeforeS)) return parts.held->key;
  if (parts.held && now < parts.not_before_s && now < *parts.held->expires_s) return parts.held->key;
  try {
    AwsKey next = parts.take();
    if (parts.held) wipe(parts.held->key);
    parts.held = std::move(next);
  } catch (const Failure&) {
    if (!parts.held || now >= *parts.held->expires_s) throw;
  }
  parts.not_before_s = now + kAgainAfterS;
  return parts.held->key;
}

bool AwsCredentials::renew() {
  Parts& parts = *parts_;
  AwsKey next = parts.take();
  const bool same = parts.held && next.key.id == parts.held->key.id && next.key.secret == parts.held->key.secret &&
                    next.key.token == parts.held->key.token;
  if (parts.held) wipe(parts.held->key);
  parts.held = std::move(next);
  return !same;
}

}  // namespace stage
