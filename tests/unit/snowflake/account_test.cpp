// Promises of the address and of the token: who is meant is spelled as Snowflake spells it, and no secret comes from an address or leaves
// in a message.
#include "snowflake/account.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/failure.hpp"

namespace {

using Variables = std::map<std::string, std::string>;

snowflake::Account parse(std::string_view url, Variables set = {}) {
  set.try_emplace("SNOWFLAKE_USER", "cdc_loader");
  set.try_emplace("SNOWFLAKE_PRIVATE_KEY_PATH", "key.p8");
  return snowflake::parse_account(url, [&](const char* name) -> std::optional<std::string> {
    const auto at = set.find(name);
    return at == set.end() ? std::nullopt : std::optional(at->second);
  });
}

// Slug and message of what is refused.
std::pair<std::string, std::string> refused(std::string_view url, const Variables& set = {}) {
  try {
    static_cast<void>(parse(url, set));
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::usage);
    return {failure.slug, failure.message};
  }
  return {};
}

TEST(Account, TakesEachPartAsGiven) {
  const snowflake::Account account =
      parse("snowflake://myorg-my_acct/Raw/public%2Fx?warehouse=Load%20er&role=r&user=Some.One&stage=CDC.Stages.main",
            {{"PRIVATE_KEY_PASSPHRASE", "p"}});
  EXPECT_EQ(account.host, "https://myorg-my-acct.snowflakecomputing.com");
  EXPECT_EQ(account.account, "MYORG-MY_ACCT");
  EXPECT_EQ(account.user, "SOME.ONE");
  EXPECT_EQ(account.database, "Raw");
  EXPECT_EQ(account.schema, "public/x");
  EXPECT_EQ(account.warehouse, "Load er");
  EXPECT_EQ(account.role, "r");
  EXPECT_EQ(account.stage, (std::vector<std::string>{"CDC", "Stages", "main"}));
  EXPECT_EQ(account.key_file, "key.p8");
  EXPECT_EQ(account.passphrase, "p");
}

TEST(Account, ALocatorLosesItsRegionInTheTokenAndKeepsItInTheHost) {
  const snowflake::Account account = parse("snowflake://xy12345.us-east-1/D/S");
  EXPECT_EQ(account.account, "XY12345");
  EXPECT_EQ(account.host, "https://xy12345.us-east-1.snowflakecomputing.com");
  EXPECT_EQ(account.user, "CDC_LOADER");
  EXPECT_TRUE(account.warehouse.empty());
  EXPECT_EQ(parse("snowflake://xy12345.eu-central-1.azure/D/S").account, "XY12345");
  EXPECT_EQ(parse("snowflake://acct-a1b2.global/D/S").account, "ACCT");
  EXPECT_EQ(parse("snowflake://xy1.cn-north-1/D/S").host, "https://xy1.cn-north-1.snowflakecomputing.cn");
}

TEST(Account, PlainHttpIsForLoopbackAlone) {
  const auto host = [](const char* given) { return parse("snowflake://a/D/S", {{"SNOWFLAKE_HOST", given}}).host; };
  EXPECT_EQ(host("a.privatelink.snowflakecomputing.com"), "https://a.privatelink.snowflakecomputing.com");
  EXPECT_EQ(host("https://h:8443/"), "https://h:8443");
  EXPECT_EQ(host("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
  EXPECT_EQ(host("http://[::1]:8080"), "http://[::1]:8080");
  for (const char* given : {"http://example.com", "http://127.0.0.1.example.com", "http://localhost@example.com",
                            "https://h/x", "http://", "h?x"}) {
    EXPECT_EQ(refused("snowflake://a/D/S", {{"SNOWFLAKE_HOST", given}}).first, "bad_snowflake_host") << given;
  }
}

TEST(Account, AnAddressThatIsNoneIsRefused) {
  for (const char* url :
       {"snowflake:/a/D/S", "snowflake://a/D", "snowflake://a/D/S/T", "snowflake:///D/S", "snowflake://a//S",
        "snowflake://a/D/", "snowflake://a/D/S?", "snowflake://a/D/S?role",
        "snowflake://a/D/S?role=", "snowflake://a/D/S?colour=x", "snowflake://a/D/S?stage=A.B",
        "snowflake://a/D/S?stage=A..B", "snowflake://a/D/%2", "snowflake://a b/D/S", "snowflake://.x/D/S"}) {
    EXPECT_EQ(refused(url).first, "bad_snowflake_url") << url;
  }
  EXPECT_EQ(refused("snowflake://a/D/S", {{"SNOWFLAKE_USER", ""}}).first, "no_snowflake_user");
  EXPECT_EQ(refused("snowflake://a/D/S", {{"SNOWFLAKE_PRIVATE_KEY_PATH", ""}}).first, "no_snowflake_key");
}

TEST(Account, ASecretInAnAddressIsRefusedAndNotRepeated) {
  for (const char* url :
       {"snowflake://a/D/S?password=hunter2", "snowflake://a/D/S?token=hunter2", "snowflake://u:hunter2@a/D/S",
        "snowflake://a/D/S?hunter2=x", "snowflake://a/D/S?private_key=hunter2"}) {
    const auto [slug, message] = refused(url);
    EXPECT_EQ(slug, "bad_snowflake_url");
    EXPECT_EQ(message.find("hunter2"), std::string::npos) << message;
  }
}

TEST(Token, SaysWhoByWhichKeyForLessThanAnHour) {
  EXPECT_EQ(snowflake::token_claims(parse("snowflake://xy12345.us-east-1/D/S"), "q+/=", 1'700'000'000),
            R"({"iss":"XY12345.CDC_LOADER.SHA256:q+/=","sub":"XY12345.CDC_LOADER","iat":1700000000,"exp":1700003540})");
}

}  // namespace
