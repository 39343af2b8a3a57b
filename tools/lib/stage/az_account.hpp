// stage: how to get into an account of Azure's blob store, from the environment: a key, a signature handed out (SAS), or an identity of
// the machine or the workload, as tokens. Knows the names of variables and who gives out tokens; not what is done in the store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "stage/bearer.hpp"

namespace stage {

/// The value of an environment variable; nothing when it is not set.
using Variable = std::function<std::optional<std::string>(const char* name)>;

/// One of key, sas and bearer is there.
///
/// name      of the account
/// endpoint  `https://NAME.blob.core.windows.net`, or another server's with the account in its path; no / at its end
/// key       the account's, its bytes
/// sas       a query without `?`, in the encoding in which it was given
struct AzAccount {
  std::string name;
  std::string endpoint;
  std::string key = {};
  std::string sas = {};
  std::shared_ptr<Bearer> bearer = {};
};

/// AZURE_STORAGE_CONNECTION_STRING; what it does not say: AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_SERVICE_ENDPOINT, then AZURE_STORAGE_KEY
/// or AZURE_STORAGE_SAS_TOKEN; else with AZURE_TENANT_ID and AZURE_CLIENT_ID a token from AZURE_AUTHORITY_HOST for what is in
/// AZURE_FEDERATED_TOKEN_FILE (read anew each time) or AZURE_CLIENT_SECRET; else one of the machine's identity (AZURE_CLIENT_ID: which).
///
/// err  usage/no_credentials when there is no account, or a key that is no base64. Tokens are fetched when they are needed
[[nodiscard]] AzAccount az_account(const Variable& variable);

}  // namespace stage
