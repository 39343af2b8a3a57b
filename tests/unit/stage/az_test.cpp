// Promises of signing for Azure's blob store, against the texts that Microsoft publishes and signatures that openssl computes; of where an
// account is taken from; of what answers mean. What a real server makes of it is tests/destinations.
#include "stage/az.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <map>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "server.hpp"
#include "stage/remote.hpp"
#include "stage/shared_key.hpp"

namespace {

using stage_test::Server;

std::string slug_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const base::Failure& failure) {
    return failure.slug;
  }
  return "none";
}

TEST(SharedKey, SignsTheTextsThatMicrosoftPublishes) {
  // "Authorize with Shared Key", its examples for Get Container Metadata and for Put Blob of 2015-02-21.
  EXPECT_EQ(stage::shared_key_text({"GET",
                                    "myaccount",
                                    "/mycontainer",
                                    {{"restype", "container"}, {"comp", "metadata"}, {"timeout", "20"}},
                                    {{"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"}, {"x-ms-version", "2015-02-21"}},
                                    0}),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
            "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20");
  EXPECT_EQ(
      stage::shared_key_text({"PUT",
                              "a",
                              "/c/x%20y",
                              {},
                              {{"x-ms-version", "v"}, {"if-none-match", "*"}, {"content-md5", "m"}, {"x-ms-date", "d"}},
                              11}),
      "PUT\n\n\n11\nm\n\n\n\n\n*\n\n\nx-ms-date:d\nx-ms-version:v\n/a/c/x%20y");
  EXPECT_EQ(stage::shared_key_text({"GET", "a", "/c/x", {}, {{"range", "bytes=0-9"}, {"if-match", "\"e\""}}, 0}),
            "GET\n\n\n\n\n\n\n\n\"e\"\n\n\nbytes=0-9\n/a/c/x");
}

TEST(SharedKey, IsTheSignatureThatOpensslComputes) {
  const stage::AzRequest request{"GET", "a", "/c", {{"comp", "list"}}, {{"x-ms-date", "d"}}, 0};
  const std::string key("\x00\xFFkey\x80", 6);
  const std::string command =
      "printf 'GET\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\nx-ms-date:d\\n/a/c\\ncomp:list' | openssl dgst -sha256 -mac HMAC "
      "-macopt hexkey:" +
      base::hex(key) + " -binary | openssl base64";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  char expected[128] = "";
  ASSERT_NE(std::fgets(expected, sizeof expected, pipe), nullptr);
  ASSERT_EQ(::pclose(pipe), 0);
  EXPECT_EQ(stage::shared_key(request, key) + "\n", std::string("SharedKey a:") + expected);
}

TEST(AzListing, GivesKeysFoldersAndHowToGoOn) {
  const stage::Listing page = stage::parse_listing(
      "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults "
      "ServiceEndpoint=\"x\"><Prefix>p/</Prefix>"
      "<Blobs><Blob><Name>p/%41 &amp; "
      "+</Name><Properties><Last-Modified>Mon, 12 Oct 2009 17:50:30 GMT</Last-Modified><Etag>e</Etag>"
      "<Content-Length>17</Content-Length></Properties></Blob><BlobPrefix><Name>p/below/</Name>"
      "</BlobPrefix></Blobs><NextMarker>2!8!a</NextMarker></EnumerationResults>",
      stage::kAzForm);
  EXPECT_EQ(page.keys, std::vector<std::string>{"p/%41 & +"});
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0], (stage::Listed{"p/%41 & +", 17, 1255369830000000}));
  EXPECT_EQ(page.folders, std::vector<std::string>{"p/below/"});
  EXPECT_EQ(page.next, "2!8!a");
  EXPECT_EQ(
      slug_of([] { static_cast<void>(stage::parse_listing("<ListBucketResult></ListBucketResult>", stage::kAzForm)); }),
      "store_answer");
}

class Environment {
 public:
  std::map<std::string, std::string> set;
  stage::AzAccount account() {
    return stage::az_account(
        [this](const char* name) { return set.contains(name) ? std::optional(set[name]) : std::nullopt; });
  }
};

TEST(AzAccount, IsTakenFromVariablesOrAConnectionString) {
  Environment env;
  env.set = {{"AZURE_STORAGE_ACCOUNT", "acct"}, {"AZURE_STORAGE_KEY", "a2V5"}};
  EXPECT_EQ(env.account().endpoint, "https://acct.blob.core.windows.net");
  EXPECT_EQ(env.account().key, "key");
  EXPECT_FALSE(env.account().bearer);

  env.set = {{"AZURE_STORAGE_CONNECTION_STRING",
              "DefaultEndpointsProtocol=https;AccountName=c;AccountKey=a2V5a2U=;EndpointSuffix=core.example"},
             {"AZURE_STORAGE_ACCOUNT", "other"}};
  EXPECT_EQ(env.account().endpoint + env.account().name + env.account().key, "https://c.blob.core.exampleckeyke");

  env.set = {{"AZURE_STORAGE_CONNECTION_STRING",
              "BlobEndpoint=http://127.0.0.1:1/dev/;SharedAccessSignature=?sv=1&sig=a%3D%3D"}};
  EXPECT_EQ(env.account().endpoint + env.account().sas, "http://127.0.0.1:1/devsv=1&sig=a%3D%3D");

  env.set = {{"AZURE_STORAGE_ACCOUNT", "acct"}, {"AZURE_STORAGE_SAS_TOKEN", "?sv=2"}};
  EXPECT_EQ(env.account().sas, "sv=2");
  env.set = {{"AZURE_STORAGE_ACCOUNT", "acct"}};
  EXPECT_TRUE(env.account().bearer) << "an identity is what is left";

  env.set = {};
  EXPECT_EQ(slug_of([&] { static_cast<void>(env.account()); }), "no_credentials");
  env.set = {{"AZURE_STORAGE_ACCOUNT", "acct"}, {"AZURE_STORAGE_KEY", "no base64!"}};
  EXPECT_EQ(slug_of([&] { static_cast<void>(env.account()); }), "no_credentials");
}

std::string outcome_of_create(const std::vector<std::string>& answers) {
  Server server(answers);
  std::string outcome;
  const std::string slug = slug_of([&] {
    stage::AzAccount account{"acct", server.url() + "/acct"};
    account.key = "key";
    const auto store = stage::make_az_store("az://cont/p", std::move(account));
    outcome = store->put_if_absent("name", "content") ? "created" : "there";
  });
  const std::string first = server.asked().front();
  EXPECT_TRUE(first.starts_with("PUT /acct/cont/p/name HTTP/1.1")) << first;
  for (const char* header : {"if-none-match: *\r\n", "x-ms-blob-type: BlockBlob\r\n",
                             "content-md5: mgNkuembtIDdJeHwKEyFVQ==\r\n", "Authorization: SharedKey acct:"}) {
    EXPECT_NE(first.find(header), std::string::npos) << header;
  }
  return outcome.empty() ? slug : outcome;
}

TEST(AzCreateIfAbsent, IsBelievedOnlyOfAStoreThatRefusesTheSecondTime) {
  const std::string there = "409 Conflict\r\nx-ms-error-code: BlobAlreadyExists";
  EXPECT_EQ(outcome_of_create({"201 Created", there}), "created");
  EXPECT_EQ(outcome_of_create({there}), "there");
  EXPECT_EQ(outcome_of_create({"403 Forbidden\r\nx-ms-error-code: UnauthorizedBlobOverwrite", "200 OK"}), "there");
  EXPECT_EQ(outcome_of_create({"201 Created", "201 Created"}), "no_create_if_absent");
}

TEST(Answers, ThatMayBeOtherwiseNextTimeAreThese) {
  for (const long status : {408, 429, 500, 502, 503, 504}) EXPECT_TRUE(stage::is_passing(status)) << status;
  for (const long status : {400, 401, 403, 404, 409, 412, 416, 501}) EXPECT_FALSE(stage::is_passing(status)) << status;
}

TEST(AzAnswers, MeanWhatTheyAreDocumentedToMean) {
  EXPECT_EQ(outcome_of_create({"503 Busy\r\nx-ms-error-code: ServerBusy", "400 Bad\r\nx-ms-error-code: Md5Mismatch",
                               "409 Conflict\r\nx-ms-error-code: BlobAlreadyExists"}),
            "there")
      << "what may be otherwise next time is asked for again";
  EXPECT_EQ(outcome_of_create({"403 Forbidden\r\nx-ms-error-code: AuthenticationFailed", "403 Forbidden"}),
            "store_denied");
  EXPECT_EQ(outcome_of_create({"404 Not Found\r\nx-ms-error-code: ContainerNotFound"}), "no_bucket");
  // A clock that is far off is corrected by the server's, once.
  const std::string skewed = "403 Forbidden\r\nDate: Sun, 06 Nov 2044 08:49:37 GMT";
  EXPECT_EQ(outcome_of_create({skewed, "409 Conflict\r\nx-ms-error-code: BlobAlreadyExists"}), "there");
  EXPECT_EQ(outcome_of_create({skewed, "403 Forbidden", "403 Forbidden"}), "store_denied");
}

TEST(Bearer, IsFetchedAnewBeforeItExpiresAndUsedWhileNoOtherCanBeHad) {
  int fetched = 0;
  bool is_down = false;
  stage::Bearer bearer([&](std::int64_t now_s) {
    if (is_down) throw base::Failure(base::Exit::retry, "http_failed", "");
    return stage::Token{"token" + std::to_string(++fetched), now_s + 3600};
  });
  EXPECT_EQ(bearer.at(1000), "token1");
  EXPECT_EQ(bearer.at(1000 + 3299), "token1");
  EXPECT_EQ(bearer.at(1000 + 3300), "token2") << "five minutes before";
  is_down = true;
  EXPECT_EQ(bearer.at(4300 + 3599), "token2");
  EXPECT_EQ(slug_of([&] { static_cast<void>(bearer.at(4300 + 3600)); }), "http_failed");
  is_down = false;
  bearer.forget();
  EXPECT_EQ(bearer.at(4300), "token3");
}

TEST(Bearer, TakesWhatTokenServersAnswer) {
  const auto outcome = [](const std::string& answer) {
    Server server({answer});
    http::Client client;
    std::string text;
    const std::string slug = slug_of([&] {
      const stage::Token token = stage::fetch_token(client, {"GET", server.url(), {}}, "it", 100);
      text = token.value + " " + std::to_string(token.until_s);
    });
    return text.empty() ? slug : text;
  };
  EXPECT_EQ(outcome("200 OK\r\n\r\n{\"access_token\":\"a.b\",\n \"expires_in\":3599}"), "a.b 3699");
  EXPECT_EQ(outcome("200 OK\r\n\r\n{\"expires_in\":\"60\",\"access_token\":\"a\"}"), "a 160");
  EXPECT_EQ(outcome("200 OK\r\n\r\n{\"access_token\":\"a\"}"), "http_failed");
  EXPECT_EQ(outcome("200 OK\r\n\r\n<html>"), "http_failed");
  EXPECT_EQ(outcome("429 Slowly"), "http_failed");
  EXPECT_EQ(outcome("404 Not Found"), "http_failed");
  EXPECT_EQ(outcome("400 Bad"), "token_denied");
  EXPECT_EQ(outcome("401 Unauthorized"), "token_denied");
}

}  // namespace
