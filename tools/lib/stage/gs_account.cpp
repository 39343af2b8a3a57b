// stage: an account of Google's, from the environment. See gs_account.hpp.
#include "stage/gs_account.hpp"

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "crypto/jwt.hpp"
#include "io/secret_file.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

constexpr std::int64_t kTokenLifeS = 3600;

struct ServiceAccount {
  crypto::PrivateKey key;
  std::string header;
  std::string email;
};

ServiceAccount read_service_account(const std::string& path) {
  std::string text = io::read_secret(path);
  const std::size_t size = text.size();
  text.resize(size + json::kPaddingBytes);  // so that the tokenizer makes no copy of the secret
  std::string pem;
  std::string email;
  std::string key_id;
  std::string type;
  try {
    json::Tokenizer tokenizer;
    const json::Value root(tokenizer.tokens(std::string_view(text).substr(0, size)), 0);
    type = root.text_or("type", "");
    if (type == "service_account") {
      pem = root.text("private_key");
      email = root.text("client_email");
      key_id = root.text_or("private_key_id", "");
    }
  } catch (const Failure&) {
    type.clear();
  }
  crypto::wipe(text);
  if (pem.empty() || email.empty()) {
    const char* why =
        type == "authorized_user"
            ? "cannot use a person's own credentials (authorized_user): they end when the person goes; make a "
              "service account and a key of it"
        : type == "external_account" || type == "impersonated_service_account"
            ? "cannot use credentials that are exchanged for others; a service account's key is what is known"
            : "cannot read a service account's key: it is JSON with type, client_email and private_key";
    throw Failure(Exit::usage, "no_credentials", path + ": " + why);
  }
  std::string header = R"({"alg":"RS256","typ":"JWT")";
  if (!key_id.empty()) {
    header += ",\"kid\":";
    json::append_string(header, key_id);
  }
  try {
    crypto::PrivateKey key = crypto::PrivateKey::from_pem(pem);
    crypto::wipe(pem);
    return {std::move(key), header + "}", email};
  } catch (const Failure& failure) {
    crypto::wipe(pem);
    throw Failure(failure.exit, failure.slug, path + ": " + failure.message);
  }
}

// A token that nobody has to be asked for: the store knows the public key.
Bearer::Fetch self_signed(ServiceAccount account) {
  return [account = std::make_shared<ServiceAccount>(std::move(account))](std::int64_t now_s) {
    std::string claims = "{\"iss\":";
    json::append_string(claims, account->email);
    claims += ",\"sub\":";
    json::append_string(claims, account->email);
    claims += R"(,"scope":"https://www.googleapis.com/auth/devstorage.read_write","iat":)" + std::to_string(now_s) +
              ",\"exp\":" + std::to_string(now_s + kTokenLifeS) + "}";
    return Token{crypto::jwt_rs256(account->key, account->header, claims), now_s + kTokenLifeS};
  };
}

Bearer::Fetch of_machine(const std::string& host) {
  const std::string url = "http://" + host + "/computeMetadata/v1/instance/service-accounts/default/token";
  return [url, connection = std::make_shared<http::Client>(http::Patience{5, 30})](std::int64_t now_s) {
    return fetch_token(*connection, {"GET", url, {"Metadata-Flavor: Google"}},
                       "the machine's metadata server (no key was named)", now_s);
  };
}

}  // namespace

GsAccount gs_account(const Variable& variable) {
  const auto set = [&](const char* name) { return variable(name).value_or(""); };
  GsAccount account;
  if (std::string host = set("STORAGE_EMULATOR_HOST"); !host.empty()) {
    if (host.find("://") == std::string::npos) host.insert(0, "http://");
    while (host.ends_with('/')) host.pop_back();
    account.endpoint = host;
  }
  account.key.id = set("GS_HMAC_ACCESS_KEY_ID");
  account.key.secret = set("GS_HMAC_SECRET");
  if (account.key.id.empty() != account.key.secret.empty()) {
    throw Failure(Exit::usage, "no_credentials", "of GS_HMAC_ACCESS_KEY_ID and GS_HMAC_SECRET one is not set");
  }
  if (!account.key.id.empty()) return account;
  if (const std::string path = set("GOOGLE_APPLICATION_CREDENTIALS"); !path.empty()) {
    account.bearer = std::make_shared<Bearer>(self_signed(read_service_account(path)));
    return account;
  }
  const std::string host = set("GCE_METADATA_HOST");
  account.bearer = std::make_shared<Bearer>(of_machine(host.empty() ? "metadata.google.internal" : host));
  return account;
}

}  // namespace stage
