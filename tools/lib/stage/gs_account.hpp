// stage: how to get into Google's store, from the environment: a service account's key, which signs its own tokens; the machine's
// metadata server, which gives them out; or a key of the kind that HMAC takes. Knows variables, the form of the file and who gives out
// tokens; not what is done in the store.
#pragma once

#include <memory>
#include <string>

#include "stage/az_account.hpp"
#include "stage/bearer.hpp"
#include "stage/sigv4.hpp"

namespace stage {

/// One of key and bearer is there. endpoint: no / at its end
struct GsAccount {
  std::string endpoint = "https://storage.googleapis.com";
  S3Key key = {};
  std::shared_ptr<Bearer> bearer = {};
};

/// GS_HMAC_ACCESS_KEY_ID and GS_HMAC_SECRET; else the service account of the file GOOGLE_APPLICATION_CREDENTIALS; else tokens from
/// GCE_METADATA_HOST (metadata.google.internal), when they are needed. STORAGE_EMULATOR_HOST: another server.
///
/// err  usage/no_credentials: the file holds something else; usage/bad_private_key; those of io::read_secret
[[nodiscard]] GsAccount gs_account(const Variable& variable);

}  // namespace stage
