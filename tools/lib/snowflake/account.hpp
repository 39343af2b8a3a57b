// snowflake: which account, and as whom. This file: a warehouse's address and the environment into what a session needs. Knows how
// accounts, hosts and users are spelled. Must not read a file, and must not take a secret from an address, which others see.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace snowflake {

/// host        `https://HOST[:PORT]`, nothing behind
/// account     as a token names it: upper case, without a region
/// user        upper case
/// database, schema, warehouse, role  as given: the API tells letters' cases apart; warehouse and role empty: the user's default
/// stage       the parts of DATABASE.SCHEMA.NAME; empty: none given
/// key_file    the private key, PEM
/// passphrase  a secret; whoever keeps an Account wipes it
struct Account {
  std::string host;
  std::string account;
  std::string user;
  std::string database;
  std::string schema;
  std::string warehouse;
  std::string role;
  std::vector<std::string> stage;
  std::string key_file;
  std::string passphrase;
};

/// in   url       `snowflake://ACCOUNT/DATABASE/SCHEMA?warehouse=W&role=R&user=U&stage=DATABASE.SCHEMA.NAME`, %XX undone in each part;
///                ACCOUNT is ORGANIZATION-NAME, or a locator with its region, xy12345.eu-central-1
///      variable  the value of an environment variable, nothing when it is not set: SNOWFLAKE_USER (when the address names none),
///                SNOWFLAKE_PRIVATE_KEY_PATH, PRIVATE_KEY_PASSPHRASE, SNOWFLAKE_HOST (a private link's host; plain http:// only on
///                loopback)
/// err  usage/bad_snowflake_url, also for a secret in it; usage/no_snowflake_user; usage/no_snowflake_key; usage/bad_snowflake_host
/// src  Snowflake docs, "Account identifiers"; key pair authentication of its own programs, for the names of variables
[[nodiscard]] Account parse_account(std::string_view url,
                                    const std::function<std::optional<std::string>(const char* name)>& variable);

/// What a token says of who shows it, for an hour less a minute: longer ones are refused.
///
/// in   fingerprint  base64 of the public key's SHA-256; now_s: seconds since 1970
/// out  JSON
/// src  Snowflake docs, "Authenticating to the server", key pair
[[nodiscard]] std::string token_claims(const Account& account, std::string_view fingerprint, std::int64_t now_s);
inline constexpr std::int64_t kTokenLife_s = 59 * 60;

}  // namespace snowflake
