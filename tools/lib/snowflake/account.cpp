// snowflake: the address and the environment. See account.hpp.
#include "snowflake/account.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "json/write.hpp"

namespace snowflake {
namespace {

using base::Exit;
using base::Failure;

constexpr std::string_view kScheme = "snowflake://";

[[noreturn]] void refuse(const std::string& words) {
  throw Failure(
      Exit::usage, "bad_snowflake_url",
      words + "; it is snowflake://ACCOUNT/DATABASE/SCHEMA?warehouse=W&role=R&user=U&stage=DATABASE.SCHEMA.NAME");
}

std::string decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const std::optional<std::string> byte = base::decode_hex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) refuse("a warehouse's address has a % without two hex digits behind it");
    decoded += *byte;
    i += 2;
  }
  return decoded;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

bool is_host_text(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

// ORG-NAME keeps its hyphen; a locator ends at its region. Of an account behind a global host the part before the hyphen counts.
std::string account_of_token(const std::string& account) {
  if (account.ends_with(".global")) return upper(account.substr(0, std::min(account.find('-'), account.find('.'))));
  return upper(account.substr(0, account.find('.')));
}

std::string host_of(const std::string& account) {
  std::string host = account;
  // An organization's account may have an underscore in its name, a host may not.
  std::replace(host.begin(), host.end(), '_', '-');
  const bool is_china = account.find(".cn-") != std::string::npos;
  return "https://" + host + (is_china ? ".snowflakecomputing.cn" : ".snowflakecomputing.com");
}

// What stands before a port is compared whole: http://127.0.0.1.example.com is somebody else's.
bool is_loopback(std::string_view host) {
  const std::string_view bare = host.substr(0, host.starts_with('[') ? host.find(']') + 1 : host.find(':'));
  return bare == "127.0.0.1" || bare == "localhost" || bare == "[::1]";
}

std::string given_host(std::string host) {
  while (host.ends_with('/')) host.pop_back();
  const bool is_plain = host.starts_with("http://");
  const std::string_view rest = std::string_view(host).substr(is_plain ? 7 : host.starts_with("https://") ? 8 : 0);
  if (rest.empty() || rest.ends_with(':') || rest.find_first_of("/?#@ ") != std::string_view::npos) {
    throw Failure(Exit::usage, "bad_snowflake_host", "SNOWFLAKE_HOST is HOST, HOST:PORT or https://HOST:PORT");
  }
  if (is_plain && !is_loopback(rest)) {
    throw Failure(Exit::usage, "bad_snowflake_host",
                  "SNOWFLAKE_HOST cannot be http://, but on loopback: a token would be seen");
  }
  return is_plain ? host : "https://" + std::string(rest);
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

void take_parameter(Account& into, std::string_view parameter) {
  const std::size_t equals = parameter.find('=');
  const std::string_view key = parameter.substr(0, equals);
  // Never repeated in a message: it may be what must not be seen.
  if (key == "password" || key == "token" || key == "passphrase" || key == "private_key" || key == "key") {
    refuse("a warehouse's address holds no secret; the key's file is SNOWFLAKE_PRIVATE_KEY_PATH");
  }
  if (equals == std::string_view::npos) refuse("a warehouse's address has a parameter without a value");
  const std::string value = decode(parameter.substr(equals + 1));
  if (value.empty()) refuse("a warehouse's address has a parameter without a value");
  if (key == "warehouse") {
    into.warehouse = value;
  } else if (key == "role") {
    into.role = value;
  } else if (key == "user") {
    into.user = value;
  } else if (key == "stage") {
    into.stage = split(value, '.');
    const bool has_empty =
        std::any_of(into.stage.begin(), into.stage.end(), [](const auto& part) { return part.empty(); });
    if (into.stage.size() != 3 || has_empty) refuse("a stage is DATABASE.SCHEMA.NAME");
  } else {
    refuse("a warehouse's address has a parameter that is none");
  }
}

}  // namespace

Account parse_account(std::string_view url,
                      const std::function<std::optional<std::string>(const char* name)>& variable) {
  if (!url.starts_with(kScheme)) refuse("cannot read a warehouse's address");
  url.remove_prefix(kScheme.size());
  const std::size_t question = url.find('?');
  const std::vector<std::string> path = split(url.substr(0, question), '/');
  if (path.size() != 3) refuse("cannot read a warehouse's address");
  if (path[0].find('@') != std::string::npos)
    refuse("a warehouse's address has no user before its account, and no secret");
  Account account;
  const std::string given = decode(path[0]);
  if (!is_host_text(given) || given.starts_with('.')) refuse("an account has letters, digits, `-`, `_` and `.`");
  account.account = account_of_token(given);
  account.host = host_of(given);
  account.database = decode(path[1]);
  account.schema = decode(path[2]);
  if (account.database.empty() || account.schema.empty()) refuse("a warehouse's address names a database and a schema");
  if (question != std::string_view::npos) {
    for (const std::string& parameter : split(url.substr(question + 1), '&')) take_parameter(account, parameter);
  }

  if (const auto host = variable("SNOWFLAKE_HOST"); host && !host->empty()) account.host = given_host(*host);
  if (account.user.empty()) account.user = variable("SNOWFLAKE_USER").value_or("");
  if (account.user.empty()) {
    throw Failure(Exit::usage, "no_snowflake_user", "SNOWFLAKE_USER is not set, and the address has no user=");
  }
  account.user = upper(account.user);
  account.key_file = variable("SNOWFLAKE_PRIVATE_KEY_PATH").value_or("");
  if (account.key_file.empty()) {
    throw Failure(Exit::usage, "no_snowflake_key",
                  "SNOWFLAKE_PRIVATE_KEY_PATH is not set: the file of the user's private key");
  }
  account.passphrase = variable("PRIVATE_KEY_PASSPHRASE").value_or("");
  return account;
}

std::string token_claims(const Account& account, std::string_view fingerprint, std::int64_t now_s) {
  const std::string subject = account.account + "." + account.user;
  std::string claims;
  json::ObjectWriter(claims)
      .text("iss", subject + ".SHA256:" + std::string(fingerprint))
      .text("sub", subject)
      .number("iat", static_cast<std::uint64_t>(now_s))
      .number("exp", static_cast<std::uint64_t>(now_s + kTokenLife_s))
      .close();
  return claims;
}

}  // namespace snowflake
