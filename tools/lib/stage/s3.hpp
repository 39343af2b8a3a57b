// stage: a bucket as a store: S3, and what speaks its protocol. An object is there whole or not at all once it was answered for; create if
// absent is `If-None-Match: *`. Knows its requests, signatures and codes of errors; attempts, pieces and pages are remote.hpp's. Must not
// know what objects are for, and must not show a secret.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stage/sigv4.hpp"
#include "stage/store.hpp"

namespace stage {

/// Where a bucket is and how to get in.
///
/// endpoint  `https://HOST[:PORT]` of a server that has the bucket in its path; empty: AWS, the bucket in the host's name
struct S3Account {
  std::string endpoint;
  std::string region = "us-east-1";
  S3Key key;
};

/// As AWS's own programs take it from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or
/// AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; the key else from AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials,
/// section AWS_PROFILE or `default`.
///
/// in   variable  the value of an environment variable; nothing when it is not set
/// err  usage/no_credentials when there is no key; what reading files brings
[[nodiscard]] S3Account s3_account(const std::function<std::optional<std::string>(const char* name)>& variable);

/// in   where  `s3://BUCKET[/PREFIX]`
/// err  usage/unknown_stage. Of its functions: retry/store_unavailable after several attempts; denied/store_denied;
///      refused/no_bucket; refused/no_create_if_absent, of a store that cannot promise it; retry/store_answer
[[nodiscard]] std::unique_ptr<Store> make_s3_store(const std::string& where, S3Account account);

}  // namespace stage
