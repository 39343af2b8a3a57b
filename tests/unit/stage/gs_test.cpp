// Promises of requests to Google's store: what is signed, where an account is taken from, what answers mean. There is no vector of
// Google's for GOOG4 in a header; the signature is held to what openssl computes by the documented steps.
#include "stage/gs.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "server.hpp"

namespace {

namespace fs = std::filesystem;
using stage_test::Server;

std::string slug_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const base::Failure& failure) {
    return failure.slug;
  }
  return "none";
}

std::string printed_by(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  char text[256] = "";
  EXPECT_NE(std::fgets(text, sizeof text, pipe), nullptr) << command;
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return std::string(text).substr(0, std::string(text).find('\n'));
}

TEST(Goog4, IsTheSignatureThatOpensslComputesByTheDocumentedSteps) {
  stage::S3Request request{"PUT",
                           "storage.googleapis.com",
                           "/bucket/a%20b",
                           {},
                           {{"x-goog-if-generation-match", "0"}},
                           crypto::sha256_hex("x")};
  const std::vector<std::string> headers =
      stage::sign(request, {"GOOGID", "secret", ""}, "auto", 1369353600, stage::kGoog4);
  const std::string canonical =
      "PUT\\n/bucket/a%%20b\\n\\nhost:storage.googleapis.com\\nx-goog-content-sha256:" + request.payload +
      "\\nx-goog-date:20130524T000000Z\\nx-goog-if-generation-match:0\\n\\n"
      "host;x-goog-content-sha256;x-goog-date;x-goog-if-generation-match\\n" +
      request.payload;
  const std::string hmac = "openssl dgst -sha256 -mac HMAC -macopt ";
  const std::string signature =
      printed_by("set -e; hash=$(printf '" + canonical +
                 "' | openssl dgst -sha256 -r | cut -d' ' -f1); key=key:GOOG4secret; "
                 "for part in 20130524 auto storage goog4_request; do key=hexkey:$(printf %s $part | " +
                 hmac +
                 "$key -r | cut -d' ' -f1); done; "
                 "printf 'GOOG4-HMAC-SHA256\\n20130524T000000Z\\n20130524/auto/storage/goog4_request\\n%s' $hash | " +
                 hmac + "$key -r | cut -d' ' -f1");
  EXPECT_EQ(headers.back(),
            "Authorization: GOOG4-HMAC-SHA256 Credential=GOOGID/20130524/auto/storage/goog4_request,SignedHeaders=host;"
            "x-goog-content-sha256;x-goog-date;x-goog-if-generation-match,Signature=" +
                signature);
  EXPECT_NE(std::find(headers.begin(), headers.end(), "x-goog-date: 20130524T000000Z"), headers.end());
}

class GsAccount : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "pgcdc-gs-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    set["GOOGLE_APPLICATION_CREDENTIALS"] = folder_ / "account.json";
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& json, ::mode_t mode = 0600) {
    const fs::path file = folder_ / "account.json";
    std::ofstream(file) << json;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }
  stage::GsAccount account() {
    return stage::gs_account(
        [this](const char* name) { return set.contains(name) ? std::optional(set[name]) : std::nullopt; });
  }
  std::string trouble() {
    return slug_of([&] { static_cast<void>(account()); });
  }
  std::map<std::string, std::string> set;
  fs::path folder_;
};

TEST_F(GsAccount, OfOtherKindsThanAServiceAccountIsRefused) {
  EXPECT_EQ(trouble(), "no_file");
  for (const char* text :
       {"", "{", "[]", "{\"type\":\"service_account\"}", "{\"type\":\"authorized_user\",\"refresh_token\":\"s\"}",
        "{\"type\":\"external_account\"}", "{\"type\":7}"}) {
    write(text);
    EXPECT_EQ(trouble(), "no_credentials") << text;
  }
  write(R"({"type":"service_account","client_email":"a@b","private_key":"not one"})");
  EXPECT_EQ(trouble(), "bad_private_key");
  write("{}", 0640);
  EXPECT_EQ(trouble(), "secret_exposed");
}

TEST_F(GsAccount, IsTakenFromTheEnvironment) {
  set["GS_HMAC_ACCESS_KEY_ID"] = "GOOG1";
  EXPECT_EQ(trouble(), "no_credentials") << "half a key";
  set["GS_HMAC_SECRET"] = "s";
  EXPECT_EQ(account().key.id + account().key.secret, "GOOG1s");
  EXPECT_EQ(account().endpoint, "https://storage.googleapis.com");
  set["STORAGE_EMULATOR_HOST"] = "localhost:1/";
  EXPECT_EQ(account().endpoint, "http://localhost:1");
  set = {};
  EXPECT_TRUE(account().bearer) << "the machine's is what is left";
}

std::string outcome_of_create(const std::vector<std::string>& answers) {
  Server server(answers);
  std::string outcome;
  const std::string slug = slug_of([&] {
    stage::GsAccount account;
    account.endpoint = server.url();
    account.key = {"id", "secret", ""};
    const auto store = stage::make_gs_store("gs://bucket/p", std::move(account));
    outcome = store->put_if_absent("name", "content") ? "created" : "there";
  });
  const std::string first = server.asked().front();
  EXPECT_TRUE(first.starts_with("PUT /bucket/p/name HTTP/1.1")) << first;
  for (const char* header : {"x-goog-if-generation-match: 0\r\n", "content-md5: mgNkuembtIDdJeHwKEyFVQ==\r\n",
                             "Authorization: GOOG4-HMAC-SHA256 "}) {
    EXPECT_NE(first.find(header), std::string::npos) << header;
  }
  return outcome.empty() ? slug : outcome;
}

TEST(GsCreateIfAbsent, IsBelievedOnlyOfAStoreThatRefusesTheSecondTime) {
  EXPECT_EQ(outcome_of_create({"200 OK", "412 Precondition Failed"}), "created");
  EXPECT_EQ(outcome_of_create({"412 Precondition Failed"}), "there");
  EXPECT_EQ(outcome_of_create({"200 OK", "200 OK"}), "no_create_if_absent");
}

TEST(GsAnswers, MeanWhatTheyAreDocumentedToMean) {
  EXPECT_EQ(outcome_of_create({"429 Slowly", "400 Bad\r\n\r\n<Error><Code>BadDigest</Code></Error>", "412 Failed"}),
            "there");
  EXPECT_EQ(outcome_of_create({"404 Not Found\r\n\r\n<Error><Code>NoSuchBucket</Code></Error>"}), "no_bucket");
  // Who may create, but not remove, may be denied what is there already.
  EXPECT_EQ(outcome_of_create({"403 Forbidden", "200 OK"}), "there");
  EXPECT_EQ(outcome_of_create({"403 Forbidden", "404 Not Found"}), "store_denied");
  EXPECT_EQ(outcome_of_create({"403 Forbidden", "403 Forbidden"}), "store_denied");
}

}  // namespace
