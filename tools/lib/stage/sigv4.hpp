// stage: signing requests to S3 and what speaks its protocol (AWS Signature Version 4), and to Google's store, which has the same form with
// other words. Knows the form of what is signed; not what the request is for. Time comes in as a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stage {

/// token  of temporary credentials; empty: none
struct S3Key {
  std::string id;
  std::string secret;
  std::string token;
};

/// A request as it is signed.
///
/// host     as the Host header has it
/// path     encoded by encode_path, begins with /
/// query    names and values, not encoded, in any order
/// headers  further ones that are signed, names in small letters
/// payload  SHA-256 of the body, 64 hex digits
struct S3Request {
  std::string method;
  std::string host;
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload;
};

/// Every byte but A-Z a-z 0-9 - . _ ~ as %XX; encode_path leaves / too.
[[nodiscard]] std::string encode_uri(std::string_view text);
[[nodiscard]] std::string encode_path(std::string_view path);
/// The query as it is signed and sent, sorted; empty: none.
[[nodiscard]] std::string encode_query(const S3Request& request);
[[nodiscard]] std::string encode_query(const std::vector<std::pair<std::string, std::string>>& query);

/// The words of a form. brand: before a secret, `AWS4`; headers: at the beginning of their names, `x-amz-`
struct SigningForm {
  std::string_view brand;
  std::string_view headers;
  std::string_view service;
  std::string_view ending;
};
inline constexpr SigningForm kAws4{"AWS4", "x-amz-", "s3", "aws4_request"};
inline constexpr SigningForm kGoog4{"GOOG4", "x-goog-", "storage", "goog4_request"};

/// out  the headers to send, `Name: value`, but for Host: those of the request, x-amz-date, x-amz-content-sha256, Authorization
/// in   time_s  since 1970
/// src  AWS, "Authenticating Requests: Using the Authorization Header"; Google, "Cloud Storage: HMAC keys, V4 signing process"
[[nodiscard]] std::vector<std::string> sign(const S3Request& request, const S3Key& key, std::string_view region,
                                            std::int64_t time_s, const SigningForm& form = kAws4);

}  // namespace stage
