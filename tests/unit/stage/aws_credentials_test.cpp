// Promises of where a key is taken from and when it is taken again, against addresses that answer as AWS documents it.
#include "stage/aws_credentials.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "base/failure.hpp"
#include "loopback.hpp"
#include "stage/s3.hpp"

namespace {

class Credentials : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pgcdc-aws-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    folder_ = path;
    set_ = {{"HOME", folder_}, {"AWS_EC2_METADATA_DISABLED", "true"}};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = std::filesystem::path(folder_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  stage::Variable variable() {
    return [this](const char* name) { return set_.contains(name) ? std::optional(set_[name]) : std::nullopt; };
  }
  std::unique_ptr<stage::AwsCredentials> made() {
    return std::make_unique<stage::AwsCredentials>(variable(), "eu-central-1", [this] { return now_; });
  }
  static std::string text(stage::AwsCredentials& credentials) {
    const stage::S3Key& key = credentials.key();
    return key.id + "|" + key.secret + "|" + key.token;
  }
  std::string text() { return text(*made()); }
  std::string slug() {
    try {
      return text();
    } catch (const base::Failure& failure) {
      message_ = failure.message;
      return failure.slug + "/" + std::string(base::class_of(failure.exit));
    }
  }

  std::string folder_;
  std::map<std::string, std::string> set_;
  std::int64_t now_ = 1'800'000'000;  // 2027-01-15T08:00:00Z
  std::string message_;
};

std::string json_of(const std::string& id, const std::string& expires) {
  return R"({"Code":"Success","AccessKeyId":")" + id + R"(","SecretAccessKey":"s\/1","Token":"t=","Expiration":")" +
         expires + R"("})";
}

std::string xml_of(const std::string& id, const std::string& expires) {
  return "<AssumeRoleWithWebIdentityResponse "
         "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>"
         "<AssumedRoleUser><AssumedRoleId>x:y</AssumedRoleId></AssumedRoleUser><Credentials><SessionToken>a/b+c=</"
         "SessionToken>"
         "<SecretAccessKey>s</SecretAccessKey><Expiration>" +
         expires + "</Expiration><AccessKeyId>" + id +
         "</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
}

TEST_F(Credentials, TheEnvironmentIsFirstAndTheCredentialsFileBeforeTheConfigFile) {
  write(".aws/config", "[default]\nregion = r1\naws_access_key_id = c\naws_secret_access_key = c\n");
  EXPECT_EQ(text(), "c|c|");
  write(".aws/credentials", "[default]\naws_access_key_id = f\naws_secret_access_key = f=f\naws_session_token=ft\n");
  EXPECT_EQ(text(), "f|f=f|ft");
  set_["AWS_ACCESS_KEY_ID"] = "e";
  EXPECT_EQ(text(), "f|f=f|ft") << "half a key is none";
  set_["AWS_SECRET_ACCESS_KEY"] = "e";
  EXPECT_EQ(text(), "e|e|");
  const auto credentials = made();
  EXPECT_EQ(text(*credentials), "e|e|");
  EXPECT_FALSE(credentials->renew()) << "the environment of a process does not change";
}

TEST_F(Credentials, AProfileHasItsOwnNameInEachFileAndIndentedLinesAreNotItsOwn) {
  set_["AWS_CONFIG_FILE"] =
      write("config",
            "[default]\nregion = other\n[profile \"my own\"]\n# region = no\n; region = no\nregion = r2 \r\n"
            "s3 =\n  endpoint_url = http://nested\n  region = nested\nendpoint_url = http://x:1\n"
            "[my own]\nregion = no profile\n[profile my ownx]\nregion = another\n");
  set_["AWS_SHARED_CREDENTIALS_FILE"] = write(
      "keys", "[profile my own]\naws_access_key_id=no\n[my own]\n\taws_access_key_id = k\naws_secret_access_key = s");
  set_["AWS_PROFILE"] = "my own";
  EXPECT_EQ(text(), "k|s|");
  stage::S3Account account = stage::s3_account(variable());
  EXPECT_EQ(account.endpoint + "|" + account.region, "http://x:1|r2");
  set_["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  set_["AWS_REGION"] = "r3";
  account = stage::s3_account(variable());
  EXPECT_EQ(account.endpoint + "|" + account.region, "|r3");
  set_["AWS_ENDPOINT_URL"] = "http://y";
  EXPECT_EQ(stage::s3_account(variable()).endpoint, "http://y");
}

TEST_F(Credentials, AFileThatSomebodyElseRotatesIsReadAgainWhenTheStoreCallsTheKeyExpired) {
  write(".aws/credentials", "[default]\naws_access_key_id=one\naws_secret_access_key=s\n");
  const auto credentials = made();
  EXPECT_EQ(text(*credentials), "one|s|");
  EXPECT_FALSE(credentials->renew());
  write(".aws/credentials", "[default]\naws_access_key_id=two\naws_secret_access_key=s\n");
  EXPECT_EQ(text(*credentials), "one|s|") << "not looked at for every request";
  EXPECT_TRUE(credentials->renew());
  EXPECT_EQ(text(*credentials), "two|s|");
}

TEST_F(Credentials, WhatWouldRunAProgramOrTakeOnAnotherRoleIsRefused) {
  for (const std::string& line : {"credential_process = touch " + folder_ + "/ran", std::string("sso_session = x"),
                                  std::string("role_arn = arn:x\nsource_profile = y")}) {
    write(".aws/config", "[default]\n" + line + "\n");
    EXPECT_EQ(slug(), "no_credentials/usage");
    EXPECT_NE(message_.find("which is not followed"), std::string::npos) << message_;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/ran"));
  write(".aws/config", "");
  EXPECT_EQ(slug(), "no_credentials/usage");
}

TEST_F(Credentials, AWebIdentityIsExchangedAtStsAndAgainBeforeTheKeyEnds) {
  std::string asked;
  int given = 0;
  std::string expires = "2027-01-15T09:00:00Z";  // an hour
  Loopback sts([&](const std::string& request) {
    asked = request;
    return answer_of("200 OK", xml_of("key" + std::to_string(++given), expires));
  });
  set_["AWS_ENDPOINT_URL_STS"] = sts.url();
  set_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("token", "ey.J+1\n");
  EXPECT_EQ(slug(), "no_credentials/usage") << "no role";
  set_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/a b";
  set_["AWS_ROLE_SESSION_NAME"] = "me";
  const auto credentials = made();
  EXPECT_EQ(text(*credentials), "key1|s|a/b+c=");
  EXPECT_TRUE(asked.starts_with("POST / HTTP/1.1\r\n")) << "a token in an address would be in somebody's log";
  EXPECT_TRUE(asked.ends_with(
      "\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b"
      "&RoleSessionName=me&WebIdentityToken=ey.J%2B1"))
      << asked;
  EXPECT_EQ(asked.find("Authorization"), std::string::npos);
  now_ += 3600 - 301;
  EXPECT_EQ(text(*credentials), "key1|s|a/b+c=");
  EXPECT_EQ(sts.asked(), 1);
  now_ += 2;
  expires = "2027-01-15T10:00:00.5Z";
  write("token", "another");
  EXPECT_EQ(text(*credentials), "key2|s|a/b+c=");
  EXPECT_TRUE(asked.ends_with("WebIdentityToken=another")) << "the file is read each time";
  EXPECT_TRUE(credentials->renew());
  EXPECT_EQ(text(*credentials), "key3|s|a/b+c=");
}

TEST_F(Credentials, AKeyThatCannotBeRenewedIsUsedUntilItEnds) {
  bool works = true;
  Loopback sts([&](const std::string&) {
    return works ? answer_of("200 OK", xml_of("k", "2027-01-15T08:10:00Z"))
                 : answer_of("400 Bad Request", "<Code>InvalidIdentityToken</Code>");
  });
  set_["AWS_ENDPOINT_URL_STS"] = sts.url();
  set_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("token", "t");
  set_["AWS_ROLE_ARN"] = "r";
  const auto credentials = made();
  EXPECT_EQ(text(*credentials), "k|s|a/b+c=");
  works = false;
  now_ += 400;
  EXPECT_EQ(text(*credentials), "k|s|a/b+c=");
  EXPECT_EQ(text(*credentials), "k|s|a/b+c=");
  EXPECT_EQ(sts.asked(), 2) << "not asked for at every request";
  now_ += 31;
  EXPECT_EQ(text(*credentials), "k|s|a/b+c=");
  EXPECT_EQ(sts.asked(), 3);
  now_ += 200;  // it has ended
  try {
    static_cast<void>(credentials->key());
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "credentials_denied");
    EXPECT_NE(failure.message.find("400 InvalidIdentityToken"), std::string::npos) << failure.message;
  }
}

TEST_F(Credentials, StsIsAskedAgainWhenItIsInTrouble) {
  int asked = 0;
  Loopback sts([&](const std::string&) {
    ++asked;
    if (asked == 1) return answer_of("503 Slow Down", "");
    if (asked == 2) return answer_of("400 Bad Request", "<Code>IDPCommunicationError</Code>");
    return answer_of("200 OK", xml_of("k", "2027-01-15T09:00:00Z"));
  });
  set_["AWS_ENDPOINT_URL_STS"] = sts.url();
  set_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("token", "t");
  set_["AWS_ROLE_ARN"] = "r";
  EXPECT_EQ(text(), "k|s|a/b+c=");
  set_["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1";
  EXPECT_EQ(slug(), "credentials_unavailable/retry");
  set_["AWS_WEB_IDENTITY_TOKEN_FILE"] = folder_ + "/none";
  EXPECT_EQ(slug(), "credentials_unavailable/retry");
}

TEST_F(Credentials, AContainersAddressIsAskedWithItsTokenAndOnlyHereWithoutTls) {
  std::string asked;
  Loopback address([&](const std::string& request) {
    asked = request;
    return answer_of("200 OK", json_of("c", "2027-01-15T09:00:00Z"));
  });
  set_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = address.url() + "/v1/credentials?x=1";
  EXPECT_EQ(text(), "c|s/1|t=");
  EXPECT_TRUE(asked.starts_with("GET /v1/credentials?x=1 HTTP/1.1\r\n")) << asked;
  EXPECT_EQ(asked.find("Authorization"), std::string::npos);
  set_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "one";
  EXPECT_EQ(text(), "c|s/1|t=");
  EXPECT_NE(asked.find("\r\nAuthorization: one\r\n"), std::string::npos);
  set_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = write("token", "two\n");
  EXPECT_EQ(text(), "c|s/1|t=");
  EXPECT_NE(asked.find("\r\nAuthorization: two\r\n"), std::string::npos);
  write("token", "two\r\nX: y");
  EXPECT_EQ(slug(), "no_credentials/usage");
  for (const char* url :
       {"http://example.com/", "http://127.0.0.1.example.com/", "http://127.0.0.1@example.com/", "ftp://127.0.0.1/"}) {
    set_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_EQ(slug(), "no_credentials/usage") << url;
  }
}

TEST_F(Credentials, AnInstanceIsAskedForATokenFirstThenForItsRoleAndTheKey) {
  std::string all;
  int keys = 0;
  Loopback metadata([&](const std::string& request) {
    all += request;
    if (request.starts_with("PUT /latest/api/token ")) {
      return request.find("X-aws-ec2-metadata-token-ttl-seconds: ") == std::string::npos ? answer_of("400 Bad", "")
                                                                                         : answer_of("200 OK", "TOKEN");
    }
    if (request.find("X-aws-ec2-metadata-token: TOKEN\r\n") == std::string::npos)
      return answer_of("401 Unauthorized", "");
    if (request.starts_with("GET /latest/meta-data/iam/security-credentials/ "))
      return answer_of("200 OK", "my-role\n");
    if (request.starts_with("GET /latest/meta-data/iam/security-credentials/my-role ")) {
      ++keys;
      return answer_of(
          "200 OK", json_of("i" + std::to_string(keys), keys == 1 ? "2027-01-15T08:05:01Z" : "2027-01-15T14:00:00Z"));
    }
    return answer_of("404 Not Found", "");
  });
  set_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata.url() + "/";
  EXPECT_EQ(slug(), "no_credentials/usage") << "disabled";
  set_.erase("AWS_EC2_METADATA_DISABLED");
  const auto credentials = made();
  EXPECT_EQ(text(*credentials), "i1|s/1|t=");
  now_ += 2;  // less than five minutes are left
  EXPECT_EQ(text(*credentials), "i1|s/1|t=") << "asked half a minute apart at most";
  now_ += 30;
  EXPECT_EQ(text(*credentials), "i2|s/1|t=");
  set_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1";
  EXPECT_EQ(slug(), "no_credentials/usage") << "this is no instance";
}

TEST_F(Credentials, AnAnswerThatHoldsNoKeyIsNone) {
  EXPECT_THROW(static_cast<void>(stage::parse_sts("<html>")), base::Failure);
  EXPECT_THROW(static_cast<void>(stage::parse_sts(xml_of("k", "soon"))), base::Failure);
  EXPECT_THROW(static_cast<void>(stage::parse_metadata("{}")), base::Failure);
  EXPECT_THROW(static_cast<void>(stage::parse_metadata("not json")), base::Failure);
  EXPECT_THROW(
      static_cast<void>(stage::parse_metadata(R"({"AccessKeyId":"a","SecretAccessKey":"b","Expiration":"x"})")),
      base::Failure);
}

// A store that calls the first key expired, in each of the ways that are met.
TEST_F(Credentials, AStoreThatCallsTheKeyExpiredIsAskedAgainWithANewOne) {
  for (const char* status : {"400 Bad Request", "403 Forbidden"}) {
    int given = 0;
    Loopback sts([&](const std::string&) {
      return answer_of("200 OK", xml_of("key" + std::to_string(++given), "2099-01-01T00:00:00Z"));
    });
    Loopback store([&](const std::string& request) {
      if (request.find("Credential=key2/") != std::string::npos) return answer_of("200 OK", "content");
      return answer_of(status, "<Error><Code>ExpiredToken</Code></Error>");
    });
    set_["AWS_ENDPOINT_URL"] = store.url();
    set_["AWS_ENDPOINT_URL_STS"] = sts.url();
    set_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("token", "t");
    set_["AWS_ROLE_ARN"] = "r";
    EXPECT_EQ(stage::make_s3_store("s3://bucket/x", stage::s3_account(variable()))->read("name"), "content");
    EXPECT_EQ(given, 2);
    // One that cannot be another is denied at once.
    set_["AWS_ACCESS_KEY_ID"] = "e";
    set_["AWS_SECRET_ACCESS_KEY"] = "e";
    const int before = store.asked();
    try {
      static_cast<void>(stage::make_s3_store("s3://bucket/x", stage::s3_account(variable()))->read("name"));
      FAIL();
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.slug, "store_denied");
    }
    EXPECT_EQ(store.asked(), before + 1);
    set_.erase("AWS_ACCESS_KEY_ID");
  }
}

TEST_F(Credentials, WhereTheBucketIsNamedAndHowTheStoreIsToEncryptIsSaidByTheEnvironment) {
  std::string asked;
  Loopback store([&](const std::string& request) {
    asked = request;
    return answer_of(request.starts_with("PUT") ? "412 Precondition Failed" : "404 Not Found", "");
  });
  set_["AWS_ACCESS_KEY_ID"] = set_["AWS_SECRET_ACCESS_KEY"] = "e";
  set_["AWS_ENDPOINT_URL"] = store.url() + "/gateway/";
  set_["PGCDC_S3_SSE"] = "aws:kms";
  set_["PGCDC_S3_SSE_KMS_KEY_ID"] = "key/1";
  const auto opened = stage::make_s3_store("s3://bucket/x", stage::s3_account(variable()));
  EXPECT_EQ(opened->read("name"), std::nullopt);
  EXPECT_TRUE(asked.starts_with("GET /gateway/bucket/x/name HTTP/1.1\r\n")) << asked;
  EXPECT_EQ(asked.find("server-side"), std::string::npos) << "only of what is put";
  EXPECT_FALSE(opened->put_if_absent("name", "content"));
  EXPECT_NE(
      asked.find("\r\nx-amz-server-side-encryption: aws:kms\r\nx-amz-server-side-encryption-aws-kms-key-id: key/1\r\n"),
      std::string::npos)
      << asked;
  EXPECT_NE(asked.find(";x-amz-server-side-encryption;x-amz-server-side-encryption-aws-kms-key-id,"), std::string::npos)
      << "signed";
  for (const auto& [name, value] :
       {std::pair("PGCDC_S3_SSE", "aes"), std::pair("PGCDC_S3_SSE", "AES256"), std::pair("PGCDC_S3_ADDRESSING", "x")}) {
    const auto before = set_;
    set_[name] = value;
    EXPECT_THROW(static_cast<void>(stage::s3_account(variable())), base::Failure) << name << value;
    set_ = before;
  }
}

}  // namespace
