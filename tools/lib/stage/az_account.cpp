// stage: an account of Azure's, from the environment. See az_account.hpp.
#include "stage/az_account.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "io/file.hpp"
#include "stage/sigv4.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

constexpr char kResource[] = "https://storage.azure.com/";

[[noreturn]] void refuse(const std::string& words) { throw Failure(Exit::usage, "no_credentials", words); }

// `Name=value;Name=value`; values hold = too. out  empty: it is not said
std::string said_in(std::string_view connection, std::string_view name) {
  while (!connection.empty()) {
    const std::string_view part = connection.substr(0, connection.find(';'));
    connection.remove_prefix(std::min(part.size() + 1, connection.size()));
    const std::size_t equals = part.find('=');
    if (equals != std::string_view::npos && part.substr(0, equals) == name) return std::string(part.substr(equals + 1));
  }
  return "";
}

// What a workload shows to get a token: a file that its platform renews, or a secret.
Bearer::Fetch of_workload(std::string authority, std::string tenant, std::string client, std::string file,
                          const std::string& secret) {
  while (authority.ends_with('/')) authority.pop_back();
  const std::string url = authority + "/" + encode_uri(tenant) + "/oauth2/v2.0/token";
  const std::string known = "grant_type=client_credentials&client_id=" + encode_uri(client) +
                            "&scope=" + encode_uri(std::string(kResource) + ".default");
  const std::shared_ptr<std::string> kept(new std::string(secret), [](std::string* held) {
    crypto::wipe(*held);
    delete held;
  });
  return [=, connection = std::make_shared<http::Client>()](std::int64_t now_s) {
    std::string body = known;
    if (file.empty()) {
      body += "&client_secret=" + encode_uri(*kept);
    } else {
      std::optional<std::string> assertion = io::read_file(file);
      if (!assertion) throw Failure(Exit::usage, "no_file", file + ": no such file (AZURE_FEDERATED_TOKEN_FILE)");
      while (assertion->ends_with('\n')) assertion->pop_back();
      body += "&client_assertion_type=" + encode_uri("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") +
              "&client_assertion=" + encode_uri(*assertion);
      crypto::wipe(*assertion);
    }
    http::Request request{"POST", url, {"Content-Type: application/x-www-form-urlencoded"}, body};
    Token token;
    try {
      token = fetch_token(*connection, request, "the tenant's token server", now_s);
    } catch (const Failure&) {
      crypto::wipe(body);
      throw;
    }
    crypto::wipe(body);
    return token;
  };
}

Bearer::Fetch of_machine(std::string authority, const std::string& client) {
  while (authority.ends_with('/')) authority.pop_back();
  std::string url =
      authority + "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + encode_uri(kResource);
  if (!client.empty()) url += "&client_id=" + encode_uri(client);
  return [=, connection = std::make_shared<http::Client>(http::Patience{5, 30})](std::int64_t now_s) {
    return fetch_token(*connection, {"GET", url, {"Metadata: true"}},
                       "the machine's identity service (no key was named)", now_s);
  };
}

}  // namespace

AzAccount az_account(const Variable& variable) {
  const auto set = [&](const char* name) { return variable(name).value_or(""); };
  std::string connection = set("AZURE_STORAGE_CONNECTION_STRING");
  // What the connection string says, else the variable.
  const auto first_of = [&](std::string_view name, const char* other) {
    std::string value = said_in(connection, name);
    return value.empty() && other != nullptr ? set(other) : value;
  };
  AzAccount account;
  account.name = first_of("AccountName", "AZURE_STORAGE_ACCOUNT");
  account.endpoint = first_of("BlobEndpoint", "AZURE_STORAGE_SERVICE_ENDPOINT");
  std::string key = first_of("AccountKey", "AZURE_STORAGE_KEY");
  account.sas = first_of("SharedAccessSignature", "AZURE_STORAGE_SAS_TOKEN");
  if (account.sas.starts_with('?')) account.sas.erase(0, 1);
  const std::string suffix = said_in(connection, "EndpointSuffix");
  const std::string protocol = said_in(connection, "DefaultEndpointsProtocol");
  crypto::wipe(connection);

  if (account.name.empty() && (account.endpoint.empty() || account.sas.empty())) {
    refuse("no account for the store: AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING");
  }
  if (account.endpoint.empty()) {
    account.endpoint = (protocol.empty() ? "https" : protocol) + "://" + account.name + ".blob." +
                       (suffix.empty() ? "core.windows.net" : suffix);
  }
  while (account.endpoint.ends_with('/')) account.endpoint.pop_back();

  if (!key.empty()) {
    std::optional<std::string> bytes = base::decode_base64(key);
    crypto::wipe(key);
    if (!bytes || bytes->empty()) refuse("cannot use the account's key: it is no base64");
    account.key = std::move(*bytes);
    crypto::wipe(account.sas);
    return account;
  }
  if (!account.sas.empty()) return account;

  const std::string tenant = set("AZURE_TENANT_ID");
  const std::string client = set("AZURE_CLIENT_ID");
  const std::string file = set("AZURE_FEDERATED_TOKEN_FILE");
  const std::string secret = set("AZURE_CLIENT_SECRET");
  if (!tenant.empty() && !client.empty() && (!file.empty() || !secret.empty())) {
    const std::string authority = set("AZURE_AUTHORITY_HOST");
    account.bearer = std::make_shared<Bearer>(
        of_workload(authority.empty() ? "https://login.microsoftonline.com" : authority, tenant, client, file, secret));
  } else {
    const std::string authority = set("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    account.bearer =
        std::make_shared<Bearer>(of_machine(authority.empty() ? "http://169.254.169.254" : authority, client));
  }
  return account;
}

}  // namespace stage
