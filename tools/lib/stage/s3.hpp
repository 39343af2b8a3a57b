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

#include "stage/aws_credentials.hpp"
#include "stage/sigv4.hpp"
#include "stage/store.hpp"

namespace stage {

/// Where a bucket is and how to get in.
///
/// endpoint     `https://HOST[:PORT][/PATH]` of another server; empty: AWS
/// key          used as it is, unless there are
/// credentials  which are asked for one whenever a request is signed
/// addressing   where the bucket is named; by default in the path of another server, in the host's name of AWS
/// sse, sse_key_id  how the store is to encrypt what is put (`AES256`, `aws:kms`, `aws:kms:dsse`), and with which key; empty: as it does
struct S3Account {
  enum class Addressing { usual, path, host };
  std::string endpoint = {};
  std::string region = "us-east-1";
  S3Key key = {};
  std::shared_ptr<AwsCredentials> credentials = {};
  Addressing addressing = Addressing::usual;
  std::string sse = {};
  std::string sse_key_id = {};
};

/// As AWS's own programs take it: AWS_REGION or AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else `region` and
/// `endpoint_url` of the profile, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS; the key as AwsCredentials takes it. Ours are
/// PGCDC_S3_ADDRESSING (`path`, `host`), PGCDC_S3_SSE, PGCDC_S3_SSE_KMS_KEY_ID.
///
/// err  usage/bad_value; what reading files brings; those of AwsCredentials::key(), which is asked once
[[nodiscard]] S3Account s3_account(const Variable& variable);

/// in   where  `s3://BUCKET[/PREFIX]`
/// err  usage/unknown_stage. Of its functions: retry/store_unavailable after several attempts; denied/store_denied;
///      refused/no_bucket; refused/no_create_if_absent, of a store that cannot promise it; retry/store_answer; those of
///      AwsCredentials::key()
[[nodiscard]] std::unique_ptr<Store> make_s3_store(const std::string& where, S3Account account);

}  // namespace stage
