// stage: where a key for AWS is taken from, as AWS's own programs take it, and when it is to be taken again. Knows the environment's names,
// the two shared files, STS, and the addresses at which a container or an instance asks. Must not know what the key is for; must not run
// a program for it, and must not show it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stage/sigv4.hpp"

namespace stage {

/// The value of an environment variable; nothing when it is not set.
using Variable = std::function<std::optional<std::string>(const char* name)>;

/// What the two shared files say in one profile; a name that stands in both counts as the credentials file has it.
using AwsProfile = std::map<std::string, std::string, std::less<>>;

/// in   variable  AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE (else those in HOME/.aws), AWS_PROFILE (else `default`)
/// out  the names of that profile; lines that belong to a name above (indented ones) are left out
/// err  those of io::read_file
[[nodiscard]] AwsProfile aws_profile(const Variable& variable);

/// `amazonaws.com`, or what it is called where the region lies.
[[nodiscard]] std::string aws_domain(std::string_view region);

/// A key and when it ends, seconds since 1970; nothing: it does not.
struct AwsKey {
  S3Key key;
  std::optional<std::int64_t> expires_s;
};

/// in   xml   STS's answer to AssumeRoleWithWebIdentity. err retry/credentials_unavailable when it is none
[[nodiscard]] AwsKey parse_sts(std::string_view xml);
/// in   json  what a container's or an instance's address answers. err the same
[[nodiscard]] AwsKey parse_metadata(std::string_view json);

/// The first of: the environment; a web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, or the profile's two); the shared files; the
/// container's address; the instance's (IMDSv2 only).
class AwsCredentials {
 public:
  /// in   clock  seconds since 1970
  AwsCredentials(Variable variable, std::string region, std::function<std::int64_t()> clock);
  ~AwsCredentials();
  AwsCredentials(const AwsCredentials&) = delete;
  AwsCredentials& operator=(const AwsCredentials&) = delete;

  /// The key to sign with now. One that ends is taken again some minutes before; while that fails, it is used until it ends.
  ///
  /// err  usage/no_credentials: there is none, or only one that a program would have to be run for; retry/credentials_unavailable: who
  ///      gives it did not answer; denied/credentials_denied: it refused; those of io::read_file
  [[nodiscard]] const S3Key& key();

  /// The store called the key expired: takes it again.
  ///
  /// out  false: it would be the same
  /// err  as key()
  [[nodiscard]] bool renew();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace stage
